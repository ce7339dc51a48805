"""Keys of programs that call: made, found, taken away. Only a hash of the secret part is stored.

A key is `carillon_PREFIX_SECRET`. Its secret is 32 bytes of chance, so that one round of SHA-256 is enough:
there is nothing to guess. All writing happens in the caller's transaction.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Any

from sqlalchemy import Connection, Row, text

from carillon.errors import InputError
from carillon.settings_checks import did_you_mean
from carillon.store import audit
from carillon.store.moments import moment_of, stamp

EVENTS, READ, WRITE, SEND, ADMIN = "events", "read", "write", "send", "admin"
SCOPES = (EVENTS, READ, WRITE, SEND, ADMIN)
"""What a key may be for: to tell of events; to look; to change contacts, campaigns, templates and sequences;
to let mail go and to hold it up; to change accounts and webhooks, and to read the audit log. None of them
includes another."""
LONGEST_NAME = 60
USED_AGAIN = timedelta(minutes=1)
"""A use within so much time of the last one is not written down."""
_KEY = re.compile(r"carillon_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{LONGEST_NAME - 1}}}")
_COLUMNS = "name, prefix, scopes, created_at, created_by, last_used_at, revoked_at"


@dataclass(frozen=True)
class ApiKey:
    """One key, without its secret."""

    name: str
    prefix: str
    scopes: tuple[str, ...]
    created: datetime | None
    created_by: str
    last_used: datetime | None
    revoked: datetime | None


def create(
    connection: Connection, name: str, scopes: tuple[str, ...], now: datetime, by: str
) -> tuple[ApiKey, str]:
    """Make a key; the text returned beside it is the only copy there will ever be.

    A name that was revoked may be used again: ids of events stay the same under it. Raises InputError for a
    name that is taken or none, and for scopes that there are not.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is not a name for a key: use up to {LONGEST_NAME} letters, digits, dots and dashes."
        )
    for scope in scopes:
        if scope not in SCOPES:
            raise InputError(f"there is no scope {scope!r}{did_you_mean(scope, SCOPES) or '.'}")
    taken = _named(connection, name)
    if taken is not None and taken.revoked is None:
        raise InputError(
            f"there is a key {name!r} already. Choose another name, or revoke it first: "
            f"carillon apikey revoke {name}"
        )
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    connection.execute(text("delete from api_keys where name = :name"), {"name": name})
    connection.execute(
        text(
            "insert into api_keys (name, prefix, hash, scopes, created_at, created_by)"
            " values (:name, :prefix, :hash, :scopes, :now, :by)"
        ),
        {
            "name": name,
            "prefix": prefix,
            "hash": _hash(secret),
            "scopes": " ".join(scopes),
            "now": stamp(now),
            "by": by,
        },
    )
    audit.note(connection, by, "API key made", now, None, {"name": name, "scopes": list(scopes)})
    return ApiKey(name, prefix, scopes, now, by, None, None), f"carillon_{prefix}_{secret}"


def every(connection: Connection) -> list[ApiKey]:
    """All keys, by name, the revoked ones too."""
    return [_key(row) for row in connection.execute(text(f"select {_COLUMNS} from api_keys order by name"))]


def revoke(connection: Connection, name: str, now: datetime, by: str) -> ApiKey:
    """Take a key away, at once. Raises InputError where there is none of this name."""
    found = _named(connection, name)
    if found is None or found.revoked is not None:
        names = [one.name for one in every(connection) if one.revoked is None]
        hint = "`carillon apikey list` shows them." if names else "`carillon apikey create` makes one."
        raise InputError(f"there is no key {name!r}{did_you_mean(name, names) or '.'} {hint}")
    connection.execute(
        text("update api_keys set revoked_at = :now where name = :name"), {"now": stamp(now), "name": name}
    )
    audit.note(connection, by, "API key revoked", now, {"name": name}, None)
    return found


def find(connection: Connection, given: str) -> ApiKey | None:
    """The key that a caller shows; None for one that is wrong or revoked. Compares in constant time."""
    parts = _KEY.fullmatch(given)
    if parts is None:
        return None
    row = connection.execute(
        text(f"select {_COLUMNS}, hash from api_keys where prefix = :prefix"), {"prefix": parts[1]}
    ).one_or_none()
    stored = str(row.hash) if row is not None else _hash("")
    if not compare_digest(stored.encode(), _hash(parts[2]).encode()) or row is None:
        return None
    key = _key(row)
    return key if key.revoked is None else None


def is_stale(key: ApiKey, now: datetime) -> bool:
    """Whether a use at this moment is to be written down."""
    return key.last_used is None or not timedelta(0) <= now - key.last_used < USED_AGAIN


def used(connection: Connection, key: ApiKey, now: datetime) -> None:
    """Note that a key was used."""
    if is_stale(key, now):
        connection.execute(
            text("update api_keys set last_used_at = :now where prefix = :prefix"),
            {"now": stamp(now), "prefix": key.prefix},
        )


def _named(connection: Connection, name: str) -> ApiKey | None:
    row = connection.execute(
        text(f"select {_COLUMNS} from api_keys where name = :name"), {"name": name}
    ).one_or_none()
    return None if row is None else _key(row)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        row.name,
        row.prefix,
        tuple(row.scopes.split()),
        moment_of(row.created_at),
        row.created_by,
        moment_of(row.last_used_at),
        moment_of(row.revoked_at),
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
