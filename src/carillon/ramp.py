"""How many emails a day a mailbox may send, and in which zone its days are (02-pace §3). Pure.

Figures of an account that cannot be read, because another program stored them, are as if they were not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from carillon.accounts import Account
from carillon.settings import Settings, Warmup
from carillon.settings_pacing import ramp_of


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


def allowance(ramp: Ramp, warmup_day: int, daily_limit: int | None) -> int:
    """Emails allowed on a warm-up day, the first being 1."""
    most = ramp.most if daily_limit is None else daily_limit
    return min(most, ramp.start + (max(warmup_day, 1) - 1) * ramp.step)


def zone_of(account: Account, settings: Settings) -> ZoneInfo:
    """The zone of an account's days."""
    return ZoneInfo(account.timezone) if account.timezone else settings.workspace.zone


def warmup_of(account: Account, settings: Settings) -> Warmup:
    """The section `warmup` as it holds for an account."""
    try:
        return ramp_of(settings.warmup, account.warmup)
    except ValidationError:
        return settings.warmup


def ramp(account: Account, settings: Settings) -> Ramp:
    """How the account's warm-up goes."""
    found = warmup_of(account, settings)
    return Ramp(
        found.start,
        found.step,
        found.most,
        Fraction(found.hold_bounce_rate),
        Fraction(found.pause_bounce_rate),
        found.least_bounces,
        found.rate_days,
    )


def number_a_day(account: Account, settings: Settings, warmup_day: int) -> int:
    """Emails a day that an account may send on a day of its warm-up; one that is warm, on any day."""
    own = ramp(account, settings)
    if account.warmup_enabled:
        return allowance(own, warmup_day, account.daily_limit)
    return own.most if account.daily_limit is None else account.daily_limit
