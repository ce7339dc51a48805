"""The hour at which a reader is likely to answer (02-pace §6).

Pure. A cell is a weekday and an hour on the contact's own clock; tables have the shape (7, 24), Monday
first. What is known of a cell is a Beta distribution: the default profile at the level of the workspace's
own reply rate, corrected by what the workspace saw at that hour, then in that cell, then in the contact's
industry. Each step believes the one before as much as so many emails of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from numpy.random import Generator, Philox

Table = npt.NDArray[np.float64]
"""Shape (7, 24)."""

PROFILE_PERCENT = {9: 15, 10: 14, 11: 10, 12: 10, 13: 10, 14: 18, 15: 16, 16: 13, 17: 12}
"""Reply rates by hour, Monday to Friday, before there is any history; other hours have none."""
LEVEL_EMAILS = 40.0
"""How many emails the profile's own level counts for against the workspace's."""
HOUR_EMAILS = 80.0
"""How many an hour of the profile counts for against that hour of the workspace, over all weekdays."""
NEIGHBOURS = (0.5, 1.0, 0.5)
"""What an hour is told by the hour before, by itself and by the hour after: readers' days have no jumps."""
CELL_EMAILS = 200.0
"""How many an hour counts for against one of its cells."""
INDUSTRY_EMAILS = 300.0
"""How many the workspace's cell counts for at most against that of one industry."""
CAUTION = 2.0
"""By how much more certain a draw is than what is known: the price of learning is paid by real emails."""
LEAST = 1e-4
"""No cell is hopeless."""


@dataclass(frozen=True)
class Seen:
    """Emails that had the time to be answered, and how many were: two tables of the same cells."""

    sent: Table
    answered: Table

    @classmethod
    def nothing(cls) -> Seen:
        return cls(np.zeros((7, 24)), np.zeros((7, 24)))


@dataclass(frozen=True)
class Belief:
    """Beta distributions by their mean and by the number of emails they are worth."""

    mean: Table
    emails: Table


def default_profile() -> Table:
    """The profile as shares; 0 where it knows of no replies."""
    table = np.zeros((7, 24))
    for hour, percent in PROFILE_PERCENT.items():
        table[:5, hour] = percent / 100
    return table


def belief(workspace: Seen, industry: Seen | None = None, profile: Table | None = None) -> Belief:
    """What is to be expected of each cell.

    `workspace`: all emails; `industry`: those to contacts of the reader's industry, part of the former.
    """
    shape = default_profile() if profile is None else profile
    shape = np.maximum(shape, LEAST)
    # The profile tells which hours are better, not how often this sender's readers answer.
    expected = float((workspace.sent * shape).sum())
    usual = float(shape[shape > LEAST].mean()) * LEVEL_EMAILS if (shape > LEAST).any() else LEAST
    level = (usual + float(workspace.answered.sum())) / (usual + expected)
    mean = np.minimum(shape * level, 0.9)

    at_hour, answered_at_hour = workspace.sent.sum(axis=0), workspace.answered.sum(axis=0)
    # By how much an hour is better or worse than the profile says, all its weekdays together.
    expected_at_hour = (workspace.sent * mean).sum(axis=0)
    usual_at_hour = HOUR_EMAILS * _row_mean(mean)
    mean = np.clip(
        mean * (usual_at_hour + answered_at_hour) / (usual_at_hour + expected_at_hour), LEAST, 0.95
    )
    emails = HOUR_EMAILS + at_hour + np.zeros((7, 1))

    mean = (CELL_EMAILS * mean + workspace.answered) / (CELL_EMAILS + workspace.sent)
    emails = np.maximum(emails, np.minimum(emails, CELL_EMAILS) + workspace.sent)
    if industry is not None:
        trust = np.minimum(emails, INDUSTRY_EMAILS)
        mean = (trust * mean + industry.answered) / (trust + industry.sent)
        emails = np.maximum(emails, trust + industry.sent)
    return Belief(mean, emails)


def choose(candidates: Sequence[datetime], known: Belief, preferred: frozenset[int], seed: int | None) -> int:
    """The best of several hours, by its place; of equals one that is preferred, then the first.

    `candidates`: wall times of the contact, at least one. `preferred`: hours. `seed`: of the email, to draw
    from what is known (Thompson sampling) so that the system keeps learning; None: the highest mean.
    """
    days = np.array([one.weekday() for one in candidates])
    hours = np.array([one.hour for one in candidates])
    mean, emails = known.mean[days, hours], known.emails[days, hours]
    if seed is None:
        score = mean
    else:
        chance = Generator(Philox(key=seed))
        sure = CAUTION * emails
        score = chance.beta(mean * sure, (1 - mean) * sure)
    liked = np.isin(hours, list(preferred))
    order = np.lexsort((np.arange(len(score)), ~liked, -score))
    return int(order[0])


def _around(table: Table) -> Table:
    """Sums by hour over the weekdays, each with its neighbours, shape (24,)."""
    found: Table = np.convolve(table.sum(axis=0), NEIGHBOURS, "same")
    return found


def _row_mean(table: Table) -> Table:
    """Of each hour over the weekdays that have any."""
    days = (table > LEAST).sum(axis=0)
    return np.where(days > 0, table.sum(axis=0) / np.maximum(days, 1), LEAST)
