"""Moments as callers write them: with an offset, and in years that every database knows."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime

FIRST, LAST = date(1970, 1, 2), date(2120, 12, 31)
"""The days there are."""
_FIRST, _LAST = (datetime.combine(day, time(), UTC) for day in (FIRST, LAST))


def _known(moment: datetime) -> datetime:
    if not _FIRST <= moment <= _LAST:
        raise ValueError(f"moments lie between {FIRST} and {LAST}")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_known)]
