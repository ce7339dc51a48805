"""The people who may sign in to the web, and what each of them prefers.

Passwords arrive here hashed and second factors encrypted. Each change by a person is noted in the audit log,
without them. All writing happens in the caller's transaction.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from carillon.errors import InputError
from carillon.settings_checks import did_you_mean
from carillon.store import audit
from carillon.store.json_values import object_of
from carillon.store.moments import moment_of, stamp
from carillon.words import Role

LONGEST_NAME = 100
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.@+-]{{0,{LONGEST_NAME - 1}}}")
_COLUMNS = (
    "id, name, password_hash, role, totp_secret, totp_last, failures, locked_until, preferences, created_at,"
    " created_by, last_login_at, disabled_at"
)


@dataclass(frozen=True)
class User:
    """One person."""

    id: int
    name: str
    password: str = field(repr=False)
    """Hashed."""
    role: Role
    totp: str | None = field(repr=False)
    """Encrypted by the vault; None: there is no second factor."""
    totp_last: int | None
    failures: int
    """Wrong passwords since the last right one."""
    locked_until: datetime | None
    preferences: Mapping[str, Any]
    created: datetime | None
    created_by: str
    last_login: datetime | None
    disabled: datetime | None


def every(connection: Connection) -> list[User]:
    """All users, by name."""
    rows = connection.execute(text(f"select {_COLUMNS} from users order by lower(name)"))
    return [_user(row) for row in rows]


def are_there_any(connection: Connection) -> bool:
    """Whether anybody has to sign in: without a user there is nobody to sign in as."""
    return connection.execute(text("select 1 from users limit 1")).first() is not None


def named(connection: Connection, name: str) -> User | None:
    """The user of this name, in whatever case it is written."""
    row = connection.execute(
        text(f"select {_COLUMNS} from users where lower(name) = lower(:name)"), {"name": name}
    ).one_or_none()
    return None if row is None else _user(row)


def by_id(connection: Connection, number: int) -> User | None:
    row = connection.execute(
        text(f"select {_COLUMNS} from users where id = :id"), {"id": number}
    ).one_or_none()
    return None if row is None else _user(row)


def require(connection: Connection, name: str) -> User:
    """The user of this name. Raises InputError, with the nearest name, where there is none."""
    found = named(connection, name)
    if found is None:
        names = [one.name for one in every(connection)]
        hint = "`carillon user list` shows them." if names else "`carillon user add NAME` makes one."
        raise InputError(f"there is no user {name!r}{did_you_mean(name, names) or '.'} {hint}")
    return found


def add(connection: Connection, name: str, password: str, role: Role, now: datetime, by: str) -> User:
    """Make a user with a hashed password. Raises InputError for a name that is taken or none."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name[:LONGEST_NAME]!r} is not a name for a user: use up to {LONGEST_NAME} letters, digits "
            "and . _ - + @, beginning with a letter or digit."
        )
    if named(connection, name) is not None:
        raise InputError(f"there is a user {name!r} already: choose another name.")
    connection.execute(
        text(
            "insert into users (name, password_hash, role, created_at, created_by)"
            " values (:name, :password, :role, :now, :by)"
        ),
        {"name": name, "password": password, "role": role.value, "now": stamp(now), "by": by},
    )
    audit.note(connection, by, "user made", now, None, {"user": name, "role": role.value})
    return require(connection, name)


def set_role(connection: Connection, name: str, role: Role, now: datetime, by: str) -> User:
    """Give a user another role. It holds from the next click on."""
    user = require(connection, name)
    _set(connection, user, role=role.value)
    _note(connection, user, "role of user set", now, by, {"role": user.role.value}, {"role": role.value})
    return require(connection, name)


def set_password(
    connection: Connection, name: str, password: str, now: datetime, by: str, but: str = ""
) -> User:
    """Store another hashed password; the user's sessions end, `but` one (its hash), and a lock is lifted."""
    user = require(connection, name)
    _set(connection, user, password_hash=password, failures=0, locked_until=None)
    _end_sessions(connection, user, but)
    _note(connection, user, "password of user set", now, by)
    return require(connection, name)


def rehash(connection: Connection, user: User, password: str) -> None:
    """The same password, hashed anew."""
    _set(connection, user, password_hash=password)


def disable(connection: Connection, name: str, is_disabled: bool, now: datetime, by: str) -> User:
    """Keep a user out, at once, or let them in again."""
    user = require(connection, name)
    _set(connection, user, disabled_at=stamp(now) if is_disabled else None, failures=0, locked_until=None)
    if is_disabled:
        _end_sessions(connection, user)
    _note(connection, user, "user disabled" if is_disabled else "user enabled", now, by)
    return require(connection, name)


def remove(connection: Connection, name: str, now: datetime, by: str) -> User:
    """Take a user away with their sessions."""
    user = require(connection, name)
    _end_sessions(connection, user)
    connection.execute(text("delete from users where id = :id"), {"id": user.id})
    _note(connection, user, "user removed", now, by)
    return user


def set_totp(connection: Connection, name: str, secret: str | None, now: datetime, by: str) -> User:
    """Store the encrypted secret of a second factor; None takes it away."""
    user = require(connection, name)
    _set(connection, user, totp_secret=secret, totp_last=None)
    _note(connection, user, "second factor removed" if secret is None else "second factor set", now, by)
    return require(connection, name)


def use_step(connection: Connection, user: User, step: int) -> bool:
    """Note a time step of the second factor as used. Returns whether it had not been: none counts twice."""
    done = connection.execute(
        text(
            "update users set totp_last = :step where id = :id and (totp_last is null or totp_last < :step)"
        ),
        {"step": step, "id": user.id},
    )
    return done.rowcount == 1


def note_failure(connection: Connection, user: User, until: datetime | None) -> None:
    """A wrong password or code: one more failure, and until when no other is looked at."""
    connection.execute(
        text("update users set failures = failures + 1, locked_until = :until where id = :id"),
        {"until": None if until is None else stamp(until), "id": user.id},
    )


def note_login(connection: Connection, user: User, now: datetime) -> None:
    """Somebody came in: the failures before are forgotten."""
    _set(connection, user, failures=0, locked_until=None, last_login_at=stamp(now))


def set_preferences(connection: Connection, number: int, preferences: Mapping[str, object]) -> None:
    """Store what a user prefers, all of it."""
    connection.execute(
        text("update users set preferences = :preferences where id = :id"),
        {"preferences": json.dumps(preferences), "id": number},
    )


def _set(connection: Connection, user: User, **values: object) -> None:
    marks = ", ".join(f"{name} = :{name}" for name in values)
    connection.execute(text(f"update users set {marks} where id = :id"), values | {"id": user.id})


def _end_sessions(connection: Connection, user: User, but: str = "") -> None:
    connection.execute(
        text("delete from sessions where user_id = :id and hash <> :but"), {"id": user.id, "but": but}
    )


def _note(
    connection: Connection,
    user: User,
    what: str,
    now: datetime,
    by: str,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    who: dict[str, object] = {"user": user.name}
    audit.note(connection, by, what, now, before and {**who, **before}, {**who, **(after or {})})


def _user(row: Row[Any]) -> User:
    return User(
        int(row.id),
        row.name,
        row.password_hash,
        Role(row.role),
        row.totp_secret,
        row.totp_last,
        int(row.failures),
        moment_of(row.locked_until),
        object_of(row.preferences) or {},
        moment_of(row.created_at),
        row.created_by,
        moment_of(row.last_login_at),
        moment_of(row.disabled_at),
    )
