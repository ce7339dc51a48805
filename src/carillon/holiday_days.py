"""Days off by country (library `holidays`): which countries and regions are known, and what is a day off."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache

from carillon.settings_checks import did_you_mean, nearest, shown


def country(value: object) -> str:
    """A country's code, or country and region like `US-CA`, in capitals. Raises ValueError for others."""
    word = value.strip().upper() if isinstance(value, str) else ""
    code, dash, region = word.partition("-")
    try:
        found = _calendar(code, None)
    except NotImplementedError:
        raise ValueError(
            f"{shown(value)} is not a country whose holidays are known{_near(word) or '; use a code like US'}"
        ) from None
    if dash and region not in found:
        hint = did_you_mean(region, found) or f"; use one of {', '.join(found)}"
        raise ValueError(f"{code} has no region {shown(region)} whose holidays are known{hint}")
    return word


def holidays_of(place: str | None) -> Callable[[date], bool]:
    """Whether a day is a holiday of a place that `country` accepted; None: no day is.

    A place that is not known has no holidays: what other programs stored must not stop a day.
    """
    if place is None:
        return lambda _day: False
    code, _, region = place.partition("-")
    try:
        _calendar(code, region or None)
    except NotImplementedError:
        return lambda _day: False
    return lambda day: day in _days(code, region or None, day.year)


@cache
def _calendar(code: str, region: str | None) -> tuple[str, ...]:
    """The regions of a country, if it and the region are known."""
    from holidays import country_holidays

    return tuple(country_holidays(code, subdiv=region).subdivisions)


@cache
def _days(code: str, region: str | None, year: int) -> frozenset[date]:
    from holidays import country_holidays

    return frozenset(country_holidays(code, subdiv=region, years=year))


def _near(word: str) -> str:
    from holidays.registry import COUNTRIES

    names = {name: codes[1] for name, codes in COUNTRIES.items()}
    near = nearest(word.lower().replace(" ", "_"), names) if len(word) > 3 else None
    if near:
        return f'; did you mean "{names[near]}"?'
    return did_you_mean(word, sorted({code for codes in COUNTRIES.values() for code in codes[1:3]}))
