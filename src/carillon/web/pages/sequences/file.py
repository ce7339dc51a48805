"""A sequence as its file: read, changed by hand, taken along, brought back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nicegui import ui
from nicegui.events import UploadEventArguments

from carillon.advance.draft import Draft
from carillon.advance.written import read
from carillon.errors import InputError
from carillon.jobs import sequences as jobs
from carillon.web.pages.sequences.builder import Builder
from carillon.web.parts import button, card, text, toast, upload, work
from carillon.words import Role

LARGEST = 1_000_000
"""Bytes of a file."""


def draw(builder: Builder) -> None:
    """The text, and what can be done with it."""
    with card(
        "The file", "As `carillon sequence export` writes it: the same words, with your remarks."
    ) as place:
        with place:
            button("Download", "download", lambda: download(builder))
            if builder.may_edit:
                upload(
                    "Read a file", lambda event: _uploaded(event, area), (".yaml", ".yml", "text/plain"),
                    LARGEST, refused="A sequence's file is smaller than that, and its name ends in .yaml.",
                )  # fmt: skip
        area = ui.textarea(value=builder.text).props("outlined autogrow spellcheck=false debounce=400")
        area.props["aria-label"] = "The sequence as YAML"
        area.classes("w-full c-mono").set_enabled(builder.may_edit)
        wrong = ui.element("div").props('role="alert"')

        async def take() -> None:
            wrong.clear()
            try:
                await _take(builder, str(area.value or ""))
            except InputError as error:
                with wrong:
                    for line in str(error).splitlines():
                        text("div", line, "c-bad c-small")
                return
            toast("Taken over: look at the steps, then save.")

        def again() -> None:
            wrong.clear()
            area.set_value(builder.text)

        if builder.may_edit:
            with ui.element("div").classes("c-actions"):
                button("Take over", "check", take, role=Role.EDITOR, look="primary")
                button("As the steps are now", "refresh", again)


def download(builder: Builder) -> None:
    """Give the file to the browser."""
    name = "".join(letter if letter.isalnum() else "_" for letter in builder.draft.name.lower())
    ui.download.content(builder.text, f"{name or 'sequence'}.yaml")


async def _take(builder: Builder, text: str) -> None:
    """Make the text the draft; it is stored to the letter if nothing is drawn afterwards."""
    written = read(text, "the file")

    def complete(workspace: Any) -> Any:
        with workspace.database.snapshot() as connection:
            return jobs.complete(connection, written)

    sequence = await work(complete)
    if builder.version and sequence.name != builder.draft.name:
        raise InputError(
            f"name: a sequence keeps its name, {builder.draft.name!r}; make a new one to have another"
        )
    await builder.take(Draft.of(replace(sequence, source=text)), text)


async def _uploaded(event: UploadEventArguments, area: ui.textarea) -> None:
    raw = await event.file.read()
    try:
        area.set_value(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError(f"{event.file.name[:80]} is not UTF-8; save it as that.") from None
    event.sender.reset()  # type: ignore[attr-defined]
    toast("Read. Take it over when it is as you want it.")
