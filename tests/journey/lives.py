"""What the simulations of `tests/journey` have in common: a real store, arrivals, changes, two limits.

Everything is done by plain SQL, as another program would. What does not belong here: a simulation's own
story and what must hold in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event as engine_event

from carillon.days import date_of
from carillon.plan.report import PlanReport
from carillon.store.engine import open_database
from tests.contract.databases import sqlite_url
from tests.contract.diary import CONTACT_COLUMNS, Diary, contact_row, crowd
from tests.plan.reference import Contact, Rules

DAY = timedelta(days=1)


@contextmanager
def living(folder: Path) -> Iterator[Diary]:
    """A new workspace on SQLite that does not wait for the disk: hundreds of nights are lived in it."""
    database = open_database(sqlite_url(folder), folder)
    engine_event.listen(database.engine, "connect", lambda raw, _: raw.execute("pragma synchronous = off"))
    try:
        yield Diary(database)
    finally:
        database.close()


def newcomers(how_many: int, today: date, seed: int, first_id: int) -> list[Contact]:
    """People nobody has met before, with ids from `first_id` on."""
    return [
        replace(one, id=first_id + place, email=f"new.{first_id + place}@example.com", created=today)
        for place, one in enumerate(crowd(how_many, today, seed=seed).contacts)
    ]


def add_contact(diary: Diary, contact: Contact) -> None:
    row = ", ".join("null" if value is None else repr(value) for value in contact_row(contact))
    diary.execute(f"insert into contacts ({', '.join(CONTACT_COLUMNS)}) values ({row})")


def change_contact(diary: Diary, contact: Contact, values: Mapping[str, Any]) -> Contact:
    """The contact as it is after the change."""
    for column, value in values.items():
        diary.execute(f"update contacts set {column} = '{value}' where id = {contact.id}")
    return replace(contact, **values)


def crowded(days: list[int], rules: Rules) -> Iterator[list[int]]:
    """Of one contact's days of email, those that are one too many in one period, as often as there are."""
    days.sort()
    for place in range(len(days) - rules.max_per_period):
        group = days[place : place + rules.max_per_period + 1]
        if group[-1] - group[0] < rules.period_days:
            yield group


def days_above(per_day: Mapping[int, int], report: PlanReport, rules: Rules, since: int) -> Iterable[int]:
    """Days from `since` on that hold more than the threshold; the report names them with their number."""
    above = {day: n for day, n in per_day.items() if day >= since and n > rules.overage * report.cap}
    assert {date_of(day): n for day, n in above.items()} == report.over_cap
    return above
