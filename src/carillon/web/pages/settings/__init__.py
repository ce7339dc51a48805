"""Settings: every section of the configuration, who may come in, and what the settings were before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from carillon.errors import InputError
from carillon.web.pages.settings.history import history
from carillon.web.pages.settings.keys import keys
from carillon.web.pages.settings.outgoing import outgoing
from carillon.web.pages.settings.places import NAMES, lead, ways
from carillon.web.pages.settings.section import section
from carillon.web.pages.settings.users import users
from carillon.web.shell import page, retitle
from carillon.words import Role

OTHERS: dict[str, Callable[[], Awaitable[None]]] = {
    "users": users,
    "api-keys": keys,
    "outgoing": outgoing,
    "history": history,
}


@page("/settings", "Settings", role=Role.ADMIN)
async def first() -> None:
    """The state rules: what people come for."""
    await _show("state_rules")


@page("/settings/{name}", "Settings", role=Role.ADMIN)
async def settings(name: str) -> None:
    """One section, or who may come in."""
    await _show(name)


async def _show(name: str) -> None:
    if name not in NAMES:
        raise InputError("there are no such settings; the list is on the left of every page of them.")
    retitle(NAMES[name], lead(name))
    with ui.element("div").classes("s-frame"):
        ways(name)
        with ui.element("div").classes("s-content"):
            await (OTHERS[name]() if name in OTHERS else section(name))
