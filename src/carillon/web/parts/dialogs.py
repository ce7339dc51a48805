"""Questions and waiting: confirmation where it hurts, and progress of what takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from nicegui import ui

from carillon.web.parts.deeds import button, work_long
from carillon.web.parts.texts import text
from carillon.workspace import Workspace

T = TypeVar("T")
Tell = Callable[..., None]
"""tell(words, done=None, total=None): from any thread."""


def dialog(title: str, *, wide: bool = False, persistent: bool = False) -> tuple[ui.dialog, ui.card]:
    """A dialog and its card, to be filled: `with place: ...`; then `found = await answer(made)`.

    Its buttons end it with `made.submit(what)`, or with `made.close()`, which answers None.
    """
    with (
        ui.dialog().props("persistent" if persistent else "") as made,
        ui.card().classes("c-dialog-wide" if wide else "c-dialog") as place,
    ):
        made.props["aria-label"] = title
        text("h2", title)
    return made, place


async def answer(made: ui.dialog) -> Any:
    """Show a dialog, wait until it is over, and take it away. Returns what was submitted."""
    found = await made
    if not made.is_deleted:
        await asyncio.sleep(0.3)  # for the fading out
    if not made.is_deleted:
        made.delete()
    return found


async def confirm(title: str, words: str, yes: str, *, danger: bool = False, no: str = "Cancel") -> bool:
    """Ask. Whoever closes the question says no, and so does the Escape key."""
    made, place = dialog(title)
    with place:
        text("p", words)
        with ui.element("div").classes("c-actions"):
            button(no, do=lambda: made.submit(False)).props("autofocus" if danger else "")
            button(yes, do=lambda: made.submit(True), look="danger" if danger else "primary").props(
                "" if danger else "autofocus"
            )
    return bool(await answer(made))


async def busy(title: str, do: Callable[[Workspace, Tell], T]) -> T:
    """Do something that takes long in a thread, with a bar that tells how far it is. Returns what it returns.

    `do` is given the workspace and a function to tell with: tell("Reading the file", 200, 5000).
    """
    made, place = dialog(title, persistent=True)
    state: dict[str, object] = {"words": "One moment", "share": None}
    with place:
        words = text("p", "One moment", "c-muted").props('role="status" aria-live="polite"')
        bar = ui.linear_progress(value=0, show_value=False, size="6px").props("indeterminate")

    def tell(what: str, done: int | None = None, total: int | None = None) -> None:
        state["words"] = f"{what} ({done:,} of {total:,})" if done is not None and total else what
        state["share"] = done / total if done is not None and total else None

    def show() -> None:
        share = state["share"]
        words.set_text(str(state["words"]))
        if isinstance(share, float):
            bar.props(remove="indeterminate")
            bar.set_value(share)
        else:
            bar.props("indeterminate")

    with place:
        timer = ui.timer(0.2, show)
    made.open()
    try:
        return await work_long(lambda workspace: do(workspace, tell))
    finally:
        timer.cancel()
        if not made.is_deleted:
            made.close()
            await asyncio.sleep(0.3)
        if not made.is_deleted:
            made.delete()
