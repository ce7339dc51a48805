"""How much mail goes when, against the daily cap: counts by day, week, month, type, campaign or state.

Pure: `inquire` reads what the last plan left. Nothing is decided here; the cap is asked of the same rules
that plan.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from fractions import Fraction

import numpy as np

from carillon.days import date_of
from carillon.plan.rules import Rules
from carillon.store.forecast import LastPlan, Volume
from carillon.words import By

_TIMES = (By.DAY, By.WEEK, By.MONTH)


@dataclass(frozen=True)
class Period:
    """One row: a day, a week (by its Monday), a month (by its first), an email type, campaign or state."""

    name: str | None
    """None: mail of no campaign, or to contacts whose state is not known."""
    n: int
    days: int
    """Days of the period that lie in the range asked for."""
    busiest: int
    """Emails on its fullest day."""
    by_type: dict[str, int]


@dataclass(frozen=True)
class Forecast:
    """Emails planned and sent from `first` to `last`, both included."""

    first: date
    last: date
    by: By
    planned_for: date | None
    """The day the stored plan was made for; None: there is no plan yet."""
    eligible: int
    cap: int
    """Emails a day."""
    total: int
    by_type: dict[str, int]
    periods: list[Period]
    """Ascending, without empty ones."""
    above: dict[date, int]
    """Days that stay above the overage threshold: what cannot fit."""
    above_by: dict[date, dict[str | None, int]]
    """What goes on those days: by campaign or state where these were asked for, else by type."""
    overage: Fraction
    per_day: dict[date, int] = field(default_factory=dict)

    @property
    def sort(self) -> str:
        """What the emails of a day are told apart by."""
        return (By.TYPE if self.by in _TIMES else self.by).value

    def as_json(self) -> dict[str, object]:
        """Plain values only."""
        return {
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "by": self.by.value,
            "planned_for": self.planned_for.isoformat() if self.planned_for else None,
            "eligible": self.eligible,
            "daily_cap": self.cap,
            "total": self.total,
            "by_type": self.by_type,
            "rows": [{self.by.value if k == "name" else k: v for k, v in asdict(p).items()}
                     for p in self.periods],
            "above_cap": {day.isoformat(): n for day, n in self.above.items()},
            "above_cap_by": {day.isoformat(): [{self.sort: name, "n": n} for name, n in of.items()]
                             for day, of in self.above_by.items()},
        }  # fmt: skip


def forecast(
    rules: Rules, plan: LastPlan | None, volumes: list[Volume], first: date, last: date, by: By, today: date
) -> Forecast:
    """Add up `volumes`, which are those of `first` to `last`."""
    eligible = 0 if plan is None else plan.eligible
    cap = rules.daily_cap(eligible)
    per_day: Counter[date] = Counter()
    by_type: Counter[str] = Counter()
    cells: defaultdict[str | None, Counter[date]] = defaultdict(Counter)
    types: defaultdict[str | None, Counter[str]] = defaultdict(Counter)
    sorts: defaultdict[date, Counter[str | None]] = defaultdict(Counter)
    for volume in volumes:
        day, n = date_of(volume.day), volume.planned + volume.left
        sort = _sort_of(volume, by)
        name = period_of(day, by).isoformat() if by in _TIMES else sort
        per_day[day] += n
        by_type[volume.email_type] += n
        cells[name][day] += n
        types[name][volume.email_type] += n
        sorts[day][sort] += n
    whole = (last - first).days + 1
    periods = [
        Period(
            name,
            days.total(),
            _days_within(date.fromisoformat(name), by, first, last) if by in _TIMES and name else whole,
            max(days.values()),
            dict(sorted(types[name].items())),
        )
        for name, days in sorted(cells.items(), key=lambda cell: (cell[0] is None, cell[0] or ""))
    ]
    counts = np.array(list(per_day.values()), np.int64)
    over = rules.over(counts, np.full(len(counts), cap, np.int64))
    above = {day: n for (day, n), yes in zip(per_day.items(), over, strict=True) if yes and day >= today}
    return Forecast(
        first,
        last,
        by,
        None if plan is None else date_of(plan.today),
        eligible,
        cap,
        per_day.total(),
        dict(sorted(by_type.items())),
        periods,
        above,
        {day: dict(sorts[day].most_common()) for day in above},
        rules.overage,
        dict(per_day),
    )


def period_of(day: date, by: By) -> date:
    """The first day of the period a day lies in."""
    if by is By.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if by is By.MONTH else day


def _sort_of(volume: Volume, by: By) -> str | None:
    if by is By.CAMPAIGN:
        return volume.campaign
    return volume.state if by is By.STATE else volume.email_type


def _days_within(begin: date, by: By, first: date, last: date) -> int:
    if by is By.DAY:
        return 1
    if by is By.WEEK:
        end = begin + timedelta(days=6)
    else:
        end = (begin.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return (min(end, last) - max(begin, first)).days + 1
