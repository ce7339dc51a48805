"""Rate limits: GCRA against a plain count of what left when."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from carillon.rates import SECOND, Limits, Used, take

LIMITS = st.builds(
    Limits.of,
    per_second=st.none() | st.integers(1, 20),
    per_minute=st.none() | st.integers(1, 200),
    per_hour=st.none() | st.integers(1, 5000),
    delay_seconds=st.integers(0, 5),
    per_day=st.none() | st.integers(1, 30),
    per_domain_minute=st.none() | st.integers(1, 60),
)
DOMAINS = st.sampled_from(["a.example", "b.example", "c.example"])


@given(LIMITS, st.lists(st.tuples(st.integers(0, 20 * SECOND), st.lists(DOMAINS, max_size=30)), max_size=6))
def test_no_limit_is_ever_exceeded(limits: Limits, claims: list[tuple[int, list[str]]]) -> None:
    used, now, left = Used(), 1_000_000 * SECOND, []
    number = 0
    for pause, domains in claims:
        now += pause
        due = [(number + place, domain) for place, domain in enumerate(domains)]
        number += len(due)
        of = dict(due)
        granted = take(due, limits, used, now, 5 * SECOND)
        for one, at in granted:
            assert now <= at <= now + 5 * SECOND
            left.append((at, of[one]))
    left.sort()
    moments = [at for at, _ in left]
    assert all(later - earlier >= limits.interval for earlier, later in pairwise(moments))
    if limits.per_day is not None:
        assert len(left) <= limits.per_day
    for domain in ("a.example", "b.example", "c.example"):
        mine = [at for at, whose in left if whose == domain]
        assert all(later - earlier >= limits.domain_interval for earlier, later in pairwise(mine))


@given(LIMITS, st.integers(0, 60))
def test_all_permits_there_are_can_be_taken(limits: Limits, due: int) -> None:
    """One now, and one more for each interval that fits into the horizon."""
    limits = Limits(limits.interval, 0, limits.per_day)
    room = due if limits.per_day is None else min(due, limits.per_day)
    if limits.interval:
        room = min(room, 1 + 5 * SECOND // limits.interval)
    granted = take([(n, "a.example") for n in range(due)], limits, Used(), 10**15, 5 * SECOND)
    assert len(granted) == room


def test_the_strictest_limit_holds() -> None:
    assert Limits.of(10, 60, None, 0, None, None).interval == SECOND
    assert Limits.of(None, None, 100, 0, None, 30) == Limits(36 * SECOND, 2 * SECOND, None)
    assert Limits.of(None, None, None, 45, 7, None) == Limits(45 * SECOND, 0, 7)
    assert Limits.of(None, None, None, 0, None, None) == Limits()


def test_a_domain_that_is_used_up_does_not_hold_up_the_others() -> None:
    limits, used, now = Limits(0, 60 * SECOND), Used(), 10**15
    due = [(1, "a"), (2, "a"), (3, "b"), (4, "a"), (5, "c")]
    assert [one for one, _ in take(due, limits, used, now, 5 * SECOND)] == [1, 3, 5]
