"""`carillon advance`: contacts move on through their sequences."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.output import Screen, count, listed
from carillon.cli.session import session

if TYPE_CHECKING:
    from carillon.advance.run import AdvanceReport
    from carillon.workspace import Workspace

PAUSE_SECONDS = 60.0
"""From the end of one pass to the next."""


def advance(
    context: typer.Context,
    once: bool = typer.Option(False, "--once", help="Make one pass, and end."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document for each pass."),
) -> None:
    """Move everybody on who is due in a sequence: waits end, conditions are decided, emails are scheduled.

    Without --once it makes a pass each minute until it is stopped. Delays count from when the step before
    happened, so a late pass makes nothing later; running it twice, or in several places, does no harm.
    """
    here = session(context)

    def show(report: AdvanceReport) -> None:
        if as_json:
            here.screen.json(report.as_json())
        else:
            show_advanced(here.screen, report)

    with here.workspace() as workspace:
        if once:
            from carillon.advance.run import advance as go

            show(go(workspace))
        else:
            asyncio.run(_each_minute(workspace, show))


async def _each_minute(workspace: Workspace, show: Callable[[AdvanceReport], None]) -> None:
    from carillon.advance.run import advance as go

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    while not stop.is_set():
        show(await asyncio.to_thread(go, workspace))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PAUSE_SECONDS)


def show_advanced(screen: Screen, report: AdvanceReport) -> None:
    """What happened, and what waits."""
    if report.sequences_begun:
        screen.say(f"[green]{count(report.sequences_begun, 'sequence')} began.[/]")
    if report.enrollments_begun:
        screen.say(f"[green]{count(report.enrollments_begun, 'contact')} set out.[/]")
    kinds: dict[str, dict[str, int]] = {}
    for (kind, outcome), n in sorted(report.done.items()):
        kinds.setdefault(kind, {})[outcome] = n
    for kind, outcomes in kinds.items():
        screen.say(f"{kind}: {listed(outcomes, screen.glyphs.dot)}")
    if not kinds and not report.waiting.inbox and not report.waiting.account:
        screen.say("Nothing was due.")
    if report.waiting.inbox:
        screen.say(
            f"[yellow]{count(report.waiting.inbox, 'contact')} waiting[/] for their account's mailbox to be "
            "read: without it nobody knows whether they have answered."
        )
    if report.waiting.account:
        screen.say(
            f"[yellow]{count(report.waiting.account, 'contact')} waiting[/] for an active account of their "
            "sequence's group: see `carillon account list`."
        )
    if report.sequences_completed:
        screen.say(f"[green]{count(report.sequences_completed, 'sequence')} completed.[/]")
    if report.campaigns_completed:
        screen.say(f"[green]{count(report.campaigns_completed, 'outreach campaign')} completed.[/]")
    if report.calls:
        screen.say(f"webhooks: {listed(dict(report.calls), screen.glyphs.dot)}")
    for name, why in report.faults.items():
        screen.say(f"[red]{escape(name)} stands still:[/] {escape(why)}")
