"""`carillon release`, `send` and `doubts`: what is planned leaves."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.output import Screen, count, day, listed
from carillon.cli.session import session
from carillon.errors import UsageError

if TYPE_CHECKING:
    from carillon.pace.run import ReleaseReport
    from carillon.send.run import SendReport
    from carillon.workspace import Workspace


def release(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Give today's planned emails an account and a minute.

    From the workspace's send time on, at the pace each account's limits allow. What was released for an
    earlier day and never left goes back to the planner. Running it again does no harm.
    """
    here = session(context)
    with here.workspace() as workspace:
        from carillon.pace.run import release as go

        report = go(workspace)
    if as_json:
        here.screen.json(report.as_json())
    else:
        show_release(here.screen, report)


def send(
    context: typer.Context,
    once: bool = typer.Option(False, "--once", help="Send everything that is due now, and end."),
    really: bool = typer.Option(
        False, "--really", help="With --now: also through accounts that reach other people's mailboxes."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document at the end."),
) -> None:
    """Send what has been released and is due, at most once each.

    Without --once it goes on until it is stopped; a stop (Ctrl-C or SIGTERM) finishes what is in flight and
    gives back what was not sent. An email whose fate nobody knows is in doubt: see `carillon doubts`.
    """
    here = session(context)
    with here.workspace() as workspace:
        report = _run(workspace, once, here.now is not None and not really)
    if as_json:
        here.screen.json(report.as_json())
    else:
        show_sent(here.screen, report)
    if report.faults:
        raise typer.Exit(1)


def _run(workspace: Workspace, once: bool, local_only: bool) -> SendReport:
    from carillon.send.run import dispatch

    async def go() -> SendReport:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        return await dispatch(workspace, stop, once, local_only)

    return asyncio.run(go())


def doubts(
    context: typer.Context,
    settle: int = typer.Argument(None, metavar="[ID]", help="The email to settle; without it, list."),
    sent: bool = typer.Option(False, "--sent", help="It did arrive."),
    unsent: bool = typer.Option(False, "--unsent", help="It certainly did not; it is not sent again."),
    resend: bool = typer.Option(False, "--resend", help="Send it again, with the same Message-ID."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """List emails that may have been sent, and settle them.

    An email is in doubt when the server was given all of it and its answer was lost. Look for its
    Message-ID in the Sent folder or the server's log; Carillon never sends it again by itself.
    """
    here = session(context)
    chosen = [name for name, given in (("sent", sent), ("unsent", unsent), ("resend", resend)) if given]
    if settle is not None and len(chosen) != 1:
        raise UsageError("say what became of it: one of --sent, --unsent and --resend.")
    if settle is None and chosen:
        raise UsageError(f"--{chosen[0]} needs the ID of an email; `carillon doubts` lists them.")
    with here.workspace() as workspace:
        from carillon.send.doubt import listed as all_doubts
        from carillon.send.doubt import settle as decide

        if settle is not None:
            here.screen.say(decide(workspace, settle, chosen[0]))
            return
        found = all_doubts(workspace)
    if as_json:
        here.screen.json({"doubts": [one.as_json() for one in found]})
        return
    if not found:
        here.screen.say("No email is in doubt.")
        return
    here.screen.say(f"[yellow]{count(len(found), 'email')} in doubt[/]")
    here.screen.table(
        ("id", "to", "type", "day", "Message-ID", "why"),
        [(str(d.id), d.email or "", d.email_type, d.day, d.message_id or "", d.why or "") for d in found],
    )
    here.screen.say("\nSettle one with [bold]carillon doubts ID --sent | --unsent | --resend[/].")


def show_release(screen: Screen, report: ReleaseReport) -> None:
    """What was released, and what was not and why."""
    if report.taken_back:
        screen.say(f"{count(report.taken_back, 'email')} of earlier days never left: the planner's again.")
    if report.paused:
        screen.say("[yellow]The workspace is paused[/]: `carillon resume` lets mail go again.")
        return
    screen.say(f"[green]Released {count(report.released, 'email')}[/] of {day(report.day)}.")
    if report.by_account:
        screen.indented(listed(report.by_account, screen.glyphs.dot))
    if report.no_room and not report.accounts:
        screen.say(
            f"[yellow]{count(report.no_room, 'email')} planned for today, and no account to send them.[/] "
            "`carillon account add` makes one."
        )
    elif report.no_room:
        screen.say(
            f"[yellow]{count(report.no_room, 'email')} found no room today[/] within the accounts' limits; "
            "the next plan catches them up."
        )


def show_sent(screen: Screen, report: SendReport) -> None:
    """What left, and what did not."""
    if not report.counts and not report.faults:
        screen.say("Nothing was due.")
    for name, counts in report.by_account.items():
        if counts:
            screen.say(f"{escape(name)}: {listed(dict(counts), screen.glyphs.dot)}")
    if report.reaped:
        screen.say(f"[dim]{count(report.reaped, 'claim')} of a dispatcher that ended were given back.[/]")
    if report.doubts:
        screen.say(f"[yellow]{count(report.doubts, 'email')} newly in doubt[/]: see `carillon doubts`.")
    for name, why in report.faults.items():
        screen.say(f"[red]{escape(name)} cannot send:[/] {escape(why)}")
        screen.say(f"  When it is mended: carillon account resume {escape(name)}")
