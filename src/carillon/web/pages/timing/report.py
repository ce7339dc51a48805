"""How emails did by weekday and hour on their readers' clocks, and what choosing the hour gained."""

from __future__ import annotations

from collections.abc import Sequence

from nicegui import ui

from carillon.settings_checks import WEEKDAYS
from carillon.watch.timing import Cell, Lift, Line, TimingReport, timing_report
from carillon.web.pages.timing.ways import chooser, names, path
from carillon.web.parts import (
    Column,
    card,
    empty,
    grid,
    number,
    percent,
    read,
    row,
    simple,
    stat,
    text,
    work,
)

ANSWERS = {"reply": "replies", "open": "opens", "click": "clicks"}
OFFICE = range(8, 19)
"""Hours that are shown in any case."""


async def draw(campaign: str, sequence: str) -> None:
    """The report, of one campaign or sequence or of all."""
    known = await read(names)
    with row().classes("p-filters"):
        chooser("Campaign", known.campaigns, campaign, "all campaigns",
                lambda name: path("report", campaign=name, sequence=sequence))  # fmt: skip
        chooser("Sequence", known.sequences, sequence, "all sequences",
                lambda name: path("report", campaign=campaign, sequence=name))  # fmt: skip
    found = await work(lambda workspace: timing_report(workspace, None, campaign or None, sequence or None))
    if not found.total.emails:
        _nothing(found)
        return
    _figures(found)
    _heat(found)
    _lines(found)


def _nothing(found: TimingReport) -> None:
    with (
        card(),
        empty(
            "schedule",
            "No email on record yet",
            "Once emails have left and people answer, you see here at which hour of their day they do, over "
            f"{number(found.days)} days. Where smart hours are switched on, hours are chosen by that.",
            "See the rules",
            path("rules"),
        ),
    ):
        pass


def _figures(found: TimingReport) -> None:
    total, answers = found.total, ANSWERS[found.outcome]
    with grid(170):
        stat("Emails", number(total.emails), f"left in the last {number(found.days)} days")
        stat(f"{answers.capitalize()}", percent(total.rate), f"{number(total.answers)} of them")
        stat(
            "Best day",
            (total.best_day or "–")[:3].capitalize(),
            (total.best_day or "not enough data").capitalize(),
        )
        stat(
            "Best hour",
            _hour(total.best_hour),
            "on the reader's clock" if total.best_hour is not None else "not enough data",
        )
        stat("Until a reply", _hours(total.mean_hours), _ends(total))
        lift = total.lift
        tone = ("good" if (lift.lift or 0) > 0 else "bad") if lift.is_sure else ""
        stat("Gained by choosing", _gain(lift), _lift(lift), tone=tone)


def _heat(found: TimingReport) -> None:
    answers = ANSWERS[found.outcome]
    cells = {(one.weekday, one.hour): one for one in found.cells}
    shown = sorted({*OFFICE, *(hour for _, hour in cells)})
    hours = range(shown[0], shown[-1] + 1)
    most = max((one.rate or 0 for one in found.cells), default=0) or 1
    lead = (
        f"Share of emails with {answers}, on the reader's clock; under it how many emails that is. "
        f"Below {number(found.min_sample_size)} emails there is not enough data."
    )
    with (
        card(f"{answers.capitalize()} by weekday and hour", lead),
        ui.element("div").classes("p-scroll").props('tabindex="0" role="region" aria-label="Heat map"'),
        ui.element("table").classes("p-heat"),
    ):
        with ui.element("thead"), ui.element("tr"):
            text("td", "")
            for hour in hours:
                text("th", f"{hour:02}").props("scope=col")
        with ui.element("tbody"):
            for weekday, name in enumerate(WEEKDAYS):
                with ui.element("tr"):
                    text("th", name[:3].capitalize()).props("scope=row")
                    for hour in hours:
                        at = f"{name.capitalize()} {hour:02}:00"
                        _cell(cells.get((weekday, hour)), at, most, answers)


def _cell(one: Cell | None, at: str, most: float, answers: str) -> None:
    made = ui.element("td")
    if one is None:
        made.classes("p-none").props["title"] = f"{at}: no emails"
        with made:
            text("span", "·").props("aria-hidden=true")
        return
    emails = f"{number(one.emails)} email{'' if one.emails == 1 else 's'}"
    if one.rate is None:
        made.classes("p-few").props["title"] = f"{at}: {emails}, not enough data"
        with made:
            text("span", "–")
            text("small", _short(one.emails))
        return
    made.props["title"] = f"{at}: {one.rate:.1%}, {number(one.answers)} {answers} to {emails}"
    made.style(f"--share: {100 * one.rate / most:.0f}%")
    with made:
        text("span", f"{100 * one.rate:.0f}%" if one.rate >= 0.1 else f"{100 * one.rate:.1f}%")
        text("small", _short(one.emails))


def _lines(found: TimingReport) -> None:
    if len(found.campaigns) < 2 and not (found.campaigns and found.campaigns[0].campaign):
        return
    columns = [
        Column("name", "Campaign"),
        Column("emails", "Emails", number=True),
        Column("rate", f"{ANSWERS[found.outcome].capitalize()}", number=True),
        Column("hours", "Until a reply", number=True, wide=True),
        Column("day", "Best day", wide=True),
        Column("hour", "Best hour", wide=True),
        Column("lift", "Gained by choosing", number=True),
    ]
    with card("By campaign", flush=True):
        simple(columns, _rows(found.campaigns), "By campaign")


def _rows(lines: Sequence[Line]) -> list[dict[str, str]]:
    return [
        {
            "name": one.campaign or "mail of no campaign",
            "emails": number(one.emails),
            "rate": percent(one.rate),
            "hours": _hours(one.mean_hours),
            "day": (one.best_day or "not enough data").capitalize(),
            "hour": _hour(one.best_hour),
            "lift": _gain(one.lift),
        }
        for one in lines
    ]


def _gain(lift: Lift) -> str:
    """A figure that may as well be chance would be read as one that is not."""
    if lift.lift is None:
        return "–"
    return f"{lift.lift:+.0%}" if lift.is_sure else "not sure"


def _lift(lift: Lift) -> str:
    if not lift.chosen:
        return "no hours were chosen yet"
    if lift.low is None or lift.high is None:
        return f"too early: {number(lift.chosen)} chosen, {number(lift.held_out)} held out"
    return (
        f"{lift.low:+.0%} to {lift.high:+.0%} (95 %); "
        f"{number(lift.chosen)} against {number(lift.held_out)} held out"
    )


def _hour(hour: int | None) -> str:
    return "–" if hour is None else f"{hour:02}:00"


def _hours(hours: float | None) -> str:
    return "–" if hours is None else f"{hours:.1f} h"


def _ends(line: Line) -> str:
    if line.min_hours is None or line.max_hours is None:
        return "no replies yet"
    return f"{line.min_hours:.1f} to {line.max_hours:.1f} hours"


def _short(n: int) -> str:
    return number(n) if n < 10_000 else f"{n / 1000:.0f}k"
