"""Sender accounts: read, made, changed, removed, and every deed written down in the audit log.

All writing happens in the caller's transaction. What is stored by other programs may be anything: settings
that cannot be read are as if they were not there. Secrets come and go encrypted and are never in a log.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from carillon.accounts import Account, account_faults
from carillon.errors import InputError
from carillon.pool import MailStatus
from carillon.settings_checks import did_you_mean
from carillon.store import audit, inboxes
from carillon.store.bulk import is_sqlite
from carillon.store.engine import scalar
from carillon.store.json_values import object_of
from carillon.store.moments import moment_of, stamp
from carillon.words import AccountStatus, Status

_NAMES = {
    "group": "group_name",
    "resumed": "resumed_at",
    "created": "created_at",
    "updated": "updated_at",
}
"""Fields whose columns are called otherwise."""
_FIELDS = [one.name for one in fields(Account)]
_COLUMNS = ", ".join(_NAMES.get(name, name) for name in _FIELDS)
_JSON = ("settings", "inbox", "warmup", "pacing")
_MOMENTS = ("resumed", "created", "updated")
LONGEST_ERROR = 1000


def accounts(connection: Connection) -> list[Account]:
    """All of them, in the order in which they were made."""
    rows = connection.execute(text(f"select {_COLUMNS} from accounts order by id"))
    return [_account(row) for row in rows]


def find(connection: Connection, name: str, *, to_change: bool = False) -> Account:
    """The account of this name. Raises InputError, with the nearest name there is, where there is none.

    `to_change`: keep others from changing it until the transaction ends.
    """
    lock = " for update" if to_change and not is_sqlite(connection) else ""
    row = connection.execute(
        text(f"select {_COLUMNS} from accounts where name = :name{lock}"), {"name": name}
    ).one_or_none()
    if row is None:
        names = connection.execute(text("select name from accounts")).scalars().all()
        hint = "`carillon account list` shows them." if names else "`carillon account add` makes one."
        raise InputError(f"there is no account {name!r}{did_you_mean(name, names) or '.'} {hint}")
    return _account(row)


def create(connection: Connection, account: Account, now: datetime, by: str) -> Account:
    """Store a new account (whatever its id says) and return it with its id.

    Raises InputError where it cannot be as it is wanted or its name is taken.
    """
    _refuse(account, account_faults(account))
    if not is_sqlite(connection):
        # Two who make the same account at once: the second waits and is told that the name is taken.
        connection.execute(text("lock table accounts in share row exclusive mode"))
    if scalar(connection, "select 1 from accounts where name = :name", name=account.name):
        raise InputError(
            f"there is an account {account.name!r} already. `carillon account set` changes it; a new one "
            "needs a name of its own."
        )
    values = _stored(replace(account, created=now, updated=now))
    names = list(values)
    marks = ", ".join(_mark(connection, name) for name in names)
    connection.execute(text(f"insert into accounts ({', '.join(names)}) values ({marks})"), values)
    made = find(connection, account.name)
    audit.note(connection, by, f"account {made.name} added", now, None, shown(made))
    return made


def change(
    connection: Connection, name: str, edit: Callable[[Account], Account], now: datetime, by: str
) -> tuple[Account, dict[str, tuple[object, object]]]:
    """Change the account of this name to what `edit` makes of it.

    Its id, name and moment of creation stay whatever `edit` says. Returns it and, by field, what was and
    what is; a secret is only said to be there. Raises InputError where it cannot be as it is wanted.
    """
    old = find(connection, name, to_change=True)
    new = replace(edit(old), id=old.id, name=old.name, created=old.created, updated=now)
    if new.is_active and not old.is_active:
        new = replace(new, resumed=now)
    # What another program stored as it should not be must not be in the way of a change of something else.
    known = account_faults(old)
    _refuse(new, [fault for fault in account_faults(new) if fault not in known])
    before, after = shown(old), shown(new)
    changes = {
        field: (before.get(field), after.get(field))
        for field in dict.fromkeys((*before, *after))
        if before.get(field) != after.get(field)
    }
    for field in ("secret", "inbox_secret"):
        was_secret, is_secret = getattr(old, field), getattr(new, field)
        if was_secret != is_secret:
            another = "another" if was_secret and is_secret else after.get(field)
            changes[field] = (before.get(field), another)
    if changes:
        _update(connection, new)
        anew = inboxes.forget if new.inbox != old.inbox else inboxes.try_again
        anew(connection, new.id)
        was, is_ = ({field: pair[side] for field, pair in changes.items()} for side in (0, 1))
        audit.note(connection, by, f"account {name} changed", now, was, is_)
    return (new if changes else old), changes


def note_error(connection: Connection, account_id: int, why: str, now: datetime) -> None:
    """The account cannot send: its status says so until a person resumes it. A paused one stays paused."""
    connection.execute(
        text(
            "update accounts set status = case when status = :active then :error else status end,"
            " last_error = :why, updated_at = :now where id = :id"
        ),
        {
            "active": AccountStatus.ACTIVE.value,
            "error": AccountStatus.ERROR.value,
            "why": why[:LONGEST_ERROR],
            "now": stamp(now),
            "id": account_id,
        },
    )


def remove(connection: Connection, name: str, now: datetime, by: str) -> Account:
    """Take an account away, if no email names it. Raises InputError where one does."""
    old = find(connection, name, to_change=True)
    counts = emails_of(connection, old.id)
    if counts:
        raise InputError(
            f"the account {name!r} cannot be removed: {sum(counts.values()):,} emails name it, and what was "
            f"sent stays known. `carillon account pause {name}` keeps it from sending."
        )
    for table in ("rate_state", "send_slots", "slot_days", "warmup_days"):
        connection.execute(text(f"delete from {table} where account_id = :id"), {"id": old.id})
    # SQLite may give the number to the next account: what was to go to this one is not to go to that.
    connection.execute(
        text(
            "delete from warmup_messages where account_id = :id"
            f" or (to_account_id = :id and status = '{MailStatus.SCHEDULED}')"
        ),
        {"id": old.id},
    )
    inboxes.forget(connection, old.id)
    connection.execute(text("delete from accounts where id = :id"), {"id": old.id})
    audit.note(connection, by, f"account {name} removed", now, shown(old), None)
    return old


def emails_of(connection: Connection, account_id: int) -> dict[str, int]:
    """Status -> how many emails of the outbox this account is to send or has sent, as `Status` is ordered."""
    rows = connection.execute(
        text("select status, count(*) from outbox where account_id = :id group by status"),
        {"id": account_id},
    )
    order = {status.value: place for place, status in enumerate(Status)}
    return {status: int(n) for status, n in sorted(rows, key=lambda row: order.get(row[0], len(order)))}


def shown(account: Account) -> dict[str, object]:
    """What may be shown and logged of an account: a secret is only said to be there."""
    values = {
        name: getattr(account, name) for name in _FIELDS if name not in (*_JSON, *_MOMENTS, "inbox_secret")
    }
    values["secret"] = "stored" if account.secret else None
    if account.inbox_secret:
        values["inbox_secret"] = "stored"
    for name in _JSON:
        values |= {f"{name}.{key}": value for key, value in (getattr(account, name) or {}).items()}
    return values


def _refuse(account: Account, faults: list[str]) -> None:
    if faults:
        raise InputError(
            f"the account {account.name!r} cannot be like this: {'; '.join(faults)}. Nothing was changed."
        )


def _update(connection: Connection, account: Account) -> None:
    values = _stored(account)
    settings = ", ".join(f"{name} = {_mark(connection, name)}" for name in values)
    connection.execute(text(f"update accounts set {settings} where id = :id"), values | {"id": account.id})


def _mark(connection: Connection, name: str) -> str:
    return f"cast(:{name} as jsonb)" if name in _JSON and not is_sqlite(connection) else f":{name}"


def _stored(account: Account) -> dict[str, object]:
    """Column -> value, without the id."""
    values = {name: getattr(account, name) for name in _FIELDS if name != "id"}
    values |= {name: None if values[name] is None else _json(values[name]) for name in _JSON}
    values |= {name: values[name] and stamp(values[name]) for name in _MOMENTS}
    return {_NAMES.get(name, name): value for name, value in values.items()}


def _account(row: Any) -> Account:
    values = dict(zip(_FIELDS, row, strict=True))
    values |= {name: object_of(values[name]) for name in _JSON}
    values |= {name: moment_of(values[name]) for name in _MOMENTS}
    values |= {
        "id": int(values["id"]),
        "settings": values["settings"] or {},
        "warmup_enabled": bool(values["warmup_enabled"]),
    }
    return Account(**values)


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(dict(values), ensure_ascii=False, sort_keys=True)
