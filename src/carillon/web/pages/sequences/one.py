"""One sequence: its steps, the people on their way, how it does, and its file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from carillon.advance.draft import Draft
from carillon.advance.written import write
from carillon.errors import InputError
from carillon.sequences import Sequence
from carillon.store import sequence_status, sequences
from carillon.store.engine import Connection
from carillon.store.sequence_status import Counts
from carillon.web.pages.sequences import file, people, report
from carillon.web.pages.sequences.begin import activate
from carillon.web.pages.sequences.builder import Builder
from carillon.web.pages.sequences.enroll import enroll
from carillon.web.pages.sequences.known import Known
from carillon.web.pages.sequences.runs import archive, on_their_way, pause, resume
from carillon.web.pages.sequences.words import TONES
from carillon.web.parts import (
    Drawn,
    badge,
    button,
    every,
    grid,
    number,
    percent,
    read,
    stat,
    text,
    visit,
    when,
)
from carillon.web.shell import actions, page, retitle
from carillon.words import Role, SequenceStatus

TABS = {"steps": "Steps", "people": "People", "report": "Report", "file": "File (YAML)"}


def find(connection: Connection, number: int) -> Sequence:
    """The sequence of this id. Raises InputError."""
    found = sequences.sequences(connection, [number]).get(number)
    if found is None:
        raise InputError("There is no such sequence. It may have been of another workspace.")
    return found


@page("/sequences/{id}", "Sequence")
async def one(id: int, tab: str = "steps", status: str = "", q: str = "") -> None:
    """The page; `tab`: which part of it, `status` and `q` narrow its people down."""
    if not 0 < id < 2**63:
        raise InputError("There is no such sequence.")
    found, known, here = await read(lambda c: (find(c, id), Known.of(c), sequence_status.at_steps(c, id)))
    retitle(found.name)
    may_edit = visit().may(Role.EDITOR) and found.status is not SequenceStatus.ARCHIVED
    builder = Builder(
        Draft.of(found), known, found.version, write(found), here, may_edit, lambda _: refresh()
    )

    def draw_buttons(seen: Sequence, has_people: bool) -> None:
        _buttons(seen, has_people, asking, refresh)

    with actions():
        buttons = Drawn(ui.element("div").classes("c-actions"), draw_buttons)
    figures = Drawn(ui.element("div").classes("c-col"), _figures)
    asking = ui.element("div")

    async def refresh() -> None:
        with asking:  # what was clicked is drawn anew, and its place goes with it
            seen = await read(lambda c: (find(c, id), sequence_status.counts(c, [id]).get(id, Counts())))
            figures.show(*seen)
            buttons.show(seen[0], bool(seen[1].total))
            await those.show()
            await figures_of.refresh()

    def turned(event: Any) -> None:
        ui.run_javascript(f"history.replaceState(null, '', '/sequences/{id}?tab={event.value}')")

    chosen = tab if tab in TABS else "steps"
    with ui.tabs(on_change=turned).props("align=left no-caps inline-label") as bar:
        for key, label in TABS.items():
            ui.tab(key, label=label)
    with ui.tab_panels(bar, value=chosen).props("keep-alive").classes("w-full c-flow-tabs"):
        with ui.tab_panel("steps"):
            await builder.show()
        with ui.tab_panel("people"):
            those = people.People(found, refresh, status, q)
            await those.show()
        with ui.tab_panel("report"):
            figures_of = report.Report(id)
            await figures_of.refresh()
        with ui.tab_panel("file"):
            file.draw(builder)
    counts = (await read(lambda c: sequence_status.counts(c, [id]))).get(id, Counts())
    figures.show(found, counts)
    buttons.show(found, bool(counts.total))
    every(refresh)


def _figures(found: Sequence, counts: Counts) -> None:
    with ui.element("div").classes("c-row").props('role="status"'):
        badge(found.status.value, TONES.get(found.status, ""))
        if found.status is SequenceStatus.SCHEDULED:
            text("span", "begins", "c-muted")
            when(found.scheduled_start_at)
        if found.campaign is not None:
            text("span", f"of the campaign {found.campaign}", "c-muted")
        text("span", f"version {found.version}", "c-muted")
    if not counts.total:
        return
    with grid(150):
        stat("On their way", number(on_their_way(counts)), f"of {number(counts.total)} enrolled")
        stat("Emails sent", number(counts.sent), f"to {number(counts.written)} people")
        stat("Replied", number(counts.replies), "people")
        stat("Reply rate", percent(counts.reply_rate), "of those written to")


def _buttons(found: Sequence, has_people: bool, asking: ui.element, refresh: Any) -> None:
    """`asking`: where their questions stand, which stay when the buttons are drawn anew."""

    def asks(do: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def asked() -> None:
            with asking:
                await do()

        return asked

    status, name = found.status, found.name
    running = (SequenceStatus.ACTIVE, SequenceStatus.SCHEDULED)
    if status is SequenceStatus.ARCHIVED:
        return
    look = "plain" if has_people or status in running else "primary"
    button("Enroll", "person_add", asks(lambda: enroll(found.id, name, refresh)), role=Role.EDITOR, look=look)
    if status in running:
        button("Pause", "pause", asks(lambda: pause(found, refresh)), role=Role.EDITOR)
    if status is SequenceStatus.PAUSED:
        button("Resume", "play_arrow", asks(lambda: resume(name, refresh)), role=Role.EDITOR, look="primary")
    if status in (SequenceStatus.DRAFT, SequenceStatus.COMPLETED, SequenceStatus.SCHEDULED):
        look = "primary" if has_people and status is not SequenceStatus.SCHEDULED else "plain"
        label = "Change the start" if status is SequenceStatus.SCHEDULED else "Activate"
        button(label, "rocket_launch", asks(lambda: activate(name, refresh)), role=Role.EDITOR, look=look)
    button("Archive", "archive", asks(lambda: archive(found, refresh)), role=Role.EDITOR, look="quiet")
