"""Conditions as a form has them: a few questions, all or any of which have to be so.

What belongs here: between the plain values of `sequences_conditions` and rows of a form. What does not:
conditions nested deeper, which no form of rows can show: they are edited as they are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carillon.sequences_conditions import AllOf, AnyOf, Compared, Condition, Not, Seen, condition_of
from carillon.settings_checks import Misfits
from carillon.words import Operator, Sign

ATTRIBUTE = "attribute"


@dataclass(frozen=True)
class Question:
    """One row."""

    about: str = Sign.REPLIED.value
    """A sign, or ATTRIBUTE."""
    negated: bool = False
    name: str = ""
    """The link that was clicked, the event, or the field."""
    since: str = ""
    """The key of a step; nothing: since the enrollment."""
    operator: str = Operator.IS.value
    value: str = ""
    """Of one_of: with commas between them."""

    @property
    def plain(self) -> object:
        """As it is written."""
        asked: object
        if self.about == ATTRIBUTE:
            asked = {ATTRIBUTE: {"field": self.name, self.operator: self._value}}
        else:
            named = {Sign.CLICKED: "link", Sign.EVENT: "name"}.get(Sign(self.about))
            inner = {named: self.name} if named and self.name else {}
            if self.since:
                inner["since"] = self.since
            alone = self.about == Sign.EVENT
            asked = {self.about: inner} if inner or alone else self.about
        return {"not": asked} if self.negated else asked

    @property
    def _value(self) -> object:
        if self.operator == Operator.ONE_OF:
            return [one.strip() for one in self.value.split(",") if one.strip()]
        return self.value if self.operator != Operator.KNOWN else self.value != "no"


def questions(plain: object) -> tuple[str, list[Question]] | None:
    """Rows of a condition, and whether `all` or `any` of them; None: no form of rows can show it."""
    try:
        found = condition_of(plain)
    except Misfits:
        return _unread(plain)
    how = "all"
    parts: tuple[Condition, ...] = (found,)
    if isinstance(found, AllOf | AnyOf):
        how, parts = ("all" if isinstance(found, AllOf) else "any"), found.parts
    rows = [_question(part) for part in parts]
    whole = [one for one in rows if one is not None]
    return (how, whole) if len(whole) == len(rows) else None


def written(how: str, rows: Sequence[Question]) -> object:
    """Rows as they are written."""
    return rows[0].plain if len(rows) == 1 else {how: [one.plain for one in rows]}


def _unread(plain: object) -> tuple[str, list[Question]] | None:
    """A row that is filled in just now: something of it is missing, so that it cannot be read yet."""
    how, parts = "all", [plain]
    if isinstance(plain, Mapping) and len(plain) == 1 and (key := next(iter(plain))) in ("all", "any"):
        how, parts = str(key), list(plain[key])
    rows = [_rough(part) for part in parts]
    whole = [one for one in rows if one is not None]
    return (how, whole) if len(whole) == len(rows) else None


def _rough(plain: object) -> Question | None:
    negated = isinstance(plain, Mapping) and list(plain) == ["not"]
    inner: Any = plain["not"] if isinstance(plain, Mapping) and negated else plain
    if isinstance(inner, str) and inner in list(Sign):
        return Question(inner, negated)
    if not isinstance(inner, Mapping) or len(inner) != 1:
        return None
    ((about, said),) = inner.items()
    given = said if isinstance(said, Mapping) else {"name": said}
    if about == ATTRIBUTE:
        operator = next((key for key in given if key in list(Operator)), Operator.IS.value)
        value = given.get(operator, "")
        shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        return Question(ATTRIBUTE, negated, str(given.get("field", "")), "", str(operator), shown)
    if about not in list(Sign):
        return None
    name = given.get("link", given.get("name", ""))
    return Question(str(about), negated, str(name or ""), str(given.get("since", "")))


def _question(condition: Condition) -> Question | None:
    negated = isinstance(condition, Not)
    match condition.part if isinstance(condition, Not) else condition:
        case Seen(sign, name, since):
            return Question(sign.value, negated, name or "", since or "")
        case Compared(field, operator, value):
            if isinstance(value, bool):
                shown = "yes" if value else "no"
            elif isinstance(value, tuple):
                if any("," in one for one in value):
                    return None
                shown = ", ".join(value)
            else:
                shown = value
            return Question(ATTRIBUTE, negated, field, "", operator.value, shown)
    return None
