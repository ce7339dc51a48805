"""Small random worlds for the planners to disagree about.

A `World` is everything one run of the planner reads. `worlds()` draws one whose contacts share few dates
and whose caps, limits and windows are small, so that the rules really meet each other; its stored rows come
from an earlier night of the reference, with a few rows nobody would have written and a few pinned ones.
A `Night` is what happens between two runs; `after` applies it. Worlds with campaigns and follow-ups of their
own are drawn by `worlds_campaigns`. What does not belong here: any rule.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.plan.reference import (
    AEP,
    BIRTHDAY,
    CONFLICT,
    EFFECTIVE_DATE,
    FREQUENCY,
    MISSED,
    POST_WINDOW,
    Contact,
    Extra,
    Result,
    Row,
    Rules,
    Sent,
    WindowRule,
    date_in,
    default_rules,
    excluded,
    plan,
    splitmix64,
    without_bad_dates,
)
from tests.plan.reference_campaigns import Campaigns, candidates

STATE_OF_ZIP = {
    "90001": "CA",
    "83702": "ID",
    "40202": "KY",
    "73102": "OK",
    "89101": "NV",
    "21201": "MD",
    "23219": "VA",
    "97201": "OR",
    "63101": "MO",
    "06101": "CT",
    "02108": "MA",
    "10001": "NY",
    "98101": "WA",
    "75201": "TX",
    "33101": "FL",
    "20001": "DC",
    "00901": "PR",
}
"""Real ZIPs, so that the packaged mapping agrees."""

STATES = sorted(set(STATE_OF_ZIP.values()))
FREE_ZIPS = ["75201", "33101", "20001", "00901"]
SENT_STATUSES = ["sent", "delivered", "bounced", "scheduled", "processing", "in_doubt"]
OUTBOX_STATUSES = [*SENT_STATUSES, "failed", "cancelled"]
SEEDS = [0, 1, 2, 3, 2**63, 2**64 - 1, *(splitmix64(n) for n in range(40))]
BAD_EMAILS = [None, "", "nobody", "a@b", "two@@example.com", "spa ce@example.com", "@example.com"]
BAD_ZIPS = [None, "", "9000", "00000", "90001-", "90001-12", "ABCDE", "900011234567"]
BAD_DATES = [None, None, "", "1990-02-30", "yesterday", "1849-12-31", "2121-01-01", "1970-13-01"]


def state_of(zip_code: str) -> str | None:
    """The state of one of the five-digit ZIPs used here."""
    return STATE_OF_ZIP.get(zip_code)


@dataclass(frozen=True)
class World:
    """What one run of the planner reads."""

    contacts: list[Contact]
    stored: list[Row]
    sent: list[Sent]
    extra: list[Extra]
    rules: Rules
    today: date
    campaigns: Campaigns = field(default_factory=Campaigns)

    def plan(self) -> Result:
        """What the reference makes of it."""
        return plan(
            self.contacts,
            self.stored,
            self.sent,
            self.extra,
            self.rules,
            self.today,
            state_of=state_of,
            campaigns=self.campaigns,
        )

    def candidates(self) -> list[Extra]:
        """The campaign emails and follow-ups there could be, eligible or not."""
        return self.extra + candidates(self.contacts, self.sent, self.campaigns, self.rules, self.today)

    def excluded(self, contact_id: int, day: date) -> str | None:
        """Why the contact may not be written to on `day`."""
        contact = next(c for c in self.contacts if c.id == contact_id)
        state = STATE_OF_ZIP[(contact.zip_code or "")[:5]]
        return excluded(without_bad_dates(contact, self.today), state, day, self.rules)


@dataclass(frozen=True)
class Night:
    """What happens between two runs."""

    days: int = 1
    """How long until the next run; 0 is a second run on the same day."""
    statuses: tuple[str, ...] = ("sent",)
    """What becomes of the emails that are due, by turns; none: the sender is down."""
    every_day: bool = False
    """Whether the sender works until the next run, or only on the day of the last one."""
    change: tuple[int, dict[str, Any]] | None = None
    """Which contact (by position) changes, and its new values."""
    pin: tuple[int, int] | None = None
    """Which planned row (by position) is pinned, and to how many days from the new today."""
    rules: Rules | None = None
    """New rules, if they change."""
    extra: list[Extra] | None = None
    """New campaign candidates, if they change."""


def after(world: World, rows: list[Row], night: Night) -> World:
    """The world the next run finds, when the last one stored `rows`."""
    today = world.today + timedelta(days=night.days)
    until = today if night.every_day else world.today + timedelta(days=min(1, night.days))
    rows = sorted(rows, key=lambda row: (row.contact_id, row.kind, row.event, row.followup))
    stored, sent, turn = [], list(world.sent), 0
    for row in rows:
        if night.statuses and row.reason is None and world.today <= row.send < until:
            status = night.statuses[turn % len(night.statuses)]
            gone = Sent(row.contact_id, row.kind, row.event, row.send, status, row.followup, row.priority)
            sent.append(gone)
            turn += 1
        else:
            stored.append(row)
    pinnable = [place for place, row in enumerate(stored) if row.reason is None]
    if night.pin is not None and pinnable:
        which, offset = night.pin
        place = pinnable[which % len(pinnable)]
        stored[place] = replace(stored[place], send=today + timedelta(days=offset), pinned=True)
    contacts = list(world.contacts)
    if night.change is not None:
        which, values = night.change
        which %= len(contacts)
        contacts[which] = replace(contacts[which], **values)
    return World(
        contacts,
        stored,
        sent,
        world.extra if night.extra is None else night.extra,
        world.rules if night.rules is None else night.rules,
        today,
        world.campaigns,
    )


# ---------------------------------------------------------------------------------------------------
# Drawing


def mostly(usual: list[Any], seldom: list[Any]) -> st.SearchStrategy[Any]:
    """One of the second list in one case of twelve (one flat list: drawing contacts must be quick)."""
    often = [usual[n % len(usual)] for n in range(max(len(usual), 11 * len(seldom)))]
    return st.sampled_from(often + seldom)


def todays() -> st.SearchStrategy[date]:
    """Days on which calendars go wrong, and others."""
    special = [
        date(2024, 2, 28),
        date(2024, 2, 29),
        date(2024, 3, 1),
        date(2025, 2, 27),
        date(2025, 2, 28),
        date(2025, 3, 1),
        date(2024, 12, 31),
        date(2025, 1, 1),
        date(2027, 12, 31),
        date(2028, 1, 1),
        date(2025, 9, 14),
        date(2025, 9, 15),
        date(2025, 9, 16),
    ]
    return st.sampled_from(special) | st.dates(date(2023, 6, 1), date(2029, 6, 30))


def anchor_days(today: date) -> st.SearchStrategy[tuple[int, int]]:
    """Months and days of birth and effective dates: near today, and the awkward ones."""
    near = st.integers(-100, 140).map(lambda n: today + timedelta(days=n)).map(lambda d: (d.month, d.day))
    awkward = [(2, 29), (2, 28), (3, 1), (12, 31), (1, 1), (9, 15), (today.month, today.day)]
    return near | st.sampled_from(awkward)


@dataclass
class Book:
    """The few values that the contacts of one world share."""

    today: date
    zips: list[str]
    days: list[tuple[int, int]]

    def dates(self, years: list[int], bad: list[str | None]) -> st.SearchStrategy[str | None]:
        """ISO dates on one of the shared days, seldom something else."""
        return mostly([date_in(year, *day).isoformat() for day in self.days for year in years], bad)

    def birth_dates(self) -> st.SearchStrategy[str | None]:
        year = self.today.year
        tomorrow = (self.today + timedelta(days=1)).isoformat()
        bad = [*BAD_DATES, tomorrow, f"{year + 3}-01-01", self.today.isoformat()]
        return self.dates([1944, 1960, 1980, 2000, year - 77, year - 76, year - 75], bad)

    def effective_dates(self) -> st.SearchStrategy[str | None]:
        year = self.today.year
        return self.dates([1999, 2016, year - 2, year - 1, year, year + 1], BAD_DATES)

    def zip_codes(self) -> st.SearchStrategy[str | None]:
        forms = ["{}", "{}", "{}-1234", "{}9876"]
        return mostly([form.format(zip_code) for zip_code in self.zips for form in forms], BAD_ZIPS)

    def contacts(self, max_contacts: int) -> st.SearchStrategy[list[Contact]]:
        """Contacts whose ids and emails come in orders of their own."""
        fields = st.tuples(
            mostly(["{}"], BAD_EMAILS),
            st.sampled_from(SEEDS),
            mostly(["active"] * 2, ["opted_out", "bounced"]),
            self.zip_codes(),
            self.birth_dates(),
            self.effective_dates(),
            mostly([False] * 24, [True]),
            mostly([()] * 12, REFUSALS),
        )
        few = st.lists(fields, min_size=1, max_size=6)
        many = st.lists(fields, min_size=min(7, max_contacts), max_size=max_contacts)

        def number(drawn: list[tuple[Any, ...]]) -> list[Contact]:
            made = []
            for place, (email, *rest) in enumerate(drawn):
                name = f"{'abcdefghij'[place * 7 % 10]}.{place}@example.com"
                made.append(Contact(len(drawn) - place, email and email.format(name), *rest))
            return made

        return (few | many).map(number)


@st.composite
def books(draw: st.DrawFn, today: date) -> Book:
    zips = draw(st.lists(st.sampled_from(sorted(STATE_OF_ZIP)), min_size=1, max_size=4))
    days = draw(st.lists(anchor_days(today), min_size=1, max_size=4))
    return Book(today, [*zips, draw(st.sampled_from(FREE_ZIPS))], days)


REFUSALS = [
    ("marketing",),
    ("rate_increase",),
    ("regulatory_notice",),
    ("initial_blast", "marketing"),
]
"""What an address may be suppressed for short of everything."""

WINDOWS = st.tuples(
    st.integers(0, 40) | st.integers(0, 364),
    st.integers(0, 70) | st.integers(0, 364),
    st.booleans(),
    st.none() | st.integers(0, 70),
)
"""Before, after, month start, extension; `window` makes them fit together."""

WINDOWS_BY_STATE = st.dictionaries(st.sampled_from(STATES), WINDOWS, max_size=8)

SETTINGS = st.fixed_dictionaries(
    {
        "pre_window_days": st.sampled_from([60, 60, 0, 5, 30]),
        "age_exclusion": st.dictionaries(
            st.sampled_from(STATES), st.sampled_from([75, 76, 76, 77, 18]), max_size=5
        ),
        "unknown_anchor": st.sampled_from(["plan", "plan", "exclude"]),
        "birthday_days_before": st.sampled_from([14, 14, 14, 0, 0, 1, 3, 30]),
        "effective_date_days_before": st.sampled_from([30, 30, 30, 0, 0, 1, 14, 60]),
        "cap_share": st.sampled_from(
            [Decimal(share) for share in ("0.07", "0.01", "0.03", "0.1", "0.15", "0.29", "0.5", "1")]
        ),
        "overage": st.sampled_from([Decimal(share) for share in ("1.2", "1", "1.25", "1.5", "2", "3")]),
        "ed_soft_limit": st.integers(1, 15),
        "ed_soft_share": st.sampled_from([Decimal(share) for share in ("0.3", "0.5", "1", "0.07")]),
        "ed_smoothing_days": st.sampled_from([1, 3, 5, 7, 9]),
        "catch_up_days": st.integers(1, 10),
        "max_shift_days": st.sampled_from([45, 0, 1, 5, 20]),
        "max_per_period": st.integers(1, 3),
        "period_days": st.integers(1, 20),
        "blackout_weekdays": st.just(set())
        | st.sets(st.integers(0, 6), max_size=2)
        | st.sets(st.integers(0, 6), max_size=6),
    }
)
"""The settings that are drawn without knowing the day."""

PRIORITIES = st.fixed_dictionaries({kind: st.integers(1, 8) for kind in range(4)})
STATE_RULES = st.tuples(st.sets(st.sampled_from(STATES), max_size=2), WINDOWS_BY_STATE, WINDOWS_BY_STATE)


def window(drawn: tuple[int, int, bool, int | None], pre_window_days: int) -> WindowRule:
    """A window whose days before, extension and days after are 364 at most."""
    before, after_, month_start, extension = drawn
    room = 364 - (pre_window_days if extension is None else extension)
    before = min(before, room)
    return WindowRule(before, min(after_, room - before), month_start, extension)


@st.composite
def rules(draw: st.DrawFn, today: date) -> Rules:
    """Rules under which a few dozen contacts crowd each other."""
    made = replace(default_rules(), **draw(SETTINGS))
    if draw(st.booleans()):
        year_round, birthday, effective = draw(STATE_RULES)
        pre = made.pre_window_days
        made.year_round = year_round
        made.birthday_windows = {state: window(one, pre) for state, one in birthday.items()}
        made.effective_date_windows = {state: window(one, pre) for state, one in effective.items()}
    if draw(st.booleans()):
        made.priorities = draw(PRIORITIES)
    near = [today + timedelta(days=n) for n in range(-20, 60)]
    aep = st.sampled_from([(9, 15), (9, 15), (2, 29), (12, 31), (1, 1)])
    aep |= st.sampled_from([(day.month, day.day) for day in near])
    years = range(today.year - 1, today.year + 3)
    made.aep_dates = draw(st.lists(aep, max_size=3, unique=True))
    made.aep_years = draw(st.just([]) | st.lists(st.sampled_from(years), max_size=3))
    made.blackout_dates = set(draw(st.lists(st.sampled_from(near), max_size=4)))
    return made


@st.composite
def extras(draw: st.DrawFn, contacts: list[Contact], sent: list[Sent], today: date) -> list[Extra]:
    """Candidates of up to four campaign instances that share few days, and a few follow-ups."""
    around = st.integers(-15, 40).map(lambda n: today + timedelta(days=n))
    days = draw(st.lists(around, min_size=1, max_size=3))
    found: dict[tuple[int, int, date, bool], Extra] = {}
    for kind in range(16, 16 + draw(st.integers(0, 4))):
        code = splitmix64(1000 + kind)
        priority = draw(st.integers(1, 10))
        respects_windows = draw(st.booleans())
        before = draw(st.sampled_from([0, 0, 3, 14, -4]))
        shift = draw(st.integers(0, 45))
        until = draw(st.none() | st.integers(-5, 30).map(lambda n: today + timedelta(days=n)))
        for contact in draw(st.lists(st.sampled_from(contacts), max_size=12, unique_by=lambda c: c.id)):
            ideal = draw(st.sampled_from(days))
            event = ideal + timedelta(days=before)
            deadline = event - timedelta(days=1) if event > ideal else ideal + timedelta(days=shift)
            if until is not None:
                deadline = max(ideal, min(deadline, until))
            made = Extra(contact.id, kind, event, ideal, deadline, priority, respects_windows, code=code)
            found[contact.id, kind, event, False] = made
    initial = [row for row in sent if row.kind is not None and row.event is not None and not row.followup]
    for row in draw(st.lists(st.sampled_from(initial), max_size=4)) if initial else []:
        assert row.kind is not None
        assert row.event is not None
        ideal = max(row.send + timedelta(days=2), today + timedelta(days=draw(st.integers(-3, 1))))
        code = splitmix64(splitmix64(row.kind) ^ 7)
        found[row.contact_id, row.kind, row.event, True] = Extra(
            row.contact_id,
            row.kind,
            row.event,
            ideal,
            ideal + timedelta(days=10),
            draw(st.integers(1, 8)),
            followup=True,
            code=code,
        )
    return list(found.values())


@st.composite
def outboxes(draw: st.DrawFn, contacts: list[Contact], book: Book) -> list[Sent]:
    """What was sent, released, lost or cancelled around today."""
    found: dict[tuple[int, int | None, date | None, bool], Sent] = {}
    ids = st.sampled_from([contact.id for contact in contacts])
    for _ in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from([None, 0, 1, 2, 3, 3, 16, 17]))
        send = book.today + timedelta(days=draw(st.integers(-30, 3) | st.integers(-200, 10)))
        event: date | None
        if kind is None:
            event, send = None, min(send, book.today - timedelta(days=1))
        elif draw(st.booleans()):
            event = date_in(send.year + draw(st.integers(0, 1)), *draw(st.sampled_from(book.days)))
        else:
            event = send + timedelta(days=draw(st.integers(-2, 40)))
        followup = kind is not None and draw(st.integers(0, 5)) == 0
        made = Sent(draw(ids), kind, event, send, draw(st.sampled_from(OUTBOX_STATUSES)), followup)
        found[made.contact_id, made.kind, made.event, made.followup] = made
    return list(found.values())


@st.composite
def odd_rows(draw: st.DrawFn, contacts: list[Contact], extra: list[Extra], book: Book) -> list[Row]:
    """Stored rows that another version, another rule or a hand may have left."""
    found = []
    for _ in range(draw(st.integers(0, 4))):
        day = book.today + timedelta(days=draw(st.integers(-8, 20)))
        ideal = day + timedelta(days=draw(st.sampled_from([0, 0, -1, -10, 2])))
        reasons = [None, None, "birthday_window", "effective_date_window", FREQUENCY, CONFLICT, MISSED]
        reason = draw(st.sampled_from(reasons))
        if extra and draw(st.booleans()):
            one = draw(st.sampled_from(extra))
            who, kind, event, followup = one.contact_id, one.kind, one.event, one.followup
            ideal = draw(st.sampled_from([ideal, one.ideal]))
        else:
            who = draw(st.sampled_from(contacts)).id
            kind, followup = draw(st.sampled_from([BIRTHDAY, EFFECTIVE_DATE, AEP, POST_WINDOW, 16])), False
            event = date_in(day.year + draw(st.integers(0, 1)), *draw(st.sampled_from(book.days)))
        pinned = draw(st.integers(0, 3)) == 0
        found.append(Row(who, kind, event, day, ideal, reason, draw(st.integers(1, 9)), pinned, followup))
    return found


@st.composite
def worlds(draw: st.DrawFn, max_contacts: int = 40) -> World:
    """A world on a night, with what earlier nights left."""
    today = draw(todays())
    book = draw(books(today))
    contacts = draw(book.contacts(max_contacts))
    sent = draw(outboxes(contacts, book))
    extra = draw(extras(contacts, sent, today))
    world = World(contacts, [], sent, extra, draw(rules(today)), today)
    if draw(st.booleans()):
        world = draw(lived(world, book))
    taken = {(row.contact_id, *row.key) for row in world.stored}
    taken |= {(row.contact_id, row.kind, row.event, row.followup) for row in world.sent}
    for row in draw(odd_rows(contacts, extra, book)):
        if (row.contact_id, *row.key) not in taken:
            taken.add((row.contact_id, *row.key))
            world.stored.append(row)
    return world


@st.composite
def lived(draw: st.DrawFn, world: World, book: Book) -> World:
    """The world after an earlier run, when some contact, pin or rule was still another."""
    days = draw(st.sampled_from([1, 1, 2, 8, 20, 40]))
    past = replace(
        world,
        today=world.today - timedelta(days=days),
        rules=draw(st.just(world.rules) | rules(book.today)),
    )
    night = Night(
        days,
        tuple(draw(st.lists(st.sampled_from(OUTBOX_STATUSES), max_size=2))),
        draw(st.booleans()),
        draw(changes(book)),
        draw(pins()),
        world.rules,
    )
    known = [row for row in past.sent if row.send <= past.today]  # the rest had not happened yet
    past = replace(past, sent=known)
    result = after(past, past.plan().rows, night)
    there = {(row.contact_id, row.kind, row.event, row.followup) for row in result.sent + result.stored}
    late = [
        row
        for row in world.sent
        if row not in known and (row.contact_id, row.kind, row.event, row.followup) not in there
    ]
    return replace(result, sent=result.sent + late)


def pins() -> st.SearchStrategy[tuple[int, int] | None]:
    return st.none() | st.tuples(st.integers(0, 99), st.integers(-1, 30))


def changes(book: Book) -> st.SearchStrategy[tuple[int, dict[str, Any]] | None]:
    """One contact gets another date, address or status."""
    values = (
        st.fixed_dictionaries({"birth_date": book.birth_dates()})
        | st.fixed_dictionaries({"effective_date": book.effective_dates()})
        | st.fixed_dictionaries({"zip_code": st.sampled_from(sorted(STATE_OF_ZIP))})
        | st.fixed_dictionaries({"status": st.sampled_from(["active", "opted_out"])})
        | st.fixed_dictionaries({"suppressed": st.booleans()})
        | st.fixed_dictionaries({"refuses": st.sampled_from([(), *REFUSALS])})
    )
    return st.none() | st.tuples(st.integers(0, 99), values)


@st.composite
def nights(draw: st.DrawFn, world: World) -> Night:
    """What may happen before the next run of this world."""
    book = draw(books(world.today))
    days = draw(st.sampled_from([0, 1, 1, 1, 2, 8, 20]))
    return Night(
        days,
        tuple(draw(st.lists(st.sampled_from(OUTBOX_STATUSES), max_size=3))),
        draw(st.booleans()),
        draw(changes(book)),
        draw(pins()),
        draw(st.none() | st.none() | rules(world.today)),
        draw(st.none() | st.none() | extras(world.contacts, world.sent, world.today)),
    )


@dataclass(frozen=True)
class Story:
    """A world and the nights that follow."""

    world: World
    nights: list[Night] = field(default_factory=list)


@st.composite
def next_nights(draw: st.DrawFn, max_contacts: int = 15, max_nights: int = 5) -> Story:
    """A small world and what happens to it night by night."""
    world = draw(worlds(max_contacts))
    return Story(world, draw(st.lists(nights(world), min_size=1, max_size=max_nights)))
