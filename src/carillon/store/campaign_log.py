"""What changed about campaigns, when and by whom: `campaign_change_log`.

Rows are written by `store.campaigns` together with what they tell of. Values are text: dates in ISO form,
flags, numbers and the keys of an instance's metadata as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.store.moments import moment, moment_of

CREATED = "created"
"""`field_changed` of the row that says that a type or an instance was made."""


@dataclass(frozen=True)
class Change:
    """One field that is not what it was; None where there was or is no value."""

    field: str
    old: str | None
    new: str | None
    reschedules: bool
    """Whether the planner reads the field."""


@dataclass(frozen=True)
class Logged:
    """A row of the log. `about`: the instance's or the type's name."""

    about: str
    is_type: bool
    change: Change
    at: datetime | None
    by: str


def write(
    connection: Connection,
    changes: Iterable[Change],
    now: datetime,
    by: str,
    *,
    type: str | None = None,
    instance: int | None = None,
) -> None:
    """Add the changes of one type or one instance."""
    rows = [
        {
            "type": type,
            "instance": instance,
            "field": one.field,
            "old": one.old,
            "new": one.new,
            "at": moment(now),
            "by": by,
            "reschedules": one.reschedules,
        }
        for one in changes
    ]
    if rows:
        connection.execute(
            text(
                "insert into campaign_change_log (campaign_type, campaign_instance_id, field_changed,"
                " old_value, new_value, changed_at, changed_by, requires_rescheduling)"
                " values (:type, :instance, :field, :old, :new, :at, :by, :reschedules)"
            ),
            rows,
        )


def newest(connection: Connection, limit: int, instance: int | None = None) -> list[Logged]:
    """The newest changes (of one instance), newest first."""
    only = "" if instance is None else " where l.campaign_instance_id = :instance"
    rows = connection.execute(
        text(
            "select coalesce(i.instance_name, l.campaign_type, cast(l.campaign_instance_id as text), ''),"
            " l.campaign_instance_id is null, l.field_changed, l.old_value, l.new_value,"
            " l.requires_rescheduling, l.changed_at, l.changed_by from campaign_change_log l"
            f" left join campaign_instances i on i.id = l.campaign_instance_id{only}"
            " order by l.id desc limit :limit"
        ),
        {"limit": limit} if instance is None else {"limit": limit, "instance": instance},
    )
    return [
        Logged(about, bool(is_type), Change(field, old, new, bool(reschedules)), moment_of(at), by)
        for about, is_type, field, old, new, reschedules, at, by in rows
    ]


def said(value: object) -> str | None:
    """A value as the log has it."""
    if value is None:
        return None
    return written(value) if isinstance(value, bool | int) else str(value)


def written(value: object) -> str:
    """A value as JSON, the same for the same value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
