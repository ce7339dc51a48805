"""What must hold every evening after the planner has run, judged by the onlooker's book.

Every row of the plan has a cause, a lawful day within its deadline, or a reason for being skipped that is
true; nothing that should be there is missing; targets, tiers and the log say what is so.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from carillon.days import day_number
from carillon.plan.report import PlanReport
from tests.journey.campaign_story import Story
from tests.journey.lives import crowded, days_above
from tests.journey.onlooker import FOLLOWUP, TIERS, Book, Wanted, kind_in
from tests.plan.reference import AEP, AGE, BIRTHDAY_WINDOW, EFFECTIVE_DATE_WINDOW, FIRST_CAMPAIGN, YEAR_ROUND

WORDS = ("", YEAR_ROUND, BIRTHDAY_WINDOW, EFFECTIVE_DATE_WINDOW, AGE, "campaign_inactive", "missed",
         "campaign_conflict", "frequency_limit")  # fmt: skip
"""Reasons by their code in the table."""
WINDOWS = WORDS[1:5]

Stored = tuple[int, int, int]
"""Send day, ideal day, state."""


@dataclass
class Verdicts:
    """What was seen over the year."""

    reasons: Counter[str] = field(default_factory=Counter)
    """How many rows were newly found skipped, by reason."""
    moved: int = 0
    above_the_cap: int = 0
    passed_over: dict[int, str] = field(default_factory=dict)
    """Emails that left and had no follow-up when last looked at, and why."""
    decisions: list[tuple[int, str]] = field(default_factory=list)
    """Initial email and tier of every follow-up that was new or had another tier."""


def in_windows(book: Book, email: int, day: int) -> bool:
    """Whether an email that leaves does so in a window, as only some campaigns' may; it is due a contact."""
    who, kind = email >> 31, kind_in(email)
    assert book.eligible(who)
    if book.excluded(who, day) is None:
        return False
    assert kind >= FIRST_CAMPAIGN
    assert not email & FOLLOWUP
    fields = next(fields for one, fields in book.running() if one.id == kind - FIRST_CAMPAIGN)
    assert not fields.respect_exclusion_windows
    return True


class Evening:
    """One run and the plan it left behind."""

    def __init__(self, story: Story, report: PlanReport, last: dict[int, Stored], verdicts: Verdicts) -> None:
        self.story, self.book, self.report, self.verdicts = story, story.book, report, verdicts
        self.now = day_number(story.today)
        self.last = last
        rows = story.diary.query("select id, send, ideal, state from plan")
        self.plan: dict[int, Stored] = {row[0]: row[1:] for row in rows}  # type: ignore[misc]
        self.campaigns = self.book.campaign_emails()
        self.followups = self.book.followups(self.now)
        self.per_day: Counter[int] = Counter()
        self.kept: dict[int, list[tuple[int, int | None, int]]] = defaultdict(list)
        """By contact, what counts for the frequency limit: day, priority (None: it has left) and id."""
        for email, letter in self.book.sent.items():
            if letter.send >= self.now:
                self.per_day[letter.send] += 1
            if not email & FOLLOWUP:
                self.kept[email >> 31].append((letter.send, None, email))
        for email, (send, _, state) in self.plan.items():
            if not state & 15:
                self.per_day[send] += 1
                if not email & FOLLOWUP:
                    self.kept[email >> 31].append((send, state >> 8 & 255, email))

    def check(self) -> None:
        assert not self.plan.keys() & self.book.sent.keys()
        for email, row in self.plan.items():
            self._judge(email, row)
        self._limits()
        self._nothing_is_missing()
        self._targets()
        self._follow_up_books()

    # -- one row ------------------------------------------------------------------------------------

    def _judge(self, email: int, row: Stored) -> None:
        send, ideal, state = row
        was, reason = self.last.get(email), WORDS[state & 15]
        if was is not None and self._is_settled(email, was):
            assert row == was
            return
        if was == row and self._is_settled(email, row):
            return  # judged while it was still open
        wanted, who = self._cause(email), email >> 31
        assert wanted is not None, "nobody wants this email"
        assert self.book.eligible(who)
        assert (ideal, state >> 8 & 255) == (wanted.ideal, wanted.priority)
        if reason:
            self._is_true(reason, email, row, wanted)
            self.verdicts.reasons[reason] += was is None or was[2] & 15 != state & 15
            return
        assert self.now <= send <= wanted.deadline
        assert not wanted.lawful or self.book.excluded(who, send) is None
        assert not wanted.inactive
        assert not wanted.too_late
        if email & FOLLOWUP:
            assert send >= ideal
        if was is not None:
            self._has_stayed(email, was, row, wanted)

    def _is_settled(self, email: int, row: Stored) -> bool:
        """Skipped for good: its day is past, and no campaign has to be waited for."""
        send, _, state = row
        waits = WORDS[state & 15] == "campaign_inactive" and not email & FOLLOWUP
        return bool(state & 15) and send < self.now and not waits

    def _cause(self, email: int) -> Wanted | None:
        if email & FOLLOWUP:
            return self.followups.get(email)
        if kind_in(email) >= FIRST_CAMPAIGN:
            return self.campaigns.get(email)
        return self.book.anniversary_email(email)

    def _is_true(self, reason: str, email: int, row: Stored, wanted: Wanted) -> None:
        """Whether what a skipped row says of itself is so."""
        who, send = email >> 31, row[0]
        window = self.book.excluded(who, send) if wanted.lawful else None
        if reason in WINDOWS:
            assert window == reason
        elif reason == "missed":
            # A follow-up never goes today: on its last day it is too late to plan it.
            over = wanted.deadline < self.now + bool(email & FOLLOWUP)
            assert over or wanted.too_late
        else:
            assert window is None
        if reason == "campaign_inactive":
            assert wanted.inactive
            assert send == wanted.ideal
        elif reason == "campaign_conflict":
            # One contact's ids ascend by kind, then event: the order of ties.
            assert any(
                day == send
                and kind_in(other) >= FIRST_CAMPAIGN
                and (priority is None or (priority, other) < (wanted.priority, email))
                for day, priority, other in self.kept[who]
            )
        elif reason == "frequency_limit":
            days = [send, *(day for day, _, _ in self.kept[who])]
            assert any(send in group for group in crowded(days, self.book.rules))

    def _has_stayed(self, email: int, was: Stored, row: Stored, wanted: Wanted) -> None:
        """An email that could stay where it was is there, unless that day was too full."""
        day, ideal, state = was
        could_stay = WORDS[state & 15] in ("", "campaign_conflict", "frequency_limit")
        could_stay &= ideal == wanted.ideal and self.now <= day <= wanted.deadline
        if could_stay and (not wanted.lawful or self.book.excluded(email >> 31, day) is None):
            assert row[0] == day or self.per_day[day] >= self.report.cap, "moved from a day with room"
        self.verdicts.moved += row[0] != day

    # -- everybody's --------------------------------------------------------------------------------

    def _limits(self) -> None:
        """Not too many emails to one contact, nor on one day if any of them could go on a later one."""
        rules, cap = self.book.rules, self.report.cap
        for kept in self.kept.values():
            planned = {day for day, priority, _ in kept if priority is not None}
            for group in crowded([day for day, _, _ in kept], rules):
                # What left before the limit was lowered may be too much, but nothing comes on top of it.
                assert not planned & set(group)
        above = days_above(self.per_day, self.report, rules, self.now)
        for email, (send, _, state) in self.plan.items():
            if send not in above or state & 15:
                continue
            self.verdicts.above_the_cap += 1
            wanted = self._cause(email)
            assert wanted is not None
            for day in range(send + 1, wanted.deadline + 1):
                assert self.per_day[day] >= cap or not self._may_go(email, day, wanted)

    def _may_go(self, email: int, day: int, wanted: Wanted) -> bool:
        who, kind = email >> 31, kind_in(email)
        if wanted.lawful and self.book.excluded(who, day) is not None:
            return False
        if email & FOLLOWUP:
            return True
        others = [(at, kind_in(other)) for at, _, other in self.kept[who] if other != email]
        if kind >= FIRST_CAMPAIGN and any(at == day and k >= FIRST_CAMPAIGN for at, k in others):
            return False
        days = [day, *(at for at, _ in others)]
        return not any(day in group for group in crowded(days, self.book.rules))

    def _nothing_is_missing(self) -> None:
        """Every target and every email that is to be followed up has its row; no birthday got lost."""
        book, there = self.book, self.plan.keys() | self.book.sent.keys()
        for email in self.campaigns:
            assert email in there, "a target was passed over"
        for email, letter in book.sent.items():
            followup = email | FOLLOWUP
            if email & FOLLOWUP or letter.send < self.now - book.rules.followup_lookback_days:
                continue
            if followup in there:
                self.verdicts.passed_over.pop(email, None)
            elif followup in self.followups:
                assert self.followups[followup].deadline < self.now
                assert followup not in self.last
                self.verdicts.passed_over[email] = "too late"
            else:
                self.verdicts.passed_over[email] = "not wanted"
        for email, (_, _, state) in self.last.items():
            if not state & 15 and kind_in(email) <= AEP and not email & FOLLOWUP:
                assert email in there or email >> 31 in self.story.touched

    def _targets(self) -> None:
        found = self.story.diary.query(
            "select contact_id, campaign_instance_id, trigger_date, status from contact_campaigns"
        )
        words = {(who, number, day): word for who, number, day, word in found}
        assert len(words) == len(self.book.targets)
        for target in self.book.targets:
            email = self.book.target_email(target)
            word = "pending"
            if email in self.book.sent:
                word = "sent"
            elif email in self.plan:
                word = "skipped" if self.plan[email][2] & 15 else "scheduled"
            assert words[target[0], target[1], str(target[2])] == word

    def _follow_up_books(self) -> None:
        """Tiers, metadata and log are what the receivers did until now."""
        told = dict(self.story.diary.query("select id, metadata from plan_followups"))
        decided = set()
        for email, row in self.plan.items():
            was = self.last.get(email)
            if not email & FOLLOWUP or (was is not None and self._is_settled(email, was)):
                continue
            tier = TIERS[row[2] >> 5 & 3]
            if was == row and self._is_settled(email, row):
                continue
            assert tier == self.book.tier(email)
            said = json.loads(str(told[email]))
            assert said["initial_email_id"] == email & ~FOLLOWUP
            assert said["click_count"] == self.book.clicks[email & ~FOLLOWUP]
            if was is None or was[2] >> 5 & 3 != row[2] >> 5 & 3:
                decided.add((email & ~FOLLOWUP, tier))
        log = self.story.diary.query(
            "select initial_email_id, followup_type from followup_processing_log"
            f" order by id limit -1 offset {len(self.verdicts.decisions)}"
        )
        assert len(log) == len(decided)
        assert set(log) == decided
        self.verdicts.decisions += log  # type: ignore[arg-type]
