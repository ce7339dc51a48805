"""Addresses never to be written to: added, taken away, and what is waiting for them cancelled.

A suppression holds for an address (in lower case) and a scope: `all`, or `marketing`, which lets a
regulatory notice through. The planner's own rows go with its next run: triggers note whom it concerns. All
writing happens in the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.addresses import normalise
from carillon.errors import InputError
from carillon.store import audit
from carillon.store.moments import moment_of, stamp
from carillon.words import Status

ALL, MARKETING = "all", "marketing"
SCOPES = (ALL, MARKETING)
SUPPRESSED = "suppressed"
"""`skip_reason` of what was cancelled."""
NOT_MARKETING = "campaign_regulatory_notice"


@dataclass(frozen=True)
class Suppression:
    """One row."""

    address: str
    scope: str
    reason: str | None
    created: datetime | None


def suppress(
    connection: Connection, address: str, scope: str, reason: str | None, now: datetime
) -> tuple[bool, int]:
    """Never write to an address again. Returns whether that is new, and how many emails were cancelled.

    What is `scheduled` is cancelled also where the suppression was there before: doing it twice is no harm.
    """
    place = normalise(address)
    is_new = connection.execute(
        text(
            "insert into suppressions (address, scope, reason, created_at)"
            " values (:address, :scope, :reason, :now) on conflict (address, scope) do nothing"
        ),
        {"address": place, "scope": scope, "reason": reason, "now": stamp(now)},
    ).rowcount
    return bool(is_new), _cancel(connection, place, scope, now)


def lift(
    connection: Connection, address: str, scope: str | None, reason: str, now: datetime, by: str
) -> list[Suppression]:
    """Take suppressions of an address away (of one scope, or all). Returns them; each is in the audit log.

    Raises InputError without a reason, or where there is none to take away.
    """
    if not reason.strip():
        raise InputError("say why it may be written to again, with --reason: it is written down")
    gone = [one for one in of(connection, address) if scope in (None, one.scope)]
    if not gone:
        which = f" with the scope {scope}" if scope else ""
        raise InputError(f"{address} is not suppressed{which}; there is nothing to take away.")
    for one in gone:
        connection.execute(
            text("delete from suppressions where address = :address and scope = :scope"),
            {"address": one.address, "scope": one.scope},
        )
        was = {"address": one.address, "scope": one.scope, "reason": one.reason}
        audit.note(connection, by, "suppression removed", now, was, {"reason": reason.strip()})
    return gone


def of(connection: Connection, address: str) -> list[Suppression]:
    """The suppressions of an address, by scope."""
    rows = connection.execute(
        text(
            "select address, scope, reason, created_at from suppressions where address = :address"
            " order by scope"
        ),
        {"address": normalise(address)},
    )
    return [Suppression(row[0], row[1], row[2], moment_of(row[3])) for row in rows]


def newest(connection: Connection, limit: int) -> list[Suppression]:
    """The latest, newest first."""
    rows = connection.execute(
        text("select address, scope, reason, created_at from suppressions order by id desc limit :limit"),
        {"limit": limit},
    )
    return [Suppression(row[0], row[1], row[2], moment_of(row[3])) for row in rows]


def _cancel(connection: Connection, address: str, scope: str, now: datetime) -> int:
    """Cancel what is scheduled to an address; what is being sent right now is the dispatcher's to stop."""
    spared = f" and email_type <> '{NOT_MARKETING}'" if scope == MARKETING else ""
    # Said apart so that each of the partial indexes serves.
    whose = " union all ".join(
        f"select id from contacts where lower(email) = :address and external_id is {given}"
        for given in ("null", "not null")
    )
    ids = connection.execute(
        text(
            f"update outbox set status = '{Status.CANCELLED}', skip_reason = '{SUPPRESSED}',"
            " updated_at = :now where contact_id in (" + whose + ")"
            f" and status = '{Status.SCHEDULED}'{spared} returning contact_id"
        ),
        {"address": address, "now": stamp(now)},
    ).scalars()
    found = list(ids)
    if found:
        connection.execute(
            text("insert into changes (contact_id) values (:id)"), [{"id": one} for one in sorted(set(found))]
        )
    return len(found)
