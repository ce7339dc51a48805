"""The slow planner's campaigns and follow-ups: which emails there could be, one contact at a time.

Written from `docs/decisions/0003-campaigns-and-follow-ups.md`, in its order, and from nothing else. What
belongs here: the facts about campaigns, the candidates they and the initial emails give, tiers, and the
status of targets. What does not: verdicts and days, which `reference` decides for all emails alike.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from tests.plan.reference_facts import (
    DAY,
    FIRST_CAMPAIGN,
    Contact,
    Extra,
    Row,
    Rules,
    Sent,
    deadline_of,
    parse_date,
    splitmix64,
)

FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(2120, 12, 31)
"""The events and ideal days a campaign email may have."""

FOLLOWUP_GRACE_DAYS = 10
"""How late a follow-up may be."""

COLD = "followup_1_cold"
CLICKED = "followup_2_clicked_no_hq"
ANSWERED = "followup_3_hq_no_yes"
WITH_CONDITIONS = "followup_4_hq_with_yes"

TARGET_STATUS = {
    "scheduled": "scheduled",
    "processing": "scheduled",
    "cancelled": "skipped",
    "failed": "skipped",
    "sent": "sent",
    "delivered": "sent",
    "bounced": "sent",
    "in_doubt": "sent",
}
"""What a target's status is, by that of its outbox row."""


# ---------------------------------------------------------------------------------------------------
# What goes in


@dataclass(frozen=True)
class CampaignType:
    """What the instances of a type are like unless their metadata says otherwise."""

    name: str
    respect_exclusion_windows: bool = True
    enable_followups: bool = True
    days_before_event: int = 0
    target_all_contacts: bool = False
    priority: int = 10
    active: bool = True


@dataclass(frozen=True)
class Instance:
    """A campaign. `type` is the name of its type; `metadata` is JSON as stored."""

    id: int
    type: str
    name: str
    created: date
    status: str = "active"
    active_start: date | None = None
    active_end: date | None = None
    metadata: str | None = None

    @property
    def kind(self) -> int:
        return FIRST_CAMPAIGN + self.id

    @property
    def code(self) -> int:
        """What goes into the hashes of its emails."""
        return int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:8], "big")


@dataclass(frozen=True)
class Target:
    """A row of `contact_campaigns`; the trigger date is text as stored."""

    contact_id: int
    instance_id: int
    trigger: str
    created: date | None = None


@dataclass(frozen=True)
class Click:
    """A click in an email."""

    contact_id: int
    kind: int
    event: date
    followup: bool = False


@dataclass(frozen=True)
class Answer:
    """An event `eligibility_answered`; `data` is JSON as stored."""

    contact_id: int
    day: date
    data: str | None = None


@dataclass(frozen=True)
class Campaigns:
    """All there is about campaigns and about what people did with their emails."""

    types: list[CampaignType] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    clicks: list[Click] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)


# ---------------------------------------------------------------------------------------------------
# Instances


def json_object(text: str | None) -> dict[str, Any]:
    """The object a text holds; what is none is an empty one."""
    try:
        value = json.loads(text or "")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def effective(campaign_type: CampaignType, instance: Instance) -> CampaignType:
    """The type's fields, each overridden by the instance's metadata where that has one of the right kind."""
    overrides = json_object(instance.metadata)
    fields: dict[str, Any] = {}
    for name in (
        "respect_exclusion_windows",
        "enable_followups",
        "target_all_contacts",
        "active",
    ):
        if isinstance(overrides.get(name), bool):
            fields[name] = overrides[name]
    for name in ("days_before_event", "priority"):
        if isinstance(overrides.get(name), int) and not isinstance(overrides[name], bool):
            fields[name] = overrides[name]
    return replace(campaign_type, **fields)


def is_held_up(instance: Instance, fields: CampaignType) -> bool:
    return instance.status == "paused" or not fields.active


def running(campaigns: Campaigns) -> list[tuple[Instance, CampaignType]]:
    """The instances that are not archived, with their effective fields."""
    types = {one.name: one for one in campaigns.types}
    return [
        (instance, effective(types[instance.type], instance))
        for instance in campaigns.instances
        if instance.status != "archived"
    ]


# ---------------------------------------------------------------------------------------------------
# Campaign candidates


def shifted(day: date, days: int) -> date | None:
    """The day that many days later, if a campaign email may be about it or go on it."""
    try:
        moved = day + timedelta(days=days)
    except OverflowError:
        return None
    return moved if FIRST_DAY <= moved <= LAST_DAY else None


def campaign_email(
    contact: Contact,
    instance: Instance,
    fields: CampaignType,
    event: date,
    ideal: date,
    known: date,
    rules: Rules,
) -> Extra:
    """The candidate of an instance for this event."""
    deadline = deadline_of(event, ideal, rules)
    if instance.active_end is not None:
        deadline = min(deadline, instance.active_end)
    return Extra(
        contact.id,
        instance.kind,
        event,
        ideal,
        deadline,
        fields.priority,
        fields.respect_exclusion_windows,
        code=instance.code,
        held_up=is_held_up(instance, fields),
        starts=instance.active_start,
        ends=instance.active_end,
        known=known,
    )


def named(
    contact: Contact, instance: Instance, fields: CampaignType, targets: list[Target], rules: Rules
) -> list[Extra]:
    """One candidate for each of the contact's targets of the instance."""
    found = []
    for target in targets:
        if (target.contact_id, target.instance_id) != (contact.id, instance.id):
            continue
        trigger = parse_date(target.trigger)
        event = None if trigger is None else shifted(trigger, 0)
        ideal = None if event is None else shifted(event, -fields.days_before_event)
        if event is not None and ideal is not None:
            known = max(instance.created, target.created or instance.created)
            found.append(campaign_email(contact, instance, fields, event, ideal, known, rules))
    return found


def for_all(
    contact: Contact, instance: Instance, fields: CampaignType, sent: list[Sent], rules: Rules
) -> list[Extra]:
    """The one candidate of an instance that targets all contacts, until any email of it went out."""
    if not fields.target_all_contacts:
        return []
    if any((row.contact_id, row.kind) == (contact.id, instance.kind) for row in sent):
        return []
    day = instance.active_start or instance.created
    known = instance.created
    if contact.created is not None:
        day = max(day, contact.created + DAY)
        known = max(known, contact.created)
    ideal = shifted(day, 0)
    event = None if ideal is None else shifted(ideal, fields.days_before_event)
    if event is None or ideal is None:
        return []
    return [campaign_email(contact, instance, fields, event, ideal, known, rules)]


def campaign_candidates(
    contact: Contact, sent: list[Sent], campaigns: Campaigns, rules: Rules
) -> list[Extra]:
    """The campaign emails of one contact; a named and an *all* one with the same event are one, known on
    the earlier of their days."""
    if not rules.campaigns:
        return []
    found: dict[tuple[int, date], Extra] = {}
    for instance, fields in running(campaigns):
        both = named(contact, instance, fields, campaigns.targets, rules)
        both += for_all(contact, instance, fields, sent, rules)
        for one in both:
            twin = found.get((one.kind, one.event), one)
            assert one.known is not None
            assert twin.known is not None
            found[one.kind, one.event] = replace(one, known=min(one.known, twin.known))
    return list(found.values())


# ---------------------------------------------------------------------------------------------------
# Follow-ups


def is_initial(row: Sent, rules: Rules, today: date) -> bool:
    """Whether an outbox row may be followed up, as far as that can be told from the row."""
    return (
        not row.followup
        and row.kind is not None
        and row.event is not None
        and row.status in ("sent", "delivered")
        and today - rules.followup_lookback_days * DAY <= row.send <= today
    )


def shows_conditions(data: str | None) -> bool:
    """Whether an answer's data shows health conditions."""
    answer = json_object(data)
    yes = answer.get("main_questions_yes_count")
    counted = isinstance(yes, int | float) and not isinstance(yes, bool) and yes > 0
    return answer.get("has_medical_conditions") is True or counted


def tier_of(initial: Sent, campaigns: Campaigns) -> str:
    """The highest tier that applies to what the contact did since the initial email."""
    counting = [
        answer
        for answer in campaigns.answers
        if answer.contact_id == initial.contact_id and answer.day >= initial.send
    ]
    if any(shows_conditions(answer.data) for answer in counting):
        return WITH_CONDITIONS
    if counting:
        return ANSWERED
    for click in campaigns.clicks:
        email = (click.contact_id, click.kind, click.event, click.followup)
        if email == (initial.contact_id, initial.kind, initial.event, False):
            return CLICKED
    return COLD


def followup_candidates(
    contact: Contact, sent: list[Sent], campaigns: Campaigns, rules: Rules, today: date
) -> list[Extra]:
    """The follow-ups of one contact, one for each initial email."""
    if not rules.followups:
        return []
    instances = {instance.kind: (instance, fields) for instance, fields in running(campaigns)}
    found = []
    for row in sent:
        if row.contact_id != contact.id or not is_initial(row, rules, today):
            continue
        assert row.kind is not None
        assert row.event is not None
        code, held_up, ends = splitmix64(row.kind), False, None
        if row.kind >= FIRST_CAMPAIGN:
            if row.kind not in instances:
                continue
            instance, fields = instances[row.kind]
            if not fields.enable_followups:
                continue
            code, held_up, ends = instance.code, is_held_up(instance, fields), instance.active_end
        ideal = row.send + rules.followup_days_after * DAY
        deadline = ideal + FOLLOWUP_GRACE_DAYS * DAY
        found.append(
            Extra(
                contact.id,
                row.kind,
                row.event,
                ideal,
                deadline if ends is None else min(deadline, ends),
                row.priority,
                followup=True,
                code=splitmix64(code ^ 7),
                held_up=held_up,
                ends=ends,
                tier=tier_of(row, campaigns),
            )
        )
    return found


def candidates(
    contacts: list[Contact], sent: list[Sent], campaigns: Campaigns, rules: Rules, today: date
) -> list[Extra]:
    """All campaign emails and follow-ups there could be, eligible or not."""
    found = []
    for contact in contacts:
        found += campaign_candidates(contact, sent, campaigns, rules)
        found += followup_candidates(contact, sent, campaigns, rules, today)
    return found


# ---------------------------------------------------------------------------------------------------
# Targets


def target_status(target: Target, rows: list[Row], sent: list[Sent]) -> str:
    """What `contact_campaigns.status` says of a target when `rows` is the plan."""
    email = (target.contact_id, FIRST_CAMPAIGN + target.instance_id, parse_date(target.trigger), False)
    for gone in sent:
        if (gone.contact_id, gone.kind, gone.event, gone.followup) == email:
            return TARGET_STATUS[gone.status]
    for row in rows:
        if (row.contact_id, row.kind, row.event, row.followup) == email:
            return "scheduled" if row.reason is None else "skipped"
    return "pending"
