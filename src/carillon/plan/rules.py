"""The configuration, as the planner's arithmetic wants it: numbers, arrays and one set of windows."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Self

import numpy as np
import numpy.typing as npt

from carillon.columns import Bools
from carillon.days import FIRST_YEAR, LAST_YEAR, Days, anniversary, as_days, code_of
from carillon.limits import NO_CAP
from carillon.settings import Settings
from carillon.windows import Windows
from carillon.words import Kind

THURSDAY = 3
"""1970-01-01 was one; Monday is 0."""
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Rules:
    """What the planner reads of the configuration. Day counts are calendar days."""

    windows: Windows
    days_before: dict[Kind, int]
    priorities: npt.NDArray[np.uint8]
    """By anniversary kind."""
    aep_days: Days
    """Every configured AEP date, ascending."""
    exclude_unknown_anchor: bool
    catch_up_days: int
    max_shift_days: int
    smoothing_reach: int
    """An effective-date email is smoothed at most so many days to either side."""
    ed_soft_limit: int
    ed_soft_share: Fraction
    cap_share: Fraction
    overage: Fraction
    balanced: bool
    """Whether crowded days are smoothed and capped at all."""
    emails_per_period: int
    period_days: int
    counts_sequences: bool
    """Whether the emails of sequences count for frequency."""
    follows_up: bool
    followup_days_after: int
    followup_lookback_days: int
    blackout_days: Days
    blackout_weekdays: Bools = field(default_factory=lambda: np.zeros(7, bool))

    @classmethod
    def of(cls, settings: Settings) -> Self:
        timing, balance = settings.timing_constants, settings.load_balancing
        return cls(
            windows=Windows(settings.state_rules, timing.pre_window_exclusion_days),
            days_before={
                Kind.BIRTHDAY: timing.birthday_email_days_before,
                Kind.EFFECTIVE_DATE: timing.effective_date_days_before,
                Kind.AEP: 0,
                Kind.POST_WINDOW: -1,
            },
            priorities=np.array([getattr(settings.priorities, k.email_type) for k in Kind], np.uint8),
            aep_days=_aep_days(settings),
            exclude_unknown_anchor=settings.state_rules.unknown_anchor == "exclude",
            catch_up_days=balance.catch_up_spread_days,
            max_shift_days=balance.max_shift_days,
            smoothing_reach=(balance.ed_smoothing_window_days - 1) // 2,
            ed_soft_limit=balance.ed_daily_soft_limit,
            ed_soft_share=Fraction(balance.ed_soft_limit_percentage),
            cap_share=Fraction(balance.daily_send_percentage_cap),
            overage=Fraction(balance.overage_threshold),
            balanced=settings.features.load_balancing,
            emails_per_period=balance.max_emails_per_contact_per_period,
            period_days=balance.period_days,
            counts_sequences=settings.sequences.count_in_frequency_limit,
            follows_up=settings.features.followups,
            followup_days_after=timing.followup_days_after,
            followup_lookback_days=timing.followup_lookback_days,
            blackout_days=as_days(timing.blackout_dates),
            blackout_weekdays=np.array([name in timing.blackout_weekdays for name in WEEKDAYS]),
        )

    def deadline(self, event: Days, ideal: Days) -> Days:
        """The last day an email may leave (01-plan §6)."""
        return np.where(event > ideal, event - 1, ideal + self.max_shift_days).astype(np.int32)

    def blacked_out(self, day: Days) -> Bools:
        """Days on which planner mail never goes."""
        weekday = (day + THURSDAY) % 7
        return self.blackout_weekdays[weekday] | np.isin(day, self.blackout_days)

    def daily_cap(self, eligible: int) -> int:
        """Emails a day (01-plan §7): never less than one."""
        if not self.balanced:
            return NO_CAP
        return max(1, eligible * self.cap_share.numerator // self.cap_share.denominator)

    def soft_limit(self, cap: int) -> int:
        """Effective-date emails of one ideal day above which they are spread."""
        if not self.balanced:
            return NO_CAP
        share = cap * self.ed_soft_share.numerator // self.ed_soft_share.denominator
        return max(1, min(self.ed_soft_limit, share))

    def over(self, counts: npt.NDArray[np.int64], cap: npt.NDArray[np.int64]) -> Bools:
        """Days whose count is above the threshold, in exact arithmetic."""
        return counts * self.overage.denominator > cap * self.overage.numerator


def _aep_days(settings: Settings) -> Days:
    years = settings.aep_config.years or range(FIRST_YEAR, LAST_YEAR + 1)
    codes = np.array([code_of(month, day) for month, day in settings.aep_config.month_days], np.uint16)
    days = [anniversary(codes, year) for year in years]
    return np.unique(np.concatenate(days)) if days else np.zeros(0, np.int32)


def is_configured(days: Days, configured: Days) -> Bools:
    """Which days stand in the ascending array `configured`."""
    if len(configured) == 0:
        return np.zeros(len(days), bool)
    at = np.minimum(np.searchsorted(configured, days), len(configured) - 1)
    return configured[at] == days
