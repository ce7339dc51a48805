"""The lines of the logs: filtered, followed, unfolded, their ids linked to what they are of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import quote, urlencode

from nicegui import ui
from nicegui.element import Element

from carillon.keys import CONTACT_SHIFT
from carillon.log import LEVELS
from carillon.store import campaigns as store
from carillon.watch.logs import Line, Wanted, campaigns, newest
from carillon.web.parts import (
    badge,
    button,
    card,
    choice,
    empty,
    every,
    field,
    icon,
    link,
    read,
    text,
    when,
    work,
)

FIRST, MOST = 100, 1600
"""Lines that are shown, before and after somebody asked for more, again and again."""
SHOWN = 4
"""Details beside a line that is folded."""
TONES = {"debug": "", "info": "info", "warning": "warn", "error": "bad"}
IN_ITS_PLACE = ("contact", "email", "account", "campaign", "sequence", "job")
"""What leads somewhere stands first."""


async def lines(level: str, campaign: str, day: date | None, words: str) -> None:
    """The filters, and the lines that fit them."""
    known = await work(lambda workspace: campaigns(workspace.folder))
    wanted = Wanted(
        level if level in LEVELS else "info", campaign if campaign in known else None, day, words.strip()
    )
    _filters(wanted, known)
    instances = await read(store.instances)
    view = _View(wanted, {one.name: one.id for one in instances})
    with card("", flush=True):
        view.place = ui.element("div").classes("l-lines").props('role="log" aria-label="Log" aria-live="off"')
        view.foot = ui.element("div").classes("l-foot")
    await view.show()
    every(view.follow)


def _filters(wanted: Wanted, known: list[str]) -> None:
    def go(**changed: object) -> None:
        asked: dict[str, object] = {
            "level": wanted.level,
            "campaign": wanted.campaign,
            "day": wanted.day and wanted.day.isoformat(),
            "q": wanted.text,
        }
        asked |= changed
        ui.navigate.to(f"/logs?{urlencode({name: value for name, value in asked.items() if value})}")

    with ui.element("div").classes("l-filters"):
        levels = {name: f"{name.capitalize()} and worse" for name in LEVELS} | {"error": "Errors"}
        choice("Level", levels, wanted.level, on_change=lambda e: go(level=e.value))
        names = {"": "All campaigns", **{name: name for name in known}}
        choice("Campaign", names, wanted.campaign or "", on_change=lambda e: go(campaign=e.value))
        day = field("Day", wanted.day.isoformat() if wanted.day else "").props("type=date stack-label")
        day.on_value_change(lambda e: go(day=e.value) if not e.value or len(str(e.value)) == 10 else None)
        search = field("Words", wanted.text).props("type=search clearable")
        search.on("keydown.enter", lambda: go(q=str(search.value or "")))
        search.on("clear", lambda: go(q=""))


class _View:
    """What is on the screen."""

    def __init__(self, wanted: Wanted, campaigns: Mapping[str, int]) -> None:
        """`campaigns`: ids by name."""
        self._campaigns = campaigns
        self._wanted, self._limit = wanted, FIRST
        self._shown: list[Line] = []
        self.place: Element
        self.foot: Element

    async def show(self) -> None:
        """All of it anew."""
        self._shown = await self._read()
        self.place.clear()
        self.foot.clear()
        with self.place:
            for one in self._shown:
                _line(one, self._campaigns)
            if not self._shown:
                _nothing(self._wanted)
        if len(self._shown) == self._limit < MOST:
            with self.foot:
                button("Show older lines", "expand_more", self._more)

    async def follow(self) -> None:
        """Put lines that are new at the top; what is unfolded stays so."""
        found = await self._read()
        if not self._shown:
            if found:
                await self.show()
            return
        fresh = found[: found.index(self._shown[0])] if self._shown[0] in found else found
        if len(fresh) == len(found) and found:
            await self.show()
            return
        for one in reversed(fresh):
            with self.place:
                _line(one, self._campaigns).move(target_index=0)
        self._shown = fresh + self._shown

    async def _read(self) -> list[Line]:
        wanted, limit = self._wanted, self._limit
        return await work(lambda workspace: newest(workspace.folder, wanted, limit))

    async def _more(self) -> None:
        self._limit = min(self._limit * 2, MOST)
        await self.show()


def _nothing(wanted: Wanted) -> None:
    if wanted == Wanted("info"):
        words = "Lines appear here as soon as something is planned, sent, read or changed."
        with empty("receipt_long", "Nothing has been written yet", words):
            pass
    else:
        with empty("search", "No line fits", "Ask for less.", "Show all lines", "/logs"):
            pass


def _line(one: Line, campaigns: Mapping[str, int]) -> Element:
    with ui.element("details").classes("l-line") as made:
        with ui.element("summary"):
            icon("chevron_right").classes("l-fold")
            _moment(one.timestamp)
            with ui.element("span").classes("l-level"):
                badge(one.level or "line", TONES.get(one.level, "bad"))
            text("span", one.event[:400], "l-event")
            with ui.element("span").classes("l-ids"):
                # Words only: what opens the line may hold nothing else to press.
                for name, value in _first(one.details):
                    text("span", f"{name.replace('_', ' ')} {_plain(value)[:80]}", "c-muted c-small")
        with ui.element("dl").classes("c-facts-list l-all"):
            if len(one.event) > 400:
                text("dt", "line")
                text("dd", one.event)
            for name, value in {"time": one.timestamp, **one.details}.items():
                text("dt", name.replace("_", " "))
                with ui.element("dd").classes("c-mono"):
                    path = _path(name, value, campaigns)
                    link(_plain(value), path) if path else text("span", _plain(value))
    return made


def _moment(timestamp: str) -> None:
    try:
        when(datetime.fromisoformat(timestamp)).classes("l-when")
    except ValueError:
        text("span", timestamp or "–", "l-when")


def _first(details: dict[str, Any]) -> list[tuple[str, Any]]:
    ordered = [name for name in IN_ITS_PLACE if name in details]
    plain = [name for name, value in details.items() if not isinstance(value, list | dict)]
    ordered += [name for name in plain if name not in ordered]
    return [(name, details[name]) for name in ordered if details[name] not in (None, "", 0)][:SHOWN]


def _path(name: str, value: Any, campaigns: Mapping[str, int]) -> str | None:
    """Where a person finds what an id is of."""
    if name == "contact" and isinstance(value, int):
        return f"/contacts/{value}"
    if name == "email" and isinstance(value, int) and value > 0:
        return f"/contacts/{value >> CONTACT_SHIFT}"
    if name == "account":
        return f"/accounts/{quote(str(value), safe='')}"
    if name == "campaign":
        return f"/campaigns/{campaigns[value]}" if value in campaigns else None
    if name == "job":
        return "/health"
    return None


def _plain(value: Any) -> str:
    if isinstance(value, bool | None | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**9 else str(value)
    return json.dumps(value, ensure_ascii=False)
