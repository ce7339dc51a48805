"""Who calls, and what they may: every endpoint asks for one scope with `allowed`.

A program shows an API key as a bearer token. People's sessions come in by `person`, which the web
application hands over; a cookie alone opens nothing here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from carillon.store import apikeys
from carillon.web.api.problems import Problem
from carillon.workspace import Workspace

READ, WRITE, SEND, ADMIN, EVENTS = (
    apikeys.READ,
    apikeys.WRITE,
    apikeys.SEND,
    apikeys.ADMIN,
    apikeys.EVENTS,
)
_BEARER = HTTPBearer(
    auto_error=False, description="An API key: `carillon apikey create NAME --scope read` makes one."
)


@dataclass(frozen=True)
class Caller:
    """Who calls."""

    id: str
    """Tells callers apart: `key:NAME`, `user:NAME`."""
    name: str
    """For the books."""
    scopes: frozenset[str]


Person = Callable[[Request], Caller | None]
"""Who a request without an API key is from; None: nobody who may come in."""


def caller_of(workspace: Workspace, request: Request, person: Person | None) -> Caller | None:
    """Who a request is from; None for a key that is wrong or revoked, and for no key and no session."""
    given = request.headers.get("authorization")
    if given is None:
        return None if person is None else person(request)
    scheme, _, key = given.partition(" ")
    if scheme.lower() != "bearer":
        return None
    with workspace.database.snapshot() as connection:
        found = apikeys.find(connection, key.strip())
    if found is None:
        return None
    now = workspace.clock.now()
    if apikeys.is_stale(found, now):
        workspace.database.write(lambda c: apikeys.used(c, found, now))
    return Caller(f"key:{found.name}", f"API key {found.name}", frozenset(found.scopes))


@dataclass(frozen=True)
class allowed:  # used like a function: Depends(allowed("read"))
    """A dependency: the caller, who has to have a scope."""

    scope: str

    def __call__(self, request: Request, _key: Annotated[Any, Security(_BEARER)] = None) -> Caller:
        found = getattr(request.state, "caller", None)
        if not isinstance(found, Caller):
            raise Problem(401, "an API key is needed, as a bearer token", WWW_Authenticate="Bearer")
        if self.scope not in found.scopes:
            raise Problem(403, f"this needs the scope {self.scope}")
        return found


def _workspace(request: Request) -> Workspace:
    found = request.app.state.workspace
    assert isinstance(found, Workspace)
    return found


Here = Annotated[Workspace, Depends(_workspace)]
Reader = Annotated[Caller, Depends(allowed(READ))]
Writer = Annotated[Caller, Depends(allowed(WRITE))]
Sender = Annotated[Caller, Depends(allowed(SEND))]
Admin = Annotated[Caller, Depends(allowed(ADMIN))]
Teller = Annotated[Caller, Depends(allowed(EVENTS))]
