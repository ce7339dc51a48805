"""A secret that is shown once."""

from __future__ import annotations

import json

from nicegui import ui

from carillon.web.parts import answer, button, dialog, note, text, toast


async def show_once(title: str, secret: str) -> None:
    """Show it until somebody says that it is kept."""
    made, place = dialog(title, persistent=True)
    with place:
        note("This is the only time that it is shown: keep it where the program finds it.", "warn")
        text("code", secret, "s-secret")

        def copy() -> None:
            ui.run_javascript(f"navigator.clipboard.writeText({json.dumps(secret)})")
            toast("Copied.")

        with ui.element("div").classes("c-actions"):
            button("Copy", "content_copy", copy)
            button("I have kept it", "check", lambda: made.submit(True), look="primary")
    await answer(made)
