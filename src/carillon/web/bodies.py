"""Bodies of requests: read up to a limit, and answered in JSON."""

from __future__ import annotations

from collections.abc import Awaitable

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from carillon.errors import CarillonError

LARGEST = 1_000_000
"""Bytes of a body: SendGrid's batches stay below 768 kB."""


class Unfit(Exception):
    """A request that is not looked at; says how it is answered."""

    def __init__(self, status: int, why: str, **headers: str) -> None:
        super().__init__(why)
        self.status, self.why, self.headers = status, why, headers

    def response(self) -> Response:
        return JSONResponse({"error": self.why}, self.status, self.headers)


async def answered(work: Awaitable[Response]) -> Response:
    """The answer to a request, or one that says why there is none: never with a value out of it."""
    try:
        return await work
    except Unfit as unfit:
        return unfit.response()
    except CarillonError:
        return Unfit(503, "this could not be done just now", **{"Retry-After": "60"}).response()
    except Exception as error:
        return Unfit(500, f"this is a defect in Carillon ({type(error).__name__})").response()


async def body_of(request: Request, media_types: tuple[str, ...]) -> bytes:
    """The whole body. Raises Unfit for another type, for one that is too large, and for one cut off."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in media_types:
        raise Unfit(415, f"the Content-Type has to be {' or '.join(media_types)}")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > LARGEST:
        raise Unfit(413, f"the body is larger than {LARGEST} bytes")
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > LARGEST:
                raise Unfit(413, f"the body is larger than {LARGEST} bytes")
    except ClientDisconnect:
        raise Unfit(400, "the body was cut off") from None
    return bytes(body)
