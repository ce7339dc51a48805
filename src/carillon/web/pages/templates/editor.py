"""One template: its parts to write in, what is wrong with them as one types, and its versions.

A version never changes. What is typed is a draft until it is saved as the next version, and emails take that
one only once it is put in force.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from nicegui import ui

from carillon.errors import InputError
from carillon.send import preview as previews
from carillon.send.lint import Finding
from carillon.store import templates as store
from carillon.store.templates import Version
from carillon.templates import Source
from carillon.web.pages.templates.compare import compare
from carillon.web.pages.templates.listing import uses_of
from carillon.web.pages.templates.preview import PreviewCard, Seen, lint_list, look
from carillon.web.pages.templates.trial import send_test
from carillon.web.parts import (
    ago,
    badge,
    button,
    card,
    confirm,
    field,
    link,
    read,
    row,
    split,
    text,
    toast,
    visit,
    when_words,
    work,
)
from carillon.web.shell import actions, page, retitle
from carillon.words import Role
from carillon.workspace import Workspace

LABELS = {
    "subject": "Subject",
    "preheader": "Preheader",
    "from_name": "Name of the sender",
    "html": "HTML",
    "text": "Text",
    "sms": "SMS",
}
HINTS = {
    "preheader": "What mail programs show beside the subject.",
    "from_name": "Empty: the account's own name.",
    "text": "Empty: made from the HTML.",
}
EMAIL, SMS = ("subject", "preheader", "from_name", "html", "text"), ("sms",)
LONG = ("html", "text", "sms")
DEBOUNCE = "debounce=350"
LINE, AROUND = 19, 4
"""Pixels of a line in the editor, and lines left above the one that is jumped to."""


@dataclass(frozen=True)
class Stock:
    """A template as it is kept."""

    versions: list[Version]
    uses: list[str]

    @property
    def active(self) -> Version | None:
        return next((one for one in self.versions if one.active), None)


def stock(workspace: Workspace, name: str) -> Stock:
    """Its versions and who takes it."""
    with workspace.database.snapshot() as connection:
        uses = uses_of(workspace.settings, connection).get(name, [])
        return Stock(store.versions(connection, name), uses)


@page("/templates/{name}", "Template")
async def template(name: str, version: int | None = None, new: str = "", contact: str = "") -> None:
    """`version`: the one to begin with, else the newest; `new`: email or sms where there is none yet."""
    retitle(name)
    known = await work(lambda workspace: stock(workspace, name))
    if not known.versions and new not in ("email", "sms"):
        await read(lambda connection: store.find(connection, name))  # tells that there is none
    shown: Version | None
    if version is not None:
        shown = await read(lambda connection: store.find(connection, name, version))
    else:
        shown = known.versions[-1] if known.versions else None
    source = shown.source if shown else Source(name, 0)
    await Editor(name, known, shown, source, new, contact).draw()


class Editor:
    """The page of one template."""

    def __init__(
        self, name: str, known: Stock, shown: Version | None, source: Source, new: str, contact: str
    ) -> None:
        self._name, self._known, self._shown, self._source = name, known, shown, source
        self._parts: tuple[str, ...] = SMS if (new == "sms" or (shown and not source.is_email)) else EMAIL
        if shown and source.is_email and source.sms:
            self._parts = (*EMAIL, *SMS)
        self._contact, self._asked = contact, 0
        self._fields: dict[str, ui.input | ui.textarea] = {}
        self._seen: Seen | None = None

    async def draw(self) -> None:
        """Everything, with the first look at the draft."""
        self._head()
        with split().classes("t-split"):
            with ui.element("div").classes("c-col").style("gap: 16px"):
                self._form()
                with card("Check"):
                    self._lint = ui.element("div").classes("c-col").props('role="status"')
                self._versions()
            with ui.element("div").classes("t-side"):
                self._preview = PreviewCard(self._contact, self._look)
        self._mark()
        await self._look()

    @property
    def draft(self) -> Source:
        """What stands in the fields."""
        values = {part: str(one.value or "") or None for part, one in self._fields.items()}
        same = all((values[part] or "") == (getattr(self._source, part) or "") for part in values)
        other: dict[str, Any] = {**values, "version": 0}
        return self._source if same else replace(self._source, **other)

    @property
    def is_changed(self) -> bool:
        return self.draft is not self._source

    def _head(self) -> None:
        with actions():
            button("Send a test", "send", self._test, role=Role.EDITOR)
            if len(self._known.versions) > 1:
                button("Compare", "difference", self._compare)
            self._activate = button("Put in force", "check", self._put_in_force, role=Role.EDITOR)
            self._save = button("Save as new version", "save", self._keep, role=Role.EDITOR, look="primary")
        with row():
            self._state = ui.element("div").classes("c-row")
            if self._known.uses:
                text("span", f"Taken by {', '.join(self._known.uses)}", "c-muted c-small")
            else:
                text("span", "No campaign and no sequence takes it yet", "c-muted c-small")

    def _mark(self) -> None:
        """Say what is looked at, and what may be done with it."""
        shown, active, changed = self._shown, self._known.active, self.is_changed
        self._state.clear()
        with self._state:
            if shown is None:
                badge("new", "info")
            else:
                badge(f"version {shown.source.version}")
                if shown.active:
                    badge("in force", "good")
                elif active is not None:
                    badge(f"version {active.source.version} is in force", "info")
                else:
                    badge("no version is in force", "warn")
            if changed:
                badge("not saved", "warn")
        may = visit().may(Role.EDITOR)
        self._save.set_enabled(changed)
        self._activate.set_visibility(may and shown is not None and not shown.active)
        self._activate.set_enabled(not changed)
        if shown and active and shown.source.version < active.source.version:
            self._activate.set_text(f"Go back to version {shown.source.version}")
        ui.run_javascript(f"window.onbeforeunload = {'e => e.preventDefault()' if changed else 'null'}")

    def _form(self) -> None:
        may = visit().may(Role.EDITOR)
        with card("Write", "Variables such as {{ first_name }} stand for what is known of the contact."):
            for part in self._parts:
                made = field(
                    LABELS[part],
                    getattr(self._source, part) or "",
                    hint=HINTS.get(part, ""),
                    lines=part in LONG,
                )
                made.props(f"{DEBOUNCE} spellcheck={'true' if part != 'html' else 'false'}")
                if part in LONG:
                    made.props('input-class="t-code"').classes(f"t-{part}")
                if not may:
                    made.props("readonly")
                made.on_value_change(self._look)
                self._fields[part] = made
            for file in self._source.attachments:
                with row():
                    badge("attached")
                    text("span", f"{file.name}, {len(file.data):,} bytes", "c-small")

    async def _look(self) -> None:
        """Check and render the draft; only what was asked last is drawn."""
        self._asked += 1
        mine, draft, contact = self._asked, self.draft, self._preview.wanted
        seen = await work(lambda workspace: look(workspace, draft, contact))
        if mine != self._asked:
            return
        self._seen = seen
        lint_list(self._lint, seen.findings, self._jump)
        self._preview.show(seen)
        self._mark()

    def _jump(self, found: Finding) -> None:
        """Put the cursor into the line that is meant."""
        at = self._fields.get(found.part)
        if at is None or found.line is None:
            return
        lines = str(at.value or "").split("\n")
        begin = sum(len(line) + 1 for line in lines[: found.line - 1])
        end = begin + len(lines[found.line - 1]) if found.line <= len(lines) else begin
        ui.run_javascript(
            f"const root = document.getElementById('c{at.id}');"
            " const at = root.matches('input, textarea') ? root : root.querySelector('input, textarea');"
            f" at.focus(); at.setSelectionRange({begin}, {end});"
            f" at.scrollTop = {max(found.line - AROUND, 0)} * {LINE}"
        )

    async def _keep(self) -> None:
        draft, who = self.draft, visit().name
        if draft is self._source:
            return
        if not any(getattr(draft, part) for part in LONG):
            raise InputError("write HTML, text or an SMS first: there is nothing to send yet")

        def save(workspace: Workspace) -> Source:
            now = workspace.clock.now()
            return workspace.database.write(lambda connection: store.add(connection, draft, now, who))

        made = await work(save)
        self._shown = await read(lambda connection: store.find(connection, self._name, made.version))
        self._source = self._shown.source
        await self._again()
        toast(f"Saved as version {made.version}. Emails take it once it is put in force.")
        ui.run_javascript(f"history.replaceState(null, '', '{_path(self._name, made.version)}')")

    async def _put_in_force(self) -> None:
        shown, active, who = self._shown, self._known.active, visit().name
        if shown is None:
            return
        number = shown.source.version
        instead = f" instead of version {active.source.version}" if active else ""
        if not await confirm(
            f"Put version {number} in force?",
            f"Emails that are written from now on take it{instead}. What was sent stays as it was; you can"
            " go back at any time.",
            "Put in force",
        ):
            return
        await work(lambda workspace: previews.put_in_force(workspace, self._name, number, who))
        await self._again()
        toast(f"Version {number} is in force.")

    async def _again(self) -> None:
        self._known = await work(lambda workspace: stock(workspace, self._name))
        if self._shown is not None:
            number = self._shown.source.version
            self._shown = next(one for one in self._known.versions if one.source.version == number)
        self._list.refresh()
        self._mark()

    def _versions(self) -> None:
        @ui.refreshable
        def rows() -> None:
            if not self._known.versions:
                text("p", "The first version is made when you save.", "c-muted").style("padding: 0 18px 16px")
            with ui.element("div").classes("c-list"):
                for one in reversed(self._known.versions):
                    with ui.element("div"):
                        link(f"Version {one.source.version}", _path(self._name, one.source.version))
                        if one.active:
                            badge("in force", "good")
                        said = text("span", f"{one.by}, {ago(one.created)}", "c-muted c-small")
                        said.props["title"] = when_words(one.created)

        self._list = rows
        with card("Versions", flush=True):
            rows()

    async def _compare(self) -> None:
        await compare(self._known.versions, self.draft)

    async def _test(self) -> None:
        if self._seen is not None and self._seen.made is None:
            raise InputError(f"it cannot be rendered as it is: {self._seen.fault}")
        await send_test(self.draft, self._preview.wanted)


def _path(name: str, version: int) -> str:
    return f"/templates/{quote(name, safe='')}?version={version}"
