"""Which state of a thing was seen: an ETag, and what a caller says with it.

`If-None-Match` spares sending again what is known; `If-Match` refuses a change of what has changed since.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import Header, Response
from pydantic import BaseModel

from carillon.web.api.problems import Problem

IfMatch = Annotated[
    str | None, Header(max_length=200, description="The ETag of the state that is to be changed.")
]
IfNoneMatch = Annotated[str | None, Header(max_length=1000, description="ETags of states that are known.")]
KNOWN: dict[int | str, dict[str, Any]] = {304: {"description": "It is as it was"}}
"""Belongs to the answers of who asks for `IfNoneMatch`."""


def etag_of(document: BaseModel) -> str:
    """The ETag of a document: other for any other."""
    return f'"{hashlib.sha256(document.model_dump_json().encode()).hexdigest()[:32]}"'


def tag(response: Response, document: BaseModel) -> None:
    """Give a response the document's ETag."""
    response.headers["ETag"] = etag_of(document)


def unless_known(known: str | None, response: Response, document: BaseModel) -> Response | None:
    """Give a response the document's ETag; returns the answer in its place where the caller knows it."""
    tag(response, document)
    found = etag_of(document)
    if found in (one.strip().removeprefix("W/") for one in (known or "").split(",")):
        return Response(status_code=304, headers={"ETag": found})
    return None


def require(given: str | None, document: BaseModel) -> None:
    """Raise Problem unless the document is in the state that `If-Match` names. To be asked in the transaction
    that changes it."""
    if given is None or given.strip() == "*":
        return
    if etag_of(document) not in (one.strip() for one in given.split(",")):
        raise Problem(412, "it was changed since you read it; read it again")
