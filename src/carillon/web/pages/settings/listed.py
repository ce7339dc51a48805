"""A list in a card, such as the users: what there is, a row for each, and the way to add one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from nicegui import ui

from carillon.store.engine import Connection
from carillon.web.pages.settings.once import show_once
from carillon.web.parts import button, card, empty, read, visit, write
from carillon.words import Role

T = TypeVar("T")
Refresh = Callable[[], Any]


async def listed(
    title: str,
    lead: str,
    look: Callable[[Connection], Sequence[T]],
    row: Callable[[T, Refresh], None],
    nothing: tuple[str, str, str],
    label: str,
    symbol: str,
    add: Callable[[], Awaitable[Any]],
    *,
    secret: str = "",
) -> None:
    """Draw it. `nothing`: symbol, title and words where there is none.

    `add` asks, and returns what was made, or nothing. `secret`: what that is called where it is shown once.
    """

    @ui.refreshable
    async def rows() -> None:
        found = await read(look)
        if not found:
            with empty(*nothing):
                pass
        for one in found:
            row(one, rows.refresh)

    async def more() -> None:
        if made := await add():
            await rows.refresh()
            if secret:
                await show_once(secret, made)

    with card(title, lead, flush=True) as place:
        await rows()
    with place:
        button(label, symbol, more, role=Role.ADMIN, look="primary")


async def do(change: Callable[[Connection, datetime, str], T], *, durable: bool = True) -> T:
    """`change` in one transaction, given the moment and who wants it."""
    who, now = visit().name, visit().workspace.clock.now()
    return await write(lambda connection: change(connection, now, who), durable=durable)
