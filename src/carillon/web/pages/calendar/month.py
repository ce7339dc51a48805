"""A month: bars by type against the cap, and a sheet of its days."""

from __future__ import annotations

from calendar import monthcalendar, monthrange
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from nicegui import ui

from carillon.plan.forecast import Forecast
from carillon.web.pages.calendar.ways import Wish, bearings, by_day, no_plan, path_of, types, volume
from carillon.web.pages.calendar.year import figures, legend, shade
from carillon.web.parts import card, chart, day_words, link, number, percent, text
from carillon.web.parts.volumes import bars, type_words

_NAMED = 3
"""Types named in a day of the sheet."""


async def show_month(wish: Wish) -> None:
    """The month around the day of the address."""
    first = wish.at.replace(day=1)
    last = first.replace(day=monthrange(first.year, first.month)[1])
    found = await volume(first, last)
    name = f"{first:%B %Y}"
    bearings(wish, name, (first - timedelta(days=1)).replace(day=1), last + timedelta(days=1))
    no_plan(found)
    days = by_day(found, wish.email_type)
    figures(found, days, name, wish)
    with card("Emails a day by type", "Choose a bar to see the day.") as place:
        with place:
            types(wish, found)
        _chart(wish, found, first, last, name)
    with card(name, flush=True):
        with ui.element("div").classes("c-cal-pad"):
            legend(found)
        _sheet(wish, found, days)


def _chart(wish: Wish, found: Forecast, first: date, last: date, name: str) -> None:
    shown = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    options = bars(_only(found, wish.email_type), shown)
    made = chart(options, f"Emails a day in {name}: {found.total:,} in all")

    def open_day(event: Any) -> None:
        if 0 <= event.data_index < len(shown):
            ui.navigate.to(path_of(wish, view="day", at=shown[event.data_index]))

    made.on_point_click(open_day)


def _only(found: Forecast, email_type: str) -> Forecast:
    """The forecast with one type alone; empty: all."""
    if not email_type:
        return found
    return replace(found, by_type={name: n for name, n in found.by_type.items() if name == email_type})


def _sheet(wish: Wish, found: Forecast, days: Mapping[date, int]) -> None:
    by_type = {row.name: row.by_type for row in found.periods}
    with ui.element("div").classes("c-sheet-days"):
        for letters in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"):
            text("span", letters, "c-sheet-head").props("aria-hidden=true")
        for week in monthcalendar(wish.at.year, wish.at.month):
            for number_of_day in week:
                if number_of_day == 0:
                    ui.element("span").classes("c-sheet-day c-sheet-none")
                    continue
                day = wish.at.replace(day=number_of_day)
                _day(wish, found, day, days.get(day, 0), by_type.get(day.isoformat(), {}))


def _day(wish: Wish, found: Forecast, day: date, n: int, types_: Mapping[str, int]) -> None:
    made = link("", path_of(wish, view="day", at=day), "c-sheet-day")
    share = percent(n / found.cap if found.cap else None, 0)
    made.props["aria-label"] = f"{day_words(day)}: {n:,} emails, {share} of the cap"
    if day == wish.today:
        made.classes("c-cal-today").props("aria-current=date")
    with made:
        with ui.element("div").classes("c-sheet-top"):
            text("span", str(day.day), "c-sheet-date")
            ui.element("i").classes(f"c-heat-{shade(n, day, found)}").props("aria-hidden=true")
        if n:
            text("span", number(n), "c-sheet-n")
            most = sorted(types_.items(), key=lambda one: -one[1])
            wanted = [one for one in most if wish.email_type in ("", one[0])]
            for name, many in wanted[:_NAMED]:
                text("span", f"{type_words(name)} {many:,}", "c-sheet-type c-wide")
            if len(wanted) > _NAMED:
                text("span", f"and {len(wanted) - _NAMED} more types", "c-sheet-type c-wide")
