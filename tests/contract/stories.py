"""Stories for the stores: random ones, but the same each time."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

S = TypeVar("S")


def drawn(strategy: SearchStrategy[S], how_many: int) -> list[S]:
    """Drawn once and for all, so that a failure is the same one everywhere."""
    found: list[S] = []

    @settings(
        max_examples=how_many,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(story: S) -> None:
        found.append(story)

    draw()
    return found
