"""What the slow planner reads and writes, and the dates and hashes that all of it shares.

What belongs here: plain things and small sums that `reference` and `reference_campaigns` both need. What
does not: any rule about who is written to and when. `T` in comments is `today`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

BIRTHDAY, EFFECTIVE_DATE, AEP, POST_WINDOW = 0, 1, 2, 3
FIRST_CAMPAIGN = 16

YEAR_ROUND = "year_round_exclusion"
BIRTHDAY_WINDOW = "birthday_window"
EFFECTIVE_DATE_WINDOW = "effective_date_window"
AGE = "age_exclusion"
MISSED = "missed"
CONFLICT = "campaign_conflict"
FREQUENCY = "frequency_limit"
INACTIVE = "campaign_inactive"
EXCLUSIONS = (YEAR_ROUND, BIRTHDAY_WINDOW, EFFECTIVE_DATE_WINDOW, AGE)

COUNTS_AS_SENT = {"sent", "delivered", "bounced", "scheduled", "processing", "in_doubt"}
"""Statuses of an outbox row that count for frequency and cap, and as sent; failed and cancelled do not."""

SAME_EVENT_DAYS = 180
"""An anniversary email sent this near to an event was sent for it."""

CHAIN_DAYS = 730
"""How far a chain of windows is followed."""

DAY = timedelta(days=1)
MASK = 2**64 - 1

Key = tuple[int, date, bool]
"""What a row of one contact is: kind, event, follow-up or not."""


# ---------------------------------------------------------------------------------------------------
# What goes in and what comes out


@dataclass(frozen=True)
class Contact:
    """A person, as stored: nothing about it is known to be valid."""

    id: int
    email: str | None
    seed: int
    status: str = "active"
    zip_code: str | None = None
    birth_date: str | None = None
    effective_date: str | None = None
    suppressed: bool = False
    """Whether its address gets nothing at all."""
    refuses: tuple[str, ...] = ()
    """What else its address is suppressed for: `marketing`, and names of campaign types."""
    created: date | None = None
    """The day it was added, where that is known."""


@dataclass(frozen=True)
class Row:
    """One row of the plan. `reason` None is pre-scheduled, else skipped for that reason."""

    contact_id: int
    kind: int
    event: date
    send: date
    ideal: date
    reason: str | None
    priority: int
    pinned: bool = False
    followup: bool = False
    tier: str | None = None
    """What a follow-up answers to. Only a follow-up that is made from its initial email has one."""

    @property
    def key(self) -> Key:
        return self.kind, self.event, self.followup

    @property
    def instance(self) -> int | None:
        """The id of the campaign instance it belongs to."""
        return self.kind - FIRST_CAMPAIGN if self.kind >= FIRST_CAMPAIGN else None

    @property
    def parent(self) -> Key | None:
        """The initial email of a follow-up."""
        return (self.kind, self.event, False) if self.followup else None


@dataclass(frozen=True)
class Sent:
    """An outbox row that has left pre-scheduled and skipped. `kind` None: counts for frequency only."""

    contact_id: int
    kind: int | None
    event: date | None
    send: date
    status: str
    followup: bool = False
    priority: int = 5


@dataclass(frozen=True)
class Extra:
    """A campaign's or follow-up's candidate (see `reference_campaigns`). `code` goes into its hash."""

    contact_id: int
    kind: int
    event: date
    ideal: date
    deadline: date
    priority: int
    respects_windows: bool = True
    followup: bool = False
    code: int = 0
    held_up: bool = False
    """Its campaign is paused, or of an inactive type."""
    starts: date | None = None
    ends: date | None = None
    """Between which days its ideal day has to lie."""
    known: date | None = None
    """The day from which it could have been planned."""
    tier: str | None = None

    @property
    def key(self) -> Key:
        return self.kind, self.event, self.followup


@dataclass(frozen=True)
class WindowRule:
    """Days excluded around an anchor. `extension` None takes the general `pre_window_days`."""

    before: int
    after: int
    use_month_start: bool = False
    extension: int | None = None


@dataclass
class Rules:
    """Every setting the planner reads. State rules are empty here; see `default_rules`."""

    birthday_days_before: int = 14
    effective_date_days_before: int = 30
    pre_window_days: int = 60
    aep_dates: list[tuple[int, int]] = field(default_factory=lambda: [(9, 15)])
    aep_years: list[int] = field(default_factory=list)
    priorities: dict[int, int] = field(
        default_factory=lambda: {BIRTHDAY: 5, EFFECTIVE_DATE: 5, AEP: 3, POST_WINDOW: 8}
    )
    blackout_dates: set[date] = field(default_factory=set)
    blackout_weekdays: set[int] = field(default_factory=set)
    year_round: set[str] = field(default_factory=set)
    birthday_windows: dict[str, WindowRule] = field(default_factory=dict)
    effective_date_windows: dict[str, WindowRule] = field(default_factory=dict)
    age_exclusion: dict[str, int] = field(default_factory=dict)
    unknown_anchor: str = "plan"
    cap_share: Decimal = Decimal("0.07")
    ed_soft_limit: int = 15
    ed_soft_share: Decimal = Decimal("0.3")
    ed_smoothing_days: int = 5
    overage: Decimal = Decimal("1.2")
    catch_up_days: int = 7
    max_shift_days: int = 45
    max_per_period: int = 2
    period_days: int = 14
    followup_days_after: int = 2
    followup_lookback_days: int = 35
    campaigns: bool = True
    followups: bool = False
    """Off unless asked for, so that a world about something else has only the emails it is about."""


# ---------------------------------------------------------------------------------------------------
# Dates and hashes


@lru_cache(maxsize=4096)
def parse_date(text: str | None) -> date | None:
    """An ISO date from 1850-01-01 to 2120-12-31, else None."""
    if text is None or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if date(1850, 1, 1) <= day <= date(2120, 12, 31) else None


def date_in(year: int, month: int, day: int) -> date:
    """That day of that year; 29 February is 28 February where the year has none."""
    try:
        return date(year, month, day)
    except ValueError:
        return date(year, 2, 28)


def anniversary(origin: date, year: int) -> date:
    """The anniversary of `origin` in `year`, also in years before it."""
    return date_in(year, origin.month, origin.day)


def days_from(first: date, last: date) -> Iterator[date]:
    """Every day from `first` to `last`, both included; none if `last` is earlier."""
    for offset in range((last - first).days + 1):
        yield first + offset * DAY


def splitmix64(x: int) -> int:
    """The finaliser of Vigna's splitmix64 on unsigned 64 bit."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def row_hash(seed: int, code: int, event: date) -> int:
    """The number every choice about a row is made by."""
    return splitmix64((seed ^ code ^ (event - date(1970, 1, 1)).days) & MASK)


def deadline_of(event: date, ideal: date, rules: Rules) -> date:
    return event - DAY if event > ideal else ideal + rules.max_shift_days * DAY
