"""The part of `carillon demo` that shows mail: one of the emails that the plan's account has sent."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path

from rich.markup import escape

from carillon.cli.demo_accounts import RELAY, SENT
from carillon.cli.output import Screen, title

LINES = 12


def show(screen: Screen, folder: Path) -> None:
    """Show an email as it was written; nothing left this machine."""
    title(screen, f"7. One of the emails, as it was sent into {folder / SENT / RELAY}")
    _one(screen, folder / SENT / RELAY)


def _one(screen: Screen, mail: Path) -> None:
    files = sorted(mail.glob("new/*.eml"))
    if not files:
        screen.say("No email has been sent.")
        return
    message = message_from_bytes(files[0].read_bytes(), policy=policy.default)
    body = message.get_body(("plain",))
    for name in ("From", "To", "Subject", "Message-ID"):
        screen.indented(f"[dim]{name}:[/] {escape(str(message[name]))}")
    screen.say()
    for line in (body.get_content() if body else "").splitlines()[:LINES]:
        if line:
            screen.indented(escape(line))
        else:
            screen.say()
    screen.indented("[dim]...[/]")
