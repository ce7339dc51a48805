"""What is known of the hours at which readers answer (02-pace §6, decision 0009).

Pure. A cell is a weekday and an hour on the contact's own clock; tables have the shape (..., 7, 24), Monday
first. What is known of a cell is a Beta distribution: the default profile at the level of the workspace's
own reply rate, corrected by what the workspace saw at that hour, then in that cell, then in the contact's
industry. Each step believes the one before as much as so many emails of its own.

Which hours an email may choose from, and which it takes: `send_times`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from carillon.splitmix import splitmix64

Table = npt.NDArray[np.float64]
"""Shape (..., 7, 24)."""
Bits = npt.NDArray[np.uint64]

PROFILE_PERCENT = {9: 15, 10: 14, 11: 10, 12: 10, 13: 10, 14: 18, 15: 16, 16: 13, 17: 12}
"""Reply rates by hour, Monday to Friday, before there is any history; other hours have none."""
LEVEL_EMAILS = 40.0
"""How many emails the profile's own level counts for against the workspace's."""
HOUR_EMAILS = 80.0
"""How many an hour of the profile counts for against that hour of the workspace, over all weekdays."""
CELL_EMAILS = 200.0
"""How many an hour counts for against one of its cells."""
INDUSTRY_EMAILS = 300.0
"""How many the workspace's cell counts for at most against that of one industry."""
CAUTION = 6.0
"""By how much more certain a draw is than what is known: the price of learning is paid by real emails."""
LEAST = 1e-4
"""No cell is hopeless."""
_STEP = np.uint64(0x9E3779B97F4A7C15)
_SECOND = np.uint64(0xD1B54A32D192ED03)
_SHIFT = 6
"""The series below are good from here on; smaller arguments are brought there step by step."""


@dataclass(frozen=True)
class Seen:
    """Emails that had the time to be answered, and how many were: two tables of the same cells."""

    sent: Table
    answered: Table

    @classmethod
    def nothing(cls, *shape: int) -> Seen:
        """Of none; `shape`: of the tables before their cells."""
        return cls(np.zeros((*shape, 7, 24)), np.zeros((*shape, 7, 24)))


@dataclass(frozen=True)
class Belief:
    """Beta distributions by their mean and by the number of emails they are worth."""

    mean: Table
    emails: Table

    @cached_property
    def log_odds(self) -> tuple[Table, Table]:
        """Mean and standard deviation of each cell's log-odds, as a draw takes them.

        The log-odds of a Beta distribution have the mean psi(a) - psi(b) and the variance psi'(a) + psi'(b).
        """
        a, b = CAUTION * self.emails * self.mean, CAUTION * self.emails * (1 - self.mean)
        return _digamma(a) - _digamma(b), np.sqrt(_trigamma(a) + _trigamma(b))


def default_profile() -> Table:
    """The profile as shares; 0 where it knows of no replies."""
    table = np.zeros((7, 24))
    for hour, percent in PROFILE_PERCENT.items():
        table[:5, hour] = percent / 100
    return table


def belief(workspace: Seen, industry: Seen | None = None) -> Belief:
    """What is to be expected of each cell.

    `workspace`: all emails; `industry`: those to contacts of the reader's industry, part of the former.
    """
    shape = np.maximum(default_profile(), LEAST)
    # The profile tells which hours are better, not how often this sender's readers answer.
    expected = _total(workspace.sent * shape)
    usual = float(shape[shape > LEAST].mean()) * LEVEL_EMAILS
    level = (usual + _total(workspace.answered)) / (usual + expected)
    mean = np.minimum(shape * level, 0.9)

    # By how much an hour is better or worse than the profile says, all its weekdays together.
    usual_at_hour = HOUR_EMAILS * _over_days(mean)
    answered_at_hour = workspace.answered.sum(axis=-2, keepdims=True)
    expected_at_hour = (workspace.sent * mean).sum(axis=-2, keepdims=True)
    better = (usual_at_hour + answered_at_hour) / (usual_at_hour + expected_at_hour)
    mean = np.clip(mean * better, LEAST, 0.95)
    emails = np.broadcast_to(HOUR_EMAILS + workspace.sent.sum(axis=-2, keepdims=True), mean.shape)

    mean = (CELL_EMAILS * mean + workspace.answered) / (CELL_EMAILS + workspace.sent)
    emails = np.maximum(emails, np.minimum(emails, CELL_EMAILS) + workspace.sent)
    if industry is not None:
        trust = np.minimum(emails, INDUSTRY_EMAILS)
        mean = (trust * mean + industry.answered) / (trust + industry.sent)
        emails = np.maximum(emails, trust + industry.sent)
    return Belief(mean, emails)


def drawn(centre: Table, spread: Table, seeds: Bits, numbers: Bits) -> Table:
    """One draw of each email for each of several cells (Thompson sampling), as log-odds.

    `centre`, `spread`: of `Belief.log_odds`; `seeds`: of the emails; `numbers`: one for each cell. All are
    broadcast together. A draw hangs on its email's seed and its cell's number and on nothing else.
    """
    with np.errstate(over="ignore"):
        at = seeds + numbers * _STEP
        uniform, angle = unit(splitmix64(at)), unit(splitmix64(at ^ _SECOND))
    # Box and Muller (1958).
    normal = np.sqrt(-2 * np.log1p(-uniform)) * np.cos(2 * np.pi * angle)
    found: Table = centre + spread * normal
    return found


def unit(bits: Bits) -> Table:
    """Numbers from 0 up to, but not, 1."""
    found: Table = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return found


def _total(table: Table) -> Table:
    found: Table = table.sum(axis=(-2, -1), keepdims=True)
    return found


def _over_days(table: Table) -> Table:
    """The mean of each hour over the weekdays that have any."""
    days = (table > LEAST).sum(axis=-2, keepdims=True)
    return np.where(days > 0, table.sum(axis=-2, keepdims=True) / np.maximum(days, 1), LEAST)


def _digamma(x: Table) -> Table:
    """Abramowitz and Stegun 6.3.18, after 6.3.5."""
    y = x + _SHIFT
    series: Table = np.log(y) - 1 / (2 * y) - 1 / (12 * y**2) + 1 / (120 * y**4) - 1 / (252 * y**6)
    return series - sum(1 / (x + step) for step in range(_SHIFT))


def _trigamma(x: Table) -> Table:
    """Abramowitz and Stegun 6.4.12, after 6.4.6."""
    y = x + _SHIFT
    series: Table = 1 / y + 1 / (2 * y**2) + 1 / (6 * y**3) - 1 / (30 * y**5) + 1 / (42 * y**7)
    return series + sum(1 / (x + step) ** 2 for step in range(_SHIFT))
