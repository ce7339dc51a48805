"""A new sequence: an email and its follow-ups by a short form, or drawn, or read from a file."""

from __future__ import annotations

from typing import Any

import yaml
from nicegui import ui

from carillon.advance.draft import Draft
from carillon.advance.written import read as read_text
from carillon.errors import InputError
from carillon.jobs import sequences as jobs
from carillon.sequences_short import INITIAL, MOST_FOLLOWUPS, USUAL_DELAYS, followup
from carillon.web.pages.sequences import file
from carillon.web.pages.sequences.builder import Builder
from carillon.web.pages.sequences.known import Known
from carillon.web.parts import (
    all_right,
    button,
    card,
    choice,
    field,
    needed,
    number_field,
    read,
    tabs,
    text,
    visit,
    work,
    wrong,
)
from carillon.web.shell import page
from carillon.words import Role

WAYS = {"short": "Email and follow-ups", "draw": "Draw it", "file": "From a file"}


@page("/sequences/new", "New sequence", "Nobody is written to before you activate it.", role=Role.EDITOR)
async def new(way: str = "short") -> None:
    """Begin one; `way`: short, draw or file."""
    known = await read(Known.of)
    builder = Builder(Draft(), known, may_edit=True, on_saved=lambda n: ui.navigate.to(f"/sequences/{n}"))
    with tabs(WAYS, way) as panels:
        with panels["short"]:
            _Short(known).draw()
        with panels["draw"]:
            await builder.show()
        with panels["file"]:
            file.draw(builder)


class _Short:
    """The form: who gets what after how many days."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._templates: list[ui.select] = []
        self._days: list[ui.number] = []
        self._kept: list[tuple[str | None, int]] = [(None, days) for days in USUAL_DELAYS]

    def draw(self) -> None:
        with card("An email and follow-ups until there is a reply"):
            text("p", "The days count from the first email. Everything can be changed afterwards.", "c-muted")
            with ui.element("div").classes("c-flow-form"):
                self._name = field("Name", hint="Such as spring outreach", check=needed)
                names = {"": "none"} | {one: one for one in self._known.campaigns}
                self._campaign = choice("Outreach campaign", names, "")
            self._initial = self._template("First email", None)
            self._rows = ui.element("div").classes("c-col w-full")
            self._draw_rows()
            with ui.element("div").classes("c-actions"):
                button("Add a follow-up", "add", self._more)
                ui.element("span").classes("c-grow")
                button("Make the sequence", "check", self._make, role=Role.EDITOR, look="primary")

    def _template(self, label: str, value: str | None) -> ui.select:
        return choice(
            label, self._known.templates, value, with_input=True,
            validation=lambda given: None if given else "choose a template",
        ).without_auto_validation()  # fmt: skip

    def _draw_rows(self) -> None:
        self._templates, self._days = [], []
        self._rows.clear()
        with self._rows:
            for place, (template, days) in enumerate(self._kept):
                self._row(place, template, days)

    def _row(self, place: int, template: str | None, days: int) -> None:
        def remove() -> None:
            self._keep()
            del self._kept[place]
            self._draw_rows()

        with ui.element("div").classes("c-flow-followup"):
            after = number_field("After days", days, least=1, most=366)
            self._days.append(after)
            self._templates.append(self._template(f"Follow-up {place + 1}", template))
            gone = button("", "close", remove, look="quiet")
            gone.props["aria-label"] = f"Remove follow-up {place + 1}"

    def _keep(self) -> None:
        """What is typed in stays when rows are drawn anew."""
        self._kept = [
            (one.value, int(days.value or 0)) for one, days in zip(self._templates, self._days, strict=True)
        ]

    def _more(self) -> None:
        self._keep()
        if len(self._kept) == MOST_FOLLOWUPS:
            raise InputError(f"{MOST_FOLLOWUPS} follow-ups are the most; draw the sequence to have more.")
        last = self._kept[-1][1] if self._kept else 0
        self._kept.append((None, min(last + 7, 366)))
        self._draw_rows()

    async def _make(self) -> None:
        if not all_right(self._name, self._initial, *self._days, *self._templates):
            return
        self._keep()
        for place, (_, days) in enumerate(self._kept):
            if days <= (self._kept[place - 1][1] if place else 0):
                wrong(self._days[place], "more than the one before it")
                return
        data: dict[str, Any] = {"name": str(self._name.value).strip()}
        if self._campaign.value:
            data["campaign"] = self._campaign.value
        data["templates"] = {INITIAL: self._initial.value} | {
            followup(n): template for n, (template, _) in enumerate(self._kept, 1)
        }
        data["followup_delays"] = [days for _, days in self._kept]
        written = read_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), "the form")
        by = visit().name
        found, _ = await work(lambda workspace: jobs.outlook(workspace, written))
        if not found.made:
            wrong(self._name, "there is a sequence of this name already")
            return
        done = await work(lambda workspace: jobs.apply(workspace, written, by))
        ui.navigate.to(f"/sequences/{done.sequence.id}")
