"""The status report: how each account is doing. Every number is measured."""

from __future__ import annotations

from collections import Counter

from carillon.days import day_number
from carillon.store import account_days
from carillon.store.accounts import accounts
from carillon.words import Status
from carillon.workspace import Workspace

BOUNCE_DAYS = 7
"""Days, with today, over which a bounce rate is measured."""
_LEFT = (Status.SENT, Status.DELIVERED, Status.BOUNCED)


def status_report(workspace: Workspace) -> list[dict[str, object]]:
    """By account: its state and zone, its limit, today's emails by status, and its bounce rate.

    The rate is the share of bounces among the emails of the last days that left; None where none did.
    """
    today = day_number(workspace.today())
    with workspace.database.snapshot() as connection:
        known = accounts(connection)
        of_today = account_days.counts(connection, today, today)
        lately = account_days.counts(connection, today - BOUNCE_DAYS + 1, today)
    report: list[dict[str, object]] = []
    for one in known:
        recent = lately.get(one.id, Counter())
        left = sum(recent[status] for status in _LEFT)
        report.append(
            {
                "account": one.name,
                "status": one.status,
                "timezone": one.timezone or workspace.settings.workspace.timezone,
                "daily_limit": one.daily_limit,
                "today": dict(sorted(of_today.get(one.id, Counter()).items())),
                "bounce_rate": round(recent[Status.BOUNCED] / left, 4) if left else None,
                "last_error": one.last_error,
            }
        )
    return report
