"""Some of the emails that a plan would change, for whoever thinks about another rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date

import numpy as np

from carillon.columns import Bools
from carillon.days import Days, date_of
from carillon.keys import contact_of
from carillon.plan.rows import Rows
from carillon.windows import Reasons
from carillon.words import SkipReason, Tier, email_type

EACH = 8
"""Emails of each sort of change, taken evenly from all contacts."""


@dataclass(frozen=True)
class Example:
    """One email."""

    change: str
    """`moved`, `newly_skipped` or `newly_planned`."""
    contact_id: int
    email_type: str
    before: date
    after: date
    reason: str | None
    """Why it is skipped after the change, or was before it."""

    def as_json(self) -> dict[str, object]:
        """Plain values only."""
        return asdict(self) | {"before": self.before.isoformat(), "after": self.after.isoformat()}


def examples(
    rows: Rows, sorts: Mapping[str, Bools], before: Days, reason_before: Reasons, types: Mapping[int, str]
) -> list[Example]:
    """Up to `EACH` of every sort of change. `sorts`: masks over the rows; `types`: by campaign instance."""
    found = []
    for change, mask in sorts.items():
        at = np.flatnonzero(mask)
        for one in at[np.linspace(0, len(at) - 1, min(EACH, len(at))).astype(np.int64)].tolist():
            code = int(reason_before[one] if change == "newly_planned" else rows.reason[one])
            followup = bool(rows.followup[one])
            word = (
                Tier(int(rows.tier[one])).email_type if followup else email_type(int(rows.kind[one]), types)
            )
            found.append(
                Example(
                    change,
                    int(contact_of(rows.key[one])),
                    word,
                    date_of(int(before[one])),
                    date_of(int(rows.send[one])),
                    SkipReason(code).word if code else None,
                )
            )
    return found
