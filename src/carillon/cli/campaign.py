"""`carillon campaign`: campaigns made, changed, held up and looked at. Their targets: `targets`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape

from carillon.cli.campaign_notes import INSTANCE, metadata_option, show_changes, warn, warnings, write
from carillon.cli.output import Screen, listed, number, plain_word
from carillon.cli.session import day_option, session
from carillon.user import user_name
from carillon.words import InstanceStatus

if TYPE_CHECKING:
    from carillon.campaigns import Campaign, Instance
    from carillon.store.engine import Connection

EMAIL = typer.Option(None, "--email-template", metavar="T", help='Its email template ("": none).')
SMS = typer.Option(None, "--sms-template", metavar="T", help='Its SMS template ("": none).')
START = typer.Option(None, "--start", metavar="D", help='The first day its emails may leave ("": any).')
END = typer.Option(None, "--end", metavar="D", help='The last day its emails may leave ("": any).')
METADATA = typer.Option(
    None,
    "--metadata",
    metavar="JSON",
    help="An object: fields of the type to override, followup_templates, variants, keys of your own; "
    "null takes a key out.",
)
JSON = typer.Option(False, "--json", help="Print one JSON document.")


def create(
    context: typer.Context,
    type_name: str = typer.Argument(..., metavar="TYPE", help="What kind of campaign it is."),
    name: str = INSTANCE,
    email_template: str = EMAIL,
    sms_template: str = SMS,
    start: str = START,
    end: str = END,
    metadata: str = METADATA,
) -> None:
    """Make a campaign of a type.

    It is planned from now on, for the contacts that `carillon campaign target` names or, where the type or
    the metadata says so, for all.
    """
    from carillon.campaigns import Instance

    edit = _edit(email_template, sms_template, start, end, metadata)
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import campaigns as store

        new, now = edit(Instance(0, type_name, name)), workspace.clock.now()
        campaign = write(
            workspace, lambda c: store.with_type(store.types(c), store.create(c, new, now, user_name()))
        )
        here.screen.say(f"Made the campaign [bold]{escape(name)}[/] ({escape(type_name)}).")
        warn(here.screen, workspace, campaign)
    _next(here.screen, campaign, {})


def change(
    context: typer.Context,
    name: str = INSTANCE,
    email_template: str = EMAIL,
    sms_template: str = SMS,
    start: str = START,
    end: str = END,
    metadata: str = METADATA,
) -> None:
    """Change a campaign; what is not given stays. Metadata is changed key by key."""
    _change(context, name, _edit(email_template, sms_template, start, end, metadata))


def pause(context: typer.Context, name: str = INSTANCE) -> None:
    """Hold a campaign up: its planned emails are skipped until it is resumed."""
    _change(context, name, _to(InstanceStatus.PAUSED))


def resume(context: typer.Context, name: str = INSTANCE) -> None:
    """Let a campaign that was paused or archived go on; what is due is caught up, as far as it can be."""
    _change(context, name, _to(InstanceStatus.ACTIVE))


def archive(context: typer.Context, name: str = INSTANCE) -> None:
    """End a campaign for good: its planned emails go, what was sent stays known."""
    _change(context, name, _to(InstanceStatus.ARCHIVED))


def instances(context: typer.Context, as_json: bool = JSON) -> None:
    """List the campaigns with their targets."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import campaigns as store

        with workspace.database.snapshot() as connection:
            found = store.campaigns(connection, workspace.settings.campaign_types)
            counts = store.target_counts(connection)
    if as_json:
        here.screen.json([_document(one, counts.get(one.instance.id, {})) for one in found])
        return
    if not found:
        here.screen.say("There are no campaigns yet: `carillon campaign create TYPE INSTANCE` makes one.")
        return
    here.screen.table(
        ["campaign", "type", "status", "from", "until", "priority", "targets"],
        [
            (
                one.instance.name,
                one.instance.campaign_type,
                _status(one),
                str(one.instance.start or ""),
                str(one.instance.end or ""),
                str(one.priority),
                _targets(one, counts.get(one.instance.id, {}), here.screen.glyphs.dot),
            )
            for one in found
        ],
        right="priority",
        whole="campaign type from until",
    )


def show(context: typer.Context, name: str = INSTANCE, as_json: bool = JSON) -> None:
    """Show one campaign: its fields and where each comes from, its targets, what to do next."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import campaigns as store

        with workspace.database.snapshot() as connection:
            instance = store.find(connection, name)
            types = store.types(connection, workspace.settings.campaign_types)
            counts = store.target_counts(connection).get(instance.id, {})
        campaign = store.with_type(types, instance)
        notes = warnings(workspace, campaign)
        in_settings = instance.campaign_type in workspace.settings.campaign_types
        created = instance.created and instance.created.astimezone(workspace.settings.workspace.zone)
    if as_json:
        here.screen.json(_document(campaign, counts) | {"warnings": notes})
        return
    screen, kind = here.screen, escape(instance.campaign_type)
    screen.say(f"[bold]{escape(name)}[/]  {kind}, {escape(_status(campaign))}")
    facts = [
        ("made on", f"{created:%Y-%m-%d %H:%M}" if created else "unknown", ""),
        ("leaves from", str(instance.start or "any day"), ""),
        ("until", str(instance.end or "any day"), ""),
        ("email template", instance.email_template or "none", ""),
        ("SMS template", instance.sms_template or "none", ""),
    ]
    whence = f"type {kind}{' (carillon.yaml)' if in_settings else ''}"
    for field, (value, own) in _fields(campaign).items():
        origin = "this campaign" if own else whence
        facts.append((plain_word(field), _word(value), f"[dim]from {origin}[/]"))
    screen.facts(facts)
    others = {key: value for key, value in instance.metadata.items() if key not in _fields(campaign)}
    for key, value in others.items():
        screen.say(f"  [dim]{escape(key)}[/]  {escape(str(value))}")
    screen.say(f"\nTargets: {escape(_targets(campaign, counts, screen.glyphs.dot))}")
    for note in notes:
        screen.warn(note)
    _next(screen, campaign, counts)


def _edit(
    email: str | None, sms: str | None, start: str | None, end: str | None, metadata: str | None
) -> Callable[[Instance], Instance]:
    """What the options make of an instance; an empty text takes a value away."""
    changes: dict[str, Any] = {}
    if email is not None:
        changes["email_template"] = email or None
    if sms is not None:
        changes["sms_template"] = sms or None
    if start is not None:
        changes["start"] = day_option(start or None, "--start")
    if end is not None:
        changes["end"] = day_option(end or None, "--end")
    given = metadata_option(metadata)

    def edit(instance: Instance) -> Instance:
        merged = {key: value for key, value in (instance.metadata | given).items() if value is not None}
        return replace(instance, **changes, metadata=merged)

    return edit


def _to(status: InstanceStatus) -> Callable[[Instance], Instance]:
    return lambda instance: replace(instance, status=status.value)


def _change(context: typer.Context, name: str, edit: Callable[[Instance], Instance]) -> None:
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import campaigns as store

        now = workspace.clock.now()

        def work(connection: Connection) -> tuple[Campaign, list[Any]]:
            instance, changes = store.change(connection, name, edit, now, user_name())
            return store.with_type(store.types(connection), instance), changes

        campaign, changes = write(workspace, work)
        show_changes(here.screen, name, changes)
        if any(one.reschedules for one in changes):
            warn(here.screen, workspace, campaign)


def _fields(campaign: Campaign) -> dict[str, tuple[object, bool]]:
    """The effective fields, and whether each is the instance's own."""
    from carillon.campaigns import TYPE_FIELDS

    own = campaign.overridden
    return {name: (getattr(campaign, name), name in own) for name in TYPE_FIELDS}


def _document(campaign: Campaign, counts: dict[str, int]) -> dict[str, object]:
    instance = campaign.instance
    return {
        "id": instance.id,
        "name": instance.name,
        "type": instance.campaign_type,
        "status": instance.status,
        "email_template": instance.email_template,
        "sms_template": instance.sms_template,
        "start": instance.start,
        "end": instance.end,
        "created": instance.created,
        "metadata": instance.metadata,
        "fields": {
            name: {"value": value, "from": "instance" if own else "type"}
            for name, (value, own) in _fields(campaign).items()
        },
        "targets": counts,
    }


def _status(campaign: Campaign) -> str:
    held_up = campaign.instance.status == InstanceStatus.ACTIVE and not campaign.active
    return "type inactive" if held_up else campaign.instance.status


def _targets(campaign: Campaign, counts: dict[str, int], dot: str) -> str:
    named = listed(counts, dot)
    if campaign.target_all_contacts:
        return f"all contacts; named: {named}" if named else "all contacts"
    return f"{number(sum(counts.values()))} ({named})" if named else "none yet"


def _next(screen: Screen, campaign: Campaign, counts: dict[str, int]) -> None:
    name = f'"{campaign.instance.name}"' if " " in campaign.instance.name else campaign.instance.name
    if campaign.instance.status != InstanceStatus.ACTIVE:
        screen.say(f"\nNext: [bold]carillon campaign resume {escape(name)}[/]")
    elif not counts and not campaign.target_all_contacts:
        options = escape("--all | --contact EMAIL | --file CSV")
        screen.say(f"\nNext: [bold]carillon campaign target {escape(name)} ({options})[/]")
    else:
        screen.say("\nNext: [bold]carillon plan[/]")


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
