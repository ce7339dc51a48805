"""The versions of the configuration: `config_versions`. `carillon.yaml` is what holds; these are its history.

A version's `data` has all values by "section.key", without secrets, and which of them came from the
environment. One version is in force (it has no `valid_to`); any difference makes a new one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from carillon.store.bulk import is_sqlite
from carillon.store.json_values import object_of
from carillon.store.moments import moment, moment_of

SETTINGS = "settings"
"""`type` of the versions of the settings, the only one so far."""
_COLUMNS = "id, data, valid_from, valid_to, created_by"


@dataclass(frozen=True)
class Version:
    """The configuration as it was for a while."""

    number: int
    values: dict[str, object]
    """By "section.key"."""
    environment: dict[str, str]
    """Those that the environment gave, each with its variable."""
    valid_from: datetime | None
    valid_to: datetime | None
    """None: it is in force."""
    created_by: str


def newest(connection: Connection) -> Version | None:
    """The version in force."""
    rows = connection.execute(
        text(
            f"select {_COLUMNS} from config_versions where type = :type and valid_to is null"
            " order by id desc limit 1"
        ),
        {"type": SETTINGS},
    )
    return next(map(_version, rows), None)


def every(connection: Connection) -> list[Version]:
    """All of them, oldest first."""
    rows = connection.execute(
        text(f"select {_COLUMNS} from config_versions where type = :type order by id"), {"type": SETTINGS}
    )
    return list(map(_version, rows))


def record(
    connection: Connection,
    values: Mapping[str, object],
    environment: Mapping[str, str],
    by: str,
    now: datetime,
) -> bool:
    """Make a version of these values if they are not those of the newest. Returns whether one was made."""
    if not _differs(newest(connection), values):
        return False
    if not is_sqlite(connection):
        # Two who notice the same change at once make one version: the second waits and looks again.
        connection.execute(text("lock table config_versions in share row exclusive mode"))
        if not _differs(newest(connection), values):
            return False
    data = {"values": dict(values), "environment": dict(environment)}
    connection.execute(
        text("update config_versions set valid_to = :now where type = :type and valid_to is null"),
        {"now": moment(now), "type": SETTINGS},
    )
    connection.execute(
        text(
            "insert into config_versions (type, data, valid_from, created_by)"
            " values (:type, :data, :now, :by)"
        ),
        {"type": SETTINGS, "data": json.dumps(data, ensure_ascii=False), "now": moment(now), "by": by},
    )
    return True


def _differs(stored: Version | None, values: Mapping[str, object]) -> bool:
    return stored is None or stored.values != values


def _version(row: Row[Any]) -> Version:
    data = object_of(row.data) or {}
    return Version(
        int(row.id),
        data["values"],
        data["environment"],
        moment_of(row.valid_from),
        moment_of(row.valid_to),
        row.created_by,
    )
