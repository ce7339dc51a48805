"""How a call is refused: problem details (RFC 9457), the same shape for everything that can go wrong.

A problem says what is wrong in words for a person. It never repeats a value that was sent, as far as the
words are ours, and never tells how the inside is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from carillon.errors import Busy, CarillonError, Ours, WorkspaceError

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 100
"""Of one call, that are told."""


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(examples=["body.items.3.email"])
    why: str = Field(examples=["Input should be a valid string"])


class ProblemDetails(BaseModel):
    """RFC 9457."""

    type: str = Field("about:blank", examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["there is no template with this name"])
    errors: list[Fault] | None = Field(None, description="Where a request has several faults.")


class Problem(Exception):
    """A call that is not done; says how it is answered."""

    def __init__(self, status: int, detail: str, errors: list[Fault] | None = None, **headers: str) -> None:
        """`headers`: names with _ for -."""
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, errors
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self) -> Response:
        details = ProblemDetails(
            type="about:blank",
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            errors=self.errors,
        )
        return JSONResponse(
            details.model_dump(exclude_none=True), self.status, self.headers, media_type=MEDIA_TYPE
        )


def missing(what: str) -> Problem:
    """Of what is named in the path and is not there."""
    return Problem(404, f"there is no {what}")


def of_error(error: Exception) -> Problem:
    """What an error of ours, or one nobody thought of, is answered with."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Busy | WorkspaceError):
        return Problem(503, "this could not be done just now; try again", Retry_After="30")
    if isinstance(error, CarillonError) and not isinstance(error, Ours):
        return Problem(422, str(error))
    return Problem(500, f"this is a defect in Carillon ({type(error).__name__}); nothing was changed")


def said(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What an endpoint may be answered with, for its description."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content} for status in sorted(statuses)
    }


USUAL = said(400, 401, 403, 405, 409, 413, 415, 422, 429, 503)
"""May happen to any call."""


def install(app: FastAPI) -> None:
    """Let everything an application refuses be answered with a problem."""

    @app.exception_handler(Problem)
    async def problem(_request: Request, error: Problem) -> Response:
        return error.response()

    @app.exception_handler(CarillonError)
    async def known(_request: Request, error: CarillonError) -> Response:
        return of_error(error).response()

    @app.exception_handler(HTTPException)
    async def refused(_request: Request, error: HTTPException) -> Response:
        words = {404: "there is nothing here", 405: "this cannot be done here", 400: "the body is not JSON"}
        found = Problem(error.status_code, words.get(error.status_code, "this cannot be done"))
        found.headers = dict(error.headers or {})
        return found.response()

    @app.exception_handler(RequestValidationError)
    async def unfit(_request: Request, error: RequestValidationError) -> Response:
        return Problem(422, "the request is not as it has to be", _faults(error.errors())).response()


def _faults(errors: Any) -> list[Fault]:
    """Places and reasons, never the value that was found there."""
    return [
        Fault(where=".".join(str(part)[:60] for part in one["loc"]), why=_why(one))
        for one in errors[:MOST_FAULTS]
    ]


def _why(error: Mapping[str, Any]) -> str:
    return str(error["msg"])[:300].removeprefix("Value error, ")
