"""What the commands about campaigns have in common: their words, what changed, what to be warned of."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from rich.markup import escape

from carillon.cli.output import Screen
from carillon.errors import UsageError

if TYPE_CHECKING:
    from carillon.campaigns import Campaign
    from carillon.store.campaign_log import Change
    from carillon.store.engine import Connection
    from carillon.workspace import Workspace

T = TypeVar("T")

INSTANCE = typer.Argument(..., metavar="INSTANCE", help="The campaign's name.")


def write(workspace: Workspace, work: Callable[[Connection], T]) -> T:
    """`work` in one transaction, with the types of carillon.yaml stored as they are there."""
    from carillon.store import campaigns as store

    def both(connection: Connection) -> T:
        store.sync_types(connection, workspace.settings.campaign_types, workspace.clock.now())
        return work(connection)

    return workspace.database.write(both)


def metadata_option(text: str | None) -> dict[str, Any]:
    """The object `--metadata` gives; none is an empty one."""
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"--metadata is not JSON ({error}); write it like '{{\"days_before_event\": 7}}'."
        ) from None
    if not isinstance(found, dict):
        raise UsageError("--metadata must be an object, like '{\"days_before_event\": 7}'.")
    return found


def show_changes(screen: Screen, name: str, changes: Sequence[Change]) -> None:
    """What is different about a type or an instance."""
    if not changes:
        screen.say(f"[bold]{escape(name)}[/] is like this already; nothing was changed.")
        return
    screen.say(f"Changed [bold]{escape(name)}[/]:")
    arrow = screen.glyphs.arrow
    for one in changes:
        screen.say(f"  {escape(one.field)}  {escape(_value(one.old))} {arrow} {escape(_value(one.new))}")
    if any(one.reschedules for one in changes):
        screen.say("\nNext: [bold]carillon plan[/] plans anew what this affects.")


def warn(screen: Screen, workspace: Workspace, campaign: Campaign) -> None:
    """Say what keeps the emails of a campaign that was just changed from leaving."""
    for note in warnings(workspace, campaign, workspace.today()):
        screen.warn(note)


def warnings(workspace: Workspace, campaign: Campaign, since: date | None = None) -> list[str]:
    """What keeps the campaign's emails from leaving, a sentence each.

    `since`: the day from which it is as it is now; None: since it was made.
    """
    from carillon.campaign_hindrances import hindrances

    today = workspace.today()
    return hindrances(workspace.settings, campaign, today, since, "`carillon campaign resume`")


def _value(text: str | None) -> str:
    return "none" if text is None else text
