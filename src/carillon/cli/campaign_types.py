"""`carillon campaign types`, `type` and `log`: kinds of campaigns, and what was changed when by whom."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.campaign_notes import show_changes, write
from carillon.cli.output import plain_word
from carillon.cli.session import session
from carillon.errors import UsageError
from carillon.user import user_name

if TYPE_CHECKING:
    from carillon.campaigns import CampaignType
    from carillon.store.campaign_log import Change
    from carillon.store.engine import Connection


def types(
    context: typer.Context, as_json: bool = typer.Option(False, "--json", help="Print one JSON document.")
) -> None:
    """List the types of campaigns with what their campaigns have in common."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.campaigns import TYPE_FIELDS
        from carillon.store import campaigns as store

        defined = workspace.settings.campaign_types
        with workspace.database.snapshot() as connection:
            found = store.types(connection, defined)
    if as_json:
        here.screen.json(
            [asdict(one) | {"defined_in": _place(name in defined)} for name, one in found.items()]
        )
        return
    here.screen.table(
        ["type", *map(plain_word, TYPE_FIELDS), "defined in"],
        [
            (name, *(_cell(getattr(one, field)) for field in TYPE_FIELDS), _place(name in defined))
            for name, one in found.items()
        ],
        whole="type",
    )


def type_(
    context: typer.Context,
    name: str = typer.Argument(..., metavar="NAME", help="Lower-case letters, digits and _."),
    days_before_event: int = typer.Option(
        None, "--days-before-event", metavar="N", help="Days from the email to the trigger date."
    ),
    priority: int = typer.Option(None, "--priority", metavar="N", help="0 to 99; the lower goes first."),
    respect_exclusion_windows: bool = typer.Option(
        None,
        "--respect-exclusion-windows/--no-respect-exclusion-windows",
        help="Keep out of the windows of contacts' states. The law may demand it.",
    ),
    enable_followups: bool = typer.Option(
        None, "--enable-followups/--no-enable-followups", help="Follow its emails up."
    ),
    target_all_contacts: bool = typer.Option(
        None, "--target-all-contacts/--no-target-all-contacts", help="Write to everyone eligible."
    ),
    active: bool = typer.Option(None, "--active/--no-active", help="Let its campaigns send."),
) -> None:
    """Make a type of campaigns, or change what all campaigns of a type have in common.

    A new type respects windows, has follow-ups, goes out on the day itself to named targets, has priority
    10 and is active, unless the options say otherwise.
    """
    given = {
        "days_before_event": days_before_event,
        "priority": priority,
        "respect_exclusion_windows": respect_exclusion_windows,
        "enable_followups": enable_followups,
        "target_all_contacts": target_all_contacts,
        "active": active,
    }
    said = {field: value for field, value in given.items() if value is not None}
    here = session(context)
    with here.workspace() as workspace:
        if name in workspace.settings.campaign_types:
            raise UsageError(
                f"the type {name} is defined in {workspace.folder / 'carillon.yaml'}, under "
                f"campaign_types.{name}. Change it there, or remove it there to change it with this command."
            )
        from carillon.campaigns import CampaignType
        from carillon.store import campaigns as store

        def work(connection: Connection) -> tuple[CampaignType | None, CampaignType, list[Change]]:
            old = store.types(connection).get(name)
            new = replace(old or CampaignType(name), **said)  # type: ignore[arg-type]  # by name
            return old, new, store.put_type(connection, new, workspace.clock.now(), user_name())

        old, new, changes = write(workspace, work)
    if old is not None:
        show_changes(here.screen, name, changes)
        return
    here.screen.say(f"Made the type [bold]{escape(name)}[/].")
    here.screen.facts(
        [(plain_word(field), _cell(value), "") for field, value in asdict(new).items() if field != "name"]
    )
    here.screen.say(f"\nNext: [bold]carillon campaign create {escape(name)} INSTANCE[/]")


def log(
    context: typer.Context,
    name: str = typer.Argument(None, metavar="[INSTANCE]", help="Only changes of this campaign."),
    limit: int = typer.Option(50, "--limit", min=1, metavar="N", help="Changes listed at most."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """List what was changed about campaigns and their types, the newest first."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import campaign_log, campaigns

        zone = workspace.settings.workspace.zone
        with workspace.database.snapshot() as connection:
            of = None if name is None else campaigns.find(connection, name).id
            found = campaign_log.newest(connection, limit, of)
    screen = here.screen
    if as_json:
        screen.json(
            [
                {
                    "campaign": None if one.is_type else one.about,
                    "type": one.about if one.is_type else None,
                    "field": one.change.field,
                    "old": one.change.old,
                    "new": one.change.new,
                    "requires_rescheduling": one.change.reschedules,
                    "changed_at": one.at,
                    "changed_by": one.by,
                }
                for one in found
            ]
        )
        return
    if not found:
        screen.say("Nothing was changed yet.")
        return
    screen.table(
        ["when", "what", "field", "old", "new", "by"],
        [
            (
                f"{one.at.astimezone(zone):%Y-%m-%d %H:%M}" if one.at else "",
                f"type {one.about}" if one.is_type else one.about,
                one.change.field,
                one.change.old or "",
                one.change.new or "",
                one.by,
            )
            for one in found
        ],
        whole="when field",
    )


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _place(in_settings: bool) -> str:
    return "carillon.yaml" if in_settings else "database"
