"""Contacts forgotten and revived: their data are erased, a keyed hash of the address is kept (06-data, 08).

The hash is all that says who it was. It keeps the address suppressed: a later list that has it revives the
same contact, with the suppression. All writing happens in the caller's transaction. The audit log, which
nobody can change, says that a contact was forgotten, and never had anything else of it but an address that
was suppressed by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.addresses import normalise
from carillon.errors import InputError
from carillon.store import audit, enrollments, suppressions
from carillon.store.contacts import COLUMNS
from carillon.store.dispatch import WAITING
from carillon.store.engine import scalar
from carillon.store.json_values import list_of
from carillon.store.moments import stamp
from carillon.words import ContactStatus, ExitReason, Scope, Status

FORGOTTEN = "forgotten"
"""`skip_reason` of what was cancelled, and the reason of a suppression that came back with its address."""
Hashes = Callable[[str], list[str]]
"""What is kept of an address: see `tokens.LinkKeys.hashes`."""


@dataclass(frozen=True)
class Incoming:
    """A contact of a list, as far as it may have been forgotten."""

    email: str
    seed: int
    """As stored."""


def forget(connection: Connection, number: int, hashes: Hashes, now: datetime, by: str) -> int:
    """Erase what is known of a contact. Returns how many emails that were waiting are cancelled.

    Its history stays as numbers: what was sent when, never to whom. Raises InputError where there is no such
    contact, or it is forgotten already.
    """
    row = connection.execute(
        text("select email, status from contacts where id = :id"), {"id": number}
    ).one_or_none()
    if row is None:
        raise InputError(f"there is no contact {number}. Nothing was changed.")
    if row.status == ContactStatus.DELETED:
        raise InputError(f"the contact {number} is forgotten already. Nothing was changed.")
    values = {"id": number, "now": stamp(now)}
    open_ = connection.execute(
        text(f"select id from sequence_enrollments where contact_id = :id and {enrollments.OPEN}"), values
    ).scalars()
    waiting = f"contact_id = :id and {WAITING} and status = '{Status.SCHEDULED}'"
    cancelled = int(scalar(connection, f"select count(*) from outbox where {waiting}", id=number))
    enrollments.stop(connection, [int(one) for one in open_], ExitReason.MANUAL, now, FORGOTTEN)
    for statement in (
        f"update outbox set status = '{Status.CANCELLED}', skip_reason = '{FORGOTTEN}', updated_at = :now"
        f" where {waiting}",
        "update outbox set last_error = null, domain = null where contact_id = :id",
        "delete from raw_messages where id in (select raw_id from contact_events where contact_id = :id)"
        " and not exists (select 1 from contact_events o where o.raw_id = raw_messages.id"
        " and o.contact_id <> :id)",
        "update contact_events set event_data = null, raw_id = null where contact_id = :id",
        "update tracking_clicks set ip_address = null, user_agent = null where contact_id = :id",
        "update contact_campaigns set metadata = null where contact_id = :id",
        "delete from contact_issues where contact_id = :id",
    ):
        connection.execute(text(statement), values)
    scopes = _silence(connection, number, row.email)
    blank = ", ".join(f"{name} = null" for name in COLUMNS)
    connection.execute(
        text(
            f"update contacts set {blank}, seed = 0, status = '{ContactStatus.DELETED}', updated_at = :now"
            " where id = :id"
        ),
        values,
    )
    if row.email:
        connection.execute(
            text(
                "insert into forgotten (contact_id, address_hash, status, scopes, forgotten_at)"
                " values (:id, :hash, :status, :scopes, :now)"
            ),
            {
                **values,
                "hash": hashes(normalise(row.email))[0],
                "status": row.status,
                "scopes": json.dumps(scopes),
            },
        )
    audit.note(connection, by, f"contact {number} forgotten", now, None, None)
    return cancelled


def revive(connection: Connection, wanted: Iterable[Incoming], hashes: Hashes, now: datetime) -> int:
    """Give those of a list who were forgotten their addresses back, so that it finds them. Returns how many.

    Their addresses are suppressed again. Nothing is computed where nobody was forgotten.
    """
    rows = connection.execute(
        text("select contact_id, address_hash, status, scopes from forgotten order by contact_id desc")
    ).all()
    kept = {row.address_hash: row for row in rows}
    if not kept:
        return 0
    found = 0
    for one in wanted:
        address = normalise(one.email)
        row = next((kept.pop(hash_) for hash_ in hashes(address) if hash_ in kept), None)
        if row is None:
            continue
        found += 1
        for scope in list_of(row.scopes) or []:
            suppressions.suppress(connection, address, str(scope), FORGOTTEN, now)
        connection.execute(text("delete from forgotten where contact_id = :id"), {"id": row.contact_id})
        taken = scalar(
            connection,
            "select count(*) from contacts where lower(email) = :email and external_id is null",
            email=address,
        )
        if not taken:
            connection.execute(
                text(
                    "update contacts set email = :email, seed = :seed, status = :status, updated_at = :now"
                    " where id = :id"
                ),
                {
                    "id": row.contact_id,
                    "email": one.email,
                    "seed": one.seed,
                    "status": row.status,
                    "now": stamp(now),
                },
            )
    return found


def _silence(connection: Connection, number: int, email: str | None) -> list[str]:
    """Take the suppressions of an address away that nobody else has. Returns those that come back with it."""
    if not email:
        return []
    address = normalise(email)
    shared = sum(
        int(
            scalar(
                connection,
                f"select count(*) from contacts where lower(email) = :email and external_id is {given}"
                " and id <> :id",
                email=address,
                id=number,
            )
        )
        for given in ("null", "not null")
    )
    scopes = [one.scope for one in suppressions.of(connection, address) if one.address == address]
    if shared:
        return scopes
    connection.execute(text("delete from suppressions where address = :email"), {"email": address})
    return sorted({Scope.ALL.value, *scopes})
