"""What a condition of a sequence asks: a tree of signs, comparisons and all, any, not.

What belongs here: the shapes, and their one spelling as plain values in YAML and JSON. What does not: the
answer for a contact (the room `advance`). Spelled out:

    replied                             a sign since the enrollment; also clicked, opened, bounced
    clicked: https://example.org/prices one link
    replied: {since: first}             since the step `first` happened
    clicked: {link: https://example.org/, since: first}
    event: quote_accepted               or {name: quote_accepted, since: first}
    attribute: {field: state, is: TX}                   or is_not, contains, above, below, at_least, at_most
    attribute: {field: state, one_of: [TX, CA]}
    attribute: {field: company, known: true}
    not: replied
    all: [opened, {not: replied}]                       or any
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from carillon import settings_checks as checks
from carillon.settings_checks import Misfit, Misfits, did_you_mean, shown
from carillon.words import Operator, Sign

DEEPEST = 20
"""Levels of all, any and not."""


@dataclass(frozen=True)
class Seen:
    """Whether a sign has come since the enrollment, or since a step happened last."""

    sign: Sign
    name: str | None = None
    """Of clicked: the link, none for any. Of event: which, never none."""
    since: str | None = None
    """The key of a step; none: since the enrollment."""


@dataclass(frozen=True)
class Compared:
    """A field of the contact, or one of its attributes, beside a value.

    Texts are compared ignoring case and blanks at the ends; above, below, at_least and at_most as numbers
    where both sides are numbers, else as texts, which is right for ISO dates. `contains` means a part of
    the text or, for `tags`, one of them. An unknown field is only not known, and `is_not` anything.
    """

    field: str
    operator: Operator
    value: str | tuple[str, ...] | bool
    """One text; of one_of several; of known whether it is."""


@dataclass(frozen=True)
class AllOf:
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyOf:
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    part: Condition


Condition = Seen | Compared | AllOf | AnyOf | Not

_GROUPS: dict[str, type[AllOf] | type[AnyOf]] = {"all": AllOf, "any": AnyOf}
_NAMED = {Sign.CLICKED: "link", Sign.EVENT: "name"}
"""Signs that may be narrowed down, and the key for it."""
_WORDS = (*_GROUPS, "not", "attribute", *Sign)
_ALONE = tuple(sign for sign in Sign if sign is not Sign.EVENT)

Path = tuple[str | int, ...]


def condition_of(value: object) -> Condition:
    """A condition out of plain values. Raises Misfits, each with its place below `value`."""
    if isinstance(value, Condition):
        return value
    return _read(value, ())


def plain_condition(condition: Condition) -> object:
    """The one spelling of a condition as plain values."""
    match condition:
        case AllOf(parts):
            return {"all": [plain_condition(part) for part in parts]}
        case AnyOf(parts):
            return {"any": [plain_condition(part) for part in parts]}
        case Not(part):
            return {"not": plain_condition(part)}
        case Compared(field, operator, value):
            given = list(value) if isinstance(value, tuple) else value
            return {"attribute": {"field": field, operator.value: given}}
        case Seen(sign, None, None):
            return sign.value
        case Seen(sign, name, None):
            return {sign.value: name}
        case Seen(sign, name, since):
            narrowed = {} if name is None else {_NAMED[sign]: name}
            return {sign.value: {**narrowed, "since": since}}


def leaves(condition: Condition) -> Iterator[Seen | Compared]:
    """All signs and comparisons of a condition, in their order."""
    match condition:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case _:
            yield condition


def _read(value: object, path: Path) -> Condition:
    if len(path) > 2 * DEEPEST:
        raise _misfit(path, f"is nested more than {DEEPEST} levels deep; split it into several steps")
    if isinstance(value, str):
        return _alone(value, path)
    if not isinstance(value, Mapping) or len(value) != 1:
        raise _misfit(
            path,
            f"{shown(value)} is no condition; write a word like replied, or one key like "
            f'"clicked: https://example.org/": {", ".join(_WORDS)}',
        )
    ((word, inner),) = value.items()
    here = (*path, word)
    if word in _GROUPS:
        if not isinstance(inner, list | tuple) or not inner:
            raise _misfit(here, 'stands for several conditions; write a list like "[replied, opened]"')
        return _GROUPS[word](tuple(_read(one, (*here, index)) for index, one in enumerate(inner)))
    if word == "not":
        return Not(_read(inner, here))
    if word == "attribute":
        return _comparison(inner, here)
    if word in list(Sign):
        return _sign(Sign(word), inner, here)
    raise _misfit(here, f"is no condition{did_you_mean(str(word), _WORDS) or f'; use {_WORDS}'}")


def _alone(word: str, path: Path) -> Seen:
    word = word.strip()
    if word in _ALONE:
        return Seen(Sign(word))
    if word in _WORDS:
        raise _misfit(path, f'{shown(word)} needs a value; write it like "{word}: ..."')
    hint = did_you_mean(word, _WORDS) or f"; use {', '.join(_ALONE)}"
    raise _misfit(path, f"{shown(word)} is no condition{hint}")


def _sign(sign: Sign, inner: object, path: Path) -> Seen:
    narrowing = _NAMED.get(sign)
    if isinstance(inner, str) and narrowing:
        return Seen(sign, _text(inner, path))
    allowed = (*((narrowing,) if narrowing else ()), "since")
    if not isinstance(inner, Mapping) or not inner:
        raise _misfit(
            path, f'{shown(inner)} stands where {" or ".join(allowed)} is meant, like "since: first"'
        )
    for key in inner:
        if key not in allowed:
            hint = did_you_mean(str(key), allowed) or f"; use {' or '.join(allowed)}"
            raise _misfit((*path, key), f"unknown key{hint}")
    name = _text(inner[narrowing], (*path, narrowing)) if narrowing and narrowing in inner else None
    if sign is Sign.EVENT and name is None:
        raise _misfit(path, 'needs the name of the event; write it like "event: quote_accepted"')
    return Seen(sign, name, _text(inner["since"], (*path, "since")) if "since" in inner else None)


def _comparison(inner: object, path: Path) -> Compared:
    form = 'write it like "attribute: {field: state, is: TX}"'
    if not isinstance(inner, Mapping) or "field" not in inner:
        raise _misfit(path, f"names no field; {form}")
    field = _text(inner["field"], (*path, "field"))
    others = [key for key in inner if key != "field"]
    for key in others:
        if key not in list(Operator):
            hint = did_you_mean(str(key), Operator) or f"; use one of: {', '.join(Operator)}"
            raise _misfit((*path, key), f"is no comparison{hint}")
    if len(others) != 1:
        raise _misfit(path, f"needs exactly one comparison; {form}")
    operator, value = Operator(others[0]), inner[others[0]]
    here = (*path, operator.value)
    if operator is Operator.KNOWN:
        try:
            return Compared(field, operator, checks.truth(value))
        except ValueError as error:
            raise _misfit(here, str(error)) from None
    if operator is Operator.ONE_OF:
        if not isinstance(value, list | tuple) or not value:
            raise _misfit(here, 'stands for several values; write a list like "[TX, CA]"')
        return Compared(field, operator, tuple(_text(one, here) for one in value))
    return Compared(field, operator, _text(value, here))


def _text(value: object, path: Path) -> str:
    """A number of JSON is as good as its digits."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    try:
        return checks.text(value)
    except ValueError as error:
        raise _misfit(path, str(error)) from None


def _misfit(path: Path, text: str) -> Misfits:
    return Misfits([Misfit(path, text)])
