"""The part of `carillon demo` that sends: today's emails, into a Maildir, and one of them to look at."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from carillon.cli.output import Screen, count, title
from carillon.cli.session import Session
from carillon.clock import OffsetClock

if TYPE_CHECKING:
    from carillon.workspace import Workspace

ACCOUNT, FOLDER = "maildir", "mail"
LINES = 12


def show(there: Session, folder: Path) -> None:
    """Make an account, release and send what is planned for today, show one email."""
    screen = there.screen
    with there.workspace() as workspace:
        from carillon.accounts import Account
        from carillon.pace.run import release
        from carillon.send.run import dispatch
        from carillon.store import accounts as store

        title(screen, f"6. Today's emails, sent into {folder / FOLDER}")
        account = Account(
            0,
            ACCOUNT,
            "service@agency.example",
            "maildir",
            {"path": FOLDER},
            display_name="Sample Agency",
        )
        workspace.database.write(lambda c: store.create(c, account, workspace.clock.now(), "carillon demo"))
        later = _after_send_time(workspace)
        released = release(later)
        report = asyncio.run(dispatch(later, asyncio.Event(), once=True, local_only=True))
        screen.say(
            f"Released {count(released.released, 'email')}, sent {report.counts['sent']}: nothing left this "
            "machine."
        )
    _one(screen, folder / FOLDER)


def _after_send_time(workspace: Workspace) -> Workspace:
    """Mail goes from the send time on; a demo does not wait for it."""
    settings = workspace.settings
    send_time = settings.timing_constants.send_time
    due = datetime.combine(workspace.today(), send_time, settings.workspace.zone) + timedelta(minutes=1)
    return replace(workspace, clock=OffsetClock(max(due, workspace.clock.now())))


def _one(screen: Screen, mail: Path) -> None:
    files = sorted(mail.glob("new/*.eml"))
    if not files:
        screen.say("No email was planned for today.")
        return
    message = message_from_bytes(files[0].read_bytes(), policy=policy.default)
    body = message.get_body(("plain",))
    screen.say(f"\nOne of them, {escape(str(files[0]))}:\n")
    for name in ("From", "To", "Subject", "Message-ID"):
        screen.indented(f"[dim]{name}:[/] {escape(str(message[name]))}")
    screen.say()
    for line in (body.get_content() if body else "").splitlines()[:LINES]:
        if line:
            screen.indented(escape(line))
        else:
            screen.say()
    screen.indented("[dim]...[/]")
