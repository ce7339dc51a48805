"""Twelve months of days from the one of the address on, each day as dark as it is full."""

from __future__ import annotations

from calendar import monthcalendar
from collections.abc import Mapping
from datetime import date, timedelta

from nicegui import ui

from carillon.plan.forecast import Forecast
from carillon.web.pages.calendar.ways import Wish, bearings, by_day, no_plan, path_of, types, volume
from carillon.web.parts import card, day_words, grid, link, number, percent, stat, text

_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the cap at which the next shade begins."""
_ABOVE = 6


async def show_year(wish: Wish) -> None:
    """What lies ahead counts most: without a day in the address they begin with this month."""
    first = wish.at.replace(day=1)
    months = [_months_on(first, n) for n in range(12)]
    found = await volume(first, _months_on(first, 12) - timedelta(days=1))
    name = f"{first:%b %Y} to {months[-1]:%b %Y}"
    bearings(wish, name, _months_on(first, -12), _months_on(first, 12))
    no_plan(found)
    days = by_day(found, wish.email_type)
    figures(found, days, "these twelve months", wish)
    with card("Emails a day", "Choose a day to see what goes on it, and to whom.") as place:
        with place:
            types(wish, found)
        legend(found)
        with ui.element("div").classes("c-cal-year"):
            for begin in months:
                _month(wish, found, days, begin)


def figures(found: Forecast, days: Mapping[date, int], period: str, wish: Wish) -> None:
    """What a year or a month comes to."""
    fullest = max(days, key=lambda day: days[day], default=None)
    with grid(165):
        stat("Emails", number(sum(days.values())), f"planned and sent in {period}")
        stat("Daily cap", number(found.cap), f"for {found.eligible:,} eligible contacts")
        if fullest is None:
            stat("Fullest day", "–", "nothing is planned")
        else:
            share = percent(days[fullest] / found.cap if found.cap else None, 0)
            words = f"{day_words(fullest)}, {share} of the cap"
            path = path_of(wish, view="day", at=fullest)
            stat("Fullest day", number(days[fullest]), words, href=path)
        most = f"more than {float(found.overage):g} times the cap"
        path = path_of(wish, view="day", at=min(found.above), type="") if found.above else ""
        tone = "bad" if found.above else ""
        stat("Overfull days", number(len(found.above)), most, href=path, tone=tone)


def shade(n: int, day: date, found: Forecast) -> int:
    """How dark a day is: 0 empty, 1 to 4 up to the cap, 5 above it, 6 overfull."""
    if n == 0:
        return 0
    if day in found.above:
        return _ABOVE
    share = n / found.cap if found.cap else 0.0
    return sum(share > step for step in _STEPS)


def legend(found: Forecast) -> None:
    """What the shades mean."""
    words = ("none", "to 25 %", "to 50 %", "to 75 %", "to the cap", "above it", "overfull")
    with ui.element("div").classes("c-cal-legend"):
        text("span", f"Share of the cap of {found.cap:,} emails a day:")
        for step, name in enumerate(words):
            with ui.element("span").classes("c-cal-key"):
                ui.element("i").classes(f"c-heat-{step}").props("aria-hidden=true")
                text("span", name)


def _month(wish: Wish, found: Forecast, days: Mapping[date, int], begin: date) -> None:
    year, month = begin.year, begin.month
    total = sum(n for day, n in days.items() if (day.year, day.month) == (year, month))
    with ui.element("section").classes("c-cal-month"):
        with link("", path_of(wish, view="month", at=begin), "c-cal-name"):
            text("h3", f"{begin:%B %Y}")
            text("span", number(total), "c-muted c-small")
        with ui.element("div").classes("c-cal-days"):
            for letter in "MTWTFSS":
                text("span", letter, "c-cal-letter").props("aria-hidden=true")
            for week in monthcalendar(year, month):
                for number_of_day in week:
                    if number_of_day == 0:
                        ui.element("span")
                    else:
                        _day(wish, found, days, date(year, month, number_of_day))


def _day(wish: Wish, found: Forecast, days: Mapping[date, int], day: date) -> None:
    n = days.get(day, 0)
    step = shade(n, day, found)
    made = link("", path_of(wish, view="day", at=day), f"c-cal-day c-heat-{step}", False)
    words = f"{day_words(day)}: {n:,} email{'' if n == 1 else 's'}{', overfull' if step == _ABOVE else ''}"
    made.props["aria-label"] = made.props["title"] = words
    if day == wish.today:
        made.classes("c-cal-today").props("aria-current=date")
    with made:
        text("span", str(day.day))


def _months_on(first: date, n: int) -> date:
    """The first day of the month so many months after another's."""
    years, month = divmod(first.month - 1 + n, 12)
    return date(first.year + years, month + 1, 1)
