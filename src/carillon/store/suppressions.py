"""Addresses never to be written to: added, taken away, and what is waiting for them cancelled.

A suppression holds for an address in lower case, or for everyone at a domain (`@example.com`, and nothing
below that), and for a scope: `all`, `marketing`, which lets a regulatory notice through, or a campaign
type's name, which keeps back only that type and its follow-ups (`words.stops`). The planner's own rows go
with its next run: triggers note whom it concerns. All writing happens in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.addresses import is_valid, normalise
from carillon.errors import InputError
from carillon.settings_checks import did_you_mean
from carillon.store import audit
from carillon.store.bulk import insert_rows
from carillon.store.contact_lookup import BY_ADDRESS
from carillon.store.dispatch import WAITING
from carillon.store.moments import as_moment, moment_of, stamp
from carillon.store.paging import Slice, sliced
from carillon.words import REGULATORY_NOTICE, Scope, Status

ALL, MARKETING = Scope.ALL.value, Scope.MARKETING.value
SUPPRESSED = "suppressed"
"""`skip_reason` of what was cancelled."""


@dataclass(frozen=True)
class Suppression:
    """One row."""

    address: str
    scope: str
    reason: str | None
    created: datetime | None

    @property
    def words(self) -> str:
        """What it means for a contact."""
        who = f"everyone at {self.address[1:]}" if self.address.startswith("@") else "its address"
        what = "" if self.scope == ALL else f" for {self.scope}"
        return f"{who} is suppressed{what}{(self.reason and f': {self.reason}') or ''}"


@dataclass(frozen=True)
class Wish:
    """One address to be suppressed among many."""

    address: str
    """In lower case; no domain."""
    scope: str
    reason: str


def applies(contact: str, email: str) -> str:
    """An SQL condition: whether a suppression keeps an email from a contact.

    `contact`: alias of `contacts`; `email`: of a table with `email_type` and `campaign_instance_id`.
    """
    return (
        "exists (select 1 from suppressions s where"
        f" s.address in (lower({contact}.email), {_domain(contact)}) and {_stops(email)})"
    )


def read_address(given: str) -> str:
    """An address or a domain as it is stored: `person@example.com`, or `@example.com` for everyone there.

    Raises InputError for what is neither.
    """
    place = normalise(given)
    if not is_valid(f"x{place}" if place.startswith("@") else place):
        raise InputError(
            f"{given!r} is neither an email address nor a domain; write it like maria@example.com, or "
            "@example.com for everyone there"
        )
    return place


def read_scope(connection: Connection, given: str) -> str:
    """A scope as given. Raises InputError for what is no scope and no campaign type."""
    types = connection.execute(text("select name from campaign_types order by name")).scalars().all()
    if given not in (*Scope, *types):
        known = [*Scope, *types]
        hint = did_you_mean(given, known) or "."
        raise InputError(f"there is no scope {given!r}{hint} There are {', '.join(known)}.")
    return given


def add(
    connection: Connection, address: str, scope: str, reason: str | None, now: datetime, by: str
) -> tuple[Suppression, bool, int]:
    """Suppress what a person or a program names; it is in the audit log if it is new.

    Returns the suppression as it stands, whether it is new, and how many emails were cancelled. Raises
    InputError for what is no address and no domain, and for what is no scope.
    """
    place = read_address(address)
    read_scope(connection, scope)
    why = reason or "by hand"
    is_new, cancelled = suppress(connection, place, scope, why, now)
    if is_new:
        what = {"address": place, "scope": scope, "reason": why}
        audit.note(connection, by, "suppression added", now, None, what)
    found = next(one for one in of(connection, place) if one.address == place and one.scope == scope)
    return found, is_new, cancelled


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


def suppress_many(connection: Connection, wishes: Iterable[Wish], now: datetime) -> int:
    """As `suppress`, for many addresses at once. Returns how many suppressions are new."""
    rows = list({(one.address, one.scope): (one.address, one.scope, one.reason) for one in wishes}.values())
    if not rows:
        return 0
    run = connection.exec_driver_sql
    run("drop table if exists temp_wishes")
    run("create temp table temp_wishes (address text, scope text, reason text)")
    insert_rows(connection, "temp_wishes", ("address", "scope", "reason"), rows)
    new = run(
        "insert into suppressions (address, scope, reason, created_at)"
        f" select address, scope, reason, {as_moment(connection, now)} from temp_wishes"
        " where true on conflict (address, scope) do nothing"
    ).rowcount
    whose = " union all ".join(f"select c.id from temp_wishes a {join}" for join in BY_ADDRESS)
    cancelled = run(
        f"update outbox set status = '{Status.CANCELLED}', skip_reason = '{SUPPRESSED}',"
        f" updated_at = {as_moment(connection, now)} where contact_id in ({whose}) and {WAITING}"
        f" and status = '{Status.SCHEDULED}'"
        f" and exists (select 1 from contacts c where c.id = outbox.contact_id and {applies('c', 'outbox')})"
        " returning contact_id"
    )
    contacts = sorted({int(row[0]) for row in cancelled})
    insert_rows(connection, "changes", ("contact_id",), [(one,) for one in contacts])
    return int(new)


def lift(
    connection: Connection, address: str, scope: str | None, reason: str, now: datetime, by: str
) -> list[Suppression]:
    """Take suppressions of an address away (of one scope, or all). Returns them; each is in the audit log.

    Raises InputError without a reason, or where there is none to take away.
    """
    if not reason.strip():
        raise InputError("say why it may be written to again, with --reason: it is written down")
    place = normalise(address)
    gone = [one for one in of(connection, place) if one.address == place and scope in (None, one.scope)]
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
    """What holds for an address, also by its domain; its own first, by scope."""
    place = normalise(address)
    rows = connection.execute(
        text(
            "select address, scope, reason, created_at from suppressions where address in (:address, :domain)"
            " order by case when address = :address then 0 else 1 end, scope"
        ),
        {"address": place, "domain": place[place.find("@") :]},
    )
    return [Suppression(row[0], row[1], row[2], moment_of(row[3])) for row in rows]


def page(connection: Connection, after: int, limit: int, address: str | None = None) -> Slice[Suppression]:
    """Suppressions in the order in which they were added; `address`: of this address or domain only."""
    only = "" if address is None else " and address = :address"
    rows = connection.execute(
        text(
            "select id, address, scope, reason, created_at from suppressions"
            f" where id > :after{only} order by id limit :limit"
        ),
        {"after": after, "limit": limit + 1, "address": address and normalise(address)},
    ).all()
    return sliced(
        rows,
        limit,
        lambda row: Suppression(row[1], row[2], row[3], moment_of(row[4])),
        lambda row: (int(row[0]),),
    )


def newest(connection: Connection, limit: int) -> list[Suppression]:
    """The latest, newest first."""
    rows = connection.execute(
        text("select address, scope, reason, created_at from suppressions order by id desc limit :limit"),
        {"limit": limit},
    )
    return [Suppression(row[0], row[1], row[2], moment_of(row[3])) for row in rows]


def _domain(contact: str) -> str:
    """An expression for where an address is at, like `@example.com`, that both databases know."""
    email = f"{contact}.email"
    return f"lower(substr({email}, length(rtrim({email}, replace({email}, '@', '')))))"


def _stops(email: str) -> str:
    """`words.stops` in SQL, of the suppression `s`."""
    topic = f"(select i.campaign_type from campaign_instances i where i.id = {email}.campaign_instance_id)"
    notice = f"{email}.email_type <> 'campaign_{REGULATORY_NOTICE}'"
    return f"(s.scope = '{ALL}' or (s.scope = '{MARKETING}' and {notice}) or s.scope = {topic})"


def _whose(place: str) -> list[str]:
    """Conditions on `contacts`, each of which an index serves where it can."""
    if place.startswith("@"):
        return ["lower(email) like '%' || :address"]
    return [f"lower(email) = :address and external_id is {given}" for given in ("null", "not null")]


def _cancel(connection: Connection, place: str, scope: str, now: datetime) -> int:
    """Cancel what is scheduled to an address; what is being sent right now is the dispatcher's to stop."""
    whose = " union all ".join(f"select id from contacts where {one}" for one in _whose(place))
    found = (
        connection.execute(
            text(
                f"update outbox set status = '{Status.CANCELLED}', skip_reason = '{SUPPRESSED}',"
                f" updated_at = :now where contact_id in ({whose}) and {WAITING}"
                f" and status = '{Status.SCHEDULED}' and exists (select 1 from suppressions s"
                f" where s.address = :address and s.scope = :scope and {_stops('outbox')})"
                " returning contact_id"
            ),
            {"address": place, "scope": scope, "now": stamp(now)},
        )
        .scalars()
        .all()
    )
    if found:
        connection.execute(
            text("insert into changes (contact_id) values (:id)"), [{"id": one} for one in sorted(set(found))]
        )
    return len(found)
