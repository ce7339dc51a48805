"""Statements around the network: the intent to send, and what became of it.

Only a row whose intent this module returned may be sent: it is checked and written in one statement, so
whatever stops an email (a pause, a suppression, a corrected birth date, a lost lease) either came before it
or too late. All writing happens in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import Connection, text

from carillon.packing import PRIORITY_SHIFT, TIER_SHIFT
from carillon.store.bulk import is_sqlite, with_rows
from carillon.store.dispatch import OPEN, Outcome
from carillon.store.engine import dbapi
from carillon.store.enrollments import ENDED
from carillon.store.moments import micros_of, now_of, stamp
from carillon.store.suppressions import applies
from carillon.words import EnrollmentStatus, SkipReason, Status

_BASIS = " || '|' || ".join(
    f"coalesce(c.{column}, '')" for column in ("email", "birth_date", "effective_date", "zip_code")
)
"""What the last check was made of, and where the message goes."""
_ENROLLED = f"""(outbox.enrollment_id is null or exists (select 1 from sequence_enrollments e
    where e.id = outbox.enrollment_id and e.status = '{EnrollmentStatus.ACTIVE}'))"""
_ENDED = f"""(outbox.enrollment_id is not null and not exists (select 1 from sequence_enrollments e
    where e.id = outbox.enrollment_id and e.status in ('{EnrollmentStatus.SCHEDULED}',
    '{EnrollmentStatus.ACTIVE}', '{EnrollmentStatus.PAUSED}')))"""
FOLLOWUP_STATE = (
    "case when email_type like 'followup%' then"
    f" (cast(substr(email_type, 10, 1) as integer) - 1) << {TIER_SHIFT} else 0 end"
)
"""The part of `plan.state` that tells what a follow-up answers to."""
_INTENT = (
    ("id", "bigint"), ("token", "text"), ("message_id", "text"), ("basis", "text"), ("lapses", "bigint"),
)  # fmt: skip
_OUTCOME = (
    ("id", "bigint"), ("token", "text"), ("status", "text"), ("refund", "bigint"), ("send_at", "timestamptz"),
    ("skip_reason", "text"), ("error", "text"), ("message_id", "text"), ("provider_id", "text"),
    ("hash", "text"), ("sent_at", "timestamptz"), ("now", "timestamptz"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Intent:
    """An email about to be handed over."""

    id: int
    token: str
    """Of the claim."""
    message_id: str
    """Stored with the intent: whoever is in doubt later has something to look for."""
    basis: str
    """As `bases` gave it when the email was checked."""
    lapses: int | None = None
    """When its permit holds no more, by the database's clock; None: never."""


def bases(connection: Connection, contacts: Iterable[int]) -> dict[int, str]:
    """What emails to these contacts are checked by; an intent holds only while it is the same."""
    listed = ", ".join(str(int(one)) for one in contacts) or "0"
    statement = f"select c.id, {_BASIS} from contacts c where c.id in ({listed})"
    return dict(dbapi(connection).execute(statement).fetchall())


def intend(connection: Connection, intents: Sequence[Intent]) -> set[tuple[int, str]]:
    """Write intents. Only what is returned, by id and token, may be sent: this is when a stop counts."""
    rows = [(one.id, one.token, one.message_id, one.basis, one.lapses) for one in intents]
    return set(with_rows(connection, _INTENT, rows, _writing(is_sqlite(connection))))


_HELD = "outbox.status || ''"
"""The status, in words that do not bring PostgreSQL to look through all that waits by its index. What it
knows of the table is always too old: thousands of rows come between two counts of it."""


def _by_id(sqlite: bool) -> str:
    """For the same reason: with a list of ids it takes them one by one, however many it expects."""
    return "true" if sqlite else "outbox.id = any (array(select v.id from v))"


@cache
def _writing(sqlite: bool) -> str:
    now = now_of(sqlite)
    return (
        f"update outbox set intent_at = {now}, message_id = v.message_id from v"
        f" where outbox.id = v.id and outbox.claim_token = v.token and {_by_id(sqlite)}"
        f" and {_HELD} = '{Status.PROCESSING}'"
        f" and outbox.intent_at is null and outbox.lease_until > {now}"
        f" and (v.lapses is null or v.lapses > {micros_of(sqlite)}) and {OPEN} and {_ENROLLED}"
        " and exists (select 1 from contacts c where c.id = outbox.contact_id and c.status = 'active'"
        # The limit keeps PostgreSQL from joining all contacts where it does not know yet how many there are.
        f"  and {_BASIS} = v.basis and not {applies('c', 'outbox')} limit 1 offset 0)"
        " returning outbox.id, outbox.claim_token"
    )


def why_stopped(connection: Connection, number: int, token: str) -> str | None:
    """For an email that got no intent: `suppressed`, `opted_out`, `enrollment_ended`, or `paused` where it
    may go later.

    None: it is not this dispatcher's any more.
    """
    found = connection.execute(
        text(
            "select case when c.status is null or c.status <> 'active' then 'opted_out'"
            f" when {applies('c', 'outbox')} then 'suppressed'"
            f" when {_ENDED} then '{ENDED}' else 'paused' end"
            " from outbox left join contacts c on c.id = outbox.contact_id"
            " where outbox.id = :id and outbox.claim_token = :token"
            f" and outbox.status = '{Status.PROCESSING}'"
        ),
        {"id": number, "token": token},
    ).scalar()
    return None if found is None else str(found)


def record(connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Store outcomes. A late answer of a slow dispatcher settles the doubt its reaper left behind."""
    if not outcomes:
        return
    moment = stamp(now)
    rows = [
        (
            one.id,
            one.token,
            one.status.value,
            one.refund,
            one.send_at,
            one.skip_reason,
            one.error and one.error.replace("\0", ""),  # PostgreSQL has no such character
            one.message_id,
            one.provider_id,
            one.render_hash,
            one.sent_at,
            moment,
        )
        for one in outcomes
    ]
    sqlite = is_sqlite(connection)
    contacts = with_rows(connection, _OUTCOME, rows, _recording(sqlite))
    if sqlite:  # which has no statement that writes two tables
        noted = "insert into changes (contact_id) select id from v"
        with_rows(connection, (("id", "bigint"),), sorted(set(contacts)), noted)
    for back in outcomes:
        if back.back is not None:
            back_to_plan(connection, back.id, back.token, back.back)


@cache
def _recording(sqlite: bool) -> str:
    update = (
        "update outbox set status = v.status, attempts = outbox.attempts - v.refund,"
        " send_at = coalesce(v.send_at, outbox.send_at), skip_reason = v.skip_reason, last_error = v.error,"
        " message_id = coalesce(v.message_id, outbox.message_id),"
        " provider_id = coalesce(v.provider_id, outbox.provider_id),"
        " render_hash = coalesce(v.hash, outbox.render_hash),"
        " actual_send_datetime = coalesce(v.sent_at, outbox.actual_send_datetime),"
        f" intent_at = case when v.status = '{Status.SCHEDULED}' then null else outbox.intent_at end,"
        # The token stays: a later, better answer to the same claim must find its row.
        " lease_until = null, updated_at = v.now from v"
        f" where outbox.id = v.id and outbox.claim_token = v.token and {_by_id(sqlite)}"
        f" and {_HELD} in ('{Status.PROCESSING}', '{Status.IN_DOUBT}') returning outbox.contact_id"
    )
    if sqlite:
        return update
    return f", done as ({update}) insert into changes (contact_id) select distinct contact_id from done"


def back_to_plan(connection: Connection, number: int, token: str, reason: SkipReason) -> None:
    """An email of the planner that was never tried, or only put off: its own again.

    `reason`: why it is skipped; `SkipReason.NONE`: it is planned, and caught up.
    """
    return_to_plan(
        connection,
        "id = :id and claim_token = :token and enrollment_id is null and id >= 0"
        f" and status in ('{Status.SKIPPED}', '{Status.SCHEDULED}')",
        reason,
        {"id": number, "token": token},
    )


def return_to_plan(connection: Connection, where: str, reason: SkipReason, values: dict[str, object]) -> int:
    """Move rows of the outbox back to the plan; what is known of a follow-up goes along. Returns how many."""
    for statement in (
        "insert into plan (id, send, ideal, state, run)"
        f" select id, send, coalesce(ideal, send), {int(reason)}"
        f" | (coalesce(priority, 10) << {PRIORITY_SHIFT}) | {FOLLOWUP_STATE}, coalesce(run, 0)"
        f" from outbox where {where}",
        f"insert into plan_followups (id, metadata) select id, metadata from outbox where {where}"
        " and followup = 1 and metadata is not null on conflict (id) do nothing",
        f"insert into changes (contact_id) select distinct contact_id from outbox where {where}",
    ):
        connection.execute(text(statement), values)
    return connection.execute(text(f"delete from outbox where {where}"), values).rowcount
