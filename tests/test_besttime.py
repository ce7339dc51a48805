"""What is known of hours, and one draw of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.besttime import CAUTION, Belief, Seen, belief, default_profile, drawn

CELLS = [(day, hour) for day in range(2) for hour in range(9, 18)]


def seen(*cells: tuple[int, int, int, int]) -> Seen:
    """Of weekday, hour, emails, answers."""
    found = Seen.nothing()
    for day, hour, sent, answered in cells:
        found.sent[day, hour], found.answered[day, hour] = sent, answered
    return found


def best(known: Belief) -> tuple[int, int]:
    return max(CELLS, key=lambda cell: known.mean[cell])


tables = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 23), st.integers(0, 3000), st.floats(0, 1)),
    max_size=30,
    unique_by=lambda cell: cell[:2],
).map(lambda cells: seen(*((day, hour, n, int(n * share)) for day, hour, n, share in cells)))


def both(workspace: Seen, industry: Seen) -> Seen:
    return Seen(workspace.sent + industry.sent, workspace.answered + industry.answered)


@given(tables, tables)
def test_beliefs_are_shares_and_worth_something(workspace: Seen, industry: Seen) -> None:
    known = belief(both(workspace, industry), industry)
    assert known.mean.shape == known.emails.shape == (7, 24)
    assert ((known.mean > 0) & (known.mean < 1)).all()
    assert (known.emails > 0).all()
    assert all(np.isfinite(table).all() for table in known.log_odds)


@given(st.lists(st.tuples(tables, tables), min_size=1, max_size=3))
def test_many_tables_at_once_are_each_as_alone(worlds: list[tuple[Seen, Seen]]) -> None:
    every = [(both(one, other), other) for one, other in worlds]
    together = [
        Seen(np.stack([pair[at].sent for pair in every]), np.stack([pair[at].answered for pair in every]))
        for at in (0, 1)
    ]
    known = belief(*together)
    for place, (workspace, industry) in enumerate(every):
        alone = belief(workspace, industry)
        np.testing.assert_allclose(known.mean[place], alone.mean)
        np.testing.assert_allclose(known.emails[place], alone.emails)


def test_without_history_it_is_the_profile() -> None:
    assert best(belief(Seen.nothing())) == (0, 14)
    order = np.argsort(-default_profile()[0, 9:18], kind="stable")
    assert (np.argsort(-belief(Seen.nothing()).mean[0, 9:18], kind="stable") == order).all()


def test_a_handful_of_lucky_emails_does_not_decide() -> None:
    """Two of five at nine are a rate of 40 %, and say next to nothing."""
    assert best(belief(seen((0, 9, 5, 2), (0, 14, 300, 54))))[1] == 14


def test_what_was_seen_often_decides() -> None:
    many = seen(*((day, 9, 1000, 200) for day in range(5)), *((day, 14, 1000, 100) for day in range(5)))
    assert best(belief(many))[1] == 9


def test_an_hour_learns_from_its_other_weekdays() -> None:
    known = belief(seen(*((day, 10, 400, 120) for day in range(1, 5)), (0, 15, 400, 30)))
    plain = belief(seen(*((day, 10, 400, 50) for day in range(1, 5)), (0, 15, 400, 30)))
    assert known.mean[0, 10] > 1.5 * plain.mean[0, 10]


def test_an_industry_may_be_otherwise() -> None:
    whole = seen(*((day, 9, 2000, 100) for day in range(5)), *((day, 14, 2000, 400) for day in range(5)))
    bakers = seen(*((day, 9, 600, 180) for day in range(5)), *((day, 14, 600, 12) for day in range(5)))
    assert best(belief(whole))[1] == 14
    assert best(belief(whole, bakers))[1] == 9


def test_the_level_is_the_senders_own() -> None:
    """A sender whom few answer is not told that fresh hours are three times as good."""
    few = belief(seen(*((day, 14, 2000, 40) for day in range(5))))
    assert few.mean[0, 9] < 0.04


@pytest.mark.parametrize(("mean", "emails"), [(0.02, 40.0), (0.15, 280.0), (0.6, 3.0), (0.3, 5000.0)])
def test_a_draw_is_as_good_as_one_of_the_beta_distribution(mean: float, emails: float) -> None:
    known = Belief(np.full((7, 24), mean), np.full((7, 24), emails))
    centre, spread = (table[0, 0] for table in known.log_odds)
    mine = drawn(centre, spread, np.arange(40_000, dtype=np.uint64), np.uint64(7))
    a, b = CAUTION * emails * mean, CAUTION * emails * (1 - mean)
    theirs = np.random.default_rng(3).beta(a, b, 40_000)
    theirs = np.log(theirs / (1 - theirs))
    assert abs(mine.mean() - theirs.mean()) < 0.05 * theirs.std()
    assert 0.97 < mine.std() / theirs.std() < 1.03
    # The middle half is where it is: what lies far out in the tails of a skew one is not told apart.
    for share in (0.25, 0.5, 0.75):
        assert abs(np.quantile(mine, share) - np.quantile(theirs, share)) < 0.1 * theirs.std()


def test_draws_of_different_emails_and_hours_have_nothing_to_do_with_each_other() -> None:
    seeds, hours = np.arange(2000, dtype=np.uint64), np.arange(400_000, 400_050, dtype=np.uint64)
    draws = drawn(np.zeros(50), np.ones(50), seeds[:, None], hours)
    assert np.abs(np.corrcoef(draws.T) - np.eye(50)).max() < 0.12
    assert np.abs(np.corrcoef(draws[:300, :]) - np.eye(300)).max() < 0.75
    assert abs(draws.mean()) < 0.02
    assert abs(draws.std() - 1) < 0.02
