"""How emails did by the hour they left in, and which settings hold: for the screen and the web."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import exp, log, sqrt

from carillon.settings_checks import WEEKDAYS
from carillon.settings_timing import SmartScheduling, nearest
from carillon.settings_values import plain
from carillon.store import accounts, outreach, sequences
from carillon.store.timing import levels
from carillon.store.timing_report import Part, only, parts
from carillon.words import TimeChoice
from carillon.workspace import Workspace

CERTAIN = 1.96
"""Standard deviations on either side of 95 % of a normal distribution."""
_SMART = {TimeChoice.EXPLORE.value, TimeChoice.BEST.value}


@dataclass(frozen=True)
class Lift:
    """By how much more emails whose hour was chosen were answered than those held out; 0.1: a tenth more."""

    chosen: int
    """Emails."""
    held_out: int
    lift: float | None
    """None: one of the two had no answers, so that nothing can be said."""
    low: float | None
    high: float | None
    """The 95 % interval of the ratio (Katz and others, 1978)."""

    @property
    def is_sure(self) -> bool:
        """Whether the interval is all on one side of nothing."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    @classmethod
    def of(cls, found: Iterable[Part]) -> Lift:
        smart, held = [0, 0], [0, 0]
        for one in found:
            side = smart if one.chosen in _SMART else held if one.chosen == TimeChoice.HOLDOUT else None
            if side is not None:
                side[0] += one.emails
                side[1] += one.answers
        if not smart[1] or not held[1]:
            return cls(smart[0], held[0], None, None, None)
        ratio = (smart[1] / smart[0]) / (held[1] / held[0])
        spread = CERTAIN * sqrt(1 / smart[1] - 1 / smart[0] + 1 / held[1] - 1 / held[0])
        low, high = (exp(log(ratio) + side * spread) - 1 for side in (-1, 1))
        return cls(smart[0], held[0], ratio - 1, low, high)


@dataclass(frozen=True)
class Line:
    """One campaign, or all together. Rates are shares of the emails; None where there is too little."""

    campaign: str
    """Empty: mail of no campaign."""
    emails: int
    answers: int
    replies: int
    rate: float | None
    mean_hours: float | None
    min_hours: float | None
    max_hours: float | None
    best_day: str | None
    best_hour: int | None
    lift: Lift

    @classmethod
    def of(cls, campaign: str, found: Sequence[Part], enough: int) -> Line:
        """`enough`: emails below which a day or an hour is no best one."""
        emails, answers = sum(one.emails for one in found), sum(one.answers for one in found)
        replies = sum(one.replies for one in found)
        day = _best(found, [one.weekday for one in found], enough)
        return cls(
            campaign,
            emails,
            answers,
            replies,
            answers / emails if emails else None,
            sum(one.hours for one in found) / replies if replies else None,
            min((one.least for one in found if one.least is not None), default=None),
            max((one.most for one in found if one.most is not None), default=None),
            None if day is None else WEEKDAYS[day],
            _best(found, [one.hour for one in found], enough),
            Lift.of(found),
        )


@dataclass(frozen=True)
class Cell:
    """One weekday (0: Monday) and hour on the readers' clocks."""

    weekday: int
    hour: int
    emails: int
    answers: int
    rate: float | None
    """None: not enough data."""


@dataclass(frozen=True)
class TimingReport:
    """Of the last days."""

    days: int
    outcome: str
    min_sample_size: int
    total: Line
    campaigns: tuple[Line, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class InForce:
    """One key, its value, and which level says so."""

    key: str
    value: object
    origin: str


def timing_report(
    workspace: Workspace,
    days: int | None = None,
    campaign: str | None = None,
    sequence: str | None = None,
    outcome: str | None = None,
) -> TimingReport:
    """What left in the last `days` and was answered; None: the workspace's window and outcome.

    Raises InputError where there is no campaign or sequence of the name.
    """
    rules = workspace.settings.smart_scheduling
    window, answer = days or rules.analysis_window_days, outcome or rules.outcome
    since = workspace.clock.now() - timedelta(days=window)
    with workspace.database.snapshot() as connection:
        found = parts(connection, since, answer, only(connection, campaign, sequence))
    enough = rules.min_sample_size
    names = dict.fromkeys(one.campaign for one in found)
    lines = [Line.of(name, [one for one in found if one.campaign == name], enough) for name in names]
    return TimingReport(
        window,
        answer,
        enough,
        Line.of("", found, enough),
        tuple(sorted(lines, key=lambda line: (-line.emails, line.campaign))),
        tuple(_cells(found, enough)),
    )


def settings_in_force(
    workspace: Workspace,
    account: str | None = None,
    campaign: str | None = None,
    sequence: str | None = None,
) -> tuple[list[InForce], tuple[str, ...]]:
    """What holds for emails of these, and what of it could not be read or does not go together.

    Raises InputError for a name there is not.
    """
    base = workspace.settings.smart_scheduling
    with workspace.database.snapshot() as connection:
        known = levels(connection, base)
        which = only(connection, campaign, sequence)
        of_outreach = None if which.outreach is None else outreach.find(connection, campaign or "")
        said = known.said(
            None if account is None else accounts.find(connection, account).id,
            which.instance,
            None if sequence is None else sequences.find(connection, sequence).id,
        )
    if of_outreach is not None:
        said["campaign"] = of_outreach.smart_scheduling or said["campaign"]
    holds = nearest(base, said.values())
    found = []
    for key in SmartScheduling.model_fields:
        by = [level for level, one in said.items() if one is not None and key in one.named]
        file = workspace.settings.origin(f"smart_scheduling.{key}")
        origin = by[-1] if by else file.where or file.kind
        found.append(InForce(key, plain(getattr(holds, key)), origin))
    clashes = [f"smart_scheduling.{one.path[0]}: {one.text}" for one in holds.clashes]
    return found, (*known.faults, *clashes)


def _best(found: Sequence[Part], places: Sequence[int], enough: int) -> int | None:
    """The place with the highest rate among those with enough emails; of equals the first."""
    sums: dict[int, tuple[int, int]] = {}
    for one, place in zip(found, places, strict=True):
        emails, answers = sums.get(place, (0, 0))
        sums[place] = (emails + one.emails, answers + one.answers)
    rates = {place: answers / emails for place, (emails, answers) in sums.items() if emails >= enough}
    return max(sorted(rates), key=lambda place: rates[place], default=None)


def _cells(found: Sequence[Part], enough: int) -> Iterable[Cell]:
    sums: dict[tuple[int, int], tuple[int, int]] = {}
    for one in found:
        emails, answers = sums.get((one.weekday, one.hour), (0, 0))
        sums[one.weekday, one.hour] = (emails + one.emails, answers + one.answers)
    for (weekday, hour), (emails, answers) in sorted(sums.items()):
        yield Cell(weekday, hour, emails, answers, answers / emails if emails >= enough else None)
