"""How much mail goes on which day, counted by the database.

The plan itself is never scanned: `plan_days` holds its counts by day, kind and reason, a few thousand
rows however many contacts there are.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from carillon.words import Status

FOLLOWUP = "followup"
"""What follow-ups of any tier are called in a forecast."""


@dataclass(frozen=True)
class LastPlan:
    """The day the stored plan was made for, and how many contacts were eligible then."""

    today: int
    eligible: int


@dataclass(frozen=True)
class Volume:
    """Emails of one type on one day (a day number)."""

    day: int
    email_type: str
    planned: int
    left: int
    """Released, sent or in doubt: no longer the planner's, and counted against the cap."""


def last_plan(connection: Connection) -> LastPlan | None:
    """What the last completed run left behind; None before the first."""
    row = connection.execute(text("select today, eligible from planner_state where id = 1")).one_or_none()
    return None if row is None else LastPlan(int(row[0]), int(row[1]))


def volumes(connection: Connection, first: int, last: int) -> list[Volume]:
    """Cap-counted emails of the days `first` to `last` (both included), ascending by day and type."""
    span = {"first": first, "last": last}
    planned = connection.execute(
        text(
            "select d.day, coalesce(k.email_type, :followup), sum(d.n) from plan_days d"
            " left join plan_kinds k on k.kind = d.kind"
            " where d.reason = 0 and d.n > 0 and d.day between :first and :last"
            " group by d.day, coalesce(k.email_type, :followup)"
        ),
        {**span, "followup": FOLLOWUP},
    )
    left = connection.execute(
        text(
            "select send, email_type, count(*) from outbox where send between :first and :last"
            " and enrollment_id is null and channel = 'email' and status not in (:failed, :cancelled)"
            " group by send, email_type"
        ),
        {**span, "failed": Status.FAILED.value, "cancelled": Status.CANCELLED.value},
    )
    counts: dict[tuple[int, str], list[int]] = {}
    for column, rows in enumerate((planned, left)):
        for day, email_type, n in rows:
            counts.setdefault((int(day), email_type), [0, 0])[column] += int(n)
    return [Volume(day, kind, *numbers) for (day, kind), numbers in sorted(counts.items())]


def skips(connection: Connection) -> dict[str, int]:
    """Skipped rows of the whole plan by reason."""
    rows = connection.execute(
        text(
            "select r.word, sum(d.n) from plan_days d join skip_reasons r on r.code = d.reason"
            " where d.n > 0 group by r.word order by r.word"
        )
    )
    return {word: int(n) for word, n in rows}
