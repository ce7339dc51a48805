"""A part of a page that follows what it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nicegui.element import Element


class Drawn:
    """A place, and how it is drawn from what was read.

    `show(*found)` draws it, unless it stands there as drawn from the same: what is drawn anew loses the
    focus, an open menu and a click under way. So `found` must tell all that is seen, times in words included.
    """

    def __init__(self, place: Element, draw: Callable[..., None]) -> None:
        self._place, self._draw = place, draw
        self._found: tuple[Any, ...] | None = None

    def show(self, *found: Any, also: object = None) -> None:
        """Draw it from `found`, which can be compared. `also`: what else it looks different by."""
        if (*found, also) == self._found:
            return
        self._found = (*found, also)
        self._place.clear()
        with self._place:
            self._draw(*found)
