"""What accounts sent on a day and in the days before it, and what waits."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, text


def counts(connection: Connection, since: int, until: int) -> dict[int, Counter[str]]:
    """Emails by account and status whose day (a day number) is from `since` to `until`."""
    found: dict[int, Counter[str]] = {}
    rows = connection.execute(
        text(
            "select account_id, status, count(*) from outbox where send between :since and :until"
            " and account_id is not null group by account_id, status"
        ),
        {"since": since, "until": until},
    )
    for account, status, n in rows:
        found.setdefault(int(account), Counter())[str(status)] = int(n)
    return found
