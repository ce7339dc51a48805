"""Logs: what the program did, line by line; and the audit log, what people and programs did on purpose."""

from __future__ import annotations

from datetime import date

from nicegui import ui

from carillon.errors import InputError
from carillon.web.pages.logs.audit import audit
from carillon.web.pages.logs.lines import lines
from carillon.web.parts import link, note, text, visit
from carillon.web.shell import page
from carillon.words import Role


@page("/logs", "Logs", "What the program did, and what people did with it.")
async def logs(
    tab: str = "lines", level: str = "info", campaign: str = "", day: str = "", q: str = ""
) -> None:
    """Both, as tabs with addresses of their own."""
    is_admin = visit().may(Role.ADMIN)
    with ui.element("nav").classes("l-tabs").props('aria-label="Which log"'):
        for key, name in {"lines": "What was done", "audit": "Audit log"}.items():
            if key == "lines" or is_admin:
                link(name, f"/logs?tab={key}", "l-tab", key == tab)
    asked = _day(day)
    if tab == "audit":
        if is_admin:
            await audit(q, asked)
        else:
            note("The audit log takes the role admin.", "warn")
        return
    await lines(level, campaign, asked, q)
    text(
        "p",
        "Lines have ids and counts, never an address or an answer. Times are yours; a day is one in UTC.",
        "c-muted c-small",
    )


def _day(given: str) -> date | None:
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise InputError(f"{given[:40]!r} is not a day; write it like 2026-11-23.") from None
