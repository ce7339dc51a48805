"""A contact list looked at before it is taken: its columns, what they seem to be, and some values of each."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from carillon.errors import CarillonError
from carillon.files.mapping import ATTRIBUTE, OWN_COLUMNS, has_email, resolve, target_of
from carillon.files.sources import open_source

_ROWS = 200
_SAMPLES, _WIDTH = 3, 40


@dataclass(frozen=True)
class Glimpse:
    """The beginning of a file."""

    columns: dict[str, str]
    """What each column is taken for if nobody says otherwise; "" for one that is ignored."""
    samples: dict[str, list[str]]
    """A few different values of each."""
    notes: list[str]


def look(path: Path) -> Glimpse:
    """Read the beginning of a file. Raises InputError for one that cannot be read."""
    with closing(open_source(path, lambda columns: has_email(columns, {}))) as source:
        first = next(iter(source.batches(_ROWS)), None)
        samples: dict[str, list[str]] = {}
        for name in source.columns:
            values = [] if first is None else first.frame[name].drop_nulls().to_list()
            different = list(dict.fromkeys(one.strip() for one in values if one.strip()))
            samples[name] = [
                one if len(one) <= _WIDTH else f"{one[:_WIDTH]}…" for one in different[:_SAMPLES]
            ]
        return Glimpse(_guess(source.columns, str(path)), samples, list(source.notes))


def _guess(columns: list[str], place: str) -> dict[str, str]:
    """As an import takes them; where it would refuse them, as far as their names say."""
    try:
        return resolve(columns, {}, place)
    except CarillonError:
        taken: set[str] = set()
        found: dict[str, str] = {}
        for name in columns:
            target = target_of(name) or ("" if name in OWN_COLUMNS else ATTRIBUTE + name)
            found[name] = "" if target in taken else target
            taken.add(target)
        return found


def check(glimpse: Glimpse, mapping: Mapping[str, str]) -> None:
    """Raise InputError or UsageError where a file cannot be taken with this mapping."""
    resolve(list(glimpse.columns), mapping, "the file")
