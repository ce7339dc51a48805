"""What the report tells of the gain against a hold-out, beside what is true: a part of `bench.timing`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich.table import Table

from carillon.store.timing_report import Part
from carillon.watch.timing import Lift
from carillon.words import TimeChoice


@dataclass(frozen=True)
class Side:
    """Emails whose hour was come by in one way. Shapes (runs,)."""

    emails: np.ndarray
    answers: np.ndarray
    expected: np.ndarray
    """Answers to be expected at their hours."""


@dataclass(frozen=True)
class Reported:
    """What the report would have said of the runs."""

    true_lift: float
    """Of what is to be expected, all runs together."""
    lift: float | None
    """The median of those told; None: nothing could be told of any."""
    told: float
    """Share of the runs of which something could be told."""
    sure: float
    """Share of them whose interval is all on one side of nothing."""
    right: float
    """Share of them whose interval holds what was true of the run."""


def reported(smart: Side, held: Side) -> Reported:
    """The report's figure, run by run."""
    truths = (smart.expected / smart.emails) / (held.expected / np.maximum(held.emails, 1)) - 1
    told = []
    for run, truth in enumerate(truths.tolist()):
        parts = [
            Part("", 0, 0, choice, int(side.emails[run]), int(side.answers[run]), 0, 0.0, None, None)
            for choice, side in ((TimeChoice.EXPLORE, smart), (TimeChoice.HOLDOUT, held))
        ]
        one = Lift.of(parts)
        if one.lift is not None and one.low is not None and one.high is not None:
            told.append((one.lift, one.is_sure, one.low <= truth <= one.high))
    whole = smart.expected.sum() / smart.emails.sum() / (held.expected.sum() / held.emails.sum()) - 1
    if not told:
        return Reported(float(whole), None, 0.0, 0.0, 0.0)
    lifts, sure, right = np.array(told).T
    return Reported(
        float(whole),
        float(np.median(lifts)),
        len(told) / len(truths),
        float(sure.mean()),
        float(right.mean()),
    )


def lift_table(emails: int, lifts: dict[str, Reported]) -> Table:
    table = Table(
        "readers answer", "true lift", "told (median)", "of runs", "sure of it", "interval holds the truth",
        title=f"{emails:,} emails, a tenth held out: the lift as the report tells it",
    )  # fmt: skip
    for shape, one in lifts.items():
        lift = "–" if one.lift is None else f"{one.lift:+.1%}"
        shares = (f"{share:.0%}" for share in (one.told, one.sure, one.right))
        table.add_row(shape, f"{one.true_lift:+.1%}", lift, *shares)
    return table
