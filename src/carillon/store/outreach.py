"""Outreach campaigns: what their sequences have in common.

All writing happens in the caller's transaction.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from carillon.errors import InputError
from carillon.sequences_short import ShortForm, short_from
from carillon.settings_timing import KEY, SmartOverride, override_from, with_override
from carillon.settings_values import plain
from carillon.store import audit
from carillon.store.bulk import is_sqlite
from carillon.store.campaigns import did_you_mean
from carillon.store.engine import scalar
from carillon.store.json_values import object_of
from carillon.store.moments import moment, moment_of
from carillon.words import OutreachStatus

_COLUMNS = "id, name, description, status, sender_name, default_subject, settings, created_at"


@dataclass(frozen=True)
class Outreach:
    """One campaign. The id of one that is not stored yet is 0."""

    name: str
    description: str | None = None
    sender_name: str | None = None
    defaults: ShortForm = field(default_factory=ShortForm)
    """Its subject, templates and timing hold for sequences in short form that do not say otherwise."""
    smart_scheduling: SmartOverride | None = None
    """Where it says otherwise than the workspace when emails leave."""
    id: int = 0
    status: OutreachStatus = OutreachStatus.ACTIVE
    created: datetime | None = None


def campaigns(connection: Connection) -> list[Outreach]:
    """All, in the order in which they were made."""
    rows = connection.execute(text(f"select {_COLUMNS} from outreach_campaigns order by id"))
    return [_campaign(row) for row in rows]


def find(connection: Connection, name: str, *, to_change: bool = False) -> Outreach:
    """The campaign of this name. Raises InputError, with the nearest name there is, where there is none."""
    lock = " for update" if to_change and not is_sqlite(connection) else ""
    row = connection.execute(
        text(f"select {_COLUMNS} from outreach_campaigns where name = :name{lock}"), {"name": name}
    ).one_or_none()
    if row is None:
        names = connection.execute(text("select name from outreach_campaigns")).scalars().all()
        hint = "`carillon outreach list` shows them." if names else "`carillon outreach create` makes one."
        raise InputError(f"there is no outreach campaign {name!r}.{did_you_mean(name, names)} {hint}")
    return _campaign(row)


def open_campaign(connection: Connection, name: str) -> Outreach:
    """The same, unless it is archived, which is an InputError too."""
    found = find(connection, name)
    if found.status is OutreachStatus.ARCHIVED:
        raise InputError(
            f"the outreach campaign {name} is archived; `carillon outreach resume` opens it again."
        )
    return found


def create(connection: Connection, wanted: Outreach, now: datetime, by: str) -> Outreach:
    """Store a new campaign. Raises InputError where there is one of this name."""
    if not is_sqlite(connection):
        connection.execute(text("lock table outreach_campaigns in share row exclusive mode"))
    if scalar(connection, "select 1 from outreach_campaigns where name = :name", name=wanted.name):
        raise InputError(
            f"there is an outreach campaign {wanted.name!r} already; a new one needs a name of its own."
        )
    mark = ":settings" if is_sqlite(connection) else "cast(:settings as jsonb)"
    connection.execute(
        text(
            "insert into outreach_campaigns (name, description, status, sender_name, default_subject,"
            f" settings, created_at) values (:name, :description, '{OutreachStatus.ACTIVE}', :sender,"
            f" :subject, {mark}, :now)"
        ),
        _stored(wanted) | {"name": wanted.name, "now": moment(now)},
    )
    audit.note(connection, by, f"outreach campaign {wanted.name} made", now, None, None)
    return find(connection, wanted.name)


def change(connection: Connection, wanted: Outreach, now: datetime, by: str) -> Outreach:
    """Give the campaign of this name another description, sender and defaults; the rest stays.

    Raises InputError where there is none. Sequences that were made before keep what they took of it then.
    """
    found = find(connection, wanted.name, to_change=True)
    new = replace(
        found, description=wanted.description, sender_name=wanted.sender_name, defaults=wanted.defaults
    )
    if new == found:
        return found
    mark = ":settings" if is_sqlite(connection) else "cast(:settings as jsonb)"
    connection.execute(
        text(
            "update outreach_campaigns set description = :description, sender_name = :sender,"
            f" default_subject = :subject, settings = {mark}, updated_at = :now where id = :id"
        ),
        _stored(new) | {"now": moment(now), "id": found.id},
    )
    audit.note(connection, by, f"outreach campaign {wanted.name}", now, _stored(found), _stored(new))
    return new


def _stored(campaign: Outreach) -> dict[str, str | None]:
    """What is said about it, as it is stored."""
    settings = campaign.defaults.model_copy(update={"subject": None})
    return {
        "description": campaign.description,
        "sender": campaign.sender_name,
        "subject": campaign.defaults.subject,
        "settings": json.dumps(with_override(plain(settings), campaign.smart_scheduling), ensure_ascii=False),
    }


def set_status(connection: Connection, name: str, status: OutreachStatus, now: datetime, by: str) -> Outreach:
    """Give a campaign another status. Its sequences keep theirs."""
    found = find(connection, name, to_change=True)
    if found.status is status:
        return found
    connection.execute(
        text("update outreach_campaigns set status = :status, updated_at = :now where id = :id"),
        {"status": status.value, "now": moment(now), "id": found.id},
    )
    before, after = {"status": found.status.value}, {"status": status.value}
    audit.note(connection, by, f"outreach campaign {name}", now, before, after)
    return replace(found, status=status)


def _campaign(row: Any) -> Outreach:
    defaults = object_of(row.settings) or {}
    smart = override_from(defaults.pop(KEY, None), f"outreach campaign {row.name}")
    if row.default_subject is not None:
        defaults["subject"] = row.default_subject
    return Outreach(
        name=row.name,
        description=row.description,
        sender_name=row.sender_name,
        defaults=short_from(defaults),
        smart_scheduling=smart,
        id=int(row.id),
        status=OutreachStatus(row.status),
        created=moment_of(row.created_at),
    )
