"""What conditions answer: comparisons one by one, and trees of them."""

from __future__ import annotations

import numpy as np
import pytest

from carillon.advance.conditions import Known, compare, holds
from carillon.advance.steps import NONE
from carillon.sequences_conditions import condition_of
from carillon.words import Operator


@pytest.mark.parametrize(
    ("known", "operator", "value", "answer"),
    [
        (" tx ", "is", "TX", True),
        ("TX", "is_not", "TX", False),
        (None, "is_not", "TX", True),
        (None, "is", "TX", False),
        ("TX", "one_of", ("CA", "tx"), True),
        ("Acme Widgets", "contains", "widget", True),
        (("warm", "vip"), "contains", "VIP", True),
        (("warm", "vip"), "contains", "vi", False),
        ("9", "below", "10", True),
        ("9", "above", "10", False),
        ("2026-01-31", "above", "2026-01-30", True),
        ("10.0", "at_least", "10", True),
        ("10", "at_most", "9.5", False),
        (None, "above", "1", False),
        ("x", "known", True, True),
        (None, "known", False, True),
        ((), "known", True, False),
    ],
)
def test_one_comparison(known: object, operator: str, value: object, answer: bool) -> None:
    assert compare(known, Operator(operator), value) is answer  # type: ignore[arg-type]


def test_signs_count_from_their_moment_on() -> None:
    known = Known(
        enrolled=np.array([100, 100, 100, 100]),
        signs={
            ("event", "replied"): np.array([99, 100, 150, NONE]),
            ("clicked", "https://a.example/"): np.array([NONE, 120, 90, NONE]),
            ("clicked", "https://b.example/"): np.array([130, NONE, NONE, NONE]),
        },
        happened={("first",): np.array([NONE, 110, 151, 10])},
        fields={"state": ["TX", "CA", None, "tx"], "tags": ['["a"]', "[]", None, "no json"],
                "attributes": ['{"n": 3}', '{"n": true}', None, "{}"]},
    )  # fmt: skip
    rows = np.arange(4)

    def ask(condition: object) -> list[bool]:
        answer: list[bool] = holds(condition_of(condition), rows, known).tolist()
        return answer

    assert ask("replied") == [False, True, True, False]
    assert ask({"replied": {"since": "first"}}) == [False, False, False, False]
    assert ask("clicked") == [True, True, False, False]
    assert ask({"clicked": "https://b.example/"}) == [True, False, False, False]
    assert ask({"clicked": {"since": "first"}}) == [True, True, False, False]
    assert ask({"any": ["replied", {"attribute": {"field": "state", "is": "TX"}}]}) == [True] * 4
    assert ask({"all": ["replied", {"not": "clicked"}]}) == [False, False, True, False]
    assert ask({"attribute": {"field": "n", "above": "2"}}) == [True, True, False, False]
    assert ask({"attribute": {"field": "tags", "contains": "a"}}) == [True, False, False, False]
    assert ask({"event": "never"}) == [False] * 4
