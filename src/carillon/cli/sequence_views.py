"""Sequences looked at: how their contacts stand, how they did, what happened to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.output import Screen, listed, number
from carillon.cli.sequence import JSON, NAME
from carillon.cli.session import session
from carillon.cli.targets import one_contact

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from carillon.store.sequence_status import Counts

LIMIT = typer.Option(20, "--limit", metavar="N", min=1, help="At most so many.")


def status(context: typer.Context, name: str = NAME, limit: int = LIMIT, as_json: bool = JSON) -> None:
    """Show how the contacts of a sequence stand: how many where, and the latest of them."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import sequence_status as store
        from carillon.store import sequences

        zone = workspace.settings.workspace.zone
        with workspace.database.snapshot() as connection:
            found = sequences.find(connection, name)
            counts = store.counts(connection, [found.id])[found.id]
            people = store.people(connection, found.id, limit)
    if as_json:
        here.screen.json(
            {
                "name": found.name,
                "status": found.status,
                "campaign": found.campaign,
                "scheduled_start_at": found.scheduled_start_at,
                **counts.as_json(),
                "contacts": [
                    {
                        "contact_id": one.contact_id,
                        "email": one.email,
                        "status": one.state,
                        "enrollment": one.status,
                        "current_step": one.current_step,
                        "next_action_at": one.next_action_at,
                        "exit_reason": one.exit_reason,
                        "sent": one.sent,
                    }
                    for one in people
                ],
            }
        )
        return
    screen = here.screen
    screen.say(f"[bold]{escape(name)}[/]  {found.status}")
    _facts(screen, counts, zone)
    if people:
        screen.say()
        screen.table(
            ["contact", "status", "step", "next", "sent", "ended"],
            [
                (
                    one.email or str(one.contact_id),
                    one.state.value,
                    one.current_step or "",
                    _local(one.next_action_at, zone),
                    number(one.sent),
                    one.exit_reason or "",
                )
                for one in people
            ],
            right="sent",
            whole="contact status",
        )
    if counts.total > len(people):
        screen.say(
            f"  [dim]the latest {number(len(people))} of {number(counts.total)} (--limit shows more)[/]"
        )


def report(context: typer.Context, as_json: bool = JSON) -> None:
    """Show how all sequences did, and the outreach campaigns they belong to."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import sequence_status as store
        from carillon.store import sequences

        zone = workspace.settings.workspace.zone
        with workspace.database.snapshot() as connection:
            found = sequences.sequences(connection)
            counts = store.counts(connection)
    names = dict.fromkeys(one.campaign for one in found.values() if one.campaign is not None)
    campaigns = {
        name: store.total(counts[one.id] for one in found.values() if one.campaign == name) for name in names
    }
    if as_json:
        here.screen.json(
            {
                "sequences": [
                    {"name": one.name, "status": one.status, "campaign": one.campaign}
                    | counts[one.id].as_json()
                    for one in found.values()
                ],
                "campaigns": [{"name": name} | one.as_json() for name, one in campaigns.items()],
                "total": store.total(counts.values()).as_json(),
            }
        )
        return
    rows = [(one.name, one.status.value, counts[one.id]) for one in found.values()]
    rows += [(name, "campaign", one) for name, one in campaigns.items()]
    if not rows:
        here.screen.say("There are no sequences yet: `carillon sequence new NAME` begins one.")
        return
    here.screen.table(
        ["sequence", "", "contacts", "sent", "replies", "reply rate", "last activity", "stand"],
        [
            (
                name,
                kind,
                number(one.total),
                number(one.sent),
                number(one.replies),
                _rate(one),
                _local(one.last_activity, zone),
                _states(one, here.screen),
            )
            for name, kind, one in rows
        ],
        right="contacts sent replies",
        whole="sequence",
    )


def log(
    context: typer.Context,
    name: str = NAME,
    contact: str = typer.Option(None, "--contact", metavar="EMAIL-OR-ID", help="Only of this contact."),
    limit: int = LIMIT,
    as_json: bool = JSON,
) -> None:
    """Show what was done in a sequence, the latest first; with --contact the whole way of one."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import sequence_status as store
        from carillon.store import sequences

        zone = workspace.settings.workspace.zone
        with workspace.database.snapshot() as connection:
            found = sequences.find(connection, name)
            whose = None if contact is None else one_contact(connection, contact)
            rows = store.history(connection, found.id, whose, limit)
    if as_json:
        here.screen.json([one.__dict__ for one in rows])
        return
    if not rows:
        here.screen.say("Nothing has been done yet.")
        return
    here.screen.table(
        ["when", "contact", "step", "outcome", "detail"],
        [
            (
                _local(one.executed_at, zone),
                one.email or "",
                one.step_key,
                one.outcome,
                one.detail or "",
            )
            for one in rows
        ],
        whole="when contact",
    )


def _facts(screen: Screen, counts: Counts, zone: ZoneInfo) -> None:
    facts = [("contacts", number(counts.total), ""), ("emails sent", number(counts.sent), "")]
    facts.append(("replies", number(counts.replies), _rate(counts)))
    screen.facts(facts)
    if counts.last_activity is not None:
        screen.say(f"  [dim]last activity[/]  {_local(counts.last_activity, zone)}")
    if counts.states:
        screen.say(f"  {escape(_states(counts, screen))}")


def _states(counts: Counts, screen: Screen) -> str:
    return listed({state.value: n for state, n in counts.states.items()}, screen.glyphs.dot)


def _rate(counts: Counts) -> str:
    return "" if counts.reply_rate is None else f"{counts.reply_rate:.1%}"


def _local(moment: datetime | None, zone: ZoneInfo) -> str:
    return "" if moment is None else f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
