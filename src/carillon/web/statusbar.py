"""The bar over every page: which workspace, whether mail goes, the accounts, the last look at mailboxes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from nicegui import ui

from carillon.accounts import Account
from carillon.store import accounts, dispatch, inboxes
from carillon.store.engine import Connection
from carillon.store.notices import Notice
from carillon.web.bell import Bell, happened
from carillon.web.parts.deeds import button, every, read, toast, visit, write
from carillon.web.parts.dialogs import confirm
from carillon.web.parts.drawn import Drawn
from carillon.web.parts.texts import ago, dot, icon, link, text
from carillon.web.visit import Visit
from carillon.words import AccountStatus, Role


@dataclass(frozen=True)
class State:
    """What the bar tells."""

    is_paused: bool
    accounts: list[Account]
    synced: datetime | None
    """Until when all mailboxes were read; None: none is, or one never was."""
    notices: list[Notice]


def state(connection: Connection, who: Visit) -> State:
    """Read it, for whoever looks."""
    known = accounts.accounts(connection)
    read_at = [one.read_at for folders in inboxes.folders(connection).values() for one in folders]
    whole = [at for at in read_at if at is not None]
    synced = min(whole) if whole and all(read_at) else None
    return State(dispatch.workspace_paused(connection), known, synced, happened(connection, who))


async def bar(title: str) -> None:
    """Draw it, and keep it as things are."""
    who, bell = visit(), Bell()

    async def again() -> None:
        now = await read(lambda connection: state(connection, who))
        bell.show(now.notices)
        facts.show(now, ago(now.synced))
        banner.set_visibility(now.is_paused)
        said.show(now.is_paused)

    async def toggle() -> None:
        is_paused = await read(dispatch.workspace_paused)
        if await _set_paused(not is_paused):
            await again()

    with ui.element("header").classes("c-bar"):
        text("span", visit().workspace.settings.workspace.name, "c-where")
        facts = Drawn(ui.element("div").classes("c-facts"), _facts)
        with ui.element("div").classes("c-end"):
            button("", "pause_circle", toggle, role=Role.EDITOR, look="quiet").props(
                'aria-label="Pause or resume all mail"'
            ).tooltip("Pause or resume all mail")
            bell.draw()
            _menu()
    banner = ui.element("div").classes("c-banner").props('role="status"')
    said = Drawn(banner, _banner)
    await again()
    every(again)
    del title


def _facts(now: State, synced: str) -> None:
    with link("", "/health", "c-fact"):
        dot("warn" if now.is_paused else "good")
        text("span", "Paused" if now.is_paused else "Running")
    faulty = [one for one in now.accounts if one.status == AccountStatus.ERROR]
    idle = [one for one in now.accounts if one.status == AccountStatus.PAUSED]
    n = len(now.accounts)
    words = "No account" if not n else f"{n} account{'' if n == 1 else 's'}"
    tone = "good" if n else "warn"
    if faulty:
        words, tone = f"{len(faulty)} of {n} accounts at fault", "bad"
    elif idle:
        words, tone = f"{len(idle)} of {n} accounts paused", "warn"
    with link("", "/accounts", "c-fact"):
        dot(tone)
        text("span", words)
    if any(one.inbox is not None for one in now.accounts):
        with text("span", "", "c-fact c-fact-more"):
            icon("sync").style("font-size: 15px")
            text("span", f"Mailboxes read {synced}")


def _banner(is_paused: bool) -> None:
    if is_paused:
        icon("pause_circle")
        text("span", "All mail is paused: nothing is released or sent until it is resumed.")


async def _set_paused(wanted: bool) -> bool:
    if wanted and not await confirm(
        "Pause all mail?",
        "Nothing is released or sent until somebody resumes it. What is in flight at this moment arrives.",
        "Pause all mail",
        danger=True,
    ):
        return False
    who = visit()
    now = who.workspace.clock.now() if wanted else None
    await write(lambda connection: dispatch.pause_workspace(connection, now, who.name))
    toast("All mail is paused." if wanted else "Mail goes again.")
    return True


def _menu() -> None:
    who = visit()
    with ui.button(color=None).props("flat round").classes("c-quiet") as made:
        made.props["aria-label"] = f"You: {who.name}"
        text("span", who.name[:1].upper(), "c-avatar")
        with ui.menu().props('auto-close anchor="bottom right" self="top right"'):
            with ui.element("div").style("padding: 8px 10px 6px; min-width: 210px"):
                text("div", who.name, "c-strong")
                text("div", who.role.value if who.session.user else "no users yet", "c-muted c-small")
            ui.separator()
            ui.menu_item("Your account", lambda: ui.navigate.to("/me"))
            if who.session.user is not None:
                ui.menu_item("Sign out", lambda: ui.run_javascript(_SIGN_OUT % form_token(who.session.hash)))


def form_token(hashed: str) -> str:
    """What a form of ours brings along, and nobody else can: made of the session's hash."""
    return hashlib.sha256(f"form:{hashed}".encode()).hexdigest()


_SIGN_OUT = (
    "(()=>{const f=document.createElement('form');f.method='post';f.action='/logout';"
    "const i=document.createElement('input');i.type='hidden';i.name='token';i.value='%s';"
    "f.append(i);document.body.append(f);f.submit()})()"
)
