"""The hour at which a reader is likely to answer."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.pace.besttime import Belief, Seen, belief, choose, default_profile

MONDAY = datetime(2026, 1, 5)
HOURS = [MONDAY + timedelta(days=day, hours=hour) for day in range(2) for hour in range(9, 18)]


def seen(*cells: tuple[int, int, int, int]) -> Seen:
    """Of weekday, hour, emails, answers."""
    found = Seen.nothing()
    for day, hour, sent, answered in cells:
        found.sent[day, hour], found.answered[day, hour] = sent, answered
    return found


def best(known: Belief) -> datetime:
    return HOURS[choose(HOURS, known, frozenset(), None)]


tables = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 23), st.integers(0, 3000), st.floats(0, 1)),
    max_size=30,
    unique_by=lambda cell: cell[:2],
).map(lambda cells: seen(*((day, hour, n, int(n * share)) for day, hour, n, share in cells)))


@given(tables, tables)
def test_beliefs_are_shares_and_worth_something(workspace: Seen, industry: Seen) -> None:
    together = Seen(workspace.sent + industry.sent, workspace.answered + industry.answered)
    known = belief(together, industry)
    assert known.mean.shape == known.emails.shape == (7, 24)
    assert ((known.mean > 0) & (known.mean < 1)).all()
    assert (known.emails > 0).all()


def test_without_history_it_is_the_profile() -> None:
    assert best(belief(Seen.nothing())) == MONDAY.replace(hour=14)
    order = np.argsort(-default_profile()[0, 9:18], kind="stable")
    assert (np.argsort(-belief(Seen.nothing()).mean[0, 9:18], kind="stable") == order).all()


def test_a_handful_of_lucky_emails_does_not_decide() -> None:
    """Two of five at nine are a rate of 40 %, and say next to nothing."""
    assert best(belief(seen((0, 9, 5, 2), (0, 14, 300, 54)))).hour == 14


def test_what_was_seen_often_decides() -> None:
    many = seen(*((day, 9, 1000, 200) for day in range(5)), *((day, 14, 1000, 100) for day in range(5)))
    assert best(belief(many)).hour == 9


def test_an_hour_learns_from_its_other_weekdays_and_from_its_neighbours() -> None:
    known = belief(seen(*((day, 10, 400, 120) for day in range(1, 5)), (0, 15, 400, 30)))
    plain = belief(seen(*((day, 10, 400, 50) for day in range(1, 5)), (0, 15, 400, 30)))
    assert known.mean[0, 10] > 1.5 * plain.mean[0, 10]
    assert known.mean[0, 9] > 1.1 * plain.mean[0, 9]


def test_an_industry_may_be_otherwise() -> None:
    whole = seen(*((day, 9, 2000, 100) for day in range(5)), *((day, 14, 2000, 400) for day in range(5)))
    bakers = seen(*((day, 9, 600, 180) for day in range(5)), *((day, 14, 600, 12) for day in range(5)))
    assert best(belief(whole)).hour == 14
    assert best(belief(whole, bakers)).hour == 9


def test_the_level_is_the_senders_own() -> None:
    """A sender whom few answer is not told that fresh hours are three times as good."""
    few = belief(seen(*((day, 14, 2000, 40) for day in range(5))))
    assert few.mean[0, 9] < 0.04


def test_a_preferred_hour_wins_among_equals_only() -> None:
    equal = Belief(np.full((7, 24), 0.1), np.full((7, 24), 50.0))
    assert HOURS[choose(HOURS, equal, frozenset({11}), None)].hour == 11
    assert HOURS[choose(HOURS, belief(Seen.nothing()), frozenset({11}), None)].hour == 14


@given(st.integers(0, 2**63))
def test_a_draw_is_the_same_for_the_same_email(seed: int) -> None:
    known = belief(Seen.nothing())
    assert choose(HOURS, known, frozenset(), seed) == choose(HOURS, known, frozenset(), seed)


@pytest.mark.parametrize("history", [0, 20_000])
def test_it_tries_much_while_it_knows_little(history: int) -> None:
    known = belief(
        seen(
            *(
                (day, hour, history, history * (20 if hour == 16 else 10) // 100)
                for day in range(5)
                for hour in range(9, 18)
            )
        )
    )
    tried = [HOURS[choose(HOURS, known, frozenset(), seed)].hour for seed in range(300)]
    if history:
        assert set(tried) == {16}
    else:
        assert len(set(tried)) >= 7
