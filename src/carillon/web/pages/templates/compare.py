"""Two versions of a template beside each other, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import unified_diff

from nicegui import ui

from carillon.store.templates import Version
from carillon.templates import PARTS, Source
from carillon.web.parts import answer, button, choice, dialog, text

AROUND = 2
"""Lines shown before and after what differs."""


def differences(old: Source, new: Source) -> Iterator[tuple[str, list[str]]]:
    """By part, the lines of a unified diff without its head; only parts that differ."""
    for part in PARTS:
        was, is_ = (getattr(one, part) or "" for one in (old, new))
        if was != is_:
            found = unified_diff(was.splitlines(), is_.splitlines(), lineterm="", n=AROUND)
            yield part, [line for line in found if not line.startswith(("---", "+++"))]
    names = [", ".join(file.name for file in one.attachments) for one in (old, new)]
    if names[0] != names[1]:
        yield "attachments", [f"-{names[0] or 'none'}", f"+{names[1] or 'none'}"]


async def compare(versions: Sequence[Version], draft: Source) -> None:
    """Show what is other in one version than in another, or in the draft (version 0)."""
    sources = {one.source.version: one.source for one in versions}
    names = {one.source.version: _name(one) for one in versions}
    if draft.version == 0:
        sources[0], names[0] = draft, "what stands in the editor"
    last = max(sources)
    newer = 0 if 0 in sources else draft.version
    older = next((one for one in reversed(list(sources)) if one not in (newer, 0)), last)
    made, place = dialog("Compare", wide=True)
    with place:
        with ui.element("div").classes("c-row w-full"):
            first = choice("From", names, older).classes("t-half")
            second = choice("To", names, newer).classes("t-half")
        body = ui.element("div").classes("t-diff")

        def show() -> None:
            body.clear()
            with body:
                _draw(list(differences(sources[first.value], sources[second.value])))

        first.on_value_change(show)
        second.on_value_change(show)
        show()
        with ui.element("div").classes("c-actions"):
            button("Close", do=made.close)
    await answer(made)


def _draw(found: Sequence[tuple[str, list[str]]]) -> None:
    if not found:
        text("p", "They are the same.", "c-muted")
    for part, lines in found:
        text("h3", part.replace("_", " ").capitalize() if part not in ("html", "sms") else part.upper())
        with ui.element("div").classes("t-lines").props('tabindex="0"'):
            for line in lines:
                look = {"+": "t-added", "-": "t-gone", "@": "t-place-mark"}.get(line[:1], "")
                text("div", line or " ", look)


def _name(one: Version) -> str:
    return f"version {one.source.version}{' (in force)' if one.active else ''}"
