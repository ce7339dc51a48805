"""Small random worlds with campaigns and follow-ups, and what happens to them from night to night.

`campaign_worlds()` draws a world whose few contacts are targets of up to four instances that share few days;
its outbox holds campaign and anniversary emails that people clicked and answered, and its stored rows come
from an earlier night on which campaigns, targets and rules were still others. A `CampaignNight` is a `Night`
and what is done to campaigns, or by people, before the next run; `morning` applies it. What does not belong
here: any rule.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.plan.reference_campaigns import (
    ANSWERED,
    CLICKED,
    COLD,
    WITH_CONDITIONS,
    Answer,
    Campaigns,
    CampaignType,
    Click,
    Instance,
    Target,
    candidates,
)
from tests.plan.reference_facts import Contact, Extra, Row, Rules, Sent
from tests.plan.worlds import (
    OUTBOX_STATUSES,
    Book,
    Night,
    World,
    after,
    books,
    changes,
    odd_rows,
    pins,
    rules,
    todays,
)

TIERS = [COLD, CLICKED, ANSWERED, WITH_CONDITIONS]
TYPE_NAMES = ["rate_increase", "initial_blast", "regulatory_notice"]
INSTANCE_NAMES = ["Frühjahr", "autumn 2026", "Q1", "notice to all"]
NO_SUCH_INSTANCE = 9

METADATA = [
    *[None] * 8,
    '{"priority": 1}',
    '{"priority": "1", "days_before_event": 3}',
    '{"days_before_event": -4, "enable_followups": true}',
    '{"days_before_event": 2.0, "active": 0, "target_all_contacts": "yes"}',
    '{"days_before_event": true, "respect_exclusion_windows": null}',
    '{"days_before_event": 60000}',
    '{"target_all_contacts": true}',
    '{"target_all_contacts": false, "respect_exclusion_windows": true}',
    '{"respect_exclusion_windows": false}',
    '{"enable_followups": false}',
    '{"active": false}',
    '{"active": true, "unknown": [1]}',
    "[]",
]
"""Overrides, right and wrong ones."""

ANSWERS = [
    None,
    "{}",
    "[1]",
    '{"has_medical_conditions": true}',
    '{"has_medical_conditions": false, "main_questions_yes_count": 2}',
    '{"main_questions_yes_count": 0}',
    '{"has_medical_conditions": "true", "main_questions_yes_count": "3"}',
    '{"has_medical_conditions": 1, "main_questions_yes_count": true}',
]
"""What people answered, with conditions, without, and unreadably."""

AWKWARD_TRIGGERS = ["soon", "", "1970-01-01", "1970-01-02", "2120-12-31", "2121-01-01", "2025-02-30"]


@dataclass(frozen=True)
class Change:
    """One thing done to campaigns. `which` counts instances, targets, contacts or sent emails round and
    round; what `value` is depends on `what` (see `changed`)."""

    what: str
    which: int
    value: Any = None


@dataclass(frozen=True)
class CampaignNight:
    """What happens between two runs of a world with campaigns."""

    night: Night = field(default_factory=Night)
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class CampaignStory:
    """A world and the nights that follow."""

    world: World
    nights: list[CampaignNight] = field(default_factory=list)


# ---------------------------------------------------------------------------------------------------
# What a change does


def with_instance(campaigns: Campaigns, which: int, **fields: Any) -> Campaigns:
    """The same with one instance changed."""
    if not campaigns.instances:
        return campaigns
    instances = list(campaigns.instances)
    place = which % len(instances)
    instances[place] = replace(instances[place], **fields)
    return replace(campaigns, instances=instances)


def with_target(world: World, target: Target) -> Campaigns:
    """The same with one more target, unless there is that target already."""
    campaigns = world.campaigns
    keys = {(one.contact_id, one.instance_id, one.trigger) for one in campaigns.targets}
    if (target.contact_id, target.instance_id, target.trigger) in keys:
        return campaigns
    return replace(campaigns, targets=[*campaigns.targets, target])


def changed(world: World, change: Change) -> World:
    """The world with one change made to it today."""
    campaigns, which, value = world.campaigns, change.which, change.value
    contact = world.contacts[which % len(world.contacts)]
    if change.what == "status":
        campaigns = with_instance(campaigns, which, status=value)
    elif change.what == "dates":
        start, end = (None if n is None else world.today + timedelta(days=n) for n in value)
        campaigns = with_instance(campaigns, which, active_start=start, active_end=end)
    elif change.what == "metadata":
        campaigns = with_instance(campaigns, which, metadata=value)
    elif change.what == "type":
        types = list(campaigns.types)
        types[which % len(types)] = replace(types[which % len(types)], **value)
        campaigns = replace(campaigns, types=types)
    elif change.what == "delete" and campaigns.instances:
        kept = list(campaigns.instances)
        del kept[which % len(kept)]
        campaigns = replace(campaigns, instances=kept)
    elif change.what == "untarget" and campaigns.targets:
        targets = list(campaigns.targets)
        del targets[which % len(targets)]
        campaigns = replace(campaigns, targets=targets)
    elif change.what == "target" and campaigns.instances:
        place, offset = value
        instance = campaigns.instances[place % len(campaigns.instances)]
        trigger = (world.today + timedelta(days=offset)).isoformat()
        campaigns = with_target(world, Target(contact.id, instance.id, trigger, world.today))
    elif change.what == "click" and world.sent:
        click = click_in(world.sent[which % len(world.sent)])
        campaigns = replace(campaigns, clicks=campaigns.clicks + click)
    elif change.what == "answer":
        answer = Answer(contact.id, world.today, value)
        campaigns = replace(campaigns, answers=[*campaigns.answers, answer])
    return replace(world, campaigns=campaigns)


def morning(world: World, rows: list[Row], night: CampaignNight) -> World:
    """The world the next run finds, when the last one stored `rows`."""
    world = after(world, rows, night.night)
    for change in night.changes:
        world = changed(world, change)
    return world


def click_in(email: Sent) -> list[Click]:
    """A click in that email; none in mail from elsewhere."""
    if email.kind is None or email.event is None:
        return []
    return [Click(email.contact_id, email.kind, email.event, email.followup)]


# ---------------------------------------------------------------------------------------------------
# Drawing


def type_fields() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "respect_exclusion_windows": st.booleans(),
            "enable_followups": st.sampled_from([True, True, False]),
            "days_before_event": st.sampled_from([0, 0, 14, 3, 1, -1, -4]),
            "target_all_contacts": st.sampled_from([False, False, True]),
            "priority": st.integers(1, 10),
            "active": st.sampled_from([True] * 7 + [False]),
        }
    )


def active_dates() -> st.SearchStrategy[tuple[int | None, int | None]]:
    """Days from today; an end may come before a start."""
    return st.tuples(st.none() | st.integers(-30, 15), st.none() | st.integers(-10, 40))


@st.composite
def some_campaigns(draw: st.DrawFn, contacts: list[Contact], today: date) -> Campaigns:
    """A few types, instances of them that share few days, and their targets."""

    def from_today(days: int | None) -> date | None:
        return None if days is None else today + timedelta(days=days)

    types = [CampaignType(name, **draw(type_fields())) for name in TYPE_NAMES[: draw(st.integers(1, 3))]]
    near = st.integers(-20, 35) | st.integers(-70, 70)
    triggers = [(today + timedelta(days=n)).isoformat() for n in draw(st.lists(near, min_size=1, max_size=3))]
    past = st.integers(-60, 0) | st.integers(-3, 0)
    instances: list[Instance] = []
    targets: dict[tuple[int, int, str], Target] = {}
    for number in range(1, 1 + draw(st.integers(0, 4))):
        start, end = draw(active_dates()) if draw(st.booleans()) else (None, None)
        instance = Instance(
            number,
            draw(st.sampled_from(types)).name,
            INSTANCE_NAMES[number - 1],
            today + timedelta(days=draw(past)),
            draw(st.sampled_from(["active"] * 6 + ["paused", "archived"])),
            from_today(start),
            from_today(end),
            draw(st.sampled_from(METADATA)),
        )
        instances.append(instance)
        for contact in draw(st.lists(st.sampled_from(contacts), max_size=6)):
            trigger = draw(st.sampled_from(triggers * 8 + AWKWARD_TRIGGERS))
            created = from_today(draw(st.none() | past))
            targets[contact.id, number, trigger] = Target(contact.id, number, trigger, created)
    stray = [Target(contacts[0].id, NO_SUCH_INSTANCE, triggers[0])] if draw(st.booleans()) else []
    return Campaigns(types, instances, [*targets.values(), *stray])


@st.composite
def campaign_rules(draw: st.DrawFn, today: date) -> Rules:
    """Rules with follow-ups, and seldom without one of the two features."""
    days_after = draw(st.sampled_from([2, 2, 2, 1, 5, 14]))
    return replace(
        draw(rules(today)),
        followup_days_after=days_after,
        followup_lookback_days=draw(st.sampled_from([days_after + 10, 35, 60])),
        campaigns=draw(st.sampled_from([True] * 11 + [False])),
        followups=draw(st.sampled_from([True] * 11 + [False])),
    )


@st.composite
def histories(
    draw: st.DrawFn, contacts: list[Contact], campaigns: Campaigns, book: Book, by: Rules
) -> list[Sent]:
    """Campaign and anniversary emails that have left, most of them lately, and some of their follow-ups."""
    today = book.today
    possible: list[Extra] = [
        one for one in candidates(contacts, [], campaigns, by, today) if not one.followup
    ]
    found: dict[tuple[int, int | None, date | None, bool], Sent] = {}
    for _ in range(draw(st.sampled_from([0, 1, 3, 5, 7, 9]))):
        send = today + timedelta(days=draw(st.sampled_from([*range(-14, 1), *range(-14, 1), 1, 3, -35, -50])))
        status = draw(st.sampled_from([*["sent", "delivered"] * 5, *OUTBOX_STATUSES]))
        who = draw(st.sampled_from(contacts)).id
        kind = draw(st.sampled_from([17, 18, 17, 19, 0, 1, 2, 3, 16 + NO_SUCH_INSTANCE, None]))
        event: date | None = None if kind is None else send + timedelta(days=draw(st.integers(-3, 30)))
        if possible and draw(st.booleans()):
            one: Extra = draw(st.sampled_from(possible))
            who, kind, event = one.contact_id, one.kind, one.event
        priority = draw(st.integers(1, 9))
        found[who, kind, event, False] = Sent(who, kind, event, send, status, priority=priority)
        if kind is not None and draw(st.integers(0, 7)) == 7:
            later = send + timedelta(days=draw(st.integers(1, 9)))
            status = draw(st.sampled_from(OUTBOX_STATUSES))
            found[who, kind, event, True] = Sent(who, kind, event, later, status, True, priority)
    return list(found.values())


@st.composite
def reactions(
    draw: st.DrawFn, contacts: list[Contact], sent: list[Sent], today: date
) -> tuple[list[Click], list[Answer]]:
    """Clicks in some of the emails, and answers before and after them."""
    clicks: list[Click] = []
    answers = []
    for email in draw(st.lists(st.sampled_from(sent), max_size=6)) if sent else []:
        if draw(st.booleans()):
            clicks += click_in(email)
        else:
            day = min(today, email.send + timedelta(days=draw(st.integers(-2, 4))))
            answers.append(Answer(email.contact_id, day, draw(st.sampled_from(ANSWERS))))
    if draw(st.booleans()):
        contact = draw(st.sampled_from(contacts))
        day = today - timedelta(days=draw(st.integers(0, 20)))
        answers.append(Answer(contact.id, day, draw(st.sampled_from(ANSWERS))))
    return clicks, answers


@st.composite
def odd_campaign_rows(draw: st.DrawFn, world: World, book: Book) -> list[Row]:
    """Stored rows that another version, another rule or a hand may have left."""
    found = []
    for row in draw(odd_rows(world.contacts, world.candidates(), book)):
        if row.kind >= 16 and draw(st.integers(0, 3)) == 0:
            row = replace(row, reason="campaign_inactive")
        found.append(replace(row, tier=draw(st.sampled_from(TIERS))) if row.followup else row)
    return found


@st.composite
def campaign_worlds(draw: st.DrawFn, max_contacts: int = 10) -> World:
    """A world with campaigns on a night, with what earlier nights left."""
    today = draw(todays())
    book = draw(books(today))
    ages = st.none() | st.integers(0, 5) | st.integers(0, 400)
    contacts = [
        contact if ago is None else replace(contact, created=today - timedelta(days=ago))
        for contact in draw(book.contacts(max_contacts))
        for ago in [draw(ages)]
    ]
    campaigns = draw(some_campaigns(contacts, today))
    by = draw(campaign_rules(today))
    sent = draw(histories(contacts, campaigns, book, by))
    clicks, answers = draw(reactions(contacts, sent, today))
    world = World(contacts, [], sent, [], by, today, replace(campaigns, clicks=clicks, answers=answers))
    if draw(st.booleans()):
        world = draw(lived_with_campaigns(world, book))
    taken = {(row.contact_id, *row.key) for row in world.stored}
    taken |= {(row.contact_id, row.kind, row.event, row.followup) for row in world.sent}
    for row in draw(odd_campaign_rows(world, book)):
        if (row.contact_id, *row.key) not in taken:
            taken.add((row.contact_id, *row.key))
            world.stored.append(row)
    return world


@st.composite
def lived_with_campaigns(draw: st.DrawFn, world: World, book: Book) -> World:
    """The world after an earlier run that knew fewer contacts, targets and emails, and other campaigns."""
    days = draw(st.sampled_from([1, 1, 2, 8, 20, 40]))
    then = world.today - timedelta(days=days)
    there = [one for one in world.contacts if one.created is None or one.created <= then]
    if not there:
        return world
    now = world.campaigns
    past = replace(
        world,
        contacts=there,
        sent=[row for row in world.sent if row.send <= then],
        rules=draw(st.just(world.rules) | campaign_rules(then)),
        today=then,
        campaigns=Campaigns(
            now.types,
            [one for one in now.instances if one.created <= then],
            [one for one in now.targets if one.created is None or one.created <= then],
            now.clicks,
            [one for one in now.answers if one.day <= then],
        ),
    )
    for change in draw(st.lists(campaign_changes(), max_size=2)):
        past = changed(past, change)
    statuses = tuple(draw(st.lists(st.sampled_from(["sent", *OUTBOX_STATUSES]), max_size=2)))
    night = Night(days, statuses, draw(st.booleans()), draw(changes(book)), draw(pins()), world.rules)
    result = after(past, past.plan().rows, night)
    newer = [one for one in world.contacts if one not in there]
    keys = {(row.contact_id, row.kind, row.event, row.followup) for row in result.sent + result.stored}
    late = [
        row
        for row in world.sent
        if row not in past.sent and (row.contact_id, row.kind, row.event, row.followup) not in keys
    ]
    return replace(result, contacts=result.contacts + newer, sent=result.sent + late, campaigns=now)


@st.composite
def campaign_changes(draw: st.DrawFn) -> Change:
    """One thing that is done to campaigns, or by people, between two runs."""
    values: dict[str, st.SearchStrategy[Any]] = {
        "status": st.sampled_from(["active", "paused", "archived"]),
        "dates": active_dates(),
        "metadata": st.sampled_from(METADATA),
        "type": type_fields().flatmap(
            lambda fields: st.sampled_from(sorted(fields)).map(lambda name: {name: fields[name]})
        ),
        "delete": st.none(),
        "untarget": st.none(),
        "target": st.tuples(st.integers(0, 3), st.integers(-25, 40)),
        "click": st.none(),
        "answer": st.sampled_from(ANSWERS),
    }
    usual = ["status", "dates", "untarget", "target", "click", "click", "answer", "answer"]
    what = draw(st.sampled_from([*usual, *usual, "metadata", "type", "delete"]))
    return Change(what, draw(st.integers(0, 99)), draw(values[what]))


@st.composite
def campaign_nights(draw: st.DrawFn, world: World) -> CampaignNight:
    """What may happen before the next run of this world."""
    book = draw(books(world.today))
    night = Night(
        draw(st.sampled_from([0, 1, 1, 1, 2, 8, 20])),
        tuple(draw(st.lists(st.sampled_from(["sent", "delivered", *OUTBOX_STATUSES]), max_size=3))),
        draw(st.booleans()),
        draw(changes(book)),
        draw(pins()),
        draw(st.none() | st.none() | campaign_rules(world.today)),
    )
    return CampaignNight(night, tuple(draw(st.lists(campaign_changes(), max_size=3))))


@st.composite
def campaign_stories(draw: st.DrawFn, max_contacts: int = 8, max_nights: int = 5) -> CampaignStory:
    """A small world with campaigns and what happens to it night by night."""
    world = draw(campaign_worlds(max_contacts))
    return CampaignStory(world, draw(st.lists(campaign_nights(world), min_size=1, max_size=max_nights)))
