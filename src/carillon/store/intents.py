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

from sqlalchemy import Connection, TextClause, text

from carillon.packing import PRIORITY_SHIFT, TIER_SHIFT
from carillon.store.dispatch import OPEN, Outcome
from carillon.store.moments import database_now, stamp
from carillon.words import SkipReason, Status

_BASIS = " || '|' || ".join(
    f"coalesce(c.{column}, '')" for column in ("email", "birth_date", "effective_date", "zip_code")
)
"""What the last check was made of, and where the message goes."""
_SUPPRESSED = """exists (select 1 from suppressions s where s.address = lower(c.email)
    and (s.scope <> 'marketing' or outbox.email_type <> 'campaign_regulatory_notice'))"""
FOLLOWUP_STATE = (
    "case when email_type like 'followup%' then"
    f" (cast(substr(email_type, 10, 1) as integer) - 1) << {TIER_SHIFT} else 0 end"
)
"""The part of `plan.state` that tells what a follow-up answers to."""
_RECORD = text(
    "update outbox set status = :status, attempts = attempts - :refund,"
    " send_at = coalesce(:send_at, send_at), skip_reason = :reason, last_error = :error,"
    " message_id = coalesce(:message_id, message_id), provider_id = coalesce(:provider_id, provider_id),"
    " render_hash = coalesce(:hash, render_hash),"
    " actual_send_datetime = coalesce(:sent_at, actual_send_datetime),"
    f" intent_at = case when :status = '{Status.SCHEDULED}' then null else intent_at end,"
    # The token stays: a later, better answer to the same claim must find its row.
    " lease_until = null, updated_at = :now"
    f" where id = :id and claim_token = :token and status in ('{Status.PROCESSING}', '{Status.IN_DOUBT}')"
)


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


def bases(connection: Connection, contacts: Iterable[int]) -> dict[int, str]:
    """What emails to these contacts are checked by; an intent holds only while it is the same."""
    listed = ", ".join(str(int(one)) for one in contacts) or "0"
    rows = connection.execute(text(f"select c.id, {_BASIS} from contacts c where c.id in ({listed})"))
    return {int(row[0]): str(row[1]) for row in rows}


def intend(connection: Connection, intents: Sequence[Intent]) -> set[tuple[int, str]]:
    """Write intents. Only what is returned, by id and token, may be sent: this is when a stop counts."""
    if not intents:
        return set()
    values: dict[str, object] = {}
    for place, one in enumerate(intents):
        values |= {
            f"i{place}": one.id,
            f"t{place}": one.token,
            f"m{place}": one.message_id,
            f"b{place}": one.basis,
        }
    written = connection.execute(_writing(len(intents), database_now(connection)), values)
    return {(int(row[0]), str(row[1])) for row in written}


@cache
def _writing(some: int, now: str) -> TextClause:
    """The statement for so many intents: taking it apart costs as much as running it."""
    rows = ", ".join(
        f"(cast(:i{place} as bigint), cast(:t{place} as text), cast(:m{place} as text),"
        f" cast(:b{place} as text))"
        for place in range(some)
    )
    return text(
        f"with v (id, token, message_id, basis) as (values {rows})"
        f" update outbox set intent_at = {now}, message_id = v.message_id from v"
        " where outbox.id = v.id and outbox.claim_token = v.token"
        f" and outbox.status = '{Status.PROCESSING}'"
        f" and outbox.intent_at is null and outbox.lease_until > {now} and {OPEN}"
        " and exists (select 1 from contacts c where c.id = outbox.contact_id and c.status = 'active'"
        f"  and {_BASIS} = v.basis and not {_SUPPRESSED})"
        " returning outbox.id, outbox.claim_token"
    )


def why_stopped(connection: Connection, number: int, token: str) -> str | None:
    """For an email that got no intent: `suppressed`, `opted_out`, or `paused` where it may go later.

    None: it is not this dispatcher's any more.
    """
    found = connection.execute(
        text(
            "select case when c.status is null or c.status <> 'active' then 'opted_out'"
            f" when {_SUPPRESSED} then 'suppressed' else 'paused' end"
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
    values = [
        {
            "id": one.id,
            "token": one.token,
            "status": one.status.value,
            "send_at": one.send_at,
            "reason": one.skip_reason,
            "error": one.error,
            "message_id": one.message_id,
            "provider_id": one.provider_id,
            "hash": one.render_hash,
            "sent_at": one.sent_at,
            "refund": one.refund,
            "now": stamp(now),
        }
        for one in outcomes
    ]
    connection.execute(_RECORD, values)
    listed = ", ".join(str(one.id) for one in outcomes)
    connection.exec_driver_sql(
        f"insert into changes (contact_id) select distinct contact_id from outbox where id in ({listed})"
    )
    for back in outcomes:
        if back.back is not None:
            back_to_plan(connection, back.id, back.token, back.back)


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
