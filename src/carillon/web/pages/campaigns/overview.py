"""One campaign's figures, its fields and where each comes from, and the days on which its emails go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from carillon.campaigns import TYPE_FIELDS, Campaign
from carillon.days import date_of, day_number
from carillon.store import forecast
from carillon.store.forecast import Volume
from carillon.store.results import Result
from carillon.web.pages.campaigns.forms import LABELS
from carillon.web.parts import (
    badge,
    card,
    chart,
    column,
    day_words,
    facts,
    grid,
    link,
    number,
    percent,
    read,
    split,
    stat,
    text,
    visit,
    when_words,
)
from carillon.web.parts.volumes import type_words
from carillon.words import EventKind, Status

BACK, AHEAD = timedelta(days=365), timedelta(days=800)
_BARS = 120
"""Days shown at most."""
_LEFT = (Status.SENT, Status.DELIVERED, Status.BOUNCED)


@dataclass(frozen=True)
class Seen:
    """What its page begins with."""

    campaign: Campaign
    targets: dict[str, int]
    results: Result
    skips: dict[str, int]
    """By reason."""


def figures(seen: Seen) -> None:
    """What has become of it so far."""
    one, found = seen.campaign, seen.results
    path = f"/campaigns/{one.instance.id}"
    left = sum(found.emails.get(each.value, 0) for each in _LEFT)
    skipped = sum(seen.skips.values())
    with grid(130):
        named = sum(seen.targets.values())
        if one.target_all_contacts:
            stat("Targets", "all", f"contacts; {number(named)} by name", href=f"{path}?tab=targets")
        else:
            stat("Targets", number(named), "contacts by name", href=f"{path}?tab=targets")
        stat("Planned", number(found.planned), "emails to come")
        tone = "warn" if skipped else ""
        stat("Skipped", number(skipped), "see why", href=f"{path}?tab=skipped", tone=tone)
        stat("Sent", number(left), "emails")
        for kind, name in ((EventKind.OPENED, "Opened"), (EventKind.CLICKED, "Clicked"),
                           (EventKind.REPLIED, "Replied")):  # fmt: skip
            n = found.answers.get(kind, 0)
            stat(name, number(n), f"{percent(n / left)} of those sent" if left else "none sent yet")
        bad = found.emails.get(Status.BOUNCED, 0)
        words = f"{percent(bad / left)} of those sent" if left else "none sent yet"
        stat("Bounced", number(bad), words, tone="bad" if bad else "")


async def show_overview(seen: Seen, today: date) -> None:
    """The tab."""
    with split():
        with column():
            await _days(seen.campaign, today)
            _outcomes(seen.results)
        _fields(seen.campaign)


async def _days(one: Campaign, today: date) -> None:
    name = one.instance.name
    first, last = today - BACK, today + AHEAD
    volumes = await read(lambda c: forecast.volumes(c, day_number(first), day_number(last)))
    mine = [each for each in volumes if each.campaign == name]
    with card("When its emails go", "Choose a bar to see the day, and to whom they go."):
        if not mine:
            text("p", "None is planned and none was sent. The plan is made every night, or by Make the plan.",
                 "c-muted")  # fmt: skip
            return
        days = _span(mine)
        total = sum(each.planned + each.left for each in mine)
        made = chart(_bars(mine, days), f"Emails a day of {name[:60]}: {total:,} in all", height=220)

    def open_day(event: Any) -> None:
        if 0 <= event.data_index < len(days):
            asked = {"view": "day", "at": str(days[event.data_index]), "campaign": name}
            ui.navigate.to(f"/calendar?{urlencode(asked)}")

    made.on_point_click(open_day)


def _span(mine: list[Volume]) -> list[date]:
    """The days from the first to the last, cut to what can be seen; never a single bar alone."""
    first, last = date_of(mine[0].day), date_of(mine[-1].day)
    first = max(first, last - timedelta(days=_BARS - 1))
    last = max(last, first + timedelta(days=13))
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _bars(mine: list[Volume], days: list[date]) -> dict[str, Any]:
    series = []
    for label, kind in (("planned", "planned"), ("sent or being sent", "left")):
        by_day = dict.fromkeys(days, 0)
        for each in mine:
            day = date_of(each.day)
            if day in by_day:
                by_day[day] += getattr(each, kind)
        if any(by_day.values()):
            series.append(
                {"type": "bar", "stack": "emails", "name": label, "data": list(by_day.values()),
                 "barMaxWidth": 26}
            )  # fmt: skip
    return {
        "legend": {},
        "xAxis": {"type": "category", "data": [f"{day.day} {day:%b}" for day in days]},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": series,
    }


def _outcomes(found: Result) -> None:
    rows: dict[str, object] = {type_words(one).capitalize(): n for one, n in found.emails.items()}
    rows |= {type_words(one).capitalize(): n for one, n in found.answers.items()}
    if rows:
        with card("What became of its emails", "Opens and clicks by scanners are not counted."):
            facts(rows)


def _fields(one: Campaign) -> None:
    instance, zone = one.instance, visit().workspace.settings.workspace.zone
    with card("How it is set"):
        facts(
            {
                "First day": day_words(instance.start) if instance.start else "any",
                "Last day": day_words(instance.end) if instance.end else "any",
                "Email template": instance.email_template,
                "SMS template": instance.sms_template,
                "Made": when_words(instance.created),
                "Days are of": str(zone),
            }
        )
        text("h3", "From its type, or its own")
        with ui.element("dl").classes("c-facts-list"):
            for name in TYPE_FIELDS:
                text("dt", LABELS[name])
                with ui.element("dd").classes("c-row"):
                    text("span", number(getattr(one, name)))
                    if name in one.overridden:
                        badge("its own", "info")
        link("The type, and what wins against what", "/campaigns?tab=types")
        others = {key: value for key, value in instance.metadata.items() if key not in TYPE_FIELDS}
        if others:
            text("h3", "Further metadata")
            facts({key[:60]: str(value)[:2000] for key, value in others.items()})
