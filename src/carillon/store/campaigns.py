"""Campaign types and instances: read, made, changed, and every change written down.

All writing happens in the caller's transaction: a change and its rows of `campaign_change_log` are there
together or not at all. What is stored by other programs may be anything: what cannot be read is as if it
were not there. Who the targets are stands in `store.campaign_targets`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, Protocol

from sqlalchemy import Connection, text

from carillon.campaigns import (
    TYPE_FIELDS,
    Campaign,
    CampaignType,
    Instance,
    instance_faults,
    type_faults,
    type_from,
)
from carillon.errors import InputError
from carillon.store.bulk import is_sqlite
from carillon.store.campaign_log import CREATED, Change, said, write, written
from carillon.store.engine import scalar
from carillon.store.json_values import object_of
from carillon.store.moments import moment, moment_of
from carillon.words import LAST_INSTANCE, TargetStatus

FROM_SETTINGS = "carillon.yaml"
"""`changed_by` of what the settings say about types."""

_TYPE_COLUMNS = ", ".join(("name", *TYPE_FIELDS))
_INSTANCE_COLUMNS = (
    "id, campaign_type, instance_name, email_template, sms_template, status, active_start_date,"
    " active_end_date, metadata, created_at"
)
_TEMPLATES = ("email_template", "sms_template")


class TypeFields(Protocol):
    """What the settings say about a type."""

    @property
    def respect_exclusion_windows(self) -> bool: ...
    @property
    def enable_followups(self) -> bool: ...
    @property
    def days_before_event(self) -> int: ...
    @property
    def target_all_contacts(self) -> bool: ...
    @property
    def priority(self) -> int: ...
    @property
    def active(self) -> bool: ...


def settled(name: str, fields: TypeFields) -> CampaignType:
    """A type as the settings define it."""
    return CampaignType(name, **{field: getattr(fields, field) for field in TYPE_FIELDS})


def types(
    connection: Connection, from_settings: Mapping[str, TypeFields] | None = None
) -> dict[str, CampaignType]:
    """All types by name, sorted. Those in the settings are as they are there, stored so yet or not."""
    rows = connection.execute(text(f"select {_TYPE_COLUMNS} from campaign_types")).all()
    found = {row[0]: type_from(row[0], dict(zip(TYPE_FIELDS, row[1:], strict=True))) for row in rows}
    found |= {name: settled(name, fields) for name, fields in (from_settings or {}).items()}
    return dict(sorted(found.items()))


def put_type(connection: Connection, type: CampaignType, now: datetime, by: str) -> list[Change]:
    """Make a type, or change the one of this name. Returns what is different now; nothing: no change.

    Raises InputError where the type cannot be as it is wanted.
    """
    _refuse(f"the campaign type {type.name}", type_faults(type))
    if not is_sqlite(connection):
        # Two who make the same type at once: the second waits and then changes what the first made.
        connection.execute(text("lock table campaign_types in share row exclusive mode"))
    old = types(connection).get(type.name)
    if old == type:
        return []
    names = [*TYPE_FIELDS, "updated_at"]
    marks = ", ".join(f":{name}" for name in names)
    settings = ", ".join(f"{name} = excluded.{name}" for name in names)
    connection.execute(
        text(
            f"insert into campaign_types (name, {', '.join(names)}, created_at)"
            f" values (:name, {marks}, :updated_at) on conflict (name) do update set {settings}"
        ),
        asdict(type) | {"updated_at": moment(now)},
    )
    if old is None:
        fields = {name: getattr(type, name) for name in TYPE_FIELDS}
        changes = [Change(CREATED, None, written(fields), reschedules=True)]
    else:
        changes = [
            Change(name, said(getattr(old, name)), said(getattr(type, name)), reschedules=True)
            for name in TYPE_FIELDS
            if getattr(old, name) != getattr(type, name)
        ]
    write(connection, changes, now, by, type=type.name)
    return changes


def sync_types(connection: Connection, from_settings: Mapping[str, TypeFields], now: datetime) -> None:
    """Store the types of the settings; each change is in the log as made by carillon.yaml."""
    stored = types(connection)
    for name, fields in from_settings.items():
        if stored.get(name) != (wanted := settled(name, fields)):
            put_type(connection, wanted, now, FROM_SETTINGS)


def instances(connection: Connection) -> list[Instance]:
    """All of them, in the order in which they were made."""
    rows = connection.execute(text(f"select {_INSTANCE_COLUMNS} from campaign_instances order by id"))
    return [_instance(row) for row in rows]


def find(connection: Connection, name: str, *, to_change: bool = False) -> Instance:
    """The instance of this name. Raises InputError, with the nearest name there is, where there is none.

    `to_change`: keep others from changing it until the transaction ends.
    """
    lock = " for update" if to_change and not is_sqlite(connection) else ""
    row = connection.execute(
        text(f"select {_INSTANCE_COLUMNS} from campaign_instances where instance_name = :name{lock}"),
        {"name": name},
    ).one_or_none()
    if row is None:
        names = connection.execute(text("select instance_name from campaign_instances")).scalars().all()
        hint = "`carillon campaign list` shows them." if names else "`carillon campaign create` makes one."
        raise InputError(f"there is no campaign {name!r}.{did_you_mean(name, names)} {hint}")
    return _instance(row)


def name_of(connection: Connection, number: int) -> str | None:
    """The name of the instance with this id."""
    found = scalar(connection, "select instance_name from campaign_instances where id = :id", id=number)
    return None if found is None else str(found)


def campaigns(
    connection: Connection, from_settings: Mapping[str, TypeFields] | None = None
) -> list[Campaign]:
    """All instances with their types. One whose type's row is gone has the fields of an inactive type."""
    known = types(connection, from_settings)
    return [with_type(known, one) for one in instances(connection)]


def with_type(known: Mapping[str, CampaignType], instance: Instance) -> Campaign:
    """The instance as a campaign; a type that is not known is an inactive one."""
    missing = CampaignType(instance.campaign_type, active=False)
    return Campaign(known.get(instance.campaign_type, missing), instance)


def create(connection: Connection, instance: Instance, now: datetime, by: str) -> Instance:
    """Store a new instance (whatever its id says) and return it with its id.

    Raises InputError where it cannot be as it is wanted, its name is taken or its type is not known.
    """
    _refuse(f"the campaign {instance.name}", instance_faults(instance))
    if not is_sqlite(connection):
        connection.execute(text("lock table campaign_instances in share row exclusive mode"))
    if scalar(connection, "select 1 from campaign_instances where instance_name = :n", n=instance.name):
        raise InputError(
            f"there is a campaign {instance.name!r} already. `carillon campaign set` changes it; "
            "a new one needs a name of its own."
        )
    known = types(connection)
    if instance.campaign_type not in known:
        raise InputError(
            f"there is no campaign type {instance.campaign_type!r}."
            f"{did_you_mean(instance.campaign_type, list(known))} There are {', '.join(known)}; "
            "`carillon campaign type NAME` makes another."
        )
    values = _stored(instance) | {"campaign_type": instance.campaign_type, "created_at": moment(now)}
    names = ", ".join(("instance_name", *values))
    marks = ", ".join(
        f"cast(:{name} as jsonb)" if name == "metadata" and not is_sqlite(connection) else f":{name}"
        for name in ("instance_name", *values)
    )
    number = scalar(
        connection,
        f"insert into campaign_instances ({names}) values ({marks}) returning id",
        instance_name=instance.name,
        **values,
    )
    if number > LAST_INSTANCE:
        raise InputError(
            f"a workspace can have {LAST_INSTANCE:,} campaigns in its life, and all have been made. "
            "Begin a new workspace, or change one that is over."
        )
    made = find(connection, instance.name)
    facts = _stored(made) | {"campaign_type": made.campaign_type, "metadata": made.metadata or None}
    what = written({name: value for name, value in facts.items() if value is not None})
    write(connection, [Change(CREATED, None, what, reschedules=True)], now, by, instance=made.id)
    return made


def change(
    connection: Connection, name: str, edit: Callable[[Instance], Instance], now: datetime, by: str
) -> tuple[Instance, list[Change]]:
    """Change the instance of this name to what `edit` makes of it; returns it and what is different.

    Its id, name, type and moment of creation stay whatever `edit` says. Raises InputError where there is
    none or it cannot be as it is wanted.
    """
    old = find(connection, name, to_change=True)
    new = edit(old)
    # What another program stored as it should not be must not be in the way of a change of something else.
    known = instance_faults(old)
    _refuse(f"the campaign {name}", [fault for fault in instance_faults(new) if fault not in known])
    before, after = _fields(old), _fields(new)
    changes = [
        Change(field, before.get(field), after.get(field), reschedules=_is_planned(field))
        for field in dict.fromkeys((*before, *after))
        if before.get(field) != after.get(field)
    ]
    if changes:
        values = _stored(new)
        settings = ", ".join(
            f"{name} = cast(:{name} as jsonb)"
            if name == "metadata" and not is_sqlite(connection)
            else f"{name} = :{name}"
            for name in values
        )
        connection.execute(
            text(f"update campaign_instances set {settings}, updated_at = :now where id = :id"),
            values | {"now": moment(now), "id": old.id},
        )
        write(connection, changes, now, by, instance=old.id)
    return find(connection, name), changes


def target_counts(connection: Connection) -> dict[int, dict[str, int]]:
    """Instance id -> status -> how many of its targets have it, in the order of `TargetStatus`."""
    rows = connection.execute(
        text(
            "select campaign_instance_id, status, count(*) from contact_campaigns"
            " group by campaign_instance_id, status"
        )
    )
    order = {status.value: place for place, status in enumerate(TargetStatus)}
    counts: dict[int, dict[str, int]] = {}
    for instance, status, n in sorted(rows, key=lambda row: order.get(row[1], len(order))):
        counts.setdefault(int(instance), {})[status] = int(n)
    return counts


def targets_of(connection: Connection, instance: int) -> dict[str, int]:
    """The same of one instance."""
    rows = connection.execute(
        text(
            "select status, count(*) from contact_campaigns where campaign_instance_id = :id group by status"
        ),
        {"id": instance},
    )
    found = {str(status): int(n) for status, n in rows}
    order = [status.value for status in TargetStatus]
    return {one: found[one] for one in (*order, *found) if one in found}


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """` Did you mean "x"?`, or nothing if nothing is near."""
    by_case = {name.lower(): name for name in names}
    near = get_close_matches(word.lower(), by_case, n=1)
    return f' Did you mean "{by_case[near[0]]}"?' if near else ""


def _refuse(what: str, faults: list[str]) -> None:
    if faults:
        raise InputError(f"{what} cannot be like this: {'; '.join(faults)}. Nothing was changed.")


def _instance(row: Any) -> Instance:
    number, kind, name, email, sms, status, start, end, metadata, created = row
    return Instance(
        int(number),
        kind,
        name,
        email,
        sms,
        status,
        _day(start),
        _day(end),
        object_of(metadata) or {},
        moment_of(created),
    )


def _stored(instance: Instance) -> dict[str, object]:
    """The columns that may change."""
    return {
        "email_template": instance.email_template,
        "sms_template": instance.sms_template,
        "status": instance.status,
        "active_start_date": said(instance.start),
        "active_end_date": said(instance.end),
        "metadata": written(instance.metadata) if instance.metadata else None,
    }


def _fields(instance: Instance) -> dict[str, str | None]:
    """What the log tells apart: the columns, and each key of the metadata."""
    columns = {name: said(value) for name, value in _stored(instance).items() if name != "metadata"}
    return columns | {f"metadata.{key}": written(value) for key, value in instance.metadata.items()}


def _is_planned(field: str) -> bool:
    if field.startswith("metadata."):
        return field.removeprefix("metadata.") in TYPE_FIELDS
    return field not in _TEMPLATES


def _day(value: str | None) -> date | None:
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        return None
