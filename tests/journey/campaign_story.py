"""What happens in a year with campaigns, and how it gets into the tables: half by plain SQL, half by our own
functions, as the command line and other programs do it. All of it is noted in the onlooker's book.

`SCRIPT` says what happens on which day; which people it concerns, how they react and which rules are changed
is drawn with a given seed. What does not belong here: anything that must hold.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import polars as pl

from carillon.campaigns import Instance as StoredInstance
from carillon.days import date_of, day_number
from carillon.store import campaign_targets
from carillon.store import campaigns as store
from tests.contract import campaign_diary
from tests.contract.diary import Diary
from tests.journey.lives import DAY, add_contact, change_contact, newcomers
from tests.journey.onlooker import FOLLOWUP, Answer, Book, event_in, kind_in
from tests.plan import reference_campaigns as facts
from tests.plan.reference import WindowRule
from tests.plan.reference_campaigns import Campaigns, CampaignType, Instance, Target

START, DAYS = date(2025, 1, 2), 400

SENDER_DOWN = {33, *range(96, 104), *range(205, 225)}
PLANNER_DOWN = {34, 60, *range(140, 148), *range(203, 223), *range(330, 350)}
"""Offsets in days; on the days they share nothing happens at all."""

TYPES = (
    CampaignType("rate_increase", days_before_event=14, priority=1),
    CampaignType("promo", days_before_event=7, priority=5),
    CampaignType("notice", False, False, 0, False, 1),
    CampaignType("blast", False, False, 0, True, 10),
    CampaignType("policy", days_before_event=5, target_all_contacts=True, priority=3),
    CampaignType("survey", days_before_event=-3, priority=7),
)

ANSWERS = (
    ('{"has_medical_conditions": true}', True),
    ('{"main_questions_yes_count": 2}', True),
    ('{"main_questions_yes_count": 0, "has_medical_conditions": false}', False),
    ('{"main_questions_yes_count": "3"}', False),
    ("[]", False),
    (None, False),
)
"""What comes in as an answer to the health questions, and whether it shows conditions."""
CLICK_RATE, ANSWER_RATE, STRAY_RATE = 0.06, 0.03, 0.01
"""A day, for each of some days after an email; stray ones belong to no email that waits for a follow-up."""


@dataclass
class Story:
    """The year as it goes on. Everything it does is in the tables and in the book at once."""

    diary: Diary
    book: Book
    today: date = START
    chance: random.Random = field(default_factory=lambda: random.Random(11))
    names: dict[str, int] = field(default_factory=dict)
    planner_is_up: bool = True
    sender_is_up: bool = True
    touched: set[int] = field(default_factory=set)
    """Contacts whose own data changed since the last run."""
    rules_changed: bool = False
    unplanned: bool = False
    """Whether anything was decided since the last run."""

    # -- people -------------------------------------------------------------------------------------

    def some(self, share: float) -> list[int]:
        """So many of all contacts, drawn by chance."""
        people = sorted(self.book.people)
        return self.chance.sample(people, max(4, int(len(people) * share)))

    def arrive(self, how_many: int) -> None:
        first = max(self.book.people) + 1
        for contact in newcomers(how_many, self.today, first, first):
            add_contact(self.diary, contact)
            self.book.people[contact.id] = contact
            self.touched.add(contact.id)

    def change(self, share: float, **values: Any) -> None:
        for who in self.some(share):
            self.book.people[who] = change_contact(self.diary, self.book.people[who], values)
            self.touched.add(who)
        self.book.forget_sums()

    # -- campaigns ----------------------------------------------------------------------------------

    def create(self, kind: str, name: str, by_sql: bool = False, **fields: Any) -> None:
        start, end, metadata = (fields.get(one) for one in ("active_start", "active_end", "metadata"))
        if by_sql:
            number = max(self.book.instances, default=0) + 1
            one = Instance(number, kind, name, self.today, "active", start, end, metadata)
            self._sql(Campaigns(), Campaigns(instances=[one]))
        else:
            new = StoredInstance(0, kind, name, start=start, end=end, metadata=facts.json_object(metadata))
            made = self.diary.database.write(lambda c: store.create(c, new, self._now(), "ann"))
            one = Instance(made.id, kind, name, self.today, "active", start, end, metadata)
        self.book.instances[one.id] = one
        self.names[name] = one.id

    def edit(self, name: str, by_sql: bool = False, **fields: Any) -> None:
        old = self.book.instances[self.names[name]]
        new = replace(old, **fields)
        if by_sql:
            self._sql(Campaigns(instances=[old]), Campaigns(instances=[new]))
        else:
            wanted = {
                "status": new.status,
                "start": new.active_start,
                "end": new.active_end,
                "metadata": facts.json_object(new.metadata),
            }

            def edited(one: StoredInstance) -> StoredInstance:
                return replace(one, **wanted)  # type: ignore[arg-type]

            self.diary.database.write(lambda c: store.change(c, name, edited, self._now(), "bob"))
        self.book.instances[old.id] = new

    def edit_type(self, name: str, **fields: Any) -> None:
        new = replace(self.book.types[name], **fields)
        changes = ", ".join(f"{column} = {int(value)}" for column, value in fields.items())
        self.diary.execute(f"update campaign_types set {changes} where name = '{name}'")
        self.book.types[name] = new

    def target(self, name: str, whom: Iterable[int], first: int, last: int, by_sql: bool = False) -> None:
        """Each on a day between `first` and `last`, counted from today."""
        number = self.names[name]
        rows = [(who, self.today + self.chance.randint(first, last) * DAY) for who in whom]
        rows = [(who, day) for who, day in rows if (who, number, day) not in self.book.targets]
        if by_sql:
            # Half of the programs that insert targets do not say when they did it.
            added = [self.today if who % 2 else None for who, _ in rows]
            new = [Target(who, number, str(day), at) for (who, day), at in zip(rows, added, strict=True)]
            self._sql(Campaigns(), Campaigns(targets=new))
        else:
            added = [self.today] * len(rows)
            frame = self._frame(rows)
            self.diary.database.write(lambda c: campaign_targets.add(c, number, [frame], self._now()))
        for (who, day), at in zip(rows, added, strict=True):
            self.book.targets[who, number, day] = at

    def untarget(self, name: str, share: float, by_sql: bool = False) -> None:
        number = self.names[name]
        mine = [target for target in self.book.targets if target[1] == number]
        gone = self.chance.sample(mine, max(1, int(len(mine) * share)))
        if by_sql:
            self._sql(Campaigns(targets=[Target(who, n, str(day)) for who, n, day in gone]), Campaigns())
        else:
            frame = self._frame([(who, day) for who, _, day in gone])
            self.diary.database.write(lambda c: campaign_targets.remove(c, number, [frame]))
        for target in gone:
            del self.book.targets[target]

    def postpone(self, name: str, days: int) -> None:
        """Every trigger date that is still to come, as a program of somebody else's would."""
        number = self.names[name]
        own = f"campaign_instance_id = {number} and trigger_date > '{self.today}'"
        self.diary.execute(
            f"update contact_campaigns set trigger_date = date(trigger_date, '+{days} days') where {own}"
        )
        for target in [one for one in self.book.targets if one[1] == number and one[2] > self.today]:
            self.book.targets[target[0], number, target[2] + days * DAY] = self.book.targets.pop(target)

    # -- receivers and rules ------------------------------------------------------------------------

    def react(self) -> None:
        """Some click in what they got lately, some answer; and some do where nobody waits for it."""
        clicks, answers, now = [], [], day_number(self.today)
        for email, letter in self.book.sent.items():
            fresh = 0 < now - letter.send <= 5 and not email & FOLLOWUP
            if self.chance.random() < (CLICK_RATE if fresh else STRAY_RATE / 10):
                event, followup = date_of(event_in(email)), bool(email & FOLLOWUP)
                clicks += [facts.Click(email >> 31, kind_in(email), event, followup)]
                self.book.clicks[email] += 1
            if fresh and self.chance.random() < ANSWER_RATE:
                answers.append(email >> 31)
        answers += [who for who in self.book.people if self.chance.random() < STRAY_RATE / 10]
        made = []
        for who in answers:
            data, conditions = self.chance.choice(ANSWERS)
            made.append(facts.Answer(who, self.today, data))
            self.book.answers[who].append(Answer(now, conditions))
        self._sql(Campaigns(), Campaigns(clicks=clicks, answers=made))

    def change_rules(self) -> None:
        """One or two of the settings, as somebody may at any time."""
        rules, chance = self.book.rules, self.chance
        windows = dict(rules.birthday_windows)
        windows[chance.choice(["TX", "FL", "CA", "ID", "OR"])] = WindowRule(
            chance.randint(0, 40), chance.randint(0, 60), chance.random() < 0.2
        )
        possible: list[dict[str, Any]] = [
            {"birthday_days_before": chance.randint(7, 21)},
            {"effective_date_days_before": chance.randint(20, 40)},
            {"cap_share": Decimal(chance.choice(["0.04", "0.05", "0.06", "0.08"]))},
            {"birthday_windows": windows},
            {"pre_window_days": chance.choice([30, 45, 60])},
            {"followup_days_after": chance.randint(1, 5)},
            {"max_per_period": chance.randint(1, 3)},
            {"period_days": chance.randint(7, 21)},
            {"max_shift_days": chance.randint(35, 50)},
        ]
        changes: dict[str, Any] = {}
        for one in chance.sample(possible, chance.randint(1, 2)):
            changes |= one
        self.book.rules = replace(rules, **changes)
        self.book.forget_sums()
        self.rules_changed = True

    # -- the day ------------------------------------------------------------------------------------

    def day(self, offset: int) -> None:
        """Everything that happens before the planner runs."""
        self.today = START + offset * DAY
        self.planner_is_up, self.sender_is_up = offset not in PLANNER_DOWN, offset not in SENDER_DOWN
        for happens in SCRIPT.get(offset, ()):
            happens(self)
            self.unplanned = True
        self.react()
        if offset % 17 == 16 and self.planner_is_up:
            self.change_rules()

    def _now(self) -> datetime:
        return datetime.combine(self.today, time(18), UTC)

    def _sql(self, before: Campaigns, after: Campaigns) -> None:
        self.diary.database.write(lambda c: campaign_diary.move(c, before, after))

    def _frame(self, rows: list[tuple[int, date]]) -> pl.DataFrame:
        """A list of targets as imported: every other one by address."""
        lines = [
            (n, None if n % 2 else who, None, self.book.people[who].email if n % 2 else None, str(day))
            for n, (who, day) in enumerate(rows)
        ]
        kinds = {"line": pl.Int64, "contact": pl.Int64, "external_id": pl.String, "email": pl.String,
                 "trigger_date": pl.String}  # fmt: skip
        return pl.DataFrame(lines, schema=kinds, orient="row")


Happening = Callable[[Story], None]


def rates_on_the_same_days(story: Story) -> None:
    """Three campaigns of one type at once, and a promotion, all wanting the same people on the same days."""
    whom = story.some(0.3)
    for name in ("rate-3", "rate-4", "rate-5"):
        story.create("rate_increase", name, by_sql=name == "rate-4")
        story.target(name, whom, 30, 33, by_sql=name == "rate-5")
    story.create("promo", "promo-3", metadata='{"priority": 1}')
    story.target("promo-3", whom, 23, 26)


SCRIPT: dict[int, list[Happening]] = {
    2: [lambda s: s.create("rate_increase", "rate-1"), lambda s: s.target("rate-1", s.some(0.3), 30, 60)],
    6: [
        lambda s: s.create("rate_increase", "rate-2", by_sql=True),
        lambda s: s.target("rate-2", s.some(0.4), 26, 50, by_sql=True),
    ],
    10: [lambda s: s.create("promo", "promo-1"), lambda s: s.target("promo-1", s.some(0.4), 20, 45)],
    20: [
        lambda s: s.create("policy", "policy-1", active_start=START + 40 * DAY, active_end=START + 90 * DAY),
        lambda s: s.target("policy-1", s.some(0.02), 60, 70, by_sql=True),
    ],
    26: [lambda s: s.edit("rate-2", metadata='{"days_before_event": 21, "priority": 2}')],
    30: [lambda s: s.edit("rate-1", status="paused")],
    37: [lambda s: s.edit("rate-1", status="active")],
    48: [lambda s: s.edit("policy-1", active_start=START + 55 * DAY)],
    70: [
        lambda s: s.create("notice", "notice-1", by_sql=True),
        lambda s: s.target("notice-1", s.some(0.5), 1, 20, by_sql=True),
        lambda s: s.arrive(12),
    ],
    85: [
        lambda s: s.create("promo", "promo-2", active_end=START + 105 * DAY),
        lambda s: s.target("promo-2", s.some(0.3), 3, 50),
    ],
    90: [lambda s: s.change(0.03, status="opted_out"), lambda s: s.change(0.05, birth_date="1961-05-17")],
    # Due while the sender is down, shortly before the campaign ends.
    95: [lambda s: s.target("promo-2", s.some(0.2), 12, 17)],
    98: [lambda s: s.target("promo-2", s.some(0.05), 5, 30, by_sql=True)],
    112: [lambda s: s.edit("promo-2", by_sql=True, active_end=START + 130 * DAY)],
    125: [
        lambda s: s.create("survey", "survey-1", by_sql=True),
        lambda s: s.target("survey-1", s.some(0.4), 5, 40),
    ],
    133: [lambda s: s.postpone("survey-1", 9)],
    150: [lambda s: s.create("survey", "survey-2"), lambda s: s.target("survey-2", s.some(0.2), -90, 10)],
    160: [
        lambda s: s.create("rate_increase", "rate-6", by_sql=True, active_start=START + 200 * DAY),
        lambda s: s.target("rate-6", s.some(0.3), 50, 90, by_sql=True),
    ],
    175: [lambda s: s.create("blast", "blast-1", active_start=START + 190 * DAY), lambda s: s.arrive(8)],
    186: [lambda s: s.edit("blast-1", active_start=START + 193 * DAY)],
    195: [lambda s: s.edit("blast-1", by_sql=True, status="paused")],
    202: [lambda s: s.edit("blast-1", by_sql=True, status="active"), lambda s: s.untarget("rate-6", 0.2)],
    216: [lambda s: s.target("rate-6", s.some(0.1), 2, 30), lambda s: s.change(0.03, zip_code="90001")],
    240: [rates_on_the_same_days],
    247: [
        lambda s: s.untarget("rate-4", 0.2, by_sql=True),
        lambda s: s.target("rate-4", s.some(0.1), 20, 40),
    ],
    252: [lambda s: s.edit("rate-5", status="archived"), lambda s: s.edit("promo-3", metadata=None)],
    262: [lambda s: s.edit_type("promo", active=False)],
    269: [lambda s: s.edit_type("promo", active=True), lambda s: s.change(0.04, status="active")],
    280: [
        lambda s: s.create("policy", "policy-2", active_end=START + 320 * DAY),
        lambda s: s.arrive(10),
    ],
    290: [lambda s: s.edit("policy-2", metadata='{"enable_followups": false}')],
    294: [lambda s: s.edit_type("rate_increase", priority=4, days_before_event=10)],
    305: [lambda s: s.arrive(6), lambda s: s.edit("policy-2", metadata=None)],
    351: [
        lambda s: s.create("notice", "notice-2", metadata='{"enable_followups": true}'),
        lambda s: s.target("notice-2", s.some(0.5), 3, 15),
    ],
    360: [
        lambda s: s.create("promo", "promo-4", by_sql=True, active_end=START + 372 * DAY),
        lambda s: s.target("promo-4", s.some(0.3), 2, 45),
    ],
}
"""What happens on which day, counted from the first."""
