"""`carillon listen`: mailboxes are read, and what they hold is acted upon."""

from __future__ import annotations

import asyncio
import os
from threading import Event
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.output import Screen, listed
from carillon.cli.session import session
from carillon.cli.signals import stop_on_signals

if TYPE_CHECKING:
    from carillon.accounts import Account
    from carillon.errors import CarillonError
    from carillon.listen.run import ListenReport
    from carillon.workspace import Workspace


def listen(
    context: typer.Context,
    once: bool = typer.Option(False, "--once", help="Read everything new, and end."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document at the end."),
) -> None:
    """Read the mailboxes of accounts: replies, bounces, out-of-office notes, unsubscribing by email.

    Without --once it goes on until it is stopped with Ctrl-C or SIGTERM. Nothing in a mailbox is changed or
    marked as read. A mailbox that cannot be read holds up neither the others nor any sending.
    """
    here = session(context)
    with here.workspace() as workspace:
        report = asyncio.run(_listen(here.screen, workspace, once))
    if as_json:
        here.screen.json(report.as_json())
    else:
        show_heard(here.screen, report)
    if report.faults:
        raise typer.Exit(1)


async def _listen(screen: Screen, workspace: Workspace, once: bool) -> ListenReport:
    from carillon.listen.run import listen as go

    def told(account: str, what: str) -> None:
        if not once:
            screen.note(f"{escape(account)}: {escape(what)}")

    asked, stop = stop_on_signals(), Event()
    work = asyncio.create_task(asyncio.to_thread(go, workspace, stop, once, told))
    await asyncio.wait([work, asyncio.create_task(asked.wait())], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    return await work


def show_heard(screen: Screen, report: ListenReport) -> None:
    """What was read, what came of it, and what could not be read."""
    if not report.messages and not report.faults:
        screen.say("There was nothing new.")
    for name, counts in report.messages.items():
        screen.say(f"{escape(name)} got: {listed(dict(counts), screen.glyphs.dot) or 'nothing new'}")
    if report.events:
        screen.say(f"New events: {listed(dict(report.events), screen.glyphs.dot)}")
    for name, why in report.faults.items():
        screen.say(f"[red]{escape(name)} cannot be read:[/] {escape(why)}")


def try_mailbox(screen: Screen, workspace: Workspace, account: Account) -> CarillonError | None:
    """Log in to the account's mailbox and tell what is there, or return what keeps us from it."""
    from carillon.errors import CarillonError
    from carillon.listen.setup import try_inbox
    from carillon.vault import Vault

    try:
        found = try_inbox(workspace, account, Vault(workspace.folder, os.environ))
    except CarillonError as error:
        return error
    minutes = workspace.settings.listening.poll_minutes
    how = "news is told at once" if found.pushes else f"it is asked every {minutes} minutes"
    screen.say(
        f"[bold]{escape(account.name)}[/] can be read: {escape(', '.join(found.folders))} at "
        f"{escape(found.place)}; {how}."
    )
    return None
