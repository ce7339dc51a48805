"""How an account's warm-up went: the days that were judged, and what left on them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import BindParameter, Connection, bindparam, text

from carillon.days import day_number
from carillon.words import Status

_LEFT = f"('{Status.SENT}', '{Status.DELIVERED}', '{Status.BOUNCED}')"


@dataclass(frozen=True)
class WarmDay:
    """One day of it."""

    day: date
    """Where the account is."""
    warmup_day: int
    verdict: str
    """Of pace.warmup.Verdict."""
    why: str
    sent: int
    """Emails of the outbox planned for that day which left, and warm-up mail that left on it in UTC."""


def course(connection: Connection, accounts: Collection[int], since: date) -> dict[int, list[WarmDay]]:
    """The judged days of some accounts from a date on, ascending."""
    if not accounts:
        return {}
    ids = {"ids": list(accounts)}
    some: BindParameter[int] = bindparam("ids", expanding=True)
    sent = {
        (int(account), int(day)): int(n)
        for account, day, n in connection.execute(
            text(
                "select account_id, send, count(*) from outbox where send >= :since and account_id in :ids"
                f" and status in {_LEFT} group by account_id, send"
            ).bindparams(some),
            ids | {"since": day_number(since)},
        )
    }
    for account, day, n in connection.execute(
        text(
            "select account_id, substr(cast(sent_at as text), 1, 10), count(*) from warmup_messages"
            " where account_id in :ids and purpose = 'warmup' and sent_at is not null group by 1, 2"
        ).bindparams(some),
        ids,
    ):
        key = int(account), day_number(date.fromisoformat(day))
        sent[key] = sent.get(key, 0) + int(n)
    found: dict[int, list[WarmDay]] = {}
    rows = connection.execute(
        text(
            "select account_id, local_date, warmup_day, verdict, why from warmup_days"
            " where account_id in :ids and local_date >= :since order by account_id, local_date"
        ).bindparams(some),
        ids | {"since": since.isoformat()},
    )
    for account, on, number, verdict, why in rows:
        day = date.fromisoformat(on)
        left = sent.get((int(account), day_number(day)), 0)
        found.setdefault(int(account), []).append(WarmDay(day, int(number), verdict, why, left))
    return found
