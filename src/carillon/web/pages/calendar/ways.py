"""The addresses of the calendar, what they ask for, and what is read for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from nicegui import ui

from carillon.campaigns import FIRST_DAY, LAST_DAY
from carillon.errors import InputError
from carillon.plan import inquire
from carillon.plan.forecast import Forecast
from carillon.web.parts import choice, link, note, text, toast, visit, way, work
from carillon.web.parts.deeds import button
from carillon.web.parts.volumes import type_words
from carillon.web.shell import actions
from carillon.words import By, Role

AHEAD = 800
"""Days in which the next overfull one is looked for: further than any plan reaches."""
VIEWS = {"year": "Year", "month": "Month", "day": "Day"}


@dataclass(frozen=True)
class Wish:
    """What an address asks for."""

    view: str
    at: date
    today: date
    email_type: str = ""
    status: str = ""
    campaign: str = ""
    """The name of an instance."""


async def wish_of(view: str, at: str, email_type: str, status: str, campaign: str) -> Wish:
    """Raises InputError for a day there is none of."""
    today = await work(lambda workspace: workspace.today())
    day = today
    if at:
        try:
            day = date.fromisoformat(at)
        except ValueError:
            raise InputError(f"{at[:40]!r} is no day: write it like {today}.") from None
        if not FIRST_DAY <= day <= LAST_DAY:
            raise InputError(f"{day} is outside the calendar, which goes from {FIRST_DAY} to {LAST_DAY}.")
    return Wish(view if view in VIEWS else "year", day, today, email_type, status, campaign)


def path_of(wish: Wish, **other: object) -> str:
    """The address of what `wish` asks for, with something else in its place."""
    asked = {
        "view": wish.view,
        "at": wish.at,
        "type": wish.email_type,
        "status": wish.status,
        "campaign": wish.campaign,
    } | other
    return f"/calendar?{urlencode({name: str(one) for name, one in asked.items() if one})}"


async def volume(first: date, last: date) -> Forecast:
    """Emails by day and type; kept for a few seconds for all who look."""
    kept = visit().site.remembered
    return await work(
        lambda workspace: kept.get(
            ("calendar", first, last), 5.0, lambda: inquire.forecast(workspace, first, last, By.DAY)
        )
    )


def by_day(found: Forecast, email_type: str) -> Mapping[date, int]:
    """Emails of a type on each day; empty: of all."""
    if not email_type:
        return found.per_day
    return {
        date.fromisoformat(row.name): n
        for row in found.periods
        if row.name and (n := row.by_type.get(email_type, 0))
    }


def bearings(wish: Wish, title: str, back: date | None, on: date | None) -> None:
    """The row over what is shown: views, where one is, the way to what is before and after it."""
    with actions():
        if wish.view != "day" or wish.at != wish.today:
            way("Today", path_of(wish, view="day", at=wish.today, status=""), "plain", "today")
        button("Next overfull day", "priority_high", lambda: _next_overfull(wish))
    with ui.element("div").classes("c-cal-bar"):
        with ui.element("nav").classes("c-cal-views").props('aria-label="Views"'):
            for name, words in VIEWS.items():
                link(words, path_of(wish, view=name), "", name == wish.view)
        with ui.element("div").classes("c-cal-at"):
            for day, symbol, words in ((back, "chevron_left", "Before"), (on, "chevron_right", "After")):
                if words == "After":
                    text("h2", title)
                if day is not None and FIRST_DAY <= day <= LAST_DAY:
                    made = way("", path_of(wish, at=day), "plain c-icon", symbol)
                    made.props["aria-label"] = f"{words} {title}"


def types(wish: Wish, found: Forecast) -> None:
    """The choice of a type, of those there are."""
    names = {*found.by_type, *([wish.email_type] if wish.email_type else [])}
    options = {"": "All types"} | {name: type_words(name)[:80] for name in sorted(names)}
    choice(
        "Type",
        options,
        wish.email_type,
        on_change=lambda e: ui.navigate.to(path_of(wish, type=e.value or "")),
    ).style("width: 190px")


def no_plan(found: Forecast) -> bool:
    """Say that there is no plan, where there is none."""
    if found.planned_for is not None:
        return False
    note("No plan has been made yet: it is made every night, or now with Run everything due on Home.")
    if visit().may(Role.EDITOR):
        way("To Home", "/", "plain")
    return True


async def _next_overfull(wish: Wish) -> None:
    after = max(wish.at if wish.view == "day" else wish.today - timedelta(days=1), wish.today)
    first = after + timedelta(days=1) if wish.view == "day" else wish.today
    found = await volume(first, min(first + timedelta(days=AHEAD), LAST_DAY))
    if not found.above:
        most = f"{float(found.overage):g} times the cap of {found.cap:,}"
        toast(f"No day after {after} holds more than {most}.")
        return
    ui.navigate.to(path_of(wish, view="day", at=min(found.above), status="", type=""))
