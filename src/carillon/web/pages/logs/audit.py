"""The audit log: who did what on purpose, and what was different before and after it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from carillon.store import audit as store
from carillon.store.audit import Deed, Which
from carillon.store.clean import cleaned
from carillon.store.engine import Connection
from carillon.store.paging import Slice
from carillon.web.parts import button, card, empty, field, icon, read, text, visit, when

PAGE = 60
LONGEST = 4000
"""Characters of a row's details that are shown."""


async def audit(words: str, day: date | None) -> None:
    """The filters, and the deeds that fit them, the newest first."""
    zone = visit().zone
    since = until = None
    if day is not None:
        since = datetime.combine(day, time(0), zone)
        until = datetime.combine(day + timedelta(days=1), time(0), zone)
    which = Which(words.strip()[:200], since, until)
    _filters(which, day)
    with card("", flush=True):
        place = ui.element("div").classes("l-lines")
        foot = ui.element("div").classes("l-foot")
    before: int | None = None

    async def more() -> None:
        nonlocal before
        at = before

        def look(connection: Connection) -> Slice[Deed]:
            return store.page(connection, at, PAGE, which)

        found = await read(look)
        with place:
            for one in found.items:
                _deed(one)
            if at is None and not found.items:
                with empty("history", "No deed fits", "Ask for less.", "Show all", "/logs?tab=audit"):
                    pass
        foot.clear()
        if found.last is not None:
            before = int(found.last[0])
            with foot:
                button("Show older deeds", "expand_more", more)

    await more()


def _filters(which: Which, day: date | None) -> None:
    def go(**changed: object) -> None:
        asked: dict[str, object] = {"tab": "audit", "q": which.words, "day": day and day.isoformat()}
        asked |= changed
        ui.navigate.to(f"/logs?{urlencode({name: value for name, value in asked.items() if value})}")

    with ui.element("div").classes("l-filters"):
        chosen = field("Day", day.isoformat() if day else "").props("type=date stack-label")
        chosen.on_value_change(lambda e: go(day=e.value) if not e.value or len(str(e.value)) == 10 else None)
        search = field("Who, what, or a value", which.words).props("type=search clearable")
        search.on("keydown.enter", lambda: go(q=str(search.value or "")))
        search.on("clear", lambda: go(q=""))


def _deed(one: Deed) -> None:
    with ui.element("details").classes("l-line l-deed"):
        with ui.element("summary"):
            icon("chevron_right").classes("l-fold")
            when(one.when).classes("l-when")
            text("span", one.what[:400], "l-event")
            text("span", one.who[:100], "c-muted c-small l-ids")
        with ui.element("dl").classes("c-facts-list l-all"):
            for name, values in (("before", one.before), ("after", one.after)):
                text("dt", name)
                text("dd", _told(values), "c-mono")


def _told(values: Mapping[str, Any] | None) -> str:
    if values is None:
        return "–"
    said = json.dumps(cleaned(dict(values)), ensure_ascii=False, indent=1)
    return said if len(said) <= LONGEST else f"{said[:LONGEST]} …"
