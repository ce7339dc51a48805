"""`carillon config rollback|import`: change `carillon.yaml` to what it was, or to an older scheduler's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.text import Text

from carillon.cli.config import find_version, show_changes
from carillon.cli.output import Screen, count
from carillon.cli.session import session
from carillon.errors import InputError
from carillon.user import user_name

if TYPE_CHECKING:
    from carillon.settings import Settings
    from carillon.settings_older import Translation
    from carillon.settings_rewrite import Rewrite
    from carillon.store.versions import Version
    from carillon.workspace import Workspace

DRY_RUN = typer.Option(False, "--dry-run", help="Change nothing; show what would be changed.")


def rollback(
    context: typer.Context,
    version: int = typer.Argument(..., metavar="N", help="The version, as in `carillon config history`."),
    dry_run: bool = DRY_RUN,
) -> None:
    """Write the values of an earlier version into carillon.yaml; its comments stay.

    Only values that differ are replaced. What the environment gave is not written, nor is the database's
    address. The change takes effect at the next run and is itself a new version.
    """
    from carillon.jobs.settings import going_back, noted

    here = session(context)
    with here.workspace() as workspace:
        if not dry_run:
            noted(workspace)
        found = find_version(workspace, version)
        rewrite = going_back(workspace, found)
        _left_alone(here.screen, workspace.settings, found)
        _finish(workspace, here.screen, rewrite, f"rollback to version {version}", dry_run)


def import_(
    context: typer.Context,
    file: Path = typer.Argument(..., metavar="FILE", help="A scheduler_config.yaml."),
    dry_run: bool = DRY_RUN,
) -> None:
    """Take over the configuration of an older scheduler into carillon.yaml.

    Lists every key of the file: what it became here, or why it was dropped. The older file counted the days
    of its smoothing window to one side: 2 becomes 5.
    """
    from carillon.jobs.settings import changed, noted
    from carillon.settings_older import translate
    from carillon.settings_values import values_of
    from carillon.settings_yaml import read_yaml

    here = session(context)
    if not file.exists():
        raise InputError(f"{file} is not there; give the name of an older scheduler's configuration.")
    translation = translate(read_yaml(file))
    with here.workspace() as workspace:
        if not dry_run:
            noted(workspace)
        _list(here.screen, file, translation)
        types = translation.values.get("campaign_types")
        if isinstance(types, dict):
            own = values_of(workspace.settings)["campaign_types"]
            assert isinstance(own, dict)
            translation.values["campaign_types"] = {**own, **types}
        rewrite = changed(workspace, translation.values)
        _lost_rules(here.screen, rewrite)
        _finish(workspace, here.screen, rewrite, f"import of {file.name}", dry_run)


def _finish(workspace: Workspace, screen: Screen, rewrite: Rewrite, what: str, dry_run: bool) -> None:
    """Show the change and make it: the file, its version and its row in the audit log."""
    from carillon.jobs.settings import make

    if not rewrite.changes:
        screen.say("carillon.yaml has these values already: there is nothing to do.")
        return
    done = "would change" if dry_run else "changed"
    screen.say(f"[bold]{count(len(rewrite.changes), 'setting')} {done}[/] in {escape(str(rewrite.file))}:")
    show_changes(screen, rewrite.changes)
    _overruled(screen, rewrite)
    if dry_run:
        screen.say("\nDry run: nothing was written.")
        return
    make(workspace, rewrite, what, user_name())
    screen.say(
        "\nIt takes effect at the next run: [bold]carillon plan --dry-run[/] shows what that will move."
    )


def _left_alone(screen: Screen, settings: Settings, version: Version) -> None:
    """What of a version is not written, and why."""
    from carillon.settings_values import SECRET, values_of

    for path, variable in version.environment.items():
        screen.note(escape(f"{path} is left as it is: {variable} gave it then, and that is not written."))
    for path in version.values:
        if path not in settings.paths():
            screen.note(escape(f"{path} is left out: this version of Carillon has no such setting."))
    if version.values.get(SECRET) != values_of(settings)[SECRET]:
        screen.note(escape(f"{SECRET} is left as it is: these versions are kept in that database."))


def _overruled(screen: Screen, rewrite: Rewrite) -> None:
    """Values that stand in the file now, but the environment wins over."""
    from carillon.settings_values import from_environment

    variables = from_environment(rewrite.settings)
    for one in rewrite.changes:
        if one.key in variables:
            screen.warn(f"{variables[one.key]} is set and wins over {one.key} in carillon.yaml.")


def _list(screen: Screen, file: Path, translation: Translation) -> None:
    """Every key of the older file and what became of it."""
    from carillon.settings_values import words

    taken = sum(one.became is not None for one in translation.lines)
    dropped = len(translation.lines) - taken
    screen.say(f"[bold]{escape(str(file))}:[/] {count(taken, 'key')} taken, {dropped} dropped.")
    rows = [
        (
            str(one.line),
            one.key,
            Text("dropped", "yellow") if one.became is None else Text(one.became, "green"),
            one.why if one.became is None else words(one.value) + (f" ({one.why})" if one.why else ""),
        )
        for one in translation.lines
    ]
    if rows:
        screen.table(["line", "in the file", "here", "value, or why it was dropped"], rows, right="line")
    screen.say()


def _lost_rules(screen: Screen, rewrite: Rewrite) -> None:
    """States that have a rule now and will have none: that may be against the law."""
    for one in rewrite.changes:
        if one.key.startswith("state_rules.") and isinstance(one.old, dict | list):
            assert isinstance(one.new, dict | list)
            lost = [str(state) for state in one.old if state not in one.new]
            if lost:
                screen.warn(f"{one.key} has {', '.join(lost)} no more: the older file has no such rule.")
