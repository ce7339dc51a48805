"""Thirteen months with campaigns and follow-ups, night by night, while everything that can change does.

A few hundred people live through the real store: campaigns come, are moved, held up, archived; people click
and answer; sender and planner are down for days; somebody changes the rules every few weeks. What must hold
is checked against an onlooker's book (`onlooker`), every night after the run, never with the planner's code.
What happens is told in `campaign_story`. `CARILLON_SOAK=1` takes more people.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from carillon.days import date_of, day_number
from carillon.plan.run import Request, run
from tests.contract import campaign_diary
from tests.contract.diary import crowd, release, workspace_for
from tests.journey.campaign_night import Evening, Verdicts, in_windows
from tests.journey.campaign_story import DAYS, START, TYPES, Story
from tests.journey.lives import DAY, living
from tests.journey.onlooker import FOLLOWUP, TIERS, Book, Letter, kind_in
from tests.plan.bridge import settings_of
from tests.plan.reference import FIRST_CAMPAIGN
from tests.plan.reference_campaigns import Campaigns

PEOPLE = 2_000 if os.environ.get("CARILLON_SOAK") else 240
LAST = day_number(START) + DAYS - 1
STILL = ("plan", "plan_followups", "contact_campaigns", "followup_processing_log", "outbox")
"""Tables that a second run of the same day must not change."""


@dataclass
class Year:
    """How it went."""

    story: Story
    verdicts: Verdicts
    plan: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    inside_windows: int = 0
    """Emails that left inside a window, as campaigns may that ignore them."""

    @property
    def book(self) -> Book:
        return self.story.book


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    """Lives through it all; what must hold every night is checked on the way."""
    world = crowd(PEOPLE, START, seed=5)
    rules = replace(world.rules, cap_share=Decimal("0.05"), followups=True)
    # Of half of them it is known when they came: long ago, or on the first day.
    people = {
        one.id: replace(one, created=START - one.id % 6 * 20 * DAY if one.id % 2 else None)
        for one in world.contacts
    }
    with living(tmp_path_factory.mktemp("campaign-year")) as diary:
        diary.load(replace(world, contacts=list(people.values()), rules=rules))
        book = Book(rules, people, {one.name: one for one in TYPES})
        diary.database.write(lambda c: campaign_diary.move(c, Campaigns(), Campaigns(types=list(TYPES))))
        year = Year(Story(diary, book), Verdicts())
        for offset in range(DAYS):
            try:
                day(year, offset)
            except AssertionError as error:
                error.add_note(f"on day {offset}, {year.story.today}")
                raise
        yield year


def day(year: Year, offset: int) -> None:
    story = year.story
    story.day(offset)
    if story.planner_is_up:
        settings = settings_of(year.book.rules)
        workspace = workspace_for(story.diary.database, settings, story.today)
        report = run(workspace, Request(story.today), lambda *_: None, lambda _: None)
        evening = Evening(story, report, year.plan, year.verdicts)
        evening.check()
        year.plan = evening.plan
        if offset % 23 == 0 or (story.rules_changed and offset % 2 == 0):
            before = story.diary.dump(*STILL)
            run(workspace, Request(story.today, verify=True), lambda *_: None, lambda _: None)
            assert story.diary.dump(*STILL) == before
            story.diary.assert_counted()
        story.touched.clear()
        story.rules_changed = story.unplanned = False
    if story.sender_is_up:
        assert not story.unplanned, "the story lets emails leave by a plan that is out of date"
        send(year, through_view=offset % 5 == 0)


def send(year: Year, through_view: bool) -> None:
    """What is due leaves, and is written down."""
    story, now = year.story, day_number(year.story.today)
    where = f"p.send = {now} and p.state & 15 = 0"
    due = story.diary.query(f"select p.id, p.state from plan p where {where}")
    if through_view:
        ids = ", ".join(str(email) for email, _ in due)
        story.diary.execute(f"update email_schedules set status = 'sent' where id in ({ids})")
    else:
        story.diary.database.write(lambda connection: release(connection, where, "sent"))
    for email, state in due:
        assert isinstance(email, int)
        assert isinstance(state, int)
        assert email not in year.book.sent, "written to twice for one event"
        year.plan.pop(email)
        year.inside_windows += in_windows(year.book, email, now)
        tier = TIERS[state >> 5 & 3] if email & FOLLOWUP else None
        year.book.sent[email] = Letter(now, state >> 8 & 255, tier)


# ---------------------------------------------------------------------------------------------------
# In the end


def test_every_target_was_written_to_once_or_says_why_not(year: Year) -> None:
    """Each reason was found true on the night it came up; here nothing is left over."""
    book, outcomes = year.book, Counter[str]()
    wanted = book.campaign_emails()
    stored = {
        (who, number, trigger): status
        for who, number, trigger, status in year.story.diary.query(
            "select contact_id, campaign_instance_id, trigger_date, status from contact_campaigns"
        )
    }
    assert len(stored) == len(book.targets)
    for target in book.targets:
        email, word = book.target_email(target), stored[target[0], target[1], str(target[2])]
        if email not in wanted:
            assert word == (
                "sent" if email in book.sent else "pending" if email not in year.plan else "skipped"
            )
            outcomes["out of reach"] += 1
        elif email in book.sent:
            outcomes["sent"] += 1
        else:
            reason = year.plan[email][2] & 15
            assert reason or wanted[email].deadline >= LAST, "postponed for ever"
            outcomes[REASONS[reason]] += 1
    assert outcomes["sent"] > PEOPLE
    for word in (
        "windows",
        "campaign_inactive",
        "missed",
        "campaign_conflict",
        "frequency_limit",
        "out of reach",
    ):
        assert outcomes[word], word


REASONS = ["planned", "windows", "windows", "windows", "windows", "campaign_inactive", "missed",
           "campaign_conflict", "frequency_limit"]  # fmt: skip
"""By the code of a skip."""


def test_campaigns_for_all_wrote_once_to_everyone_eligible(year: Year) -> None:
    """Newcomers too, and however often their dates were moved."""
    book = year.book
    for name in ("policy-1", "policy-2", "blast-1"):
        kind, number = FIRST_CAMPAIGN + year.story.names[name], year.story.names[name]
        named = {book.target_email(target) for target in book.targets if target[1] == number}
        first = [email for email in book.sent if kind_in(email) == kind and not email & FOLLOWUP]
        got = Counter(email >> 31 for email in first if email not in named)
        assert set(got.values()) == {1}
        held_back = {
            email >> 31 for email, row in year.plan.items() if kind_in(email) == kind and row[2] & 15
        }
        everyone = {who for who in book.people if book.eligible(who)}
        assert everyone <= {email >> 31 for email in first} | held_back
        assert len(got) > PEOPLE / 8, name


def test_every_email_was_followed_up_once_unless_it_was_too_late(year: Year) -> None:
    """None twice; those without a follow-up were passed over for a reason that the book knows."""
    book, without, tiers = year.book, Counter[str](), Counter[str | None]()
    for email in book.sent:
        followup = email | FOLLOWUP
        if email & FOLLOWUP:
            assert email & ~FOLLOWUP in book.sent
        elif followup in book.sent:
            tiers[book.sent[followup].tier] += 1
        elif followup not in year.plan:
            why = "sent today" if book.sent[email].send == LAST else "nobody knows"
            without[year.verdicts.passed_over.get(email, why)] += 1
    assert without["nobody knows"] == 0, without
    assert without["too late"]
    assert without["not wanted"]
    assert set(tiers) == set(TIERS)


def test_what_left_as_a_follow_up_stands_in_the_outbox_as_such(year: Year) -> None:
    """Whichever way it left."""
    rows = year.story.diary.query(
        f"select id, email_type from email_schedules where status = 'sent' and id & {FOLLOWUP} <> 0"
    )
    assert len(rows) > PEOPLE / 2
    assert year.story.diary.query("select count(*) from outbox") == [(len(year.book.sent),)]
    assert all(word == year.book.sent[email].tier for email, word in rows)  # type: ignore[index]


def test_the_log_of_follow_ups_tells_every_decision(year: Year) -> None:
    rows = year.story.diary.query(
        "select initial_email_id, followup_type from followup_processing_log order by id"
    )
    assert rows == year.verdicts.decisions


def test_the_year_was_as_hard_as_it_was_meant_to_be(year: Year) -> None:
    """Otherwise the checks above prove little."""
    verdicts = year.verdicts
    assert year.inside_windows > 20
    assert verdicts.moved > 20
    assert verdicts.above_the_cap > 0
    for word in ("birthday_window", "frequency_limit", "campaign_conflict", "campaign_inactive", "missed"):
        assert verdicts.reasons[word] > 5, word
    assert date_of(LAST) == year.story.today
