"""`carillon replies`: what people wrote back."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, time, timedelta

import typer
from rich.markup import escape

from carillon.cli.output import count, number
from carillon.cli.session import day_option, session

USUAL_DAYS = 7
MOST = 10_000
"""Replies shown at most."""


def replies(
    context: typer.Context,
    since: str = typer.Option(
        None, "--since", metavar="D", help=f"From this day on (default: the last {USUAL_DAYS} days)."
    ),
    unread: bool = typer.Option(
        False, "--unread", help="Only those that are not marked as read, however old they are."
    ),
    mark: bool = typer.Option(False, "--mark-read", help="Mark what is listed as read."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """List what people wrote back, the newest first: who, to which account, and what is new in it."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store.replies import mark_read
        from carillon.store.replies import replies as read

        first = day_option(since, "--since")
        if first is None and not unread:
            first = workspace.today() - timedelta(days=USUAL_DAYS)
        zone = workspace.settings.workspace.zone
        begin = None if first is None else datetime.combine(first, time(), zone)
        with workspace.database.snapshot() as connection:
            found = read(connection, begin, MOST, unread)
        new = [one.id for one in found if one.read_at is None]
        if mark and new:
            now = workspace.clock.now()
            workspace.database.write(lambda connection: mark_read(connection, new, now))
    if as_json:
        here.screen.json({"replies": [asdict(one) | {"text": plain(one.text)} for one in found]})
        return
    screen = here.screen
    lately = "" if first is None else f" since {first.isoformat()}"
    if not found:
        screen.say(f"{'Nothing new' if unread else 'Nobody has written'}{lately}.")
        return
    names = ("new reply", "new replies") if unread else ("reply", "replies")
    news = f", {number(len(new))} new" if new and not unread else ""
    screen.say(f"{count(len(found), *names)}{lately}{news}")
    for one in found:
        at = f"{one.at.astimezone(zone):%Y-%m-%d %H:%M}" if one.at else ""
        who = " ".join(part for part in (one.name, f"<{one.sender or one.email or ''}>") if part)
        sign = "[green]new[/]  " if one.read_at is None and not unread else ""
        screen.say(f"\n{sign}[bold]{escape(plain(who))}[/]  [dim]{at} to {escape(one.account or 'us')}[/]")
        if one.kind != "replied":
            screen.indented("[yellow]asks not to be written to again[/]")
        screen.indented(f"[dim]{escape(one_line(one.subject))}[/]")
        for line in plain(one.text).splitlines():
            screen.indented(escape(line))
    if mark and new:
        screen.say(f"\nMarked {count(len(new), 'reply', 'replies')} as read.")
    elif new:
        screen.note("[bold]carillon replies --unread --mark-read[/] shows what is new and marks it as read.")


def plain(text: str | None) -> str:
    """A text of others without what a terminal would obey: control characters, and marks that turn text."""
    kept = (one for one in text or "" if one == "\n" or one.isprintable())
    return "".join(kept).strip()


def one_line(text: str | None) -> str:
    return " ".join(plain(text).split())
