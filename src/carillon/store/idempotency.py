"""Requests that are done once however often they are made: `idempotency_keys`.

All writing happens in the caller's transaction. Answers are encrypted by who stores them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import Connection, text

from carillon.store.moments import moment_of, stamp

KEPT = timedelta(days=1)
ABANDONED = timedelta(minutes=10)
"""Who is still at work then has died: whoever asks again takes over."""


class State(Enum):
    """How a request stands that has no answer yet."""

    MINE = "mine"
    AT_WORK = "at work"
    OTHER = "other"
    """The key belongs to another request."""


@dataclass(frozen=True)
class Answer:
    """What was answered."""

    status: int
    text: str


def begin(connection: Connection, caller: str, key: str, request: str, now: datetime) -> State | Answer:
    """Take a request on, unless it was made before. `request`: tells requests apart."""
    values = {"caller": caller, "key": key, "request": request, "now": stamp(now)}
    connection.execute(
        text("delete from idempotency_keys where caller = :caller and key = :key and created_at < :old"),
        values | {"old": stamp(now - KEPT)},
    )
    made = connection.execute(
        text(
            "insert into idempotency_keys (caller, key, request, created_at)"
            " values (:caller, :key, :request, :now) on conflict (caller, key) do nothing"
        ),
        values,
    ).rowcount
    if made:
        return State.MINE
    row = connection.execute(
        text(
            "select request, status, answer, created_at from idempotency_keys"
            " where caller = :caller and key = :key"
        ),
        values,
    ).one()
    if row.request != request:
        return State.OTHER
    if row.status is not None:
        return Answer(int(row.status), str(row.answer))
    begun = moment_of(row.created_at)
    if begun is not None and now - begun < ABANDONED:
        return State.AT_WORK
    taken = connection.execute(
        text(
            "update idempotency_keys set created_at = :now"
            " where caller = :caller and key = :key and status is null and created_at = :begun"
        ),
        values | {"begun": row.created_at},
    ).rowcount
    return State.MINE if taken else State.AT_WORK


def end(connection: Connection, caller: str, key: str, status: int, answer: str) -> None:
    """Keep the answer."""
    connection.execute(
        text(
            "update idempotency_keys set status = :status, answer = :answer"
            " where caller = :caller and key = :key"
        ),
        {"caller": caller, "key": key, "status": status, "answer": answer},
    )


def give_up(connection: Connection, caller: str, key: str) -> None:
    """Let the request be made again: nothing came of it."""
    connection.execute(
        text("delete from idempotency_keys where caller = :caller and key = :key and status is null"),
        {"caller": caller, "key": key},
    )


def forget(connection: Connection, now: datetime) -> int:
    """Delete what was kept for long enough. Returns how many."""
    return connection.execute(
        text("delete from idempotency_keys where created_at < :before"), {"before": stamp(now - KEPT)}
    ).rowcount
