"""Where a sequence is drawn: what there is to put in, the steps, and the settings of the one that is chosen.

A builder holds the draft and what is wrong with it; `canvas` draws it, `panel` edits a step, `rules` the
sequence as a whole. Every change goes through `change`, so that it can be taken back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from nicegui import ui

from carillon.advance.draft import Draft, Way
from carillon.advance.graph import Fault
from carillon.advance.written import Written, read, troubles
from carillon.jobs import sequences as jobs
from carillon.web.pages.sequences import canvas, panel, rules
from carillon.web.pages.sequences.known import Known
from carillon.web.pages.sequences.saving import agreed
from carillon.web.pages.sequences.words import KINDS
from carillon.web.parts import answer, button, dialog, icon, number, text, toast, visit, work
from carillon.words import Role, StepType

MOST_UNDONE = 100
LEAVING = "window.onbeforeunload = {} ? (e) => e.preventDefault() : null"


@dataclass
class Builder:
    """One place to draw; `show()` draws it.

    Its deeds are done in its own place: what was clicked is drawn anew meanwhile, and is gone with it.
    """

    draft: Draft
    known: Known
    version: int = 0
    """Of the stored sequence that is edited; 0: of none."""
    source: str | None = None
    """The text that says the draft as it was read; kept where nothing is changed."""
    here: dict[str, int] = field(default_factory=dict)
    """How many people wait at which step."""
    may_edit: bool = True
    on_saved: Callable[[int], Awaitable[None] | None] = lambda _number: None
    selected: str | None = None
    faults: list[Fault] = field(default_factory=list)
    _stored: Draft = field(default_factory=Draft)
    _written: Draft = field(default_factory=Draft)
    """What `source` says."""
    _past: list[Draft] = field(default_factory=list)
    _last: str = ""
    _stored_source: str | None = None

    def __post_init__(self) -> None:
        self._stored = self._written = self.draft
        self._stored_source = self.source

    @property
    def is_changed(self) -> bool:
        return self.draft != self._stored or self.text != (self._stored_source or self.draft.text)

    @property
    def text(self) -> str:
        """As a file: to the letter as it was, where nothing is changed."""
        for said, source in ((self._written, self.source), (self._stored, self._stored_source)):
            if source is not None and self.draft == said:
                return source
        return self.draft.text

    def faults_of(self, key: str) -> list[Fault]:
        """What is wrong with a step."""
        return [one for one in self.faults if 0 <= one.step < self.count and self._key(one) == key]

    @property
    def count(self) -> int:
        return len(self.draft.items)

    async def show(self) -> None:
        """Draw it."""
        await self._check()
        with ui.element("div").classes("c-flow") as self._root:
            if self.may_edit:
                canvas.palette()
            with ui.element("div").classes("c-flow-middle"):
                self._bar = ui.element("div").classes("c-flow-bar")
                self._canvas = ui.element("div").classes("c-flow-canvas").props('role="group"')
                self._canvas.props["aria-label"] = "Steps"
            self._panel = ui.element("aside").classes("c-flow-panel").props('aria-label="Settings"')
        self._draw()
        self._draw_panel()

    async def change(self, draft: Draft, select: str | None = None, *, part: str = "") -> None:
        """Go on with another draft. `part`: what is typed in, so that a word is one change, not ten."""
        if draft == self.draft:
            return
        if not part or part != self._last:
            self._past = [*self._past[-MOST_UNDONE:], self.draft]
        self._last = part
        self.draft = draft
        await self._check()
        if select is not None:
            self.selected = select
        self._draw()
        if not part or select is not None:
            self._draw_panel()
        else:
            with self._root:
                self._editing.tell()

    async def take(self, draft: Draft, source: str) -> None:
        """Go on with what a file says; it is stored to the letter, if nothing is drawn afterwards."""
        self._past, self._last = [*self._past, self.draft], ""
        self.draft, self.selected = draft, None
        self.source, self._written = source, draft
        await self._check()
        self._draw()
        self._draw_panel()

    async def undo(self) -> None:
        """Take the last change back."""
        if self._past:
            self.draft, self._last = self._past.pop(), ""
            if self.selected is not None and self.draft.item(self.selected) is None:
                self.selected = None
            await self._check()
            self._draw()
            self._draw_panel()

    def select(self, key: str | None) -> None:
        """Choose the step whose settings are shown; None: those of the sequence."""
        self.selected = key
        self._draw()
        self._draw_panel()

    async def dropped(self, what: str, way: Way) -> None:
        """Something was let go over a way: a new step (new:email) or one that is there (step:hello)."""
        kind, _, name = what.partition(":")
        if kind == "new" and name in list(StepType):
            await self.insert(StepType(name), way)
        elif kind == "step":
            await self.change(self.draft.move(name, way), name)

    async def insert(self, kind: StepType, way: Way) -> None:
        """Put a new step in."""
        if way.source is not None and self.draft.item(way.source) is None:
            return
        draft, key = self.draft.insert(kind, way)
        await self.change(draft, key)

    async def ask_kind(self, way: Way) -> None:
        """Which step to put on a way: for keyboards and phones, where nothing is dragged."""
        with self._root:
            made, place = dialog("Add a step")
        with place, ui.element("div").classes("c-flow-kinds"):
            for kind, (name, symbol, words) in KINDS.items():
                with (
                    ui.element("button")
                    .props('type="button"')
                    .classes(f"c-flow-kind c-flow-{kind}")
                    .on("click", lambda _, kind=kind: made.submit(kind))
                ):
                    icon(symbol)
                    with ui.element("span"):
                        text("strong", name)
                        text("span", words, "c-muted c-small")
        if (found := await answer(made)) is not None:
            await self.insert(StepType(found), way)

    async def save(self) -> None:
        """Store it, after saying what changes for whom."""
        with self._root:
            if self.faults:
                self._refuse()
                return
            written = read(self.text, "the sequence")
            if await agreed(written, self.version):
                await self._store(written)

    def focus(self, key: str) -> None:
        """The focus goes with a step, which was drawn anew."""
        self._root.client.run_javascript(canvas.focusing(key))

    def _refuse(self) -> None:
        first, n = self.faults[0], len(self.faults)
        self.select(self._key(first) if 0 <= first.step < self.count else None)
        toast(f"Not saved: {n} {'thing has' if n == 1 else 'things have'} to be mended first.", "bad")

    async def _store(self, written: Written) -> None:
        by = visit().name
        done = await work(lambda workspace: jobs.apply(workspace, written, by))
        self.version, self.source = done.sequence.version, done.sequence.source
        self._stored = self._written = self.draft
        self._stored_source, self._past = self.source, []
        self._draw()
        moved = f" {number(done.moved)} people went on from steps that are gone." if done.moved else ""
        if done.made:
            toast(f"Made the sequence {done.sequence.name}.")
        else:
            toast(f"Saved as version {done.sequence.version}.{moved}")
        found = self.on_saved(done.sequence.id)
        if found is not None:
            await found

    async def _check(self) -> None:
        if not self.draft.items:
            self.faults = []
            return
        named = replace(self.draft, name=self.draft.name or "new")
        self.faults = await asyncio.to_thread(troubles, named.text)
        if not self.draft.name.strip():
            self.faults.insert(0, Fault(-1, "name", "is needed"))

    def _key(self, fault: Fault) -> str:
        return self.draft.items[fault.step].key

    def _draw(self) -> None:
        self._bar.clear()
        with self._bar:
            self._toolbar()
        self._canvas.clear()
        with self._canvas:
            canvas.draw(self)
        self._root.client.run_javascript(LEAVING.format("true" if self.is_changed else "false"))

    def _toolbar(self) -> None:
        n = len(self.faults)
        words = f"{self.count} {'step' if self.count == 1 else 'steps'}"
        with ui.element("div").classes("c-grow c-flow-said").props('role="status"'):
            text("span", words, "c-muted")
            if n:
                with ui.element("span").classes("c-bad"):
                    icon("error")
                    text("span", f"{n} to mend")
            elif self.is_changed:
                text("span", "not saved yet", "c-warn")
        button("Settings", "tune", lambda: self.select(None), look="quiet")
        if self.may_edit:
            back = button("", "undo", self.undo, look="quiet").props('aria-label="Undo"')
            back.set_enabled(bool(self._past))
            store = button("Save", "save", self.save, role=Role.EDITOR, look="primary")
            store.set_enabled(bool(self.draft.items) and (self.is_changed or not self.version))

    def _draw_panel(self) -> None:
        self._panel.clear()
        item = None if self.selected is None else self.draft.item(self.selected)
        is_open = "c-flow-open"
        self._panel.classes(add=is_open if item else "", remove="" if item else is_open)
        with self._panel:
            self._editing: panel.Fields = rules.Rules(self) if item is None else panel.Panel(self, item.key)
            self._editing.draw()
            self._editing.tell()
