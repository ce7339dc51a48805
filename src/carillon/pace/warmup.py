"""The ramp of a new mailbox: how many emails a day, and when it goes up (02-pace §3). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


@dataclass(frozen=True)
class Ramp:
    """How warm-up goes. Shares are of the emails sent in the last `days` days."""

    start: int = 5
    """Emails on the first day."""
    step: int = 2
    """More of them with every day."""
    most: int = 40
    """Of an account that has no daily limit of its own."""
    hold_above: Fraction = Fraction(5, 100)
    """Share of bounces above which it stays where it is."""
    pause_above: Fraction = Fraction(10, 100)
    """Share of bounces above which the account stops."""
    least_bounces: int = 3
    """With fewer, a share says nothing."""
    days: int = 7


@dataclass(frozen=True)
class Week:
    """An account's last `Ramp.days` days, counts of emails, and of them the day just ended."""

    sent: int
    bounced: int
    complained: int
    sent_that_day: int
    was_working_day: bool


class Verdict(StrEnum):
    """What the day just ended means for the next."""

    ADVANCE = "advance"
    HOLD = "hold"
    PAUSE = "pause"
    IDLE = "idle"
    """A day off, or nothing was sent: it says nothing."""


def allowance(ramp: Ramp, warmup_day: int, daily_limit: int | None) -> int:
    """Emails allowed on a warm-up day, the first being 1."""
    most = ramp.most if daily_limit is None else daily_limit
    return min(most, ramp.start + (max(warmup_day, 1) - 1) * ramp.step)


def judge(ramp: Ramp, week: Week) -> tuple[Verdict, str]:
    """What follows from an account's last days, and why in words."""
    if week.bounced >= ramp.least_bounces and week.bounced > ramp.pause_above * week.sent:
        return Verdict.PAUSE, _bounces(ramp, week, ramp.pause_above)
    if week.complained:
        return Verdict.HOLD, f"{week.complained} of {week.sent} emails were complained about"
    if week.bounced >= ramp.least_bounces and week.bounced > ramp.hold_above * week.sent:
        return Verdict.HOLD, _bounces(ramp, week, ramp.hold_above)
    if not week.was_working_day or not week.sent_that_day:
        return Verdict.IDLE, "nothing was sent on a working day"
    return Verdict.ADVANCE, f"{week.sent_that_day} sent, {week.bounced} of {week.sent} bounced"


def _bounces(ramp: Ramp, week: Week, limit: Fraction) -> str:
    return (
        f"{week.bounced} of {week.sent} emails of the last {ramp.days} days bounced, more than"
        f" {float(limit * 100):g} %"
    )
