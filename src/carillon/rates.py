"""How fast an account may send: permits by GCRA, the generic cell rate algorithm (ITU-T I.371).

Each limit is one interval between two emails, so a limit of 100 an hour is one email every 36 seconds and
never a burst. Pure: the state is a row of `rate_state`, changed only in the transaction that claims.
All times are microseconds by the database's clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from carillon.accounts import Account
from carillon.words import AccountKind

SECOND = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Of one account. An interval of 0 is no limit; `per_day` None neither."""

    interval: int = 0
    domain_interval: int = 0
    per_day: int | None = None

    @classmethod
    def of(
        cls,
        per_second: int | None,
        per_minute: int | None,
        per_hour: int | None,
        delay_seconds: int,
        per_day: int | None,
        per_domain_minute: int | None,
    ) -> Limits:
        """The strictest of several limits holds."""
        intervals = [delay_seconds * SECOND]
        for limit, seconds in ((per_second, 1), (per_minute, 60), (per_hour, 3600)):
            if limit:
                intervals.append(-(-seconds * SECOND // limit))
        domain = -(-60 * SECOND // per_domain_minute) if per_domain_minute else 0
        return cls(max(intervals), domain, per_day)


@dataclass
class Used:
    """How far an account's limits are used up: the earliest next moment, by domain too; emails of the day."""

    earliest: int = 0
    sent: int = 0
    domains: dict[str, int] = field(default_factory=dict)


def take(
    due: Iterable[tuple[int, str]], limits: Limits, used: Used, now: int, horizon: int
) -> list[tuple[int, int]]:
    """Give permits to emails (id, domain) in their order: (id, not before). `used` is changed.

    An email whose domain has none left before `now + horizon` is passed over.
    """
    granted = []
    for number, domain in due:
        if limits.per_day is not None and used.sent >= limits.per_day:
            break
        at = max(used.earliest, now)
        if limits.domain_interval:
            at = max(at, used.domains.get(domain, 0))
        if at > now + horizon:
            if used.earliest > now + horizon:
                break
            continue
        used.sent += 1
        if limits.interval:
            used.earliest = at + limits.interval
        if limits.domain_interval:
            used.domains[domain] = at + limits.domain_interval
        granted.append((number, at))
    return granted


def limits_of(account: Account) -> Limits:
    """An account's limits as the dispatcher and the release count them.

    A mailbox's hour is not cut into equal parts: its slots are as they are, and they are counted
    (`store.slot_claims`).
    """
    return Limits.of(
        account.max_per_second,
        account.max_per_minute,
        None if account.kind == AccountKind.MAILBOX else account.max_per_hour,
        account.send_delay_seconds,
        account.daily_limit,
        account.max_per_domain_per_minute,
    )
