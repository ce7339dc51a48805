"""The status report: how each account is doing. Every number is measured."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from carillon.days import day_number
from carillon.ramp import number_a_day, zone_of
from carillon.store import account_days, slots, warmup_mail
from carillon.store.accounts import accounts
from carillon.words import AccountKind, Status
from carillon.workspace import Workspace

BOUNCE_DAYS = 7
"""Days, with today, over which a bounce rate is measured."""
_LEFT = (Status.SENT, Status.DELIVERED, Status.BOUNCED)


def status_report(workspace: Workspace) -> list[dict[str, object]]:
    """By account: its state and zone, its limit, today's emails by status, and its bounce rate.

    The rate is the share of bounces among the emails of the last days that left; None where none did. A
    mailbox also has the slots of its own today by status and, where it warms up, the day of its ramp and the
    limit that this means. Warm-up mail of the last days is counted apart; None where there was none.
    """
    settings = workspace.settings
    today, now = day_number(workspace.today()), workspace.clock.now()
    with workspace.database.snapshot() as connection:
        known = accounts(connection)
        of_today = account_days.counts(connection, today, today)
        lately = account_days.counts(connection, today - BOUNCE_DAYS + 1, today)
        days = {
            one.id: (one.id, now.astimezone(zone_of(one, settings)).date())
            for one in known
            if one.kind == AccountKind.MAILBOX
        }
        used = slots.counts(connection, days.values())
        warmed = warmup_mail.counts(connection, now - warmup_mail.COUNTED, now)
    report: list[dict[str, object]] = []
    for one in known:
        recent = lately.get(one.id, Counter())
        left = sum(recent[status] for status in _LEFT)
        report.append(
            {
                "account": one.name,
                "status": one.status,
                "timezone": one.timezone or settings.workspace.timezone,
                "daily_limit": one.daily_limit,
                "warmup_day": one.warmup_day if one.warmup_enabled else None,
                "limit": number_a_day(one, settings, one.warmup_day) if one.id in days else one.daily_limit,
                "slots": dict(sorted(used.get(days[one.id], Counter()).items())) if one.id in days else None,
                "today": dict(sorted(of_today.get(one.id, Counter()).items())),
                "warmup_mail": asdict(warmed[one.id]) if one.id in warmed else None,
                "bounce_rate": round(recent[Status.BOUNCED] / left, 4) if left else None,
                "last_error": one.last_error,
            }
        )
    return report
