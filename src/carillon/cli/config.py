"""`carillon config show|check|history`: look at the settings, now and before."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.text import Text

from carillon.cli.output import Screen, count, number
from carillon.cli.session import Session, session
from carillon.errors import UsageError, WorkspaceError

if TYPE_CHECKING:
    from carillon.settings import Settings
    from carillon.settings_values import Changed
    from carillon.store.versions import Version
    from carillon.workspace import Workspace


def show(
    context: typer.Context,
    version: int = typer.Option(
        None, "--version", metavar="N", help="Show this version of them (`carillon config history`)."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Show every setting with its value and where that comes from."""
    here = session(context)
    if version is None:
        rows = _now(_settings(here))
    else:
        with here.workspace() as workspace:
            rows = _then(find_version(workspace, version))
    if as_json:
        here.screen.json(
            {
                path: {"value": value, "origin": kind, "where": where}
                for path, (value, kind, where) in rows.items()
            }
        )
        return
    from carillon.settings_values import words

    _table(here.screen, {path: (words(value), where or kind) for path, (value, kind, where) in rows.items()})


def check(context: typer.Context) -> None:
    """Check carillon.yaml and the environment; name every fault with its file and line."""
    here = session(context)
    settings = _settings(here)
    own = sum(settings.origin(path).kind != "default" for path in settings.paths())
    here.screen.say(
        f"[green]The settings are fine:[/] {number(own)} of {number(len(settings.paths()))} are given in "
        f"{escape(str(here.folder / 'carillon.yaml'))} or the environment, the rest are defaults."
    )


def history(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """List the versions of the settings, the newest first, and what each changed.

    Every command that writes notes a version if the settings differ from the last one; so does this one.
    """
    here = session(context)
    with here.workspace() as workspace:
        from carillon.jobs.settings import noted
        from carillon.settings_values import changes
        from carillon.store import versions

        noted(workspace)
        zone = workspace.settings.workspace.zone
        with workspace.database.snapshot() as connection:
            found = versions.every(connection)
    before = [None, *found[:-1]]
    rows = [
        (one, [] if old is None else changes(old.values, one.values))
        for old, one in zip(before, found, strict=True)
    ]
    rows.reverse()
    if as_json:
        here.screen.json([_document(one, changed) for one, changed in rows])
        return
    for one, changed in rows:
        _tell(here.screen, one, changed, zone)
    here.screen.say("\n[bold]carillon config rollback N[/] goes back to one of them.")


def find_version(workspace: Workspace, wanted: int) -> Version:
    """The version of this number."""
    from carillon.jobs.settings import find_version as find
    from carillon.store import versions

    found = find(workspace, wanted)
    if found is not None:
        return found
    with workspace.database.snapshot() as connection:
        all_ = versions.every(connection)
    known = f"there are {all_[0].number} to {all_[-1].number}" if all_ else "there is none yet"
    raise UsageError(f"there is no version {wanted} of the settings; {known} (`carillon config history`).")


def show_changes(screen: Screen, changed: list[Changed]) -> None:
    """Each key with its old and its new value; of maps and lists only what differs."""
    from carillon.settings_values import side_by_side

    rows = side_by_side(changed)
    keys, olds = (max(len(row[at]) for row in rows) for at in (0, 1))
    for key, old, new in rows:
        line = Text(f"  {key:<{keys}}  ")
        line.append(f"{old:<{olds}}", "red").append(f" {screen.glyphs.arrow} ", "dim").append(new, "green")
        screen.show(line)


def _tell(screen: Screen, one: Version, changed: list[Changed], zone: ZoneInfo) -> None:
    state = "[green]in force[/] since" if one.valid_to is None else "from"
    until = "" if one.valid_to is None else f" to {_moment(one.valid_to, zone)}"
    screen.say(
        f"[bold]{one.number}[/]  {state} {_moment(one.valid_from, zone)}{until}  {escape(one.created_by)}"
    )
    if changed:
        show_changes(screen, changed)
    else:
        screen.say(f"  [dim]{count(len(one.values), 'setting')}[/]")


def _moment(value: datetime | None, zone: ZoneInfo) -> str:
    return "?" if value is None else f"{value.astimezone(zone):%Y-%m-%d %H:%M}"


def _document(one: Version, changed: list[Changed]) -> dict[str, object]:
    return {
        "version": one.number,
        "valid_from": one.valid_from and one.valid_from.isoformat(),
        "valid_to": one.valid_to and one.valid_to.isoformat(),
        "created_by": one.created_by,
        "environment": one.environment,
        "changes": [{"key": change.key, "old": change.old, "new": change.new} for change in changed],
    }


def _settings(here: Session) -> Settings:
    from carillon.settings import load_settings

    if not (here.folder / "carillon.yaml").is_file():
        raise WorkspaceError(
            f"{here.folder} has no carillon.yaml. Make a workspace with `carillon init {here.folder}`, "
            "or name another with --workspace."
        )
    return load_settings(here.folder, os.environ)


Rows = dict[str, tuple[object, str, str | None]]
"""By key: value, kind of its origin, place of that."""


def _now(settings: Settings) -> Rows:
    from carillon.settings_values import values_of

    origins = {path: settings.origin(path) for path in settings.paths()}
    return {path: (v, origins[path].kind, origins[path].where) for path, v in values_of(settings).items()}


def _then(version: Version) -> Rows:
    given = version.environment
    return {
        path: (value, "environment" if path in given else "version", given.get(path, f"v{version.number}"))
        for path, value in version.values.items()
    }


def _table(screen: Screen, values: dict[str, tuple[str, str]]) -> None:
    section, rows = "", []
    for path, (value, where) in values.items():
        head, _, key = path.partition(".")
        if head != section and key:
            section = head
            rows.append((Text(head, "bold"), Text(""), Text("")))
        name = Text(f"  {key}") if key else Text(head, "bold")
        rows.append((name, Text(value), Text(where, "dim" if where == "default" else "cyan")))
    screen.table(["setting", "value", "from"], rows, whole="setting from")
