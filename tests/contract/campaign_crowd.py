"""A few thousand ordinary people on a night with campaigns behind and before them, the same every time.

Ten campaigns that share few days, targets by name and by all, some too late and some unreadable; nine days
of sending after an earlier plan, with clicks, answers and troubles; and what was done to campaigns since.
`reference_rows` asks the reference for so many at once. What does not belong here: any rule, any expectation.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta

from tests.contract.diary import crowd
from tests.plan import reference
from tests.plan.bridge import planned_by_carillon, rows_of
from tests.plan.reference_campaigns import (
    Answer,
    Campaigns,
    CampaignType,
    Click,
    Instance,
    Target,
    candidates,
)
from tests.plan.reference_facts import Contact, Row, Rules, Sent
from tests.plan.worlds import Night, World, after, state_of
from tests.plan.worlds_campaigns import ANSWERS, AWKWARD_TRIGGERS

DAYS = 9
"""Between the earlier plan and tonight's."""
TYPES = [
    CampaignType("rate_increase", days_before_event=14, priority=1),
    CampaignType("promo", days_before_event=7, priority=5),
    CampaignType("notice", respect_exclusion_windows=False, enable_followups=False, priority=1),
    CampaignType("retired", active=False),
    CampaignType("thanks", days_before_event=-4, priority=6),
    CampaignType("blast", target_all_contacts=True, respect_exclusion_windows=False, enable_followups=False),
]
NOT_ALL = '{"target_all_contacts": false, "priority": 3}'


def instances(then: date) -> list[Instance]:
    """What there was to send at the time of the earlier plan."""

    def day(n: int) -> date:
        return then + timedelta(days=n)

    made = day(-20)
    return [
        Instance(1, "rate_increase", "Rates north", made),
        Instance(2, "rate_increase", "Rates south", made, metadata='{"priority": 2}'),
        Instance(3, "promo", "Früh dran", made, metadata='{"priority": 1}'),
        Instance(4, "notice", "Notice", day(-3)),
        Instance(5, "promo", "On hold", made),
        Instance(6, "retired", "Of old", made),
        Instance(7, "promo", "Short", made, active_start=day(8), active_end=day(20)),
        Instance(8, "promo", "Over", made),
        Instance(9, "thanks", "Thanks", made, metadata='{"active": true}'),
        Instance(10, "blast", "Welcome", made, active_start=day(1)),
        Instance(11, "blast", "Everyone", made, active_start=day(18), metadata='{"priority": 4}'),
        Instance(12, "blast", "By name", made, metadata=NOT_ALL),
    ]


def campaign_crowd(how_many: int, today: date, seed: int = 1) -> World:
    """The world before tonight's plan."""
    chance = random.Random(seed)
    then = today - timedelta(days=DAYS)
    plain = crowd(how_many, then, seed)
    rules = replace(plain.rules, followups=True, campaigns=True, blackout_weekdays={6}, max_per_period=3)
    contacts = [
        replace(one, created=then - timedelta(days=chance.randrange(-8, 300))) for one in plain.contacts
    ]
    there = [one for one in contacts if one.created and one.created <= then]
    campaigns = Campaigns(TYPES, instances(then), targets(contacts, then, chance))
    past = World(there, [], history(there, then, chance), [], rules, then, campaigns)
    past = replace(past, stored=rows_of(planned_by_carillon(past).working.rows))
    statuses = ("sent", "sent", "delivered", "sent", "bounced", "failed", "cancelled", "in_doubt", "sent")
    world = after(past, past.stored, Night(DAYS, statuses, every_day=True, pin=(7, 3)))
    world = replace(world, contacts=contacts, campaigns=edited(campaigns, today, contacts, chance))
    return replace(world, campaigns=reacted(world, chance))


def targets(contacts: list[Contact], then: date, chance: random.Random) -> list[Target]:
    """Some campaigns for most people, on few days, a few of them unreadable."""
    days = [then + timedelta(days=n) for n in (-40, -2, 10, 16, 19, 23, 24, 30, 44)]
    found: dict[tuple[int, int, str], Target] = {}
    for contact in contacts:
        for number in chance.sample([1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 12], chance.choice([0, 1, 2, 4])):
            trigger = chance.choice(AWKWARD_TRIGGERS) if chance.random() < 0.04 else str(chance.choice(days))
            found[contact.id, number, trigger] = Target(contact.id, number, trigger, then)
    return list(found.values())


def history(contacts: list[Contact], then: date, chance: random.Random) -> list[Sent]:
    """Anniversary emails of the months before, and a little mail from elsewhere."""
    found = []
    for contact in chance.sample(contacts, len(contacts) // 4):
        send = then - timedelta(days=chance.choice([1, 3, 20, 30, 70, 100]))
        kind = chance.choice([0, 1, 2, 3, None])
        event = None if kind is None else send + timedelta(days=14)
        status = chance.choice(["sent", "sent", "sent", "bounced", "in_doubt", "cancelled"])
        found.append(Sent(contact.id, kind, event, send, status))
    return found


def edited(campaigns: Campaigns, today: date, contacts: list[Contact], chance: random.Random) -> Campaigns:
    """One campaign is paused, one archived; some targets go, and some come too late."""
    changed = {5: {"status": "paused"}, 8: {"status": "archived"}}
    late = [
        Target(one.id, 9, str(today - timedelta(days=chance.choice([3, 30, 60]))), today)
        for one in chance.sample(contacts, len(contacts) // 20)
    ]
    kept = [one for one in campaigns.targets if chance.random() < 0.97]
    known = {(one.contact_id, one.instance_id, one.trigger) for one in kept}
    kept += [one for one in late if (one.contact_id, one.instance_id, one.trigger) not in known]
    made = [replace(one, **changed.get(one.id, {})) for one in campaigns.instances]  # type: ignore[arg-type]
    return replace(campaigns, targets=kept, instances=made)


def reacted(world: World, chance: random.Random) -> Campaigns:
    """Clicks and answers to what was sent."""
    clicks, answers = [], []
    for email in world.sent:
        if email.kind is None or email.event is None or email.status not in ("sent", "delivered"):
            continue
        if chance.random() < 0.3:
            clicks += [Click(email.contact_id, email.kind, email.event)] * chance.choice([1, 3])
        if chance.random() < 0.35:
            day = email.send + timedelta(days=chance.choice([-1, 0, 0]))
            answers.append(Answer(email.contact_id, day, chance.choice(ANSWERS)))
    return replace(world.campaigns, clicks=clicks, answers=answers)


def reference_rows(world: World) -> list[Row]:
    """The reference's plan. Candidates are made contact by contact: made of all at once they take minutes."""
    own: defaultdict[int, Campaigns] = defaultdict(
        lambda: replace(world.campaigns, targets=[], clicks=[], answers=[])
    )
    sent: defaultdict[int, list[Sent]] = defaultdict(list)
    for row in world.sent:
        sent[row.contact_id].append(row)
    for name in ("targets", "clicks", "answers"):
        for one in getattr(world.campaigns, name):
            getattr(own[one.contact_id], name).append(one)
    extra = [
        found
        for one in world.contacts
        for found in candidates([one], sent[one.id], own[one.id], world.rules, world.today)
    ]
    alone: Rules = replace(world.rules, campaigns=False, followups=False)
    return reference.plan(world.contacts, world.stored, world.sent, extra, alone, world.today, state_of).rows
