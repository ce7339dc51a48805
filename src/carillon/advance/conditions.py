"""What the conditions of sequences answer, for many enrollments at once (03-sequences §1).

Pure. What came back is a column of moments for each sign: when it was seen last, `NONE` where never; a sign
holds if that is not before the moment it counts from. Fields of contacts are columns of text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from carillon.advance.steps import NONE
from carillon.columns import Bools, Index
from carillon.local_time import Moments
from carillon.sequences_conditions import AllOf, AnyOf, Compared, Condition, Not, Seen, leaves
from carillon.words import Operator, Sign

TAGS, ATTRIBUTES = "tags", "attributes"

Value = str | tuple[str, ...] | None
"""What is known of a field: a text, several (tags), or nothing."""


@dataclass(frozen=True)
class Known:
    """What is known of a page's enrollments, columns of its length."""

    enrolled: Moments
    signs: Mapping[tuple[str, ...], Moments]
    """By sign and name."""
    happened: Mapping[tuple[str, ...], Moments]
    """By step: when it was done last."""
    fields: Mapping[str, Sequence[str | None]]
    """Columns of contacts, by name."""

    def since(self, key: str | None) -> Moments:
        """From when on signs count: the enrollment, or a step if the enrollment came by there."""
        if key is None or (key,) not in self.happened:
            return self.enrolled
        step = self.happened[(key,)]
        return np.where(step == NONE, self.enrolled, step)


def asks(condition: Condition, sign: Sign) -> bool:
    """Whether the answer hangs on a sign."""
    return any(isinstance(one, Seen) and one.sign is sign for one in leaves(condition))


def fields_of(condition: Condition) -> set[str]:
    """The fields of contacts that it compares."""
    return {one.field for one in leaves(condition) if isinstance(one, Compared)}


def counts_from(condition: Condition) -> set[str]:
    """The steps that it counts from."""
    return {one.since for one in leaves(condition) if isinstance(one, Seen) and one.since}


def holds(condition: Condition, rows: Index, known: Known) -> Bools:
    """Whether it is so for these rows."""
    match condition:
        case AllOf(parts):
            return np.logical_and.reduce([holds(part, rows, known) for part in parts])
        case AnyOf(parts):
            return np.logical_or.reduce([holds(part, rows, known) for part in parts])
        case Not(part):
            return ~holds(part, rows, known)
        case Seen(sign, name, since):
            last = _last(sign, name, known)[rows]
            return (last != NONE) & (last >= known.since(since)[rows])
        case Compared(field, operator, value):
            asked = _values(field, rows, known)
            answers = {each: compare(each, operator, value) for each in set(asked)}
            return np.array([answers[each] for each in asked], bool)


def compare(known: Value, operator: Operator, value: str | tuple[str, ...] | bool) -> bool:
    """One comparison, as `sequences_conditions.Compared` says."""
    if operator is Operator.KNOWN:
        return bool(known) == value
    if not known:
        return operator is Operator.IS_NOT
    ours = [_plain(one) for one in ([known] if isinstance(known, str) else known)]
    theirs = [_plain(one) for one in (value if isinstance(value, tuple) else (str(value),))]
    match operator:
        case Operator.IS | Operator.ONE_OF:
            return any(one in theirs for one in ours)
        case Operator.IS_NOT:
            return not any(one in theirs for one in ours)
        case Operator.CONTAINS if isinstance(known, str):
            return theirs[0] in ours[0]
        case Operator.CONTAINS:
            return theirs[0] in ours
    left, right = ",".join(ours), theirs[0]
    numbers = _number(left), _number(right)
    order: Callable[[Any, Any], bool] = _ORDERS[operator]
    return order(left, right) if None in numbers else order(*numbers)


_ORDERS: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.ABOVE: lambda left, right: left > right,
    Operator.BELOW: lambda left, right: left < right,
    Operator.AT_LEAST: lambda left, right: left >= right,
    Operator.AT_MOST: lambda left, right: left <= right,
}


def _last(sign: Sign, name: str | None, known: Known) -> Moments:
    """When a sign was seen last. What comes back is an event by its own word as well."""
    none = np.full(len(known.enrolled), NONE, np.int64)
    if sign is Sign.CLICKED:
        links = [at for (kind, link), at in known.signs.items() if kind == sign and name in (None, link)]
        return np.maximum.reduce([none, *links])
    event = known.signs.get((Sign.EVENT.value, name or sign.value), none)
    return np.maximum(event, known.signs.get((sign.value, ""), none))


def _values(field: str, rows: Index, known: Known) -> list[Value]:
    if field == TAGS:
        return [_tags(known.fields[TAGS][row]) for row in rows.tolist()]
    if field in known.fields and field != ATTRIBUTES:
        column = known.fields[field]
        return [column[row] for row in rows.tolist()]
    return [_attribute(known.fields[ATTRIBUTES][row], field) for row in rows.tolist()]


def _tags(stored: str | None) -> Value:
    found = _json(stored)
    return tuple(str(one) for one in found) if isinstance(found, list) else ()


def _attribute(stored: str | None, field: str) -> Value:
    found = _json(stored)
    value = found.get(field) if isinstance(found, dict) else None
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return tuple(str(one) for one in value) if isinstance(value, list) else str(value)


def _json(stored: str | None) -> Any:
    try:
        return json.loads(stored) if stored else None
    except ValueError:
        return None


def _plain(text: str) -> str:
    return text.strip().casefold()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
