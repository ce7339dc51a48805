"""What is stored of campaigns and follow-ups beside the plan: statuses of targets, metadata, kinds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from carillon.campaigns import Campaign
from carillon.days import date_of
from carillon.keys import FOLLOWUP_BIT, contact_of
from carillon.plan.campaigns import Campaigns
from carillon.plan.followups import Followed, metadata
from carillon.plan.rows import find
from carillon.plan.working import Working
from carillon.settings import Settings
from carillon.variants import usual_template
from carillon.words import FIRST_CAMPAIGN, Kind, SkipReason, Standing, TargetStatus, Tier, email_type

KindRow = tuple[int, str, int | None, str | None, str | None, str]
"""Kind, email type, campaign instance, email and SMS template, send time."""

_LEFT = {
    Standing.UNSENT: TargetStatus.SKIPPED,
    Standing.RELEASED: TargetStatus.SCHEDULED,
    Standing.GONE: TargetStatus.SENT,
    Standing.SENT: TargetStatus.SENT,
}


def statuses(working: Working) -> list[tuple[int, int, str, str]]:
    """Named targets whose status is another now: contact, instance, trigger date, status."""
    targets, rows, sent = working.targets, working.rows, working.sent
    if len(targets) == 0:
        return []
    key = targets.key
    status = np.full(len(targets), TargetStatus.PENDING.value, np.object_)
    planned, at = find(key, rows.key)
    skipped = rows.reason[at[planned]] != SkipReason.NONE
    status[planned] = np.where(skipped, TargetStatus.SKIPPED.value, TargetStatus.SCHEDULED.value)
    left, at = find(key, sent.key)
    words = np.array([_LEFT[standing].value for standing in Standing], np.object_)
    status[left] = words[sent.standing[at[left]]]
    other = np.flatnonzero(status != targets.status)
    return [
        (contact, instance, date_of(day).isoformat(), word)
        for contact, instance, day, word in zip(
            targets.contact[other].tolist(),
            targets.instance[other].tolist(),
            targets.event[other].tolist(),
            status[other].tolist(),
            strict=True,
        )
    ]


def followups(working: Working, campaigns: Campaigns) -> tuple[Followed, list[str]]:
    """What the working set's follow-ups that are not settled are made of, and their metadata."""
    rows = working.rows
    open_ = rows.key[rows.followup & ~rows.final]
    among, _ = find(working.followed.key, open_)
    followed = working.followed.take(among)
    return followed, metadata(followed, campaigns)


def decisions(working: Working, followed: Followed, told: list[str]) -> Iterator[tuple[int, int, str, str]]:
    """Follow-ups that are new or of another tier: initial email, contact, type, behaviour (JSON)."""
    stored, tier = working.stored, followed.tier
    before, at = find(followed.key, stored.key)
    same = before & (stored.tier[at] == tier) if len(stored) else before
    contacts, initial = contact_of(followed.key), followed.key & ~np.int64(FOLLOWUP_BIT)
    for row in np.flatnonzero(~same).tolist():
        yield int(initial[row]), int(contacts[row]), Tier(int(tier[row])).email_type, told[row]


def kinds(settings: Settings, campaigns: Campaigns) -> list[KindRow]:
    """What the view shows of each kind of email: type, instance, templates and send time."""
    templates, sms = settings.email_templates, settings.features.sms
    time = settings.timing_constants.send_time.strftime("%H:%M")

    def row(kind: int, word: str, instance: int | None, email: str | None, text: str | None) -> KindRow:
        return kind, word, instance, email, text if sms else None, time

    found = []
    for kind in Kind:
        own = getattr(templates, kind.email_type)
        found.append(row(kind, kind.email_type, None, own.email, own.sms))
    for tier in Tier:
        own = getattr(templates, tier.email_type)
        found.append(row(-1 - tier, tier.email_type, None, own.email, own.sms))
    for campaign in campaigns.all:
        one = campaign.instance
        number = FIRST_CAMPAIGN + one.id
        word = email_type(number, campaigns.types)
        found.append(row(number, word, one.id, usual_template(campaign), one.sms_template))
        for tier in Tier:
            email, text = followup_template(settings, campaign, tier), getattr(templates, tier.email_type).sms
            found.append(row(-1 - tier - 4 * number, tier.email_type, one.id, email, text))
    return found


def followup_template(settings: Settings, campaign: Campaign | None, tier: Tier) -> str:
    """The template of follow-ups of a tier: the campaign's own where it has one."""
    usual: str = getattr(settings.email_templates, tier.email_type).email
    return usual if campaign is None else campaign.followup_templates.get(tier, usual)
