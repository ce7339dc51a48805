"""One contact looked at: who it is, what has left for it, and which runs planned its emails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches

from sqlalchemy import Connection, text

from carillon.errors import InputError
from carillon.keys import CONTACT_SHIFT
from carillon.words import FIRST_CAMPAIGN, UNKNOWN_KIND

_COLUMNS = (
    "id, email, first_name, last_name, zip_code, state, birth_date, effective_date, status, external_id"
)
INSTANCE = (
    "coalesce(o.campaign_instance_id,"
    f" case when o.kind >= {FIRST_CAMPAIGN} and o.kind < {UNKNOWN_KIND} then o.kind - {FIRST_CAMPAIGN} end)"
)
"""The campaign instance of an outbox row `o`."""
_LOOKED_AT = 500
"""Addresses compared for a suggestion: those that begin alike."""


@dataclass(frozen=True)
class Profile:
    """A contact as stored."""

    id: int
    email: str | None
    first_name: str | None
    last_name: str | None
    zip_code: str | None
    state: str | None
    birth_date: str | None
    effective_date: str | None
    status: str
    external_id: str | None


@dataclass(frozen=True)
class Left:
    """An email that has left the planner's hands. Days are day numbers."""

    key: int
    """Below 0 for mail from elsewhere."""
    email_type: str
    event: int | None
    send: int
    ideal: int | None
    status: str
    followup: bool
    template: str | None
    campaign: str | None
    """The name of its instance."""


@dataclass(frozen=True)
class Aim:
    """A campaign that the contact is a named target of, with the trigger date as stored."""

    instance: int
    trigger: str


def find(connection: Connection, wanted: str) -> list[Profile]:
    """Contacts with this address (any case), external id or, where it is a number, id; ascending by id."""
    found: dict[int, Profile] = {}
    # Said apart so that each of the partial indexes serves.
    conditions = [
        "lower(email) = lower(:wanted) and external_id is null",
        "lower(email) = lower(:wanted) and external_id is not null",
        "external_id = :wanted",
    ]
    values: dict[str, object] = {"wanted": wanted}
    if wanted.isascii() and wanted.isdecimal() and len(wanted) < 19:
        conditions.append("id = :id")
        values["id"] = int(wanted)
    for condition in conditions:
        for row in connection.execute(text(f"select {_COLUMNS} from contacts where {condition}"), values):
            found[int(row[0])] = Profile(*row)
    return [found[contact] for contact in sorted(found)]


def one(connection: Connection, wanted: str) -> int:
    """The id of the one contact meant. Raises InputError where there is none, or more than one."""
    found = find(connection, wanted.strip())
    if len(found) > 1:
        ids = ", ".join(str(person.id) for person in found)
        raise InputError(f"{wanted!r} means {len(found)} contacts. Give one of their ids: {ids}.")
    if not found:
        near = similar(connection, wanted)
        hint = (
            f"Did you mean {' or '.join(near)}?"
            if near
            else "Give an email address, an id or an external id."
        )
        raise InputError(f"there is no contact {wanted!r}. {hint} Nothing was changed.")
    return found[0].id


def similar(connection: Connection, email: str) -> list[str]:
    """Up to three stored addresses that look like this one."""
    for length in (3, 1):
        prefix = email.lower()[:length]
        if not prefix:
            break
        rows: list[str] = []
        for given in ("is null", "is not null"):
            rows += connection.execute(
                text(
                    "select lower(email) from contacts where lower(email) >= :low and lower(email) < :high"
                    f" and external_id {given} limit {_LOOKED_AT}"
                ),
                {"low": prefix, "high": prefix[:-1] + chr(ord(prefix[-1]) + 1)},
            ).scalars()
        if close := get_close_matches(email.lower(), list(dict.fromkeys(rows)), cutoff=0.85):
            return close
    return []


def has_contacts(connection: Connection) -> bool:
    return connection.execute(text("select 1 from contacts limit 1")).scalar() is not None


def has_changed(connection: Connection, contact_id: int) -> bool:
    """Whether the contact, or everybody, has changed since the last run."""
    rows = connection.execute(
        text("select 1 from changes where contact_id in (-1, 0, :id) limit 1"), {"id": contact_id}
    )
    return rows.scalar() is not None


def left(connection: Connection, contact_id: int, since: int) -> list[Left]:
    """Emails of the contact that have left for days from `since` on, ascending by day."""
    rows = connection.execute(
        text(
            "select o.id, o.email_type, o.event, o.send, o.ideal, o.status, o.followup, o.email_template,"
            " i.instance_name from outbox o"
            f" left join campaign_instances i on i.id = {INSTANCE}"
            " where o.contact_id = :id and o.send >= :since and o.channel = 'email' order by o.send, o.id"
        ),
        {"id": contact_id, "since": since},
    )
    return [
        Left(key, kind, event, send, ideal, status, bool(followup), template, campaign)
        for key, kind, event, send, ideal, status, followup, template, campaign in rows
    ]


def aims(connection: Connection, contact_id: int) -> list[Aim]:
    """What campaigns target the contact by name for, ascending by instance and date."""
    rows = connection.execute(
        text(
            "select campaign_instance_id, trigger_date from contact_campaigns where contact_id = :id"
            " order by campaign_instance_id, trigger_date"
        ),
        {"id": contact_id},
    )
    return [Aim(int(row[0]), row[1]) for row in rows]


def planned_on(connection: Connection, contact_id: int) -> dict[int, date]:
    """For each planned email (its key) the day of the run that wrote it last."""
    rows = connection.execute(
        text(
            "select p.id, c.today from plan p join scheduler_checkpoints c on c.id = p.run"
            " where p.id >= :low and p.id < :high and c.today is not null"
        ),
        {"low": contact_id << CONTACT_SHIFT, "high": (contact_id + 1) << CONTACT_SHIFT},
    )
    return {int(key): date.fromisoformat(day) for key, day in rows}
