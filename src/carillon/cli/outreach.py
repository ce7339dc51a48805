"""`carillon outreach`: campaigns that sequences belong to, with what these have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.output import number
from carillon.cli.sequence import JSON, quoted
from carillon.cli.session import session
from carillon.errors import InputError, UsageError
from carillon.user import user_name
from carillon.words import OutreachStatus

if TYPE_CHECKING:
    from carillon.sequences_short import ShortForm

NAME = typer.Argument(..., metavar="NAME", help="The outreach campaign's name.")
_OPTIONS = {
    "subject": "--subject",
    "templates": "--template",
    "followup_delays": "--followup-delays",
    "max_followups": "--max-followups",
}


def create(
    context: typer.Context,
    name: str = NAME,
    description: str = typer.Option(None, "--description", metavar="D", help="What it is about."),
    sender_name: str = typer.Option(
        None, "--sender-name", metavar="S", help="Whose name its emails carry (default: the account's)."
    ),
    subject: str = typer.Option(
        None, "--subject", metavar="S", help="The initial email's (default: its template's)."
    ),
    template: list[str] = typer.Option(
        [],
        "--template",
        metavar="PART=TEMPLATE",
        help="The template of initial, followup_1 and so on, where a sequence names none; repeatable.",
    ),
    delays: str = typer.Option(
        None, "--followup-delays", metavar="3,7,14", help="Days from the initial email to each follow-up."
    ),
    most: int = typer.Option(None, "--max-followups", metavar="N", min=0, help="At most so many."),
) -> None:
    """Make an outreach campaign. Sequences name it with `campaign: NAME`.

    What is given here holds for its sequences in short form that do not say otherwise.
    """
    from carillon.sequences import title

    try:
        title(name)
    except ValueError as error:
        raise InputError(f"the outreach campaign's name: {error}.") from None
    defaults = _defaults(subject, template, delays, most)
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import outreach as store

        wanted = store.Outreach(name, description, sender_name, defaults)
        now = workspace.clock.now()
        workspace.database.write(lambda c: store.create(c, wanted, now, user_name()))
    here.screen.say(f"Made the outreach campaign [bold]{escape(name)}[/].")
    here.screen.say(f'\nNext: a sequence with "campaign: {escape(name)}" in its file')


def campaigns(context: typer.Context, as_json: bool = JSON) -> None:
    """List the outreach campaigns with how their sequences did."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.settings_values import plain
        from carillon.store import outreach as store
        from carillon.store import sequence_status, sequences

        with workspace.database.snapshot() as connection:
            found = store.campaigns(connection)
            of = {one.id: one.campaign for one in sequences.sequences(connection).values()}
            counts = sequence_status.counts(connection)
    sums = {
        one.name: sequence_status.total(counts[key] for key, name in of.items() if name == one.name)
        for one in found
    }
    many = {one.name: list(of.values()).count(one.name) for one in found}
    if as_json:
        here.screen.json(
            [
                {
                    "name": one.name,
                    "description": one.description,
                    "status": one.status,
                    "sender_name": one.sender_name,
                    "defaults": plain(one.defaults),
                    "smart_scheduling": plain(one.smart_scheduling),
                    "sequences": many[one.name],
                }
                | sums[one.name].as_json()
                for one in found
            ]
        )
        return
    if not found:
        here.screen.say("There are no outreach campaigns yet: `carillon outreach create NAME` makes one.")
        return
    here.screen.table(
        ["campaign", "status", "sequences", "contacts", "sent", "replies"],
        [
            (
                one.name,
                one.status.value,
                number(many[one.name]),
                number(sums[one.name].total),
                number(sums[one.name].sent),
                number(sums[one.name].replies),
            )
            for one in found
        ],
        right="sequences contacts sent replies",
        whole="campaign",
    )


def pause(context: typer.Context, name: str = NAME) -> None:
    """Hold all sequences of an outreach campaign up; each keeps its own status."""
    _set(context, name, OutreachStatus.PAUSED)


def resume(context: typer.Context, name: str = NAME) -> None:
    """Let an outreach campaign that was paused or archived go on."""
    _set(context, name, OutreachStatus.ACTIVE)


def archive(context: typer.Context, name: str = NAME) -> None:
    """Put an outreach campaign away: its sequences stop where they are, and no new ones are taken."""
    _set(context, name, OutreachStatus.ARCHIVED)


def _set(context: typer.Context, name: str, status: OutreachStatus) -> None:
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import outreach as store

        now = workspace.clock.now()
        workspace.database.write(lambda c: store.set_status(c, name, status, now, user_name()))
    here.screen.say(f"The outreach campaign [bold]{escape(name)}[/] is {status}.")
    if status is OutreachStatus.ARCHIVED:
        here.screen.note(f"carillon outreach resume {escape(quoted(name))} opens it again.")


def _defaults(subject: str | None, templates: list[str], delays: str | None, most: int | None) -> ShortForm:
    from pydantic import ValidationError

    from carillon.sequences_short import ShortForm
    from carillon.settings_checks import Misfits

    pairs = [one.partition("=") for one in templates]
    if wrong := [one for one, (_, equals, _) in zip(templates, pairs, strict=True) if not equals]:
        raise UsageError(f"--template {wrong[0]!r} is not PART=TEMPLATE; write it like initial=hello.")
    given = {
        "subject": subject,
        "templates": {part.strip(): name.strip() for part, _, name in pairs},
        "followup_delays": None if delays is None else delays.split(","),
        "max_followups": most,
    }
    try:
        return ShortForm.model_validate({key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        fault = first.get("ctx", {}).get("error")
        place = (*first["loc"], *(fault.found[0].path if isinstance(fault, Misfits) else ()))
        raise UsageError(f"{_OPTIONS[str(place[0])]}: {fault or first['msg']}") from None
