"""When the first emails of a sequence go, as far as that is known before it begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from carillon.advance.delays import ends
from carillon.sequences import ActionSettings, DelaySettings, EmailSettings, Sequence

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def first_email(sequence: Sequence, begins: datetime, zone: ZoneInfo) -> datetime | None:
    """When somebody who begins then and lives in this zone is written to first.

    None where there is no email, or a condition comes before it. Windows and accounts may let it go later.
    """
    at = np.array([(begins - _EPOCH) // _MILLISECOND], np.int64)
    step = sequence.steps[0] if sequence.steps else None
    seen: set[str] = set()
    while step is not None and step.key not in seen:
        seen.add(step.key)
        match step.settings:
            case EmailSettings():
                return _EPOCH + int(at[0]) * _MILLISECOND
            case DelaySettings(since=None) as delay:
                at = ends(at, delay, np.zeros(1, np.int64), [zone], sequence.settings)
            case ActionSettings():
                pass
            case _:
                return None
        step = None if step.next is None else sequence.step(step.next)
    return None
