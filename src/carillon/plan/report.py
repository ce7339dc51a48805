"""What a run of the planner has to say for itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt

from carillon.days import date_of
from carillon.keys import is_followup, kind_of
from carillon.plan.rows import Rows, Stored, find
from carillon.words import FIRST_CAMPAIGN, Kind, SkipReason


@dataclass(frozen=True)
class Difference:
    """How the new plan differs from the stored one: masks over the new rows, and keys to remove."""

    added: npt.NDArray[np.bool_]
    changed: npt.NDArray[np.bool_]
    removed: npt.NDArray[np.int64]


@dataclass
class PlanReport:
    """One run, for people and for `--json`. Days are dates, times are seconds."""

    run_id: str
    today: date
    mode: str
    """`full`: everyone was looked at; `changes`: those who changed or woke."""
    contacts: int
    contacts_read: int
    eligible: int
    cap: int
    planned: int
    """Rows of the whole plan that are pre-scheduled after this run."""
    skipped: int
    added: int
    moved: int
    """Rows that stay planned on another day."""
    newly_skipped: int
    newly_planned: int
    removed: int
    by_type: dict[str, int]
    """Planned rows among those added, by email type."""
    skips_by_reason: dict[str, int]
    """Skipped rows among those added or changed, by reason."""
    per_day: dict[date, int]
    """Emails a day after this run, from today on: planned, released and sent."""
    per_day_before: dict[date, int]
    over_cap: dict[date, int]
    issues: dict[str, int]
    seconds: dict[str, float] = field(default_factory=dict)
    dry_run: bool = False

    def as_json(self) -> dict[str, object]:
        """Plain values only."""
        plain = dict(self.__dict__)
        plain["today"] = self.today.isoformat()
        for name in ("per_day", "per_day_before", "over_cap"):
            plain[name] = {day.isoformat(): n for day, n in getattr(self, name).items()}
        plain["seconds"] = {stage: round(value, 3) for stage, value in self.seconds.items()}
        return plain


def difference(rows: Rows, stored: Stored, orphans: npt.NDArray[np.int64]) -> Difference:
    """Compare by key; both ascend by it."""
    if len(stored) == 0:
        return Difference(np.ones(len(rows), bool), np.zeros(len(rows), bool), orphans)
    found, at = find(rows.key, stored.key)
    same = (rows.send == stored.send[at]) & (rows.ideal == stored.ideal[at])
    same &= (rows.reason == stored.reason[at]) & (rows.priority == stored.priority[at])
    same &= rows.pinned == stored.pinned[at]
    kept, _ = find(stored.key, rows.key)
    return Difference(~found, found & ~same, np.concatenate([stored.key[~kept], orphans]))


def count_types(rows: Rows) -> dict[str, int]:
    """How many rows of each email type; campaigns together."""
    kinds = np.where(is_followup(rows.key), -1, np.minimum(kind_of(rows.key), FIRST_CAMPAIGN))
    names = {-1: "followup", FIRST_CAMPAIGN: "campaign"} | {int(kind): kind.email_type for kind in Kind}
    values, counts = np.unique(kinds, return_counts=True)
    return {names[int(kind)]: int(n) for kind, n in zip(values, counts, strict=True)}


def count_reasons(reasons: npt.NDArray[np.uint8]) -> dict[str, int]:
    """How many rows are skipped for each reason."""
    counts = np.bincount(reasons, minlength=len(SkipReason))
    return {reason.word: int(counts[reason]) for reason in SkipReason if reason and counts[reason]}


def count_issues(issues: list[tuple[int, str, str]]) -> dict[str, int]:
    """How many contacts have each issue."""
    return dict(sorted(Counter(code for _, code, _ in issues).items()))


def dated(counts: npt.NDArray[np.int64], today: int) -> dict[date, int]:
    """Days that have any, from today on."""
    return {date_of(today + int(day)): int(counts[day]) for day in np.flatnonzero(counts)}
