"""The activation: now or at a chosen time, who begins when, what would keep it from beginning."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from typing import Any

from nicegui import ui

from carillon.jobs import sequences as jobs
from carillon.jobs.sequence_preview import Prospect, prospect
from carillon.web.parts import (
    act,
    answer,
    button,
    day_words,
    dialog,
    facts,
    field,
    link,
    note,
    number,
    text,
    toast,
    visit,
    when,
    when_words,
    work,
)
from carillon.words import Role

NOW, LATER = "now", "later"
USUAL = time(9)
_FORM = "%Y-%m-%dT%H:%M"


async def activate(name: str, refresh: Callable[[], Awaitable[None]]) -> None:
    """Ask when, show what would happen, and let it begin."""
    made, place = dialog(f"Activate {name}", wide=True)
    zone = visit().zone
    tomorrow = visit().workspace.clock.now().astimezone(zone).date() + timedelta(days=1)
    state: dict[str, Any] = {"how": NOW, "at": f"{tomorrow}T{USUAL:%H:%M}", "asked": 0}

    def moment() -> datetime | None:
        if state["how"] == NOW:
            return None
        return datetime.strptime(str(state["at"])[:16], _FORM).replace(tzinfo=zone)

    async def look() -> None:
        later.set_visibility(state["how"] == LATER)
        try:
            at = moment()
        except ValueError:
            begin.error = "a day and a time, such as 2027-03-01 09:00"
            go.set_enabled(False)
            return
        is_past = at is not None and at <= visit().workspace.clock.now()
        begin.error = "lies in the past" if is_past else None
        state["asked"] = mine = state["asked"] + 1
        go.set_enabled(False)
        found = await work(lambda workspace: prospect(workspace, name, at))
        if mine != state["asked"] or made.is_deleted:
            return  # something else was asked for meanwhile
        shown.clear()
        with shown:
            _show(found)
        label = "Begin now" if at is None else f"Begin {when_words(at)}"
        go.set_text(label)
        go.set_enabled(found.may_begin and not is_past)

    async def choose(event: Any) -> None:
        state["how"] = event.value
        await look()

    async def set_at(event: Any) -> None:
        state["at"] = event.value or ""
        await look()

    async def start() -> None:
        at, by = moment(), visit().name
        done = await work(lambda workspace: jobs.start(workspace, name, by, at))
        made.submit(done)

    with place:
        ui.radio(
            {NOW: "Start now", LATER: "Start at a chosen time"},
            value=NOW,
            on_change=act(choose, role=Role.VIEWER),
        ).props('inline aria-label="When"')
        with ui.element("div").classes("w-full") as later:
            begin = field("Begins at", state["at"], hint=f"Your time, {zone.key}")
            begin.props("type=datetime-local stack-label").on_value_change(act(set_at, role=Role.VIEWER))
        shown = ui.element("div").classes("c-col w-full").props('role="status"')
        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            go = button("Begin now", "rocket_launch", start, role=Role.EDITOR, look="primary")
            go.set_enabled(False)
        with shown:
            text("p", "One moment: the templates are looked at.", "c-muted")
        # Rendering them takes a second or two: the question is there meanwhile.
        ui.timer(0.05, act(look, role=Role.VIEWER), once=True)
    done = await answer(made)
    if done is None:
        return
    begins = done.sequence.scheduled_start_at
    n = f"{number(done.enrolled)} {'person' if done.enrolled == 1 else 'people'}"
    is_later = begins is not None and begins > visit().workspace.clock.now()
    toast(f"{name} begins {when_words(begins)} with {n}." if is_later else f"{name} is running with {n}.")
    await refresh()


def _show(found: Prospect) -> None:
    sequence = found.sequence
    if not sequence.steps:
        note("It has no steps yet: draw them first.", "bad")
    for name in found.missing:
        note(f"The template {name} is not there, or no version of it is in force.", "bad")
    for source, errors in found.errors.items():
        note(f"The template {source.name}: {'; '.join(map(str, errors))}", "bad")
    if found.missing or found.errors:
        link("Go to the templates", "/templates")
    for words in found.warnings:
        note(words, "warn")
    if not found.waiting:
        note("Nobody is enrolled yet. Whoever is enrolled later begins at once.", "info")
        return
    drip = sequence.settings.drip_per_day
    first, n = found.days[0]
    pace = f"all on {day_words(first)}"
    if found.lasts != first:
        pace = f"{number(n)} a day, the last on {day_words(found.lasts)}"
    facts(
        {
            "Enrolled and waiting": found.waiting,
            "Begin": pace,
            "Drip": "none: all at once" if drip is None else f"{number(drip)} contacts a day",
        }
    )
    text("h3", "The first emails")
    if not found.first:
        text("p", "A condition comes before the first email: when it goes is not known yet.", "c-muted")
        return
    with ui.element("div").classes("c-list c-flow-firsts"):
        for one in found.first:
            with ui.element("div"):
                text("span", one.email or "no address", "c-grow c-cut")
                when(one.at, one.zone)
    text(
        "p",
        "Exclusion windows, slots of the accounts and smart scheduling may let single emails leave later.",
        "c-muted c-small",
    )
