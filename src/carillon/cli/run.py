"""`carillon run`: everything that is done by itself, in one process."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.output import Screen, number, plain_word
from carillon.cli.session import Session, session
from carillon.cli.signals import stop_on_signals
from carillon.errors import UsageError

if TYPE_CHECKING:
    from carillon.jobs.current import Current
    from carillon.jobs.lease import Done
    from carillon.jobs.together import Sending
    from carillon.workspace import Workspace

LOOK_SECONDS = 2.0
"""Between two looks whether the web is wanted elsewhere."""


def run(
    context: typer.Context,
    once: bool = typer.Option(False, "--once", help="Listen, advance, release, send what is due, and end."),
    really: bool = typer.Option(
        False, "--really", help="With --now: also through accounts that reach other people's mailboxes."
    ),
    yes: bool = typer.Option(False, "--yes", help="Send also where safety.confirm_before_send is on."),
    as_json: bool = typer.Option(False, "--json", help="With --once: print one JSON document at the end."),
) -> None:
    """Do everything by itself, until it is stopped.

    Planning, releasing, sending, listening, sequences, backups and the web, all in one process. A job that
    fails is told and tried again, and stops no other; what was missed while the machine was off is made up
    once. Ctrl-C or SIGTERM finishes what is in flight and ends. Edits of carillon.yaml take effect without
    a restart. Several machines may run one workspace on PostgreSQL, one machine a workspace on SQLite.
    """
    if as_json and not once:
        raise UsageError("--json needs --once: without it there is no end to report.")
    here = session(context)
    with here.workspace() as workspace:
        from carillon.jobs.together import Sending, alone

        sending = Sending(here.now is not None and not really, yes)
        with alone(workspace):
            if once:
                _once(here.screen, workspace, sending, as_json)
                return
            left = asyncio.run(_together(here, workspace, sending))
    if left:
        here.screen.warn(f"ended in the middle of {', '.join(left)}: the next start does it again.")
        # Their threads go on as long as there is a process.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def _once(screen: Screen, workspace: Workspace, sending: Sending, as_json: bool) -> None:
    from carillon.jobs.together import faults, once

    done = once(
        workspace,
        sending,
        stop_on_signals,
        (lambda _one: None) if as_json else _Teller(screen, workspace).tell,
    )
    if as_json:
        screen.json(
            {one.name: dict(one.report) if one.error is None else {"error": one.error} for one in done}
        )
    elif not any(one.report or one.error for one in done):
        screen.say("Nothing was due.")
    if any(one.error or faults(one.report) for one in done):
        raise typer.Exit(1)


async def _together(here: Session, workspace: Workspace, sending: Sending) -> list[str]:
    from carillon.jobs.current import Current
    from carillon.jobs.together import together
    from carillon.web.hooks import troubles
    from carillon.web.server import opened, serve

    stop, screen = stop_on_signals(), here.screen
    teller = _Teller(screen, workspace)
    current = Current(workspace, os.environ, teller.say)
    site = opened(current.get, os.environ, sending.local_only)

    async def web(_workspace: Workspace, over: asyncio.Event) -> None:
        settings = current.get().settings
        for trouble in troubles(settings, os.environ):
            teller.say(trouble, True)
        host, port = settings.web.host, settings.web.port
        moving = asyncio.ensure_future(_until_moved(current, (host, port), over))
        try:
            await serve(site, host, port, over)
        finally:
            moving.cancel()

    settings = workspace.settings
    teller.say(f"begun; open {site.entrance(settings.web.host, settings.web.port)}", False)
    if settings.sending.public_url is None:
        teller.say("sending.public_url is not set: emails have no links to this server", True)
    left = await together(current, web, sending, stop, teller.tell)
    teller.say("stopped", False)
    return left


async def _until_moved(current: Current, place: tuple[str, int], over: asyncio.Event) -> None:
    """End the web where the settings want it elsewhere; it is begun again there."""
    while not over.is_set():
        await asyncio.sleep(LOOK_SECONDS)
        wanted = current.get().settings.web
        if (wanted.host, wanted.port) != place:
            over.set()


class _Teller:
    """Writes a line for whatever happened, from any thread."""

    def __init__(self, screen: Screen, workspace: Workspace) -> None:
        self._screen, self._workspace = screen, workspace
        self._lock = Lock()

    def tell(self, done: Done) -> None:
        """A line for a job that failed, or that had something to do."""
        if done.error is not None:
            self._line(done.name, f"[red]failed:[/] {escape(done.error)}")
        elif done.report:
            self._line(done.name, escape(in_words(done.report)))

    def say(self, text: str, is_trouble: bool) -> None:
        """A line about the whole."""
        self._line("run", f"[yellow]{escape(text)}[/]" if is_trouble else escape(text))

    def _line(self, name: str, markup: str) -> None:
        zone = self._workspace.settings.workspace.zone
        at = self._workspace.clock.now().astimezone(zone)
        with self._lock:
            self._screen.say(f"[dim]{at:%Y-%m-%d %H:%M:%S}[/] [bold]{name:<12}[/] {markup}")
            self._screen.out.file.flush()


def in_words(report: Mapping[str, object]) -> str:
    """What is worth a line of a report: its numbers and words that are not nothing."""
    return ", ".join(f"{plain_word(name)} {_short(value)}" for name, value in report.items() if value)


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return f"({in_words(value)})"
    if isinstance(value, list):
        return "; ".join(in_words(one) if isinstance(one, Mapping) else str(one) for one in value)
    return number(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)
