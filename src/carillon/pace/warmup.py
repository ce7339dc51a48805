"""The ramp of a new mailbox: when it goes up (02-pace §3), and when a relay has to stop. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from carillon.ramp import Ramp


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


def judge(ramp: Ramp, week: Week) -> tuple[Verdict, str]:
    """What follows from an account's last days, and why in words."""
    many = week.bounced >= ramp.least_bounces
    if many and week.bounced > ramp.pause_above * week.sent:
        return Verdict.PAUSE, _bounces(week, ramp.pause_above, ramp.days)
    if week.complained:
        return Verdict.HOLD, f"{week.complained} of {week.sent} emails were complained about"
    if many and week.bounced > ramp.hold_above * week.sent:
        return Verdict.HOLD, _bounces(week, ramp.hold_above, ramp.days)
    if not week.was_working_day or not week.sent_that_day:
        return Verdict.IDLE, "nothing was sent on a working day"
    return Verdict.ADVANCE, f"{week.sent_that_day} sent, {week.bounced} of {week.sent} bounced"


def brake(bounces: Fraction, complaints: Fraction, least_bounces: int, days: int, week: Week) -> str:
    """Why a relay has to stop, if it has to (08-operations §5). `bounces` and `complaints`: shares allowed.

    Complaints act at once, a few bounces say nothing, as with a mailbox that warms up.
    """
    if week.bounced >= least_bounces and week.bounced > bounces * week.sent:
        return _bounces(week, bounces, days)
    if week.complained > complaints * week.sent:
        return (
            f"{week.complained} of {week.sent} emails of the last {days} days were complained about, more"
            f" than {float(complaints * 100):g} %"
        )
    return ""


def _bounces(week: Week, limit: Fraction, days: int) -> str:
    return (
        f"{week.bounced} of {week.sent} emails of the last {days} days bounced, more than"
        f" {float(limit * 100):g} %"
    )
