"""Long lists, a page at a time. Every list is ordered by something that ends in a unique id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T", covariant=True)
R = TypeVar("R")


@dataclass(frozen=True)
class Slice(Generic[T]):
    """A page."""

    items: Sequence[T]
    last: tuple[str | int, ...] | None
    """What the list is ordered by, of the last row; None: there are no more rows."""


def sliced(
    rows: Sequence[R], limit: int, make: Callable[[R], T], key: Callable[[R], tuple[str | int, ...]]
) -> Slice[T]:
    """The first `limit` of rows of which one more than that was asked for."""
    kept = rows[:limit]
    return Slice([make(row) for row in kept], key(kept[-1]) if len(rows) > limit else None)
