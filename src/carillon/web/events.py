"""POST /events: what other programs know of contacts. For callers with an API key of the scope `events`.

A body is an event or a list of them. Answers to health questions are of a special kind: neither they nor
any other data of an event stand in an answer, an error or a log.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from carillon.addresses import normalise
from carillon.clock import Clock
from carillon.events import Event
from carillon.store import apikeys
from carillon.store import contact_lookup as lookup
from carillon.store.engine import Connection
from carillon.store.events import Applied, apply
from carillon.web.bodies import Unfit, answered, body_of
from carillon.words import EventKind
from carillon.workspace import Workspace

PATH = "/events"
MOST_EVENTS = 1_000
"""Of one call."""
LONGEST_ID = 200
_TYPE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_OURS = frozenset(EventKind) - {EventKind.ELIGIBILITY_ANSWERED}
"""Kinds that mean something here and come from where they happen."""
_NAMES = ("contact_id", "external_id", "email")
_FIELDS = frozenset(("id", "type", "at", "data", *_NAMES))


@dataclass(frozen=True)
class Wanted:
    """One event of a call, before its contact is known."""

    place: int
    id: str
    type: str
    at: datetime
    by: str
    """Which of `_NAMES` says whom it is about."""
    whom: str
    data: Mapping[str, object]


class Odd(Exception):
    """An event that cannot be taken; the text says why, without a value of it."""


def events_router(workspace: Workspace) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.post(PATH)
    async def called(request: Request) -> Response:
        return await answered(work(request))

    async def work(request: Request) -> Response:
        key = await run_in_threadpool(_allowed, workspace, request)
        body = await body_of(request, ("application/json",))
        return await run_in_threadpool(_answer, workspace, key, body)

    return router


def _allowed(workspace: Workspace, request: Request) -> apikeys.ApiKey:
    """The caller's key. Raises Unfit for none, a wrong one, or one for other things."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    found = None
    if scheme.lower() == "bearer":
        with workspace.database.snapshot() as connection:
            found = apikeys.find(connection, given.strip())
    if found is None:
        raise Unfit(401, "an API key is needed, as a bearer token", **{"WWW-Authenticate": "Bearer"})
    if apikeys.EVENTS not in found.scopes:
        raise Unfit(403, f"this key lacks the scope {apikeys.EVENTS}")
    return found


def _answer(workspace: Workspace, key: apikeys.ApiKey, body: bytes) -> Response:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Unfit(400, "the body is not JSON") from None
    items = found if isinstance(found, list) else [found]
    if len(items) > MOST_EVENTS:
        raise Unfit(413, f"more than {MOST_EVENTS} events in one call")
    now = workspace.clock.now()
    if apikeys.is_stale(key, now):
        workspace.database.write(lambda c: apikeys.used(c, key, now))
    status, report = take(workspace, items, key.name)
    return JSONResponse(report, status)


def take(workspace: Workspace, items: list[object], caller: str) -> tuple[int, dict[str, object]]:
    """Store events that `caller`, an API key, tells of. Returns the status of the answer, and the answer."""
    wanted: list[Wanted] = []
    rejected: dict[int, str] = {}
    for place, item in enumerate(items):
        try:
            wanted.append(_read(place, item, workspace.clock))
        except Odd as odd:
            rejected[place] = str(odd)
    applied, strangers = workspace.database.write(lambda c: _store(c, caller, wanted, workspace.clock.now()))
    rejected |= strangers
    report = {
        "stored": len(applied.new),
        "repeated": applied.repeated,
        "rejected": [{"index": place, "why": why} for place, why in sorted(rejected.items())],
    }
    all_odd = bool(rejected) and len(rejected) == len(items)
    return 422 if all_odd else 207 if rejected else 200, report


def _read(place: int, item: object, clock: Clock) -> Wanted:
    """An event as it was sent. Raises Odd."""
    if not isinstance(item, dict):
        raise Odd("an event is an object")
    if unknown := sorted(name for name in item if name not in _FIELDS):
        raise Odd(f"there is no field {unknown[0][:50]!r}; use {', '.join(sorted(_FIELDS))}")
    number, kind = item.get("id"), item.get("type")
    if not isinstance(number, str) or not 0 < len(number) <= LONGEST_ID:
        raise Odd(f"id is missing: a text of up to {LONGEST_ID} characters, the same if it is sent again")
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        raise Odd("type is missing: lower-case letters, digits and _, such as eligibility_answered")
    if kind in _OURS:
        raise Odd(f"type {kind} is noted where it happens; use a name of your own")
    names = [name for name in _NAMES if item.get(name) is not None]
    if len(names) != 1:
        raise Odd(f"say whom it is about with one of {', '.join(_NAMES)}")
    data = item.get("data", {})
    if not isinstance(data, dict):
        raise Odd("data is an object")
    at = _at(item.get("at"), clock.now())
    return Wanted(place, number, kind, at, names[0], _whom(item, names[0]), data)


def _whom(item: Mapping[str, Any], name: str) -> str:
    value = item[name]
    if name == "contact_id":
        if isinstance(value, bool) or not isinstance(value, int):
            raise Odd("contact_id is a number")
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise Odd(f"{name} is a text")
    return normalise(value) if name == "email" else value


def _at(value: object, now: datetime) -> datetime:
    """When it happened; now if it does not say."""
    if value is None:
        return now
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Odd("at is a moment with an offset, like 2026-03-01T08:30:00Z")
    if found > now:
        raise Odd("at is in the future")
    return found


def _store(
    connection: Connection, caller: str, wanted: list[Wanted], now: datetime
) -> tuple[Applied, dict[int, str]]:
    """Store what is about somebody; returns the others by their places, each with why."""
    asked = {name: [one.whom for one in wanted if one.by == name] for name in _NAMES}
    ids = lookup.by_id(connection, {int(one) for one in asked["contact_id"]})
    known = {
        "contact_id": {str(one): [one] for one in ids},
        "external_id": lookup.by_external_id(connection, asked["external_id"]),
        "email": lookup.by_email(connection, asked["email"]),
    }
    events, odd = [], {}
    for one in wanted:
        people = known[one.by].get(one.whom, [])
        if len(people) == 1:
            source = f"api:{caller}"
            events.append(Event(one.type, source, one.id, one.at, contact=people[0], data=one.data))
        elif people:
            odd[one.place] = f"{len(people)} contacts have this {one.by}: use contact_id or external_id"
        else:
            odd[one.place] = f"no contact has this {one.by}"
    return apply(connection, events, now), odd
