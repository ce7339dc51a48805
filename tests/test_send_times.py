"""The hour an email takes: a set at a time as one by one, on clocks all over the world."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from holidays import country_holidays
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.besttime import Seen, belief, drawn, unit
from carillon.columns import Bools, Index
from carillon.local_time import Moments
from carillon.send_times import CHOICES, HOUR, Known, Times, Wanted, choose
from carillon.settings_checks import WEEKDAYS
from carillon.settings_timing import SmartScheduling
from carillon.splitmix import splitmix64
from carillon.words import TimeChoice

CHICAGO, TOKYO = ZoneInfo("America/Chicago"), ZoneInfo("Asia/Tokyo")
ZONES = (CHICAGO, TOKYO, ZoneInfo("Asia/Kathmandu"), ZoneInfo("Europe/London"), ZoneInfo("Pacific/Apia"))
ON = SmartScheduling(enabled=True, hold_out_percent=0)
EVER = np.iinfo(np.int64).max


def always(rows: Index, moments: Moments) -> Bools:
    return np.ones((len(rows), len(moments)), bool)


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def local(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)


def known(seed: int, emails: int = 4000) -> Known:
    chance = np.random.default_rng(seed)
    sent = chance.integers(0, emails // 40 + 1, (7, 24)).astype(float)
    answered = np.floor(sent * chance.random((7, 24)) * 0.4)
    seen = Seen(sent, answered) if emails else Seen.nothing()
    return Known(belief(seen), int(seen.sent.sum()))


def reference(
    seed: int, zone: ZoneInfo, base: int, last: int, rules: SmartScheduling, what: Known, open_hours: set[int]
) -> tuple[int, TimeChoice]:
    """One email, hour by hour. `open_hours`: hours since 1970 (UTC) in which it may leave."""
    ours = np.array([seed], np.uint64)
    with np.errstate(over="ignore"):
        if float(unit(splitmix64(ours ^ np.uint64(0xA0761D6478BD642F)))[0]) * 100 < rules.hold_out_percent:
            return base, TimeChoice.HOLDOUT
        second = int(splitmix64(ours ^ np.uint64(0xE7037ED1A0B428DB))[0] % np.uint64(3600)) * 1000

    def works(at: datetime) -> bool:
        off = rules.avoid_holidays and at.date() in country_holidays(rules.avoid_holidays, years=at.year)
        return WEEKDAYS[at.weekday()] in rules.preferred_days and not off

    scored = []
    at = base + rules.min_delay_hours * HOUR
    at += -at % (15 * 60_000)  # all zones of today are quarters of an hour apart
    while at <= min(base + rules.max_delay_hours * HOUR, last - HOUR):
        wall = local(at, zone)
        first = wall.minute == 0 and local(at - 15 * 60_000, zone).replace(tzinfo=None) != wall.replace(
            tzinfo=None
        )
        if first and wall.fold == 0 and works(wall) and wall.hour in rules.hours and at // HOUR in open_hours:
            cell = (wall.weekday(), wall.hour)
            liked = wall.hour in rules.preferred_send_times
            if rules.strategy == "best":
                score = float(what.belief.mean[cell])
            else:
                centre, spread = (table[cell] for table in what.belief.log_odds)
                score = float(drawn(centre, spread, ours, np.array([at // HOUR], np.uint64))[0])
            scored.append(((not what.emails and liked, score, liked, -at), at))
        at += 15 * 60_000
    if scored:
        return max(scored)[1] + second, TimeChoice(rules.strategy)
    day = local(base, zone).replace(
        hour=rules.business_hours_start, minute=0, second=0, microsecond=0, fold=0
    )
    while not works(day) or ms(day) < base + rules.min_delay_hours * HOUR:
        day = day + timedelta(days=1)
    if ms(day) + HOUR <= last and ms(day) // HOUR in open_hours:
        return ms(day) + second, TimeChoice.NONE
    return base, TimeChoice.NONE


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1)) | st.sampled_from(
    [datetime(2026, 3, 7, 12), datetime(2026, 10, 31, 20), datetime(2026, 3, 28, 23), datetime(2026, 12, 24)]
)
RULES = st.builds(
    SmartScheduling,
    enabled=st.just(True),
    strategy=st.sampled_from(["best", "explore"]),
    min_delay_hours=st.integers(0, 6),
    max_delay_hours=st.integers(6, 60),
    preferred_send_times=st.lists(st.integers(0, 23), max_size=3),
    preferred_days=st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7),
    business_hours_start=st.integers(0, 12),
    business_hours_end=st.integers(13, 24),
    avoid_holidays=st.sampled_from([None, "US"]),
    hold_out_percent=st.sampled_from([0, 30]),
)


@given(RULES, st.lists(MOMENTS, min_size=1, max_size=2), st.integers(0, 2**32), st.data())
@settings(max_examples=25, deadline=None)
def test_a_set_at_a_time_is_as_one_by_one(
    rules: SmartScheduling, moments: list[datetime], seed: int, data: st.DataObject
) -> None:
    chance = np.random.default_rng(seed)
    n = 12
    bases = np.array([ms(one.replace(tzinfo=UTC)) for one in moments], np.int64)
    base = bases[chance.integers(0, len(bases), n)]
    last = np.where(chance.random(n) < 0.3, base + 20 * HOUR, EVER)
    emails = Wanted(
        chance.integers(0, 2**63, n).astype(np.uint64),
        chance.integers(0, len(ZONES), n),
        chance.integers(0, 2, n),
        base,
        base,
        last,
    )
    shut = int(chance.integers(2, 9))
    what = [known(seed), known(seed + 1, data.draw(st.sampled_from([0, 4000])))]

    def may(rows: Index, times: Moments) -> Bools:
        return (times // HOUR % shut != 0)[None, :] & np.ones((len(rows), 1), bool)

    found = choose(emails, rules, ZONES, what, may)
    for place in range(n):
        hours = int(base[place] // HOUR)
        open_ = {hour for hour in range(hours, hours + 24 * 400) if hour % shut != 0}
        at, chosen = reference(
            int(emails.seed[place]),
            ZONES[emails.zone[place]],
            int(base[place]),
            int(last[place]),
            rules,
            what[emails.industry[place]],
            open_,
        )
        assert (int(found.at[place]), CHOICES[found.chosen[place]]) == (at, chosen)


def one(at: datetime, zone: ZoneInfo, rules: SmartScheduling = ON, n: int = 1, emails: int = 0) -> Times:
    """Emails whose time comes at a moment."""
    base = np.full(n, ms(at), np.int64)
    wanted = Wanted.of(np.arange(n), np.zeros(n, np.int64), base)
    return choose(wanted, rules, [zone], [known(1, emails)], always)


def test_a_reader_in_tokyo_is_written_to_in_tokyos_business_hours() -> None:
    """It is Thursday afternoon in Chicago, and Friday morning there; Saturday is two hours further on."""
    thursday = datetime(2026, 1, 8, 20, 30, tzinfo=UTC)
    found = one(thursday, TOKYO, n=400)
    days = {local(at, TOKYO).date() for at in found.at.tolist()}
    hours = {local(at, TOKYO).hour for at in found.at.tolist()}
    assert days == {date(2026, 1, 9)}
    assert hours <= set(range(9, 18))
    assert len(hours) >= 5


def test_on_friday_evening_it_is_the_next_working_days_first_hour() -> None:
    rules = ON.model_copy(update={"avoid_holidays": "US"})
    friday = datetime(2026, 1, 16, 23, 30, tzinfo=UTC)  # the Monday after is a holiday in the States
    found = one(friday, CHICAGO, rules)
    at = local(int(found.at[0]), CHICAGO)
    assert (at.date(), at.hour) == (date(2026, 1, 20), 9)
    assert CHOICES[found.chosen[0]] == TimeChoice.NONE


@pytest.mark.parametrize("day", [date(2026, 3, 8), date(2026, 11, 1)])
def test_on_days_when_clocks_change_hours_are_those_on_the_wall(day: date) -> None:
    rules = ON.model_copy(
        update={"preferred_days": ("sunday",), "business_hours_start": 0, "business_hours_end": 24}
    )
    evening = datetime.combine(day, datetime.min.time(), CHICAGO) - timedelta(hours=3)
    found = one(evening, CHICAGO, rules, n=3000)
    walls = [local(at, CHICAGO) for at in found.at.tolist()]
    assert {wall.date() for wall in walls} == {day}
    hours = {wall.hour for wall in walls}
    assert 2 not in hours if day.month == 3 else 1 in hours


def test_the_best_hour_is_the_same_for_everybody_but_not_the_second() -> None:
    monday = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
    found = one(monday, CHICAGO, ON.model_copy(update={"strategy": "best"}), n=500)
    assert {local(at, CHICAGO).hour for at in found.at.tolist()} == {14}
    assert len({at % HOUR for at in found.at.tolist()}) > 400


def test_preferred_hours_hold_before_there_is_history_and_then_only_among_equals() -> None:
    monday = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
    rules = ON.model_copy(update={"preferred_send_times": (11,)})
    assert {local(at, CHICAGO).hour for at in one(monday, CHICAGO, rules, 200).at.tolist()} == {11}
    later = one(monday, CHICAGO, rules, 200, emails=4000)
    assert {local(at, CHICAGO).hour for at in later.at.tolist()} != {11}


def test_a_choice_hangs_on_the_email_alone() -> None:
    """Whoever else is written to, and from whichever minute of the hour on."""
    monday = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
    many, few = one(monday, CHICAGO, n=300, emails=400), one(monday, CHICAGO, n=100, emails=400)
    assert (many.at[:100] == few.at).all()


def test_so_many_are_held_out_and_keep_their_time() -> None:
    monday = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
    found = one(monday, CHICAGO, ON.model_copy(update={"hold_out_percent": 10}), n=20_000)
    held = found.chosen == CHOICES.index(TimeChoice.HOLDOUT)
    assert 0.09 < held.mean() < 0.11
    assert (found.at[held] == ms(monday)).all()


def test_nobody_chooses_where_it_is_off() -> None:
    found = one(
        datetime(2026, 1, 5, 8, 0, tzinfo=UTC), CHICAGO, ON.model_copy(update={"enabled": False}), n=5
    )
    assert (found.chosen == -1).all()
