"""The settings changed by a program or a page: the file, its version, its row in the audit log, its line.

What belongs here: the order in which these are written. What does not: what a change is
(`settings_rewrite`), and what a plan would make of it (`plan`, on `tried`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from carillon.errors import InputError, SettingsError
from carillon.settings_rewrite import Rewrite, prepare
from carillon.settings_values import SECRET, values_of
from carillon.store import audit, versions
from carillon.store.engine import Connection
from carillon.store.versions import Version
from carillon.workspace import EDITED, Workspace

READ_ONLY = {
    "database.url": "The address of the database is changed in carillon.yaml, or by CARILLON_DATABASE__URL, "
    "and holds after a restart."
}
"""What programs and pages do not change, and why."""


def noted(workspace: Workspace, how: str = EDITED) -> None:
    """Make sure that the settings are a version; `how`: how they came to be what they are."""
    with workspace.database.snapshot() as connection:
        newest = versions.newest(connection)
    if newest is None or newest.values != values_of(workspace.settings):
        workspace.database.write(lambda connection: workspace.note_version(connection, how))


def find_version(workspace: Workspace, wanted: int) -> Version | None:
    """The version of this number."""
    with workspace.database.snapshot() as connection:
        return next((one for one in versions.every(connection) if one.number == wanted), None)


def going_back(workspace: Workspace, version: Version) -> Rewrite:
    """The change that brings a version back. Nothing of the environment's, nor the database's address."""
    known = set(workspace.settings.paths())
    wanted = {
        path: value
        for path, value in version.values.items()
        if path in known and path not in version.environment and path != SECRET
    }
    return prepare(workspace.folder, wanted, os.environ)


def changed(workspace: Workspace, wanted: Mapping[str, object]) -> Rewrite:
    """The change that gives these values, ready to be made. Raises SettingsError where they cannot be."""
    if refused := [(key, READ_ONLY[key]) for key in wanted if key in READ_ONLY]:
        raise SettingsError("\n".join(words for _, words in refused), tuple(refused))
    return prepare(workspace.folder, wanted, os.environ)


def tried(workspace: Workspace, rewrite: Rewrite) -> Workspace:
    """The workspace as it would be with a change, on the same database."""
    settings = rewrite.settings.model_copy(update={"database": workspace.settings.database})
    return replace(workspace, settings=settings)


def make(workspace: Workspace, rewrite: Rewrite, what: str, by: str, before: str | None = None) -> None:
    """Make the change: the file, its version and its row in the audit log.

    `before`: the text that the file had when the change was thought of. Raises InputError where it is another
    by now: somebody else's change must not be lost.
    """
    if before is not None and text_of(workspace) != before:
        raise InputError(
            "carillon.yaml was changed by somebody else meanwhile; nothing was saved. Reload the page, which "
            "then shows what holds now, and make your change again."
        )
    rewrite.write()
    now = workspace.clock.now()
    told = {one.key: one.old for one in rewrite.changes}, {one.key: one.new for one in rewrite.changes}
    after = replace(workspace, settings=rewrite.settings)

    def book(connection: Connection) -> None:
        after.note_version(connection, what, by)
        audit.note(connection, by, f"config {what}", now, *told)

    workspace.database.write(book)
    workspace.log.info("settings changed", what=what, keys=[one.key for one in rewrite.changes])


def text_of(workspace: Workspace) -> str:
    """carillon.yaml as it is."""
    return (workspace.folder / "carillon.yaml").read_bytes().decode("utf-8", "replace")
