"""Emails that are released and still wait, and why. Only reads.

The reasons are asked in the order in which `words.Wait` names them: the first that holds is told.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.store.dispatch import OPEN, WAITING, Claimed
from carillon.store.moments import stamp
from carillon.store.slot_use import HAS_SLOT
from carillon.store.suppressions import applies
from carillon.words import AccountKind, InstanceStatus, Status, Wait

FIRST = -(1 << 63)
"""Below all ids of emails."""
_OF_A_CLAIM = ("token", "wait", "lapses")
_COLUMNS = tuple(one.name for one in fields(Claimed) if one.name not in _OF_A_CLAIM)


def waiting(connection: Connection, now: datetime, today: int) -> dict[str, dict[Wait, int]]:
    """Account name -> reason -> how many emails are `scheduled`. Emails without an account are under ""."""
    rows = connection.execute(
        text(
            "select a.name, case"
            f" when exists (select 1 from workspace_state w where w.paused_at is not null)"
            f"  then '{Wait.WORKSPACE_PAUSED}'"
            f" when a.status is null or a.status <> 'active' then '{Wait.ACCOUNT_PAUSED}'"
            " when exists (select 1 from campaign_instances i where i.id = outbox.campaign_instance_id"
            f"  and i.status <> '{InstanceStatus.ACTIVE}') then '{Wait.CAMPAIGN_PAUSED}'"
            f" when not ({OPEN}) then '{Wait.SEQUENCE_PAUSED}'"
            f" when outbox.send < :today and outbox.enrollment_id is null then '{Wait.DAY_OVER}'"
            f" when outbox.send_at > :now then '{Wait.NOT_YET_DUE}'"
            f" when a.kind = '{AccountKind.MAILBOX}' and not {HAS_SLOT} then '{Wait.SLOT}'"
            f" else '{Wait.ACCOUNT_LIMIT}' end,"
            " count(*) from outbox left join accounts a on a.id = outbox.account_id"
            f" where {WAITING} and outbox.status = '{Status.SCHEDULED}' group by 1, 2"
        ),
        {"now": stamp(now), "today": today},
    )
    found: dict[str, dict[Wait, int]] = {}
    for name, reason, emails in rows:
        found.setdefault(name or "", {})[Wait(reason)] = int(emails)
    return found


def due(
    connection: Connection, account: int, now: datetime, today: int, after: int, limit: int
) -> list[Claimed]:
    """Emails of an account that would be claimed now, limits aside, as if they were; by id, from `after` on.

    Not those that would get no intent: whose contact is suppressed or has opted out.
    """
    rows = connection.execute(
        text(
            f"select {', '.join(f'outbox.{name}' for name in _COLUMNS)} from outbox"
            " join contacts c on c.id = outbox.contact_id and c.status = 'active'"
            f" where outbox.account_id = :account and {WAITING} and outbox.status = '{Status.SCHEDULED}'"
            " and outbox.send_at <= :now and (outbox.send >= :today or outbox.enrollment_id is not null)"
            f" and outbox.channel = 'email' and {OPEN} and not {applies('c', 'outbox')}"
            " and outbox.id > :after order by outbox.id limit :limit"
        ),
        {"account": account, "now": stamp(now), "today": today, "after": after, "limit": limit},
    )
    return [Claimed(**dict(zip(_COLUMNS, row, strict=True)), token="", wait=0.0, lapses=None) for row in rows]
