"""A campaign and a type in fields."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from nicegui import ui

from carillon.campaigns import (
    FURTHEST_DAYS,
    LONGEST_NAME,
    LOWEST_PRIORITY,
    TYPE_FIELDS,
    CampaignType,
    Instance,
)
from carillon.web.parts import all_right, choice, column, field, grid, needed, number_field, text, wrong

LABELS = {
    "respect_exclusion_windows": "Keep out of exclusion windows",
    "enable_followups": "Follow-ups",
    "days_before_event": "Days before the event",
    "target_all_contacts": "All contacts are targets",
    "priority": "Priority",
    "active": "Active",
}
"""The fields of a type as people read them."""
SHORT = {
    "respect_exclusion_windows": "Windows",
    "enable_followups": "Follow-ups",
    "days_before_event": "Days before",
    "target_all_contacts": "All contacts",
    "priority": "Priority",
    "active": "Active",
}
"""The same at the head of a column."""
HINTS = {
    "respect_exclusion_windows": "States' rules about when not to write. The law may demand it.",
    "enable_followups": "Write again after some days, by what the receiver did.",
    "days_before_event": "The email leaves so many days before its date; negative: after it.",
    "target_all_contacts": "Goes to everyone eligible, also to those who are added later.",
    "priority": "Of two campaign emails on one day the lower number goes; the other is skipped.",
    "active": "Whether campaigns of this type are sent at all.",
}
_FLAGS = tuple(name for name in TYPE_FIELDS if name not in ("days_before_event", "priority"))
_BOUNDS = {"days_before_event": (-FURTHEST_DAYS, FURTHEST_DAYS), "priority": (0, LOWEST_PRIORITY)}
_SAME = "same"


def day_of(given: Any) -> str | None:
    """What is wrong with a day in a field."""
    try:
        if given:
            date.fromisoformat(str(given))
    except ValueError:
        return "is no day: write it like 2027-03-01"
    return None


def day_field(label: str, value: date | None = None, hint: str = "") -> ui.input | ui.textarea:
    """A field for a day, with the browser's own calendar."""
    made = field(label, value.isoformat() if value else "", hint=hint, check=day_of)
    made.props("type=date stack-label")
    return made


def day_in(at: ui.input | ui.textarea) -> date | None:
    """The day that stands in a field."""
    return date.fromisoformat(str(at.value)) if at.value else None


class TypeForm:
    """The fields of a type; of one that is there the name cannot be changed."""

    def __init__(self, old: CampaignType | None) -> None:
        shown = old or CampaignType("")
        with grid(220).classes("c-form"):
            self._name = field("Name", shown.name, check=needed, hint="Small letters, digits and _")
            self._name.set_enabled(old is None)
            self._numbers = {
                name: number_field(LABELS[name], getattr(shown, name), hint=HINTS[name], least=low, most=high)
                for name, (low, high) in _BOUNDS.items()
            }
        with column():
            self._flags = {}
            for name in _FLAGS:
                with ui.element("div"):
                    self._flags[name] = ui.switch(LABELS[name], value=getattr(shown, name))
                    text("p", HINTS[name], "c-muted c-small").style("margin-left: 50px")

    def read(self) -> CampaignType | None:
        """The type as it is wanted; None: a field is wrong, and says so."""
        if not all_right(self._name, *self._numbers.values()):
            return None
        for one in self._numbers.values():
            if one.value is None:
                wrong(one, "is needed")
                return None
        given: dict[str, Any] = {name: bool(one.value) for name, one in self._flags.items()}
        given |= {name: int(one.value or 0) for name, one in self._numbers.items()}
        return CampaignType(str(self._name.value).strip(), **given)


@dataclass(frozen=True)
class Known:
    """What a campaign can be made of."""

    types: dict[str, CampaignType]
    templates: list[str]


class CampaignForm:
    """The fields of a campaign; of one that is there name and type cannot be changed."""

    def __init__(self, known: Known, old: Instance | None) -> None:
        self._old = old
        shown = old or Instance(0, next(iter(known.types), ""), "")
        with grid(220).classes("c-form"):
            names = {name: name.replace("_", " ") for name in {**known.types, shown.campaign_type: None}}
            self.kind = choice("Type", names, shown.campaign_type)
            self.name = field(
                "Name", shown.name, check=needed, hint=f"One of its own, up to {LONGEST_NAME} characters"
            )
            for one in (self.kind, self.name):
                one.set_enabled(old is None)
            self._email = self._template("Email template", shown.email_template, known)
            self._sms = self._template("SMS template", shown.sms_template, known)
            self._start = day_field("First day", shown.start, "Nothing leaves before it; empty: any")
            self._end = day_field("Last day", shown.end, "Nothing leaves after it; empty: any")
        with ui.expansion("Otherwise than its type").classes("w-full") as more:
            self._overrides(shown)
        more.set_value(bool(set(TYPE_FIELDS) & set(shown.metadata)))
        others = {key: value for key, value in shown.metadata.items() if key not in TYPE_FIELDS}
        with ui.element("div").classes("c-form"):
            self._metadata = field(
                "Further metadata",
                json.dumps(others, ensure_ascii=False, indent=1) if others else "",
                lines=True,
                hint="A JSON object: followup_templates, variants, account_group, keys of your own",
                check=lambda given: _object(given)[1],
            )

    def read(self) -> Instance | None:
        """The campaign as it is wanted; None: a field is wrong, and says so."""
        fields = (self.name, self._start, self._end, self._metadata, *self._numbers.values())
        if not all_right(*fields):
            return None
        start, end = day_in(self._start), day_in(self._end)
        if start and end and end < start:
            wrong(self._end, "is before the first day; no email could leave")
            return None
        metadata: dict[str, Any] = dict(_object(self._metadata.value)[0])
        metadata |= {name: one.value for name, one in self._flags.items() if one.value != _SAME}
        metadata |= {name: int(one.value) for name, one in self._numbers.items() if one.value is not None}
        old = self._old or Instance(0, str(self.kind.value or ""), str(self.name.value).strip())
        return replace(
            old,
            email_template=str(self._email.value or "") or None,
            sms_template=str(self._sms.value or "") or None,
            start=start,
            end=end,
            metadata=metadata,
        )

    def _template(self, label: str, value: str | None, known: Known) -> ui.select:
        names = {"": "none"} | {one: one for one in [*known.templates, *([value] if value else [])]}
        return choice(label, names, value or "", with_input=True)

    def _overrides(self, shown: Instance) -> None:
        text("p", "What is left empty is as the type has it, also when that is changed.", "c-muted c-small")
        with grid(220).classes("c-form"):
            self._numbers = {
                name: number_field(LABELS[name], shown.metadata.get(name), least=low, most=high)
                for name, (low, high) in _BOUNDS.items()
            }
            options = {_SAME: "as its type", True: "yes", False: "no"}
            self._flags = {
                name: choice(LABELS[name], options, _flag(shown.metadata.get(name))) for name in _FLAGS
            }


def _flag(value: Any) -> Any:
    return value if isinstance(value, bool) else _SAME


def _object(given: Any) -> tuple[dict[str, Any], str | None]:
    """A JSON object in a field, and what is wrong with it."""
    if not str(given or "").strip():
        return {}, None
    try:
        found = json.loads(str(given))
    except (ValueError, RecursionError):
        return {}, 'is not JSON: write it like {"note": "spring"}'
    if not isinstance(found, dict):
        return {}, 'must be an object, like {"note": "spring"}'
    if mine := [name for name in TYPE_FIELDS if name in found]:
        return {}, f"{mine[0]} has a field of its own above"
    return found, None
