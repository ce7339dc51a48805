"""The bell in the bar: what happened since a person last looked, of what they want to be told.

It is counted in the page's title as well, and what is new while a page is open is said at its foot. Nothing
leaves the application.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nicegui import ui

from carillon.store import notices as store
from carillon.store.engine import Connection
from carillon.store.moments import moment_of, stamp
from carillon.store.notices import BOUNCES, PAUSE, REPLY, Notice
from carillon.web.parts.deeds import act, toast, visit
from carillon.web.parts.texts import ago, icon, link, number, text
from carillon.web.visit import Visit
from carillon.words import Role

BACK = timedelta(days=7)
SOON = 5.0
"""Seconds that what was read may be old: it is the same for all who look."""
SHOWN = 20
MOST_TOASTS = 3
MOST_SESSIONS = 1000
"""What so many were told is remembered; the oldest begins anew."""
LOOKED = "looked"
"""The preference that says when a person last opened the bell."""
_COUNT = "carillon_news"
_SYMBOLS = {REPLY: ("reply", "good"), BOUNCES: ("report", "bad"), PAUSE: ("pause_circle", "warn")}


@dataclass
class _Told:
    """What a session was told already."""

    since: datetime
    keys: set[str] | None = None
    """None: it begins now, and what was before is no news to it."""


_TOLD: dict[str, _Told] = {}


def happened(connection: Connection, who: Visit) -> list[Notice]:
    """What this person wants to be told of, the newest first. For threads."""
    now = who.workspace.clock.now()
    found = who.site.remembered.get("notices", SOON, lambda: store.notices(connection, now - BACK))
    wanted = who.preferences.get("notifications") or {}
    return [
        one
        for one in found
        if wanted.get(one.kind, True)
        # Nobody has to be told of what they did themselves.
        and not (one.kind == PAUSE and one.number == 0 and one.name == who.name)
    ]


@dataclass
class Bell:
    """One on a page: `draw()` it, then `show()` what happened as often as that is read."""

    found: Sequence[Notice] = ()
    _new: set[str] = field(default_factory=set)
    """What was not looked at when the list was opened stays marked in it."""

    def draw(self) -> None:
        """The button, and the list that opens from it."""
        with ui.button(color=None).props("flat round").classes("c-quiet c-icon c-bell") as self._button:
            icon("notifications")
            self._count = text("span", "", "c-count").props('aria-hidden="true"')
            with ui.menu().props('anchor="bottom right" self="top right"') as self._menu:
                self._list = ui.element("div").classes("c-news")
        self._menu.on("show", act(self._looked, role=Role.VIEWER))

    def show(self, found: Sequence[Notice]) -> None:
        """Draw what happened, count it, and say what is new."""
        self.found = found
        told = self._told()
        if told.keys is not None:
            self._say([one for one in found if one.key not in told.keys])
        told.keys = {one.key for one in found}
        self._new = {one.key for one in found if one.at > self._since()}
        self._tell(len(self._new))
        if not self._menu.value:
            self._draw_list()

    async def _looked(self) -> None:
        who = visit()
        # What was written down by a clock that is ahead of this one was seen, too.
        seen = max([who.workspace.clock.now(), *(one.at for one in self.found)])
        await asyncio.to_thread(who.prefer, **{LOOKED: stamp(seen)})
        self._tell(0)

    def _say(self, new: Sequence[Notice]) -> None:
        if len(new) > MOST_TOASTS:
            toast(f"{number(len(new))} things happened: the bell at the top has them.")
            return
        for one in reversed(new):
            toast(words(one))

    def _told(self) -> _Told:
        who = visit()
        told = _TOLD.setdefault(who.session.hash, _Told(who.workspace.clock.now()))
        if len(_TOLD) > MOST_SESSIONS:
            del _TOLD[next(iter(_TOLD))]
        return told

    def _since(self) -> datetime:
        """When this person last looked; who never did has seen what was there when they signed in."""
        who = visit()
        user = who.session.user
        looked = moment_of(str(who.preferences.get(LOOKED) or ""))
        return looked or (user.last_login if user else None) or self._told().since

    def _tell(self, many: int) -> None:
        shown = "" if not many else str(many) if many < 100 else "99+"
        self._count.set_text(shown)
        self._count.set_visibility(bool(many))
        self._button.props["aria-label"] = f"News: {number(many)} new" if many else "News"
        self._button.update()
        kept, client = ui.context.client.storage, ui.context.client
        if kept.get(_COUNT, 0) != many:
            before = counted("")
            kept[_COUNT] = many
            if client.title:
                ui.page_title(counted(client.title.removeprefix(before)))

    def _draw_list(self) -> None:
        self._list.clear()
        with self._list:
            text("h2", "What happened")
            if not self.found:
                text("p", "Nothing in the last seven days.", "c-muted c-small")
            with ui.element("div").classes("c-list"):
                for one in self.found[:SHOWN]:
                    symbol, tone = _SYMBOLS[one.kind]
                    with link("", path(one), "c-item"):
                        icon(symbol).classes(f"c-{tone}").style("font-size: 19px")
                        text("span", words(one), f"c-grow {'c-strong' if one.key in self._new else ''}")
                        text("span", ago(one.at), "c-muted c-small")
            link("Choose what you are told of", "/me", "c-small")


def counted(title: str) -> str:
    """The title of a page, with how much is new before it."""
    many = ui.context.client.storage.get(_COUNT, 0)
    return f"({many}) {title}" if many else title


def words(one: Notice) -> str:
    """What happened."""
    if one.kind == REPLY:
        return f"{one.name or f'Contact {one.number}'} replied"
    if one.kind == BOUNCES:
        return f"{number(one.number)} emails bounced within an hour"
    if one.number == 0:
        return f"{one.name or 'Somebody'} has paused all mail"
    return f"The account {one.name} {'is at fault and sends nothing' if one.is_fault else 'is paused'}"


def path(one: Notice) -> str:
    """Where there is more about it."""
    if one.kind == REPLY:
        return f"/contacts/{one.number}"
    return "/issues" if one.kind == BOUNCES or one.is_fault else "/accounts" if one.number else "/health"
