"""`carillon release`, `send` and `doubts`: what is planned leaves."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.output import Screen, count, day, listed, number
from carillon.cli.restore import take_over as take
from carillon.cli.session import moment_option, session
from carillon.cli.signals import stop_on_signals
from carillon.errors import UsageError
from carillon.words import Wait

if TYPE_CHECKING:
    from carillon.pace.run import ReleaseReport
    from carillon.send.run import SendReport
    from carillon.store.doubts import Which
    from carillon.store.due_templates import Lacking
    from carillon.workspace import Workspace

_WAITS = {
    Wait.WORKSPACE_PAUSED: "all mail is paused: `carillon resume`",
    Wait.ACCOUNT_PAUSED: "the account is paused or stopped: `carillon account list`",
    Wait.CAMPAIGN_PAUSED: "the campaign is paused: `carillon campaign list`",
    Wait.SEQUENCE_PAUSED: "the sequence or the enrollment is paused",
    Wait.DAY_OVER: "of a day that is over: the next `carillon release` gives them back to the planner",
    Wait.NOT_YET_DUE: "not yet due",
    Wait.SLOT: "waiting for a free slot of the mailbox: `carillon slots`",
    Wait.ACCOUNT_LIMIT: "the account's limit is used up for now",
    Wait.ACCOUNT_FAULT: "the account cannot send",
    Wait.INTERRUPTED: "due; the dispatcher was stopped before their turn",
    Wait.TEMPLATE: "planned, and there is no template for them",
    Wait.NOT_RELEASED: "planned, and not released: `carillon release`",
    Wait.DRY_RUN: "due; this was a dry run",
}
_POLICIES = {
    "hold": "they wait for you (safety.on_doubt: hold)",
    "assume_sent": "the next dispatch counts them as sent (safety.on_doubt: assume_sent)",
    "resend": "what was handed over 10 minutes ago is sent again (safety.on_doubt: resend)",
}
_SETTLED = {
    "sent": "they count as sent",
    "unsent": "they count as not sent, and are not sent again",
    "resend": "they are sent again with the next dispatch, with the same Message-IDs",
}


def release(
    context: typer.Context,
    take_over: bool = typer.Option(
        False, "--take-over", help="This copy of the workspace is the one that sends from now on."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Give today's planned emails an account and a minute.

    From the workspace's send time on, at the pace each account's limits allow. What was released for an
    earlier day and never left goes back to the planner. Running it again does no harm.
    """
    here = session(context)
    with here.workspace() as workspace:
        from carillon.pace.run import release as go

        if take_over:
            take(workspace, here.screen)
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
    yes: bool = typer.Option(False, "--yes", help="Do not ask first where safety.confirm_before_send is on."),
    take_over: bool = typer.Option(
        False, "--take-over", help="This copy of the workspace is the one that sends from now on."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document at the end."),
) -> None:
    """Send what has been released and is due, at most once each.

    Without --once it goes on until it is stopped; a stop (Ctrl-C or SIGTERM) finishes what is in flight and
    gives back what was not sent. An email whose fate nobody knows is in doubt: see `carillon doubts`. With
    safety.dry_run in the settings nothing is sent: what is due is written into a Maildir.
    """
    here = session(context)
    with here.workspace() as workspace:
        if take_over:
            take(workspace, here.screen)
        safety = workspace.settings.safety
        if safety.confirm_before_send and not (
            yes or safety.dry_run or _agreed(here.screen, workspace, once)
        ):
            here.screen.say("Nothing was sent.")
            raise typer.Exit(1)
        report = _run(workspace, once, here.now is not None and not really)
    if as_json:
        here.screen.json(report.as_json())
    else:
        show_sent(here.screen, report)
    if report.faults:
        raise typer.Exit(1)


def _agreed(screen: Screen, workspace: Workspace, once: bool) -> bool:
    """Ask whether mail may leave. Raises UsageError where nobody can be asked."""
    from carillon.send.run import due

    found = due(workspace)
    if once and not found.emails:
        return True
    if not screen.err.is_terminal or not sys.stdin.isatty():
        raise UsageError(
            "safety.confirm_before_send is on, and there is no terminal to ask on; add --yes to send."
        )
    what = f"{count(found.emails, 'email')} through {count(found.accounts, 'account')}"
    later = "" if once else ", and what becomes due later"
    return typer.confirm(f"Send {what}{later}?", err=True)


def _run(workspace: Workspace, once: bool, local_only: bool) -> SendReport:
    from carillon.send.run import dispatch

    async def go() -> SendReport:
        return await dispatch(workspace, stop_on_signals(), once, local_only)

    return asyncio.run(go())


def doubts(
    context: typer.Context,
    settle: int = typer.Argument(None, metavar="[ID]", help="The email to settle; without it, list."),
    every: bool = typer.Option(False, "--all", help="Settle all, or all that these options mean:"),
    account: str = typer.Option(None, "--account", metavar="NAME", help="Only those of this account."),
    since: str = typer.Option(
        None, "--since", metavar="ISO", help="Only those handed over then or later, like 2026-03-02T09:00."
    ),
    before: str = typer.Option(None, "--before", metavar="ISO", help="Only those handed over before."),
    sent: bool = typer.Option(False, "--sent", help="It did arrive."),
    unsent: bool = typer.Option(False, "--unsent", help="It certainly did not; it is not sent again."),
    resend: bool = typer.Option(False, "--resend", help="Send it again, with the same Message-ID."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """List emails that may have been sent, and settle them.

    An email is in doubt when the server was given all of it and its answer was lost. Look for its
    Message-ID in the Sent folder or the server's log; Carillon never sends it again by itself, unless
    safety.on_doubt in the settings says so. After an outage `--all` settles many at once.
    """
    here = session(context)
    chosen = [name for name, given in (("sent", sent), ("unsent", unsent), ("resend", resend)) if given]
    if settle is not None and (every or account or since or before):
        raise UsageError("settle one email by its ID, or many with --all.")
    if (settle is not None or every) and len(chosen) != 1:
        raise UsageError("say what became of it: one of --sent, --unsent and --resend.")
    if settle is None and chosen and not every:
        raise UsageError(f"--{chosen[0]} needs the ID of an email, or --all; `carillon doubts` lists them.")
    with here.workspace() as workspace:
        from carillon.send.doubt import listed as all_doubts
        from carillon.send.doubt import settle as decide
        from carillon.send.doubt import settle_many

        if settle is not None:
            here.screen.say(decide(workspace, settle, chosen[0]))
            return
        which = _which(workspace, account, since, before)
        done = settle_many(workspace, which, chosen[0]) if every else 0
        found, policy = all_doubts(workspace, which), workspace.settings.safety.on_doubt
    if as_json:
        settled = {"settled": done} if every else {}
        here.screen.json({"policy": policy, **settled, "doubts": [one.as_json() for one in found]})
        return
    if done:
        here.screen.say(f"Settled {count(done, 'email')}: {_SETTLED[chosen[0]]}.")
        if found and resend:
            here.screen.say(
                f"{count(len(found), 'email')} handed over less than 10 minutes ago: still in doubt."
            )
        return
    if not found:
        here.screen.say("No email is in doubt.")
        return
    here.screen.say(f"[yellow]{count(len(found), 'email')} in doubt[/]; {_POLICIES[policy]}")
    here.screen.table(
        ("id", "to", "type", "day", "Message-ID", "why"),
        [(str(d.id), d.email or "", d.email_type, d.day, d.message_id or "", d.why or "") for d in found],
    )
    here.screen.say(
        "\nSettle one with [bold]carillon doubts ID --sent | --unsent | --resend[/], or all with"
        " [bold]--all[/] in place of the ID."
    )


def _which(workspace: Workspace, account: str | None, since: str | None, before: str | None) -> Which:
    """Which emails in doubt are meant. Raises InputError for an account that is not there."""
    from carillon.store import accounts
    from carillon.store.doubts import Which

    zone = workspace.settings.workspace.zone
    with workspace.database.snapshot() as connection:
        number = None if account is None else accounts.find(connection, account).id
    first, last = (
        None if given is None else moment_option(given, option, lambda: zone)
        for option, given in (("--since", since), ("--before", before))
    )
    return Which(number, first, last)


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
    tell_lacking(screen, report.lacking)
    if report.no_room and not report.accounts:
        screen.say(
            f"[yellow]{count(report.no_room, 'email')} planned for today, and no account to send them.[/] "
            "`carillon account add` makes one."
        )
    elif report.no_room:
        for group, emails in report.without_account.items():
            screen.say(
                f"[yellow]{count(emails, 'email')} for the group {escape(group)}, which has no active "
                f"account.[/] `carillon account set NAME --group {escape(group)}` puts one into it."
            )
        if crowded := report.no_room - sum(report.without_account.values()):
            screen.say(
                f"[yellow]{count(crowded, 'email')} found no room today[/] within the accounts' limits and "
                "slots. They stay planned: room that is found today is theirs, and the next plan moves the "
                "rest to the next day that is allowed."
            )


def tell_lacking(screen: Screen, found: Iterable[Lacking]) -> None:
    """Emails that there is no template for."""
    for one in found:
        screen.say(f"[yellow]{count(one.emails, 'email')} not released:[/] {escape(one.words)}.")


def show_sent(screen: Screen, report: SendReport) -> None:
    """What left, and what did not."""
    if report.dry_run:
        screen.say("[yellow]Dry run: nothing was sent.[/] safety.dry_run in carillon.yaml is on.")
    if not (report.counts or report.faults or report.warmup):
        screen.say("Nothing was due.")
    for name, counts in report.by_account.items():
        if counts:
            screen.say(f"{escape(name)}: {listed(dict(counts), screen.glyphs.dot)}")
            if name in report.written:
                screen.say(f"  in {escape(str(report.written[name]))}")
    if report.warmup:
        screen.say(f"Warm-up mail: {listed(dict(report.warmup), screen.glyphs.dot)}")
    if report.reaped:
        screen.say(f"[dim]{count(report.reaped, 'claim')} of a dispatcher that ended were given back.[/]")
    if report.doubts:
        screen.say(f"[yellow]{count(report.doubts, 'email')} newly in doubt[/]: see `carillon doubts`.")
    if report.settled:
        screen.say(f"{count(report.settled, 'email')} in doubt settled, as safety.on_doubt says.")
    for name, why in report.faults.items():
        screen.say(f"[red]{escape(name)} cannot send:[/] {escape(why)}")
        if not report.dry_run:
            screen.say(f"  When it is mended: carillon account resume {escape(name)}")
    if report.waiting:
        screen.say(f"[bold]{count(report.waiting.total(), 'email')} of today still to go[/]")
        screen.table(
            ("emails", "why"),
            [(number(n), _WAITS[Wait(reason)]) for reason, n in report.waiting.most_common()],
            right="emails",
        )
        tell_lacking(screen, report.lacking)
