"""What the pages of the web application ask of the store, at any size: `bench.web` measures it.

Of Contacts every combination of filters that the page offers, some hundreds of them by chance, with the page
behind it; of Home and the calendar everything that they show, read anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from itertools import product
from random import Random

from bench.book import SEED
from carillon.clock import Stopwatch
from carillon.days import day_number
from carillon.plan import inquire
from carillon.store import mail_days, schedules
from carillon.web.pages.contacts.listing import rows_of
from carillon.web.pages.home import look
from carillon.web.parts import Query, Rows
from carillon.web.remembered import Remembered
from carillon.words import By
from carillon.workspace import Workspace

FILTERS: dict[str, tuple[str, ...]] = {
    "state": ("", "CA", "VT", "GU"),
    "status": ("", "active", "bounced", "opted_out", "suppressed"),
    "issue": ("", "any", "missing_anchor_date", "invalid_zip"),
    "tag": ("", "customer", "newsletter", "list of may", "vip", "nobody has it"),
    "q": ("", "person1", "person12345", "s", "sample", "sam", "nobody", "anna sam", "zelda s"),
}
"""Of everything some values that many have, and some that few have or none."""
SHOWN = 5
"""The slowest, told beside the figures."""

Times = dict[str, list[float]]
"""Seconds by kind."""


def contacts(workspace: Workspace, n: int) -> tuple[Times, list[tuple[float, str]]]:
    """First pages and those behind them, `n` combinations of each kind; and the slowest of all."""
    found: Times = {}
    slowest: list[tuple[float, str]] = []
    for kind, some in _kinds(n).items():
        for filters in some:
            cursor, place = None, kind
            for _ in range(3):
                seconds, rows = _page(workspace, Query(filters=filters, cursor=cursor))
                found.setdefault(place, []).append(seconds)
                slowest.append((seconds, f"{place}: {dict(filters)}"))
                if (cursor := rows.next) is None:
                    break
                place = f"{kind}, next pages"
    return found, sorted(slowest, reverse=True)[:SHOWN]


def others(workspace: Workspace, n: int, planned: bool) -> Times:
    """Home and the calendar."""
    today = workspace.today()
    month = today.replace(day=1)
    asked: dict[str, Callable[[], object]] = {"Home": lambda: look(workspace, Remembered())}
    if planned:
        day = today + timedelta(days=30)
        asked |= {
            "calendar: year": lambda: _volume(workspace, month, month + timedelta(days=365)),
            "calendar: last year": lambda: _volume(workspace, month - timedelta(days=365), today),
            "calendar: month": lambda: _volume(workspace, month, month + timedelta(days=30)),
            "calendar: day": lambda: _day(workspace, day),
            "calendar: yesterday": lambda: _day(workspace, today - timedelta(days=1)),
            "calendar: skipped of a day": lambda: _day(workspace, day, "skipped"),
            "calendar: a type of a day": lambda: _day(workspace, day, None, "effective_date"),
        }
    found: Times = {}
    for kind, ask in asked.items():
        for _ in range(n):
            watch = Stopwatch()
            ask()
            found.setdefault(kind, []).append(watch.seconds())
    return found


def _kinds(n: int) -> dict[str, list[Mapping[str, str]]]:
    """Combinations by kind, by chance."""
    kinds: dict[str, list[Mapping[str, str]]] = {}
    for values in product(*FILTERS.values()):
        filters = {name: value for name, value in zip(FILTERS, values, strict=True) if value}
        kinds.setdefault(_kind(filters), []).append(filters)
    return {kind: Random(SEED).sample(some, min(n, len(some))) for kind, some in kinds.items()}


def _kind(filters: Mapping[str, str]) -> str:
    narrowed = len(filters) - ("q" in filters)
    words = ("no filter", "one filter", "two filters")[narrowed] if narrowed < 3 else "three or four filters"
    return f"contacts: {words}{' and a search' if 'q' in filters else ''}"


def _page(workspace: Workspace, query: Query) -> tuple[float, Rows]:
    watch = Stopwatch()
    with workspace.database.snapshot() as connection:
        rows = rows_of(connection, query, workspace.today())
    return watch.seconds(), rows


def _volume(workspace: Workspace, first: date, last: date) -> None:
    inquire.forecast(workspace, first, last, By.DAY)


def _day(workspace: Workspace, day: date, status: str | None = None, email_type: str | None = None) -> None:
    number = day_number(day)
    with workspace.database.snapshot() as connection:
        mail_days.on_day(connection, number)
        which = schedules.Which(first=number, last=number, status=status, email_type=email_type)
        page = schedules.page(connection, which, None, 25)
        mail_days.receivers(connection, [one.contact_id for one in page.items])
