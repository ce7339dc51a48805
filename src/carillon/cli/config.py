"""`carillon config`: look at the settings."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.text import Text

from carillon.cli.output import Screen, number
from carillon.cli.session import Session, session
from carillon.errors import WorkspaceError

if TYPE_CHECKING:
    from carillon.settings import Settings

SECRET = "database.url"


def show(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Show every setting with its value and where that comes from."""
    here = session(context)
    settings = _settings(here)
    values = {path: (_value(settings, path), settings.origin(path)) for path in settings.paths()}
    if as_json:
        here.screen.json(
            {
                path: {"value": value, "origin": origin.kind, "where": origin.where}
                for path, (value, origin) in values.items()
            }
        )
        return
    _table(here.screen, {path: (_words(value), o.where or "default") for path, (value, o) in values.items()})


def check(context: typer.Context) -> None:
    """Check carillon.yaml and the environment; name every fault with its file and line."""
    here = session(context)
    settings = _settings(here)
    own = sum(settings.origin(path).kind != "default" for path in settings.paths())
    here.screen.say(
        f"[green]The settings are fine:[/] {number(own)} of {number(len(settings.paths()))} are given in "
        f"{escape(str(here.folder / 'carillon.yaml'))} or the environment, the rest are defaults."
    )


def _settings(here: Session) -> Settings:
    from carillon.settings import load_settings

    if not (here.folder / "carillon.yaml").is_file():
        raise WorkspaceError(
            f"{here.folder} has no carillon.yaml. Make a workspace with `carillon init {here.folder}`, "
            "or name another with --workspace."
        )
    return load_settings(here.folder, os.environ)


def _value(settings: Settings, path: str) -> object:
    """The value at a path, plain; of the database's URL never the password."""
    found: object = settings
    for part in path.split("."):
        found = getattr(found, part)
    section, key = path.rsplit(".", 1)
    owner: object = settings
    for part in section.split("."):
        owner = getattr(owner, part)
    if path == SECRET:
        return without_password(str(found))
    dumped = owner.model_dump(mode="json", include={key})  # type: ignore[attr-defined]
    return dumped[key]


def without_password(url: str) -> str:
    """A database URL that may be shown."""
    return re.sub(r"(password=)[^&]*", r"\1***", re.sub(r"(://[^:@/]*):.*@", r"\1:***@", url))


def _words(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        if set(value) == {"month", "day"}:
            return f"{value['month']:02d}-{value['day']:02d}"
        return ", ".join(f"{key}: {_inner(below)}" for key, below in value.items()) or "{}"
    if isinstance(value, list):
        return ", ".join(_words(one) for one in value) or "[]"
    return re.sub(r"^(\d\d:\d\d):00$", r"\1", str(value))


def _inner(value: object) -> str:
    if not isinstance(value, dict):
        return _words(value)
    before, after = value["window_before_days"], value["window_after_days"]
    own = value["pre_window_extension_days"]
    month = " from the month's first" if value["use_month_start"] else ""
    extra = "" if own is None else f" (+{own})"
    return f"-{before}{extra}..+{after}{month}"


def _table(screen: Screen, values: dict[str, tuple[str, str]]) -> None:
    section, rows = "", []
    for path, (value, where) in values.items():
        head, _, key = path.partition(".")
        if head != section:
            section = head
            rows.append((Text(head, "bold"), Text(""), Text("")))
        rows.append((Text(f"  {key}"), Text(value), Text(where, "dim" if where == "default" else "cyan")))
    screen.table(["setting", "value", "from"], rows, whole="setting from")
