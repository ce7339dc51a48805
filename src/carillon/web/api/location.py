"""Where things of the API are."""

from __future__ import annotations

from fastapi import Response

PATH = "/api/v1"


def located(response: Response, path: str) -> None:
    """Say where the thing is that was made: a path on this server."""
    response.headers["Location"] = PATH + path
