"""The warm-up ramp."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.pace.warmup import Verdict, Week, judge
from carillon.ramp import Ramp, allowance

RAMP = Ramp()


@given(st.integers(1, 400), st.none() | st.integers(1, 200))
def test_it_goes_up_by_the_step_and_never_beyond_the_limit(day: int, limit: int | None) -> None:
    now, before = allowance(RAMP, day, limit), allowance(RAMP, day - 1, limit)
    assert now <= (40 if limit is None else limit)
    assert 0 <= now - before <= 2
    assert now == min(40 if limit is None else limit, 5 + 2 * (day - 1))


@pytest.mark.parametrize(
    ("week", "verdict"),
    [
        (Week(40, 0, 0, 9, True), Verdict.ADVANCE),
        (Week(40, 2, 0, 9, True), Verdict.ADVANCE),
        (Week(10, 2, 0, 5, True), Verdict.ADVANCE),
        (Week(60, 3, 0, 9, True), Verdict.ADVANCE),
        (Week(59, 3, 0, 9, True), Verdict.HOLD),
        (Week(30, 3, 0, 9, True), Verdict.HOLD),
        (Week(29, 3, 0, 9, True), Verdict.PAUSE),
        (Week(29, 3, 1, 0, False), Verdict.PAUSE),
        (Week(500, 0, 1, 9, True), Verdict.HOLD),
        (Week(40, 0, 0, 0, True), Verdict.IDLE),
        (Week(40, 0, 0, 3, False), Verdict.IDLE),
    ],
)
def test_what_a_week_means(week: Week, verdict: Verdict) -> None:
    assert judge(RAMP, week)[0] == verdict
