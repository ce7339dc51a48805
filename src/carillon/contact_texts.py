"""Contacts as stored, which are text, as the rules see them right before an email leaves."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl

from carillon.columns import People
from carillon.day_texts import days_of
from carillon.zips import state_indices, zone_names


def people_of(frame: pl.DataFrame) -> People:
    """Contacts as the windows see them, as text."""
    birth, _ = days_of(frame["birth_date"])
    effective, _ = days_of(frame["effective_date"])
    some = len(frame)
    return People.of(
        frame["id"].cast(pl.Int64).to_numpy(),
        np.zeros(some, np.uint64),
        state_indices(frame["zip_code"]),
        birth,
        effective,
        np.ones(some, bool),
    )


def zones_of(frame: pl.DataFrame, default: ZoneInfo) -> list[ZoneInfo]:
    """Where each contact lives: its own time zone, else its ZIP's, else `default`."""
    return [zone or default for zone in known_zones_of(frame)]


def known_zones_of(frame: pl.DataFrame) -> list[ZoneInfo | None]:
    """The same, None where neither is known."""
    own, by_zip = frame["timezone"].to_list(), zone_names(frame["zip_code"])
    return [_zone(mine) or _zone(there) for mine, there in zip(own, by_zip, strict=True)]


@cache
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
