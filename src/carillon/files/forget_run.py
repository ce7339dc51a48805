"""One person forgotten, handed out, and found again in a later list.

Beside `run` one of the files of this room that touch the store.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cache

import polars as pl

from carillon.store import dossier, forgetting
from carillon.store.engine import Connection
from carillon.store.forgetting import Incoming
from carillon.tokens import LinkKeys, open_keys
from carillon.workspace import Workspace


def forget_contact(workspace: Workspace, number: int, by: str) -> int:
    """Erase what is known of a contact; a keyed hash of its address is kept, and keeps it suppressed.

    Returns how many waiting emails were cancelled. What lies outside the database is not touched: backups
    until they are too old, reports of imports, the mailboxes. Raises InputError where there is no such
    contact, or it is forgotten already.
    """
    keys, now = open_keys(workspace.folder, os.environ), workspace.clock.now()
    return workspace.database.write(
        lambda connection: forgetting.forget(connection, number, keys.hashes, now, by), durable=True
    )


def export_contact(workspace: Workspace, number: int) -> dict[str, object]:
    """All that is known of a contact, by table, as JSON has it. Raises InputError where there is none."""
    with workspace.database.snapshot() as connection:
        return dossier.of(connection, number)


def revive(connection: Connection, workspace: Workspace, frames: Iterable[pl.DataFrame]) -> None:
    """Give those of a cleaned list who were forgotten their addresses back, in the caller's transaction."""

    @cache
    def keys() -> LinkKeys:
        return open_keys(workspace.folder, os.environ)

    def rows() -> Iterator[Incoming]:
        for frame in frames:
            seeds = frame["seed"].reinterpret(signed=True)
            yield from (Incoming(*row) for row in zip(frame["email"], seeds, strict=True))

    forgetting.revive(connection, rows(), lambda address: keys().hashes(address), workspace.clock.now())
