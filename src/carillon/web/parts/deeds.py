"""What a page does: asks the store in threads, and lets people act with the right they have just then."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, TypeVar

from nicegui import ui

from carillon.errors import CarillonError
from carillon.store.engine import Connection
from carillon.web.visit import SCOPE, SignedOut, Visit
from carillon.words import Role
from carillon.workspace import Workspace

T = TypeVar("T")
Deed = Callable[..., Any]
_LONG = ThreadPoolExecutor(4, "long-work")
"""For what takes long, so that it never keeps a page waiting that only reads."""
_log = logging.getLogger("carillon.web")
REFRESH = 30
"""Seconds between two looks, if the person wants no other."""


def visit() -> Visit:
    """Who is looking at this page."""
    found = ui.context.client.request.scope[SCOPE]
    assert isinstance(found, Visit)
    return found


async def read(ask: Callable[[Connection], T]) -> T:
    """What `ask` finds in one snapshot of the database, in a thread."""
    workspace = visit().workspace

    def asked() -> T:
        with workspace.database.snapshot() as connection:
            return ask(connection)

    return await asyncio.to_thread(asked)


async def write(change: Callable[[Connection], T], *, durable: bool = False) -> T:
    """`change` in one transaction, in a thread; it may be called again where another writer is in the way."""
    workspace = visit().workspace
    return await asyncio.to_thread(lambda: workspace.database.write(change, durable=durable))


async def work(do: Callable[[Workspace], T]) -> T:
    """What a room's function makes of the workspace, in a thread."""
    workspace = visit().workspace
    return await asyncio.to_thread(do, workspace)


async def work_long(do: Callable[[Workspace], T]) -> T:
    """The same for what takes more than a second or two; see `busy` for one with a progress bar."""
    workspace = visit().workspace
    return await asyncio.get_running_loop().run_in_executor(_LONG, do, workspace)


def act(do: Deed, *, role: Role = Role.EDITOR, done: str = "") -> Callable[..., Awaitable[None]]:
    """`do` as a handler of clicks: for who has the role at that moment; `done` is said afterwards.

    What goes wrong is shown as it is told by a CarillonError, never as a traceback.
    """
    takes_event = bool(inspect.signature(do).parameters)

    @wraps(do)
    async def doing(*event: Any) -> None:
        try:
            await asyncio.to_thread(visit().require, role)
            found = do(*event) if takes_event else do()
            if inspect.isawaitable(found):
                await found
            if done:
                toast(done)
        except Exception as error:
            fault(error)

    doing.__signature__ = inspect.signature(do)  # type: ignore[attr-defined]
    return doing


def every(look: Callable[[], Awaitable[None] | None], seconds: float | None = None) -> ui.timer:
    """Call `look` again and again, at the person's own interval; not for who is signed out meanwhile."""
    preferred = visit().preferences.get("refresh", REFRESH)
    wait = seconds if seconds is not None else preferred

    async def looking() -> None:
        try:
            await asyncio.to_thread(visit().look_again)
            found = look()
            if inspect.isawaitable(found):
                await found
        except SignedOut:
            ui.navigate.to("/login")
        except CarillonError:
            return  # the next look tells more; a toast every half minute tells nobody anything
        except RuntimeError as error:
            if "deleted" not in str(error):
                raise

    return ui.timer(max(float(wait or REFRESH), 1.0), looking, active=bool(wait), immediate=False)


def toast(words: str, tone: str = "") -> None:
    """A line at the foot of the page that goes by itself."""
    kind = {"bad": "negative"}.get(tone)
    ui.notify(
        words,
        type=kind,  # type: ignore[arg-type]
        position="bottom",
        timeout=12_000 if kind else 4_000,
        close_button="Close" if kind else False,
        multi_line=len(words) > 90,
    )


_LATER: dict[str, str] = {}
"""By session: what is to be said on the page that comes next."""


def leave(words: str, path: str = "") -> None:
    """Show another page, or this one anew, and say there what was done."""
    _LATER[visit().session.hash] = words
    if path:
        ui.navigate.to(path)
    else:
        ui.navigate.reload()


def arrive() -> None:
    """Say what was done on the page before; the shell does so on every page."""
    if words := _LATER.pop(visit().session.hash, ""):
        toast(words)


def fault(error: Exception) -> None:
    """Tell that something did not work: a CarillonError in its own words, anything else as a defect."""
    if isinstance(error, SignedOut):
        ui.navigate.to("/login")
    elif isinstance(error, CarillonError):
        toast(str(error), "bad")
    else:
        toast(defect(error), "bad")


def defect(error: Exception) -> str:
    """What a person is told of one; where it is goes to the log."""
    _log.error("a defect in a page", exc_info=error)
    return f"This is a defect in Carillon ({type(error).__name__}). Nothing more was done; its log has more."


def button(
    words: str,
    icon: str = "",
    do: Deed | None = None,
    *,
    role: Role = Role.VIEWER,
    look: str = "plain",
    done: str = "",
) -> ui.button:
    """A button. `look`: primary (one on a page), plain, quiet, danger or danger-plain.

    Who lacks the role does not see it; and is refused if the button is pressed all the same. Without words
    give it a label: `.props('aria-label="Close"')`.
    """
    made = ui.button(words, icon=f"sym_o_{icon}" if icon else None, color=None)
    made.classes(f"c-{look} {'' if words else 'c-icon'}").props("unelevated no-caps")
    if do is not None:
        made.on_click(act(do, role=role, done=done))
    made.set_visibility(visit().may(role))
    return made
