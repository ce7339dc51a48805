"""The workspace around an adopted database: which settings hold, and the one line that names the file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from carillon.errors import SettingsError, WorkspaceError
from carillon.settings import Purpose, Settings, load_settings, write_default_settings
from carillon.settings_yaml import read_yaml
from carillon.store.engine import open_database
from carillon.store.status import has_contacts

FILE_NAME = "carillon.yaml"


def settings_for(folder: Path, file: Path, environ: Mapping[str, str]) -> Settings:
    """The settings to adopt `file` by: the folder's own, or those a new workspace begins with.

    Raises WorkspaceError where the folder is a workspace with contacts or a server of its own, or where the
    environment names another database.
    """
    settings = load_settings(folder, environ)
    if _is_named(settings, folder, file):
        return settings
    if settings.origin("database.url").kind == "environment":
        raise WorkspaceError(
            "the environment variable CARILLON_DATABASE__URL names another database, which would win over "
            f"the adopted one. Unset it, or set it to {_url(folder, file)}."
        )
    if not (folder / FILE_NAME).exists():
        return settings
    database = open_database(settings.database.url, folder)
    try:
        own = database.file
        if own is not None and (not own.exists() or database.version() is None):
            return settings
        if own is None or has_contacts(database):
            raise WorkspaceError(
                f"{folder} is a workspace with a database of its own ({database.place}). Adopt into a new "
                f"one: `carillon init NEW_FOLDER --adopt {file}`."
            )
    finally:
        database.close()
    return settings


def use_database(folder: Path, file: Path, purpose: Purpose) -> Path | None:
    """Let the workspace in `folder` use `file`; the settings file, if something was written to it.

    A folder without settings gets those for `purpose`; of existing ones only `database.url` is changed.
    """
    path = folder / FILE_NAME
    made = not path.exists()
    if made:
        write_default_settings(folder, purpose)
    if _is_named(load_settings(folder, {}), folder, file):
        return path if made else None
    before = path.read_text(encoding="utf-8-sig")
    part = path.with_name(f".{FILE_NAME}.part")
    part.write_text(_with_url(before, path, _url(folder, file)), encoding="utf-8", newline="\n")
    part.replace(path)
    if not _is_named(load_settings(folder, {}), folder, file):
        path.write_text(before, encoding="utf-8", newline="\n")
        raise SettingsError(
            f"{file} was adopted, but its name cannot be written into {path}. Set database.url there to "
            f"{json.dumps(_url(folder, file))} by hand."
        )
    return path


def _is_named(settings: Settings, folder: Path, file: Path) -> bool:
    """Whether the settings name this file as the database."""
    database = open_database(settings.database.url, folder)
    try:
        return database.file is not None and database.file.resolve() == file.resolve()
    finally:
        database.close()


def _url(folder: Path, file: Path) -> str:
    """Relative where the file lies in the folder, so that the two can be moved together."""
    here, there = folder.resolve(), file.resolve()
    inside = there.is_relative_to(here)
    return f"sqlite:///{there.relative_to(here).as_posix() if inside else os.fspath(there)}"


def _with_url(text: str, path: Path, url: str) -> str:
    """The settings with this `database.url`, all other lines as they are."""
    places = {
        tuple(str(part).casefold() for part in key): line for key, line in read_yaml(path).lines.items()
    }
    lines = text.splitlines()
    entry = f"url: {json.dumps(url)}"
    if at := places.get(("database", "url")):
        lines[at - 1] = re.sub(r"^(\s*).*$", lambda found: found[1] + entry, lines[at - 1])
    elif at := places.get(("database",)):
        lines.insert(at, f"  {entry}")
    else:
        lines += ["", "database:", f"  {entry}"]
    return "\n".join(lines) + "\n"
