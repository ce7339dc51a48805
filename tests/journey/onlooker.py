"""An onlooker's book of a year with campaigns: who there is, what was decided, sent, clicked and answered.

What belongs here: facts as somebody beside the planner would write them down, and what follows from them by
plain sums (`docs/decisions/0003-campaigns-and-follow-ups.md`): which emails there should be, in which days
they must lie, what a follow-up answers. What does not: where an email is placed, and any code of the planner.
Days are day numbers, emails have the ids of the tables (`docs/howto/database.md`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from carillon.days import date_of, day_number
from tests.plan.reference import (
    AEP,
    BIRTHDAY,
    EFFECTIVE_DATE,
    FIRST_CAMPAIGN,
    POST_WINDOW,
    Contact,
    Rules,
    excluded,
    look_at,
)
from tests.plan.reference_campaigns import CampaignType, Instance, effective
from tests.plan.worlds import state_of

FOLLOWUP = 1 << 30
TIERS = ("followup_1_cold", "followup_2_clicked_no_hq", "followup_3_hq_no_yes", "followup_4_hq_with_yes")


def email_id(who: int, kind: int, event: int) -> int:
    return who << 31 | kind << 16 | event


def kind_in(email: int) -> int:
    return email >> 16 & 0x3FFF


def event_in(email: int) -> int:
    return email & 0xFFFF


class Letter(NamedTuple):
    """An email that left."""

    send: int
    priority: int
    tier: str | None
    """Of a follow-up, as the plan had it on the day it left."""


class Wanted(NamedTuple):
    """An email there should be: when, how it may be put off, and what may keep it back."""

    ideal: int
    deadline: int
    priority: int
    lawful: bool = True
    """Whether windows bind it."""
    inactive: bool = False
    too_late: bool = False


class Answer(NamedTuple):
    day: int
    conditions: bool


@dataclass
class Book:
    """What is known this evening."""

    rules: Rules
    people: dict[int, Contact]
    types: dict[str, CampaignType] = field(default_factory=dict)
    instances: dict[int, Instance] = field(default_factory=dict)
    targets: dict[tuple[int, int, date], date | None] = field(default_factory=dict)
    """Contact, instance and trigger date, to the day the target was added, where that is known."""
    clicks: Counter[int] = field(default_factory=Counter)
    answers: dict[int, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    sent: dict[int, Letter] = field(default_factory=dict)
    _states: dict[int, tuple[Contact, str | None]] = field(default_factory=dict)
    _excluded: dict[tuple[int, int], str | None] = field(default_factory=dict)

    # -- people -------------------------------------------------------------------------------------

    def forget_sums(self) -> None:
        """To be called when a contact or the rules have changed."""
        self._states.clear()
        self._excluded.clear()

    def known(self, who: int) -> tuple[Contact, str | None]:
        """The contact without bad dates, and its state if it is eligible. Nobody here is born later."""
        if who not in self._states:
            contact, state, _ = look_at(self.people[who], self.rules, date_of(20_000), state_of)
            self._states[who] = contact, state
        return self._states[who]

    def eligible(self, who: int) -> bool:
        return self.known(who)[1] is not None

    def excluded(self, who: int, day: int) -> str | None:
        """Why an eligible contact may not be written to on the day, or None."""
        if (who, day) not in self._excluded:
            contact, state = self.known(who)
            assert state is not None
            self._excluded[who, day] = excluded(contact, state, date_of(day), self.rules)
        return self._excluded[who, day]

    # -- campaigns ----------------------------------------------------------------------------------

    def running(self) -> Iterator[tuple[Instance, CampaignType]]:
        """Campaigns that are not archived, with the fields that hold for them."""
        for one in self.instances.values():
            if one.status != "archived":
                yield one, effective(self.types[one.type], one)

    def held_up(self, instance: Instance) -> bool:
        return instance.status == "paused" or not effective(self.types[instance.type], instance).active

    def campaign_emails(self) -> dict[int, Wanted]:
        """Those of all campaigns that are not archived, by id, sent ones included (if named)."""
        found: dict[int, Wanted] = {}
        named: dict[int, list[tuple[int, date, date | None]]] = defaultdict(list)
        for (who, number, trigger), added in self.targets.items():
            named[number].append((who, trigger, added))
        written_to = {(letter >> 31, kind_in(letter)) for letter in self.sent}
        for one, fields in self.running():
            kind, made = FIRST_CAMPAIGN + one.id, day_number(one.created)
            for who, trigger, added in named[one.id]:
                if self.eligible(who):
                    event = day_number(trigger)
                    known = made if added is None else max(made, day_number(added))
                    ideal = event - fields.days_before_event
                    self._want(found, one, fields, email_id(who, kind, event), ideal, known)
            if not fields.target_all_contacts:
                continue
            start = made if one.active_start is None else day_number(one.active_start)
            for who, contact in self.people.items():
                if self.eligible(who) and (who, kind) not in written_to:
                    came = made if contact.created is None else day_number(contact.created)
                    ideal = start if contact.created is None else max(start, came + 1)
                    event = ideal + fields.days_before_event
                    self._want(found, one, fields, email_id(who, kind, event), ideal, max(made, came))
        return found

    def _want(
        self,
        found: dict[int, Wanted],
        one: Instance,
        fields: CampaignType,
        email: int,
        ideal: int,
        known: int,
    ) -> None:
        event = event_in(email)
        deadline = event - 1 if event > ideal else ideal + self.rules.max_shift_days
        inactive = self.held_up(one) or (
            one.active_start is not None and ideal < day_number(one.active_start)
        )
        if one.active_end is not None:
            end = day_number(one.active_end)
            deadline, inactive = min(deadline, end), inactive or ideal > end
        too_late = ideal < known and event < known
        # Named and one of all for the same event: the one that was known first counts.
        too_late = too_late and (email not in found or found[email].too_late)
        respects = fields.respect_exclusion_windows
        found[email] = Wanted(ideal, deadline, fields.priority, respects, inactive, too_late)

    # -- anniversaries ------------------------------------------------------------------------------

    def anniversary_email(self, email: int) -> Wanted:
        """One of the four types that follow from dates."""
        rules, kind, event = self.rules, kind_in(email), event_in(email)
        days_before = {
            BIRTHDAY: rules.birthday_days_before,
            EFFECTIVE_DATE: rules.effective_date_days_before,
            AEP: 0,
            POST_WINDOW: -1,
        }
        ideal = event - days_before[kind]
        deadline = event - 1 if event > ideal else ideal + rules.max_shift_days
        return Wanted(ideal, deadline, rules.priorities[kind])

    # -- follow-ups ---------------------------------------------------------------------------------

    def is_followed_up(self, email: int) -> bool:
        """Whether an email that left gets a follow-up as things stand, whenever it left."""
        kind = kind_in(email)
        if email & FOLLOWUP or not self.eligible(email >> 31):
            return False
        if kind < FIRST_CAMPAIGN:
            return True
        one = self.instances[kind - FIRST_CAMPAIGN]
        return one.status != "archived" and effective(self.types[one.type], one).enable_followups

    def followups(self, today: int) -> dict[int, Wanted]:
        """By id, one for each email that left lately."""
        found = {}
        for email, letter in self.sent.items():
            if letter.send < today - self.rules.followup_lookback_days or not self.is_followed_up(email):
                continue
            ideal = letter.send + self.rules.followup_days_after
            deadline, inactive = ideal + 10, False
            if kind_in(email) >= FIRST_CAMPAIGN:
                one = self.instances[kind_in(email) - FIRST_CAMPAIGN]
                inactive = self.held_up(one)
                if one.active_end is not None:
                    end = day_number(one.active_end)
                    deadline, inactive = min(deadline, end), inactive or ideal > end
            found[email | FOLLOWUP] = Wanted(ideal, deadline, letter.priority, True, inactive)
        return found

    def tier(self, followup: int) -> str:
        """What the receiver did with the email that is followed up, and since."""
        initial = followup & ~FOLLOWUP
        since = [one for one in self.answers[initial >> 31] if one.day >= self.sent[initial].send]
        if since:
            return TIERS[3] if any(one.conditions for one in since) else TIERS[2]
        return TIERS[1] if self.clicks[initial] else TIERS[0]

    # -- targets ------------------------------------------------------------------------------------

    def target_email(self, target: tuple[int, int, date]) -> int:
        who, number, trigger = target
        return email_id(who, FIRST_CAMPAIGN + number, day_number(trigger))
