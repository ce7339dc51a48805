"""Campaign types and instances: what they are, what they may be, and which fields hold.

What belongs here: the shapes the rooms share and the rules about one campaign alone (decision 0003).
What does not: who its targets are and on which day they are written to (the planner), or how it is stored
(`store.campaigns`). An instance's `metadata` may override each of its type's fields, name templates for
follow-ups (`followup_templates`) and for A/B tests (`variants`), and the accounts its emails go through
(`account_group`); all other keys are the user's own.
What other programs stored may be anything, so reading ignores what checking refuses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from carillon.errors import InputError
from carillon.settings_checks import identifier
from carillon.settings_timing import KEY, override_from
from carillon.words import InstanceStatus, Tier

FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(2120, 12, 31)
"""Days a campaign may be about: those that have a place in a plan row's id."""
FURTHEST_DAYS = 364
"""Days between an event and its email, either way, at most."""
LOWEST_PRIORITY = 99
LONGEST_NAME = 100
HEAVIEST = 1_000_000
_STORABLE = {"days": range(-60_000, 60_001), "priority": range(256)}
"""What has a place in a plan row: other programs may have stored more than we would take."""

FOLLOWUP_TEMPLATES, VARIANTS = "followup_templates", "variants"
ACCOUNT_GROUP = "account_group"
_TEMPLATE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class CampaignType:
    """A kind of campaign: the fields its instances have unless they say otherwise.

    The defaults are those of a new type (01-plan §5).
    """

    name: str
    respect_exclusion_windows: bool = True
    enable_followups: bool = True
    days_before_event: int = 0
    """Days from the email to the trigger date; negative: the email comes after it."""
    target_all_contacts: bool = False
    priority: int = 10
    """The lower number goes first."""
    active: bool = True


TYPE_FIELDS = tuple(one.name for one in fields(CampaignType) if one.name != "name")
"""What a type says, and what an instance's metadata may override."""
_KINDS = {
    name: "days" if name == "days_before_event" else "priority" if name == "priority" else "flag"
    for name in TYPE_FIELDS
}


@dataclass(frozen=True)
class Variant:
    """One of several templates of an A/B test; the chance of each is its share of all weights."""

    template: str
    weight: int


@dataclass(frozen=True)
class Instance:
    """One campaign: a type put to use. The id of one that is not stored yet is 0."""

    id: int
    campaign_type: str
    name: str
    email_template: str | None = None
    sms_template: str | None = None
    status: str = InstanceStatus.ACTIVE.value
    start: date | None = None
    """The first day an email may leave."""
    end: date | None = None
    """The last one."""
    metadata: dict[str, Any] = field(default_factory=dict)
    created: datetime | None = None
    """Aware, in UTC."""


@dataclass(frozen=True)
class Campaign:
    """An instance with its type, seen as one thing: its properties are the effective fields."""

    type: CampaignType
    instance: Instance

    @property
    def overridden(self) -> frozenset[str]:
        """The fields that come from the instance, not from its type."""
        return frozenset(_overrides(self.instance))

    @property
    def effective(self) -> CampaignType:
        """The type as it is for this instance."""
        return effective(self.type, self.instance)

    @property
    def respect_exclusion_windows(self) -> bool:
        return self.effective.respect_exclusion_windows

    @property
    def enable_followups(self) -> bool:
        return self.effective.enable_followups

    @property
    def days_before_event(self) -> int:
        return self.effective.days_before_event

    @property
    def target_all_contacts(self) -> bool:
        return self.effective.target_all_contacts

    @property
    def priority(self) -> int:
        return self.effective.priority

    @property
    def active(self) -> bool:
        """Whether the type (or the instance's override of it) is active; its own status is another thing."""
        return self.effective.active

    @property
    def is_open(self) -> bool:
        """Whether it is planned: neither held up by its status or type nor archived."""
        return self.active and self.instance.status == InstanceStatus.ACTIVE

    @property
    def is_archived(self) -> bool:
        return self.instance.status == InstanceStatus.ARCHIVED

    @property
    def account_group(self) -> str | None:
        """The accounts that its emails go through; None: what its type says."""
        given = self.instance.metadata.get(ACCOUNT_GROUP)
        return given if given is not None and not _group_fault(given) else None

    @property
    def followup_templates(self) -> dict[Tier, str]:
        """Templates of its own for follow-ups of a tier."""
        given = self.instance.metadata.get(FOLLOWUP_TEMPLATES)
        found = given if isinstance(given, dict) else {}
        return {tier: found[tier.email_type] for tier in Tier if is_template(found.get(tier.email_type))}

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The templates of its A/B test, in their order; none unless every one of them is right."""
        given = self.instance.metadata.get(VARIANTS)
        if not isinstance(given, list) or _variant_faults(given):
            return ()
        return tuple(Variant(one["template"], one["weight"]) for one in given)


def effective(type: CampaignType, instance: Instance) -> CampaignType:
    """The type with the overrides of the instance's metadata; one of the wrong kind is ignored."""
    return replace(type, **_overrides(instance))


class Outlook(StrEnum):
    """What becomes of a target that is added today, as far as dates alone decide."""

    GOES = "goes"
    INACTIVE = "inactive"
    """Its day lies outside the instance's active dates."""
    MISSED = "missed"
    """Its day, or the last one on which it could have been caught up, is past."""
    NEVER = "never"
    """There is no such day in a plan."""


def outlook(campaign: Campaign, trigger: date, today: date, max_shift_days: int) -> Outlook:
    """How it looks for a trigger date; windows and limits, which differ by contact, are not asked."""
    start, end = campaign.instance.start, campaign.instance.end
    ideal = trigger - timedelta(campaign.days_before_event)
    if not (FIRST_DAY <= trigger <= LAST_DAY and FIRST_DAY <= ideal <= LAST_DAY):
        return Outlook.NEVER
    if (start and ideal < start) or (end and ideal > end):
        return Outlook.INACTIVE
    deadline = trigger - timedelta(1) if trigger > ideal else ideal + timedelta(max_shift_days)
    if end and end < deadline:
        deadline = end
    too_late = ideal < today and trigger < today
    return Outlook.MISSED if too_late or deadline < today else Outlook.GOES


def usual_trigger(campaign: Campaign, known: date) -> date:
    """The event of a target without a date of its own: its email is to leave on the start date.

    `known`: the day that stands in where there is no start date.
    """
    return (campaign.instance.start or known) + timedelta(campaign.days_before_event)


def type_from(name: str, values: Mapping[str, object]) -> CampaignType:
    """A type out of stored values: a flag may be 0 or 1, and what is of the wrong kind is the default."""
    read = {one: bool(v) if _KINDS[one] == "flag" and v in (0, 1) else v for one, v in values.items()}
    kept: dict[str, Any] = {one: value for one, value in read.items() if _is_kind(one, value)}
    return CampaignType(name, **kept)


def _overrides(instance: Instance) -> dict[str, Any]:
    given = instance.metadata
    return {name: given[name] for name in TYPE_FIELDS if name in given and _is_kind(name, given[name])}


def _is_kind(name: str, value: object) -> bool:
    kind = _KINDS[name]
    if kind == "flag":
        return isinstance(value, bool)
    return isinstance(value, int) and not isinstance(value, bool) and value in _STORABLE[kind]


def is_template(value: object) -> bool:
    """Whether this can be the name of a template: letters, digits, dots, dashes, underscores."""
    return isinstance(value, str) and _TEMPLATE.fullmatch(value) is not None


def type_faults(type: CampaignType) -> list[str]:
    """Why the type cannot be, one sentence each."""
    found = []
    try:
        identifier(type.name)
    except ValueError as error:
        found.append(str(error))
    found += [_fault(name, getattr(type, name)) for name in TYPE_FIELDS]
    return [one for one in found if one]


def instance_faults(instance: Instance) -> list[str]:
    """Why the instance cannot be, one sentence each. Whether its type exists is not asked."""
    found = [_name_fault(instance.name)]
    for what, template in (("email", instance.email_template), ("SMS", instance.sms_template)):
        if template is not None and not is_template(template):
            found.append(f"the {what} template {_template_fault(template)}")
    if instance.status not in list(InstanceStatus):
        found.append(f"the status {instance.status!r} is none of {', '.join(InstanceStatus)}")
    for what, day in (("start", instance.start), ("end", instance.end)):
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            found.append(f"the {what} date {day} is not between {FIRST_DAY} and {LAST_DAY}")
    if instance.start and instance.end and instance.end < instance.start:
        found.append(
            f"the end date {instance.end} is before the start date {instance.start}; no email could leave"
        )
    return [one for one in found if one] + metadata_faults(instance.metadata)


def metadata_faults(metadata: Mapping[str, object]) -> list[str]:
    """What is wrong with the keys of an instance's metadata that mean something to Carillon."""
    found = [fault for name in TYPE_FIELDS if name in metadata and (fault := _fault(name, metadata[name]))]
    if FOLLOWUP_TEMPLATES in metadata:
        found += _followup_faults(metadata[FOLLOWUP_TEMPLATES])
    if VARIANTS in metadata:
        found += _variant_faults(metadata[VARIANTS])
    if ACCOUNT_GROUP in metadata and (fault := _group_fault(metadata[ACCOUNT_GROUP])):
        found.append(f"{ACCOUNT_GROUP}: {fault}")
    try:
        override_from(metadata.get(KEY), "")
    except InputError as error:
        found.append(str(error).removeprefix(": "))
    if not _is_storable(metadata):
        found.append("NUL, half characters and numbers that are none cannot be stored as JSON")
    return [f"metadata: {one}" for one in found]


def _fault(name: str, value: object) -> str:
    """Why a field cannot have this value; nothing if it can."""
    kind = _KINDS[name]
    if kind == "flag":
        return "" if isinstance(value, bool) else f"{name} must be true or false, not {value!r}"
    low, high = (-FURTHEST_DAYS, FURTHEST_DAYS) if kind == "days" else (0, LOWEST_PRIORITY)
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return ""
    return f"{name} must be a whole number from {low} to {high}, not {value!r}"


def _name_fault(name: str) -> str:
    if not name or name != name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        return (
            f"the campaign's name {name[:LONGEST_NAME]!r} must have 1 to {LONGEST_NAME} characters on one "
            "line, without blanks at its ends"
        )
    return ""


def _group_fault(value: object) -> str:
    try:
        identifier(value)
    except ValueError as error:
        return str(error)
    return ""


def _template_fault(value: object) -> str:
    return f"{value!r} is no plain name; use letters, digits, dots, dashes and underscores, 100 at most"


def _is_storable(metadata: Mapping[str, object]) -> bool:
    """PostgreSQL refuses what Python's JSON lets pass."""
    try:
        written = json.dumps(metadata, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return False
    return "\\u0000" not in written and not any("\ud800" <= letter <= "\udfff" for letter in written)


def _followup_faults(given: object) -> list[str]:
    tiers = [tier.email_type for tier in Tier]
    if not isinstance(given, dict):
        return [f'{FOLLOWUP_TEMPLATES} must be an object like {{"{tiers[0]}": "my_template"}}']
    found = []
    for tier, template in given.items():
        if tier not in tiers:
            found.append(f"{FOLLOWUP_TEMPLATES} has {tier!r}, which is none of {', '.join(tiers)}")
        elif not is_template(template):
            found.append(f"{FOLLOWUP_TEMPLATES}.{tier}: {_template_fault(template)}")
    return found


def _variant_faults(given: object) -> list[str]:
    form = '{"template": "a_v1", "weight": 1}'
    if not isinstance(given, list) or not given:
        return [f"{VARIANTS} must be a list of {form}"]
    found = []
    for number, one in enumerate(given, 1):
        if not isinstance(one, dict) or set(one) != {"template", "weight"}:
            found.append(f"{VARIANTS}, number {number}: must be like {form}")
            continue
        template, weight = one["template"], one["weight"]
        if not is_template(template):
            found.append(f"{VARIANTS}, number {number}: {_template_fault(template)}")
        if isinstance(weight, bool) or not isinstance(weight, int) or not 1 <= weight <= HEAVIEST:
            found.append(
                f"{VARIANTS}, number {number}: the weight must be a whole number from 1 to {HEAVIEST}"
            )
    templates = [one["template"] for one in given if isinstance(one, dict) and "template" in one]
    if not found and len(set(templates)) < len(templates):
        found.append(f"{VARIANTS} names a template twice; give it the sum of the weights instead")
    return found
