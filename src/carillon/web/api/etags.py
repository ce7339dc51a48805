"""Which state of a thing was seen: an ETag, and what a caller says with it.

`If-None-Match` spares sending again what is known; `If-Match` refuses a change of what has changed since.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import Header, Request, Response
from pydantic import BaseModel

from carillon.web.api.problems import Problem

IfMatch = Annotated[
    str | None, Header(max_length=200, description="The ETag of the state that is to be changed.")
]


def etag_of(document: BaseModel) -> str:
    """The ETag of a document: other for any other."""
    return f'"{hashlib.sha256(document.model_dump_json().encode()).hexdigest()[:32]}"'


def tagged(request: Request | None, response: Response, document: BaseModel) -> Response | None:
    """Give a response the document's ETag; returns the answer in its place where the caller knows it."""
    tag = etag_of(document)
    response.headers["ETag"] = tag
    known = "" if request is None else request.headers.get("if-none-match", "")
    if tag in (one.strip().removeprefix("W/") for one in known.split(",")):
        return Response(status_code=304, headers={"ETag": tag})
    return None


def require(given: str | None, document: BaseModel) -> None:
    """Raise Problem unless the document is in the state that `If-Match` names. To be asked in the transaction
    that changes it."""
    if given is None or given.strip() == "*":
        return
    if etag_of(document) not in (one.strip() for one in given.split(",")):
        raise Problem(412, "it was changed since you read it; read it again")
