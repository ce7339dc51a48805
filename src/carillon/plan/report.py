"""What a run of the planner has to say for itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt

from carillon.days import date_of
from carillon.plan.examples import Example, examples
from carillon.plan.gather import Read, Request
from carillon.plan.rows import Rows, Stored, find
from carillon.plan.settle import Settled, by_day, minus, plus
from carillon.words import SkipReason, Tier, email_type


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
    examples: list[Example] = field(default_factory=list)
    """Of a dry run: some of the emails that it would move, skip or plan again."""

    def summary(self) -> dict[str, object]:
        """What the checkpoint keeps beside its own columns."""
        names = ("mode", "cap", "eligible", "added", "moved", "newly_skipped", "newly_planned", "removed")
        return {name: getattr(self, name) for name in names}

    def as_json(self) -> dict[str, object]:
        """Plain values only."""
        plain = dict(self.__dict__)
        plain["today"] = self.today.isoformat()
        for name in ("per_day", "per_day_before", "over_cap"):
            plain[name] = {day.isoformat(): n for day, n in getattr(self, name).items()}
        plain["examples"] = [one.as_json() for one in self.examples]
        plain["seconds"] = {stage: round(value, 3) for stage, value in self.seconds.items()}
        return plain


def report(
    run_id: str,
    request: Request,
    read: Read,
    settled: Settled,
    diff: Difference,
    seconds: dict[str, float],
) -> PlanReport:
    """All figures of a run. `seconds` may still be added to."""
    working, rows, stored = settled.working, settled.working.rows, settled.working.stored
    stored_all, today = working.before, read.task.today
    planned = rows.reason == SkipReason.NONE
    found, at = find(rows.key, stored.key)
    was_planned = stored.reason == SkipReason.NONE
    was, before, reason_before = np.zeros(len(rows), bool), rows.send, rows.reason
    if len(stored):
        reason_before = stored.reason[at]
        was, before = found & was_planned[at], np.where(found, stored.send[at], rows.send)
    elsewhere = (0, 0)
    if read.wanted is not None:
        mine = int((stored_all.reason == SkipReason.NONE).sum())
        elsewhere = read.totals[0] - mine, read.totals[1] - (len(stored_all) - mine)
    days_before = plus(read.books.planned, read.books.left)
    gone = by_day(stored_all.send[stored_all.reason == SkipReason.NONE], None, today)
    days_now = plus(minus(days_before, gone), by_day(rows.send[planned], None, today))
    moved = planned & was & (rows.send != before)
    sorts = {"moved": moved, "newly_skipped": ~planned & was, "newly_planned": planned & ~was & found}
    types = read.task.campaigns.types
    return PlanReport(
        run_id=run_id,
        today=request.today,
        mode="full" if read.wanted is None else "changes",
        contacts=read.contacts,
        contacts_read=len(working.people),
        eligible=settled.eligible,
        cap=settled.cap,
        planned=elsewhere[0] + int(planned.sum()),
        skipped=elsewhere[1] + int((~planned).sum()),
        added=int(diff.added.sum()),
        **{name: int(mask.sum()) for name, mask in sorts.items()},
        removed=len(diff.removed),
        by_type=count_types(rows.take(diff.added & planned), types),
        skips_by_reason=count_reasons(rows.reason[(diff.added | diff.changed) & ~planned]),
        per_day=dated(days_now, today),
        per_day_before=dated(days_before, today),
        over_cap={date_of(day): n for day, n in sorted(settled.over.items())},
        issues=count_issues(working.issues),
        seconds=seconds,
        dry_run=request.dry_run,
        examples=examples(rows, sorts, before, reason_before, types) if request.dry_run else [],
    )


def difference(rows: Rows, stored: Stored, orphans: Stored) -> Difference:
    """Compare by key; both ascend by it. `orphans` go."""
    if len(stored) == 0:
        return Difference(np.ones(len(rows), bool), np.zeros(len(rows), bool), orphans.key)
    found, at = find(rows.key, stored.key)
    same = (rows.send == stored.send[at]) & (rows.ideal == stored.ideal[at])
    same &= (rows.reason == stored.reason[at]) & (rows.priority == stored.priority[at])
    same &= (rows.pinned == stored.pinned[at]) & (rows.tier == stored.tier[at])
    kept, _ = find(stored.key, rows.key)
    return Difference(~found, found & ~same, np.concatenate([stored.key[~kept], orphans.key]))


def count_types(rows: Rows, campaign_types: Mapping[int, str]) -> dict[str, int]:
    """How many rows of each email type; `campaign_types`: by instance id."""
    # Follow-ups are told by their tier, counted down from -1.
    kinds = np.where(rows.followup, -1 - rows.tier.astype(np.int32), rows.kind)
    counts: Counter[str] = Counter()
    for kind, n in zip(*np.unique(kinds, return_counts=True), strict=True):
        word = Tier(-1 - kind).email_type if kind < 0 else email_type(int(kind), campaign_types)
        counts[word] += int(n)
    return dict(counts)


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
