"""The frequency limit on arrays against counting on fingers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.days import FAR, NO_DAY
from carillon.limits import would_exceed


def by_hand(others: list[int], day: int, limit: int, period: int) -> bool:
    """Whether any `period` consecutive days that hold `day` hold more than `limit` emails with it."""
    return any(
        1 + sum(start <= other < start + period for other in others) > limit
        for start in range(day - period + 1, day + 1)
    )


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 30), max_size=6), st.integers(0, 30)), min_size=1, max_size=30
    ),
    st.integers(0, 4),
    st.integers(1, 20),
)
def test_it_is_what_counting_says(cases: list[tuple[list[int], int]], limit: int, period: int) -> None:
    """For any days, limits and periods; padding of either kind does not count."""
    width = max(len(others) for others, _ in cases) + 2
    padded = np.full((len(cases), width), FAR, np.int32)
    padded[:, 0] = NO_DAY
    for row, (others, _) in enumerate(cases):
        padded[row, 1 : len(others) + 1] = others
    day = np.array([one for _, one in cases], np.int32)
    expected = [by_hand(others, one, limit, period) for others, one in cases]
    assert would_exceed(padded, day, limit, period).tolist() == expected


def test_the_last_allowed_day_and_the_one_before() -> None:
    """Two in fourteen days: a third on the fifteenth is fine, on the fourteenth it is not."""
    others = np.array([[100, 105], [100, 105], [100, 100]], np.int32)
    day = np.array([114, 113, 100], np.int32)
    assert would_exceed(others, day, 2, 14).tolist() == [False, True, True]
