"""What would happen if a sequence began: who, on which days, and when the first emails would go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from carillon.advance.preview import first_email
from carillon.clock import whole_minute
from carillon.contact_texts import known_zones_of
from carillon.jobs.sequences import checked, warnings
from carillon.send.lint import Finding
from carillon.sequences import Sequence
from carillon.store import sequence_starts, sequences
from carillon.templates import Source
from carillon.workspace import Workspace

PEOPLE = 5
DAYS = 14


@dataclass(frozen=True)
class FirstEmail:
    """When one of those who begin first is written to, as far as it is known."""

    email: str | None
    at: datetime
    zone: str
    """The contact's."""


@dataclass(frozen=True)
class Prospect:
    """How a sequence would begin."""

    sequence: Sequence
    waiting: int
    """Enrolled and not begun."""
    begins: datetime
    days: list[tuple[date, int]]
    """How many begin on the first of its days."""
    lasts: date
    """When the last of them begin."""
    first: list[FirstEmail]
    """Nothing where a condition comes before the first email."""
    missing: list[str]
    """Templates that are not there: it cannot begin."""
    errors: dict[Source, list[Finding]]
    """Templates that cannot be rendered: it cannot begin."""
    warnings: list[str]
    """What keeps its emails from leaving."""

    @property
    def may_begin(self) -> bool:
        return bool(self.sequence.steps) and not self.missing and not self.errors


def prospect(workspace: Workspace, name: str, at: datetime | None) -> Prospect:
    """What `jobs.sequences.start` would do at this moment, or now. Nothing is written but templates."""
    zone, now = workspace.settings.workspace.zone, workspace.clock.now()
    begins = at if at is not None and at > now else whole_minute(now)
    with workspace.database.snapshot() as connection:
        sequence = sequences.find(connection, name)
        waiting = sequence_starts.not_begun(connection, sequence.id)
        people = sequence_starts.waiting(connection, sequence.id, PEOPLE)
    found = checked(workspace, sequence)
    each = sequence.settings.drip_per_day or waiting or 1
    first = begins.astimezone(zone).date()
    length = max(-(-waiting // each), 1)
    days = [
        (first + timedelta(number), min(each, waiting - number * each)) for number in range(min(length, DAYS))
    ]
    return Prospect(
        sequence,
        waiting,
        begins,
        days,
        first + timedelta(length - 1),
        _first(sequence, people, begins, zone, each),
        found.missing,
        found.errors,
        warnings(workspace, sequence),
    )


def _first(
    sequence: Sequence, people: list[tuple[str | None, str, str]], begins: datetime, zone: ZoneInfo, each: int
) -> list[FirstEmail]:
    schema = {"email": pl.String, "timezone": pl.String, "zip_code": pl.String}
    frame = pl.DataFrame(people, schema=schema, orient="row")
    found = []
    for place, (who, known) in enumerate(zip(frame["email"].to_list(), known_zones_of(frame), strict=True)):
        lives = known or zone
        day = begins.astimezone(zone) + timedelta(days=place // each)
        at = first_email(sequence, day, lives)
        if at is not None:
            found.append(FirstEmail(who, at, lives.key))
    return found
