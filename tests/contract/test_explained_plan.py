"""Everyone of a plan of 2,000 contacts is told what the slow reference decides of them, and its reasons.

The expectations are worked out from the reference's world alone: windows, priorities, dates and statuses of
campaigns, what was sent and how people took it. The words are looked for these facts, not for their wording.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta

import numpy as np
import pytest
from sqlalchemy import Connection

from carillon.keys import contact_of
from carillon.plan.explain import NOT_CONSIDERED, Email, Explanation, Facts, explain
from carillon.plan.gather import load, prepare
from carillon.plan.inquire import explain as ask
from carillon.plan.working import Working
from carillon.store import people
from carillon.store.engine import open_database
from carillon.store.planning import PlanReader
from tests.contract.campaign_crowd import DAYS, campaign_crowd, reference_rows
from tests.contract.databases import sqlite_url
from tests.contract.diary import KIND_WORDS, Diary
from tests.plan import reference
from tests.plan.reference import excluded, windows_holding, without_bad_dates
from tests.plan.reference_campaigns import (
    ANSWERED,
    CLICKED,
    FIRST_DAY,
    LAST_DAY,
    WITH_CONDITIONS,
    CampaignType,
    Instance,
    Target,
    effective,
    shifted,
    tier_of,
)
from tests.plan.reference_facts import (
    COUNTS_AS_SENT,
    FIRST_CAMPAIGN,
    Contact,
    Row,
    Sent,
    deadline_of,
    parse_date,
)
from tests.plan.worlds import STATE_OF_ZIP, World

TODAY = date(2026, 3, 10)
PEOPLE = 2_000
DAY = timedelta(days=1)
SINCE = TODAY - 90 * DAY
EARLIER = TODAY - DAYS * DAY
"""The day of the plan before."""
SOMETIMES = (
    "planned",
    "missed",
    "campaign_conflict",
    "campaign_inactive",
    "frequency_limit",
    "campaign_rate_increase",
    "campaign_blast",
    "post_window",
)
"""What has to happen in the world, or the test tests nothing."""


@dataclass
class Told:
    """A world with the reference's plan, and what everyone is told of it."""

    world: World
    diary: Diary
    rows: dict[int, list[Row]]
    sent: dict[int, list[Sent]]
    targets: dict[int, list[Target]]
    stored: set[Row]
    """Rows as the earlier plan left them."""
    explanations: dict[int, Explanation]

    def instance(self, kind: int) -> Instance | None:
        return next((one for one in self.world.campaigns.instances if one.kind == kind), None)

    def name(self, kind: int) -> str:
        """What has to be said of an email of this kind."""
        instance = self.instance(kind)
        words = {0: "birthday", 1: "effective-date", 2: "AEP", 3: "post-window"}
        return words[kind] if instance is None else f'"{instance.name}"'


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("told")
    database = open_database(sqlite_url(folder), folder)
    world = campaign_crowd(PEOPLE, TODAY)
    diary = Diary(database, batch_size=1_000)
    diary.load(world)
    diary.execute(
        "insert into scheduler_checkpoints (id, run_timestamp, scheduler_run_id, status, today)"
        f" values (1, '{EARLIER}T00:10:00Z', 'earlier', 'completed', '{EARLIER}')",
        "update plan set run = 1",
    )
    diary.plan(world)
    rows = reference_rows(world)
    assert diary.rows() == rows
    targets = by_contact(world.campaigns.targets)
    found = Told(world, diary, by_contact(rows), by_contact(world.sent), targets, set(world.stored), {})
    with database.snapshot() as connection:
        found.explanations = {one.contact.id: one for one in explained(connection, diary, world)}
    yield found
    database.close()


def by_contact(things):  # type: ignore[no-untyped-def]
    found = defaultdict(list)
    for one in things:
        found[one.contact_id].append(one)
    return found


def explained(connection: Connection, diary: Diary, world: World) -> Iterator[Explanation]:
    """As `inquire.explain` does it, but with one working set for all."""
    settings = diary.workspace(world).settings
    reader = PlanReader(connection)
    task = prepare(reader, settings, world.today)
    everyone = load(reader, task, np.array([one.id for one in world.contacts], np.int64))
    columns = ", ".join(field.name for field in fields(people.Profile))
    profiles = {one[0]: people.Profile(*one) for one in diary.query(f"select {columns} from contacts")}  # type: ignore[arg-type, misc]
    assert not any(contact.suppressed for contact in world.contacts)
    for at, contact in enumerate(everyone.people.id.tolist()):
        facts = Facts(
            profiles[contact],
            [],
            people.left(connection, contact, task.today - 90),
            people.planned_on(connection, contact),
            people.aims(connection, contact),
            world.today,
            up_to_date=True,
        )
        yield explain(alone(everyone, at), task, settings, facts)


def alone(everyone: Working, at: int) -> Working:
    """One contact's part of a working set."""
    contact = int(everyone.people.id[at])

    def mine(frame):  # type: ignore[no-untyped-def]
        contacts = contact_of(frame.key)
        return frame.take(slice(*np.searchsorted(contacts, [contact, contact + 1])))

    rows = mine(everyone.rows)
    return Working(
        everyone.people.take(slice(at, at + 1)),
        everyone.born[at : at + 1],
        mine(everyone.stored),
        mine(everyone.sent),
        replace(rows, who=np.zeros(len(rows), np.int64)),
        everyone.targets.take(everyone.targets.contact == contact),
        mine(everyone.followed),
        everyone.orphans,
        [issue for issue in everyone.issues if issue[0] == contact],
        [],
        [],
    )


# ---------------------------------------------------------------------------------------------------
# Rows


def type_of(told: Told, row: Row) -> str:
    if row.followup:
        return row.tier or ""
    instance = told.instance(row.kind)
    return KIND_WORDS[row.kind] if instance is None else f"campaign_{instance.type}"


def is_told(row: Row, held_up: bool) -> bool:
    """What is ahead, may still go, or was settled lately."""
    return row.send >= SINCE or row.event > TODAY or held_up


def campaign_name(told: Told, kind: int | None) -> str | None:
    instance = told.instance(kind) if kind is not None else None
    return instance.name if instance else None


def pairs(told: Told) -> Iterator[tuple[Contact, Row, Email]]:
    """Every row of the plan with what is said of it."""
    for contact in told.world.contacts:
        explanation = told.explanations[contact.id]
        said: dict[tuple[object, ...], Email] = {}
        for email in [*explanation.emails, *explanation.past]:
            if email.status in ("pre-scheduled", "skipped"):
                key = (email.email_type, email.campaign, email.event)
                assert key not in said, (contact, email)
                said[key] = email
        for row in told.rows[contact.id]:
            email = said.pop((type_of(told, row), campaign_name(told, row.kind), row.event), None)
            if email is None:
                assert not is_told(row, row.reason == "campaign_inactive" and deadline(told, row) >= TODAY), (
                    row
                )
            else:
                yield contact, row, email
        assert not said, contact


def fields_of(told: Told, instance: Instance) -> CampaignType:
    """The effective fields of an instance."""
    return effective(next(one for one in told.world.campaigns.types if one.name == instance.type), instance)


def deadline(told: Told, row: Row) -> date:
    instance = told.instance(row.kind)
    last = row.ideal + 10 * DAY if row.followup else deadline_of(row.event, row.ideal, told.world.rules)
    return min(last, instance.active_end) if instance and instance.active_end else last


def test_every_row_is_told_as_the_reference_plans_it(told: Told) -> None:
    seen: Counter[str] = Counter()
    for contact, row, email in pairs(told):
        status = "pre-scheduled" if row.reason is None else "skipped"
        said = (email.status, email.day, email.ideal, email.skip_reason)
        assert said == (status, row.send, row.ideal, row.reason), (contact, row)
        assert email.next_run is None, (row, email.next_run)
        assert (row.reason is None) == email.words.startswith("planned"), email
        if row.reason is not None and reference.is_final(row, TODAY):
            assert "that is final" in email.words
        elif "that is final" in email.words:
            assert reference.is_history(row, TODAY), "its candidate is gone"
        seen[row.reason or "planned"] += 1
        seen[type_of(told, row)] += 1
    for one in (*SOMETIMES, CLICKED, ANSWERED, WITH_CONDITIONS):
        assert seen[one] >= 5, one
    for explanation in told.explanations.values():
        assert explanation.notes == []


def test_reasons_name_what_the_reference_finds(told: Told) -> None:
    for contact, row, email in pairs(told):
        facts = {
            None: planned,
            "missed": missed,
            "campaign_inactive": inactive,
            "campaign_conflict": conflict,
            "frequency_limit": frequency,
        }.get(row.reason, window)(told, contact, row)
        for fact in facts:
            assert fact in email.words, (fact, row, email.words)
        if row.followup:
            for fact in followup(told, contact, row):
                assert fact in email.words, (fact, row, email.words)


def planned(told: Told, contact: Contact, row: Row) -> list[str]:
    """Its ideal day; what that follows from."""
    facts = [] if row.send == row.ideal and not row.pinned else [f"moved from {row.ideal}"]
    if row.pinned:
        facts.append("by hand")
    elif row.send == row.ideal:
        facts.append("on its ideal day")
    else:
        facts.append(mover(told, row))
    apart = abs((row.event - row.ideal).days)
    targeted = any(parse_date(one.trigger) == row.event and one.instance_id == row.instance
                   for one in told.targets[contact.id])  # fmt: skip
    if row.kind >= FIRST_CAMPAIGN and not row.followup:
        if not targeted:
            facts.append("the campaign writes to everyone")
        elif apart:
            facts.append(f"{apart} day{'' if apart == 1 else 's'} ")
            facts.append(f"{'before' if row.event > row.ideal else 'after'} its trigger date, {row.event}")
    return facts


def mover(told: Told, row: Row) -> str:
    """What gave it another day, by the run that wrote it: the earlier one, or tonight's."""
    run_day = EARLIER if row in told.stored else TODAY
    if row.followup and row.ideal <= run_day:
        return f"its day had come when it was planned on {run_day}"
    if row.ideal < run_day:
        return f"its day had passed when it was planned on {run_day}"
    if row.kind == 1 and row.send < row.ideal:
        return "many effective-date emails share that day"
    alone = row.kind != 1 and not reference.is_blackout(row.ideal, told.world.rules)
    return "(daily cap)" if alone else ""


def missed(told: Told, contact: Contact, row: Row) -> list[str]:
    instance = told.instance(row.kind)
    if instance is None or row.followup:
        return [str(deadline(told, row))]
    known = instance.created
    for one in told.targets[contact.id]:
        if one.instance_id == instance.id and parse_date(one.trigger) == row.event:
            known = max(instance.created, one.created or instance.created)
    if row.ideal < known and row.event < known:
        return [
            "added" if known > instance.created else "was made",
            str(known),
            str(row.ideal),
            str(row.event),
        ]
    return ["no allowed day was left", str(deadline(told, row))]


def inactive(told: Told, _contact: Contact, row: Row) -> list[str]:
    instance = told.instance(row.kind)
    assert instance is not None
    facts = []
    if instance.status == "paused":
        facts.append(f'"{instance.name}" is paused')
    if not fields_of(told, instance).active:
        facts.append(f"{instance.type} is not active")
    if facts:
        last = deadline(told, row)
        return [*facts, *([str(last)] if last >= TODAY and not row.followup else [])]
    if instance.active_start and row.ideal < instance.active_start and not row.followup:
        return ["before", str(row.ideal), str(instance.active_start)]
    return ["after", str(row.ideal), str(instance.active_end)]


def conflict(told: Told, contact: Contact, row: Row) -> list[str]:
    """The one campaign email that is left on that day."""
    gone = [
        one
        for one in told.sent[contact.id]
        if one.send == row.send and one.kind is not None and one.kind >= FIRST_CAMPAIGN
        and not one.followup and one.status in COUNTS_AS_SENT
    ]  # fmt: skip
    if gone:
        return [told.name(gone[0].kind or 0), "has left already"]
    there = [
        one
        for one in told.rows[contact.id]
        if one.send == row.send and one.reason is None and one.kind >= FIRST_CAMPAIGN and not one.followup
    ]
    if not there:
        assert reference.is_final(row, TODAY)
        return ["came first when this was planned"]
    (kept,) = there
    if kept.pinned:
        return [told.name(kept.kind), "by hand"]
    assert (kept.priority, kept.kind) < (row.priority, row.kind)
    how = f"of priority {kept.priority}, before {row.priority}"
    return [told.name(kept.kind), how if kept.priority < row.priority else "made first"]


def frequency(told: Told, contact: Contact, row: Row) -> list[str]:
    kept = [(one.kind, one.send) for one in told.rows[contact.id] if one.reason is None and not one.followup]
    kept += [
        (one.kind, one.send)
        for one in told.sent[contact.id]
        if one.status in COUNTS_AS_SENT and not one.followup
    ]
    near = [(kind, day) for kind, day in kept if abs((day - row.send).days) < told.world.rules.period_days]
    return [str(day) for _, day in near] + [told.name(kind) for kind, _ in near if kind is not None]


def window(told: Told, contact: Contact, row: Row) -> list[str]:
    """The window that holds its day, from when to when; and the email that makes up for it."""
    who, rules = without_bad_dates(contact, TODAY), told.world.rules
    state = STATE_OF_ZIP[(contact.zip_code or "")[:5]]
    if excluded(who, state, row.send, rules) is None:
        return ["an earlier run"]
    if row.reason in ("year_round_exclusion", "age_exclusion"):
        return [f"{state} allows no mail"]
    first, last = next(
        (first, last)
        for reason, first, last in windows_holding(who, state, row.send, rules)
        if reason == row.reason
    )
    facts = [f"({first} to {last})"]
    made_up = reference.post_window_event(who, state, row.send, told.sent[contact.id], rules)
    for one in told.rows[contact.id]:
        follows = one.kind == 3 and not one.followup and one.event == made_up and one.reason is None
        if follows and row.kind != 3 and not row.followup and row.send == row.ideal and not row.pinned:
            facts.append(f"the post-window email on {one.send} makes up for it")
    return facts


def followup(told: Told, contact: Contact, row: Row) -> list[str]:
    """Which email it answers, and what the receiver made of that."""
    initial = next(
        (one for one in told.sent[contact.id] if (one.kind, one.event, one.followup) == row.parent), None
    )
    if initial is None:
        return []
    settled = reference.is_final(row, TODAY)
    assert settled or row.tier == tier_of(initial, told.world.campaigns)
    facts = [told.name(row.kind), f"of {initial.send}; "]
    clicked = any(
        (one.contact_id, one.kind, one.event, one.followup) == (contact.id, *row.parent)  # type: ignore[misc]
        for one in told.world.campaigns.clicks
    )
    if clicked and not settled:
        facts.append("clicked")
    facts.append({
        WITH_CONDITIONS: "answered the health questions, with conditions",
        ANSWERED: "answered the health questions, without conditions",
        CLICKED: "clicked, has not answered the health questions",
    }.get(row.tier or "", "has neither clicked nor answered the health questions"))  # fmt: skip
    return facts


# ---------------------------------------------------------------------------------------------------
# What has left, and what is not there


def test_what_has_left_is_told(told: Told) -> None:
    for contact in told.world.contacts:
        explanation = told.explanations[contact.id]
        expected = Counter(
            (one.status, one.send, one.event, campaign_name(told, one.kind))
            for one in told.sent[contact.id]
            if one.send >= SINCE
        )
        statuses = {one.status for one in told.world.sent}
        said = Counter(
            (one.status, one.day, one.event, one.campaign)
            for one in [*explanation.emails, *explanation.past]
            if one.status in statuses
        )
        assert said == expected, contact


def test_targets_without_an_email_are_told_why(told: Told) -> None:
    seen: Counter[str] = Counter()
    for contact in told.world.contacts:
        explanation = told.explanations[contact.id]
        expected = Counter(absent_targets(told, contact, explanation.eligible))
        said = [
            one
            for one in explanation.emails
            if one.status == NOT_CONSIDERED and one.email_type.startswith("campaign")
        ]
        for email in said:
            fits = next((fact for fact in expected if matches(email, *fact)), None)
            assert fits is not None, (contact, email, expected)
            expected[fits] -= 1
            seen[fits[2]] += 1
        assert not +expected, (contact, expected, said)
    for reason in ("is archived", "cannot be used", "writes once to everyone", "cannot be written to"):
        assert seen[reason] >= 5, reason


def matches(email: Email, name: str, event: date | None, reason: str) -> bool:
    return (email.campaign, email.event) == (name, event) and reason in email.words


def absent_targets(told: Told, contact: Contact, eligible: bool) -> Iterator[tuple[str, date | None, str]]:
    """Campaign, trigger date and reason of what could be expected and is not there."""
    rows = {row.key for row in told.rows[contact.id]}
    sent = {(one.kind, one.event): one for one in told.sent[contact.id] if not one.followup}
    for target in told.targets[contact.id]:
        instance = told.instance(FIRST_CAMPAIGN + target.instance_id)
        assert instance is not None
        trigger = parse_date(target.trigger)
        usable = trigger is not None and FIRST_DAY <= trigger <= LAST_DAY
        gone = sent.get((instance.kind, trigger)) if usable else None
        if trigger is not None and (instance.kind, trigger, False) in rows:
            continue
        if gone is not None and gone.send >= SINCE:
            continue
        archived = instance.status == "archived"
        if trigger is not None and trigger < SINCE and (usable or archived):
            continue
        reason = "is archived" if archived else "cannot be used" if not usable else "already sent"
        if eligible and reason == "already sent" and gone is None:
            assert shifted(trigger, -fields_of(told, instance).days_before_event) is None
            reason = "outside the years"
        event = date_or_none(target.trigger)
        yield instance.name, event, reason if eligible else "cannot be written to"
    for instance in told.world.campaigns.instances:
        to_all = fields_of(told, instance).target_all_contacts and instance.status != "archived"
        if not to_all or not eligible:
            continue
        if any(kind == instance.kind for kind, _ in sent):
            yield instance.name, None, "writes once to everyone"


def date_or_none(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def test_emails_without_a_follow_up_are_told_why(told: Told) -> None:
    seen: Counter[str] = Counter()
    for contact in told.world.contacts:
        explanation = told.explanations[contact.id]
        answered = {row.parent for row in told.rows[contact.id] if row.followup}
        answered |= {(one.kind, one.event, False) for one in told.sent[contact.id] if one.followup}
        expected = Counter(
            (campaign_name(told, one.kind), one.send, why_unanswered(told, one, explanation.eligible))
            for one in told.sent[contact.id]
            if SINCE <= one.send <= TODAY and not one.followup
            and one.status in ("sent", "delivered", "bounced", "in_doubt")
            and (one.kind, one.event, False) not in answered
        )  # fmt: skip
        said = [
            one
            for one in [*explanation.emails, *explanation.past]
            if one.status == NOT_CONSIDERED and one.email_type == "followup"
        ]
        for email in said:
            fits = next(
                fact
                for fact in expected
                if expected[fact] and email.campaign == fact[0] and f"of {fact[1]} " in email.words
                and fact[2] in email.words
            )  # fmt: skip
            expected[fits] -= 1
            seen[fits[2]] += 1
        assert not +expected, (contact, expected, said)
    for reason in (
        "has no follow-ups",
        "it bounced",
        "nobody knows",
        "longer ago",
        "not known",
        "had passed",
    ):
        assert seen[reason] >= 3, reason


def why_unanswered(told: Told, sent: Sent, eligible: bool) -> str:
    if not eligible:
        return "cannot be written to"
    if sent.kind is None:
        return "not known"
    if sent.status in ("bounced", "in_doubt"):
        return "it bounced" if sent.status == "bounced" else "nobody knows"
    instance = told.instance(sent.kind)
    if instance is not None:
        if instance.status == "archived":
            return "archived"
        if not fields_of(told, instance).enable_followups:
            return "has no follow-ups"
    if sent.send < TODAY - told.world.rules.followup_lookback_days * DAY:
        return "longer ago"
    return "had passed"


def test_one_contact_asked_for_alone_is_told_the_same(told: Told) -> None:
    workspace = told.diary.workspace(told.world)
    for contact in list(told.explanations)[::100]:
        (found,) = ask(workspace, str(contact))
        assert found == told.explanations[contact]
