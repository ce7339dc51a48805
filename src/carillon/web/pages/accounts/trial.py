"""Whether an account works: one email sent, its mailbox looked into, and what came of both."""

from __future__ import annotations

import os

from nicegui import ui

from carillon.accounts import Account
from carillon.addresses import is_valid
from carillon.errors import CarillonError, Refused
from carillon.listen.setup import try_inbox
from carillon.send import trial as trials
from carillon.vault import Vault
from carillon.web.parts import all_right, answer, busy, button, dialog, field, note, text, visit
from carillon.web.parts.dialogs import Tell
from carillon.words import Role
from carillon.workspace import Workspace

Told = list[tuple[str, str]]
"""Tone and words, in their order."""


async def test(account: Account) -> None:
    """Ask where the email goes; try both, and say how it went."""
    made, place = dialog(f"Test {account.name}")
    with place:
        text(
            "p",
            "It connects, logs in and sends one short email"
            + (", and then looks into its mailbox." if account.inbox else ".")
            + " Also of a paused account.",
        )
        to = field("To", account.address, check=_fault, hint="The account's own address, or one of yours.")

        def go() -> None:
            if all_right(to):
                made.submit(str(to.value).strip())

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Send the test", "send", go, role=Role.EDITOR, look="primary")
    address = await answer(made)
    if address is None:
        return
    by, local_only = visit().name, visit().site.local_only
    told = await busy(
        f"Testing {account.name}", lambda w, tell: _try(w, tell, account, address, by, local_only)
    )
    made, place = dialog(f"Test of {account.name}")
    with place:
        for tone, words in told:
            note(words, tone)
        with ui.element("div").classes("c-actions"):
            button("Close", do=made.close, look="primary")
    await answer(made)


def _try(workspace: Workspace, tell: Tell, account: Account, to: str, by: str, local_only: bool) -> Told:
    found: Told = []
    try:
        tell(f"Connecting by {account.transport}, logging in and sending")
        transport = trials.opened(workspace, account)
        if local_only and not transport.is_local:
            raise Refused("under --now nothing leaves this machine")
        outcome = trials.tried(workspace, transport, trials.of_account(workspace, account, to), by)
        found.append(("good", trials.words(outcome, account, to, "")))
    except CarillonError as error:
        found.append(("bad", str(error)))
    if account.inbox is not None:
        try:
            tell("Looking into its mailbox")
            opened = try_inbox(workspace, account, Vault(workspace.folder, os.environ))
            minutes = workspace.settings.listening.poll_minutes
            how = "news is told at once" if opened.pushes else f"it is asked every {minutes} minutes"
            found.append(("good", f"It can be read: {', '.join(opened.folders)} at {opened.place}; {how}."))
        except CarillonError as error:
            found.append(("bad", f"Its mailbox cannot be read: {error}"))
    return found


def _fault(value: object) -> str | None:
    return None if is_valid(str(value or "").strip()) else "write an address, like me@example.com"
