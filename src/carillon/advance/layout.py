"""A draft laid out for the eye: steps under each other, the two ways of a condition side by side until they
meet. Every step is drawn once; a way that leads to one drawn elsewhere says its name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from carillon.advance.draft import NEXT, OTHERWISE, Draft, Way
from carillon.advance.written import Item
from carillon.words import StepType


@dataclass(frozen=True)
class Node:
    """One step; a condition with its two ways and the step at which they meet (None: they do not)."""

    item: Item
    before: Way | None
    """The way it is drawn on; None: below a fork, or where no way leads."""
    lanes: tuple[Lane, Lane] | None = None
    meet: str | None = None


@dataclass(frozen=True)
class Lane:
    """Steps under each other."""

    nodes: tuple[Node, ...]
    end: Way | None
    """The way at its end; None: it ends with an exit, or with a fork whose ways do not meet."""
    to: str | None
    """Where that leads: to a step drawn elsewhere, or None: the sequence is completed."""


def laid_out(draft: Draft) -> tuple[Lane, list[Lane]]:
    """What is drawn from the beginning on, and what no way leads to."""
    drawing = _Drawing(draft)
    main = drawing.lane(Way(), draft.target(Way()), frozenset())
    return main, [drawing.lane(None, one.key, frozenset()) for one in draft.items if drawing.lacks(one.key)]


class _Drawing:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._drawn: set[str] = set()

    def lacks(self, key: str) -> bool:
        return key not in self._drawn

    def lane(self, way: Way | None, at: str | None, stops: frozenset[str]) -> Lane:
        nodes: list[Node] = []
        while at is not None and at not in stops and at not in self._drawn:
            item = self._draft.item(at)
            if item is None:
                break
            self._drawn.add(at)
            if item.type is StepType.EXIT:
                return Lane((*nodes, Node(item, way)), None, None)
            if item.type is not StepType.CONDITION:
                nodes.append(Node(item, way))
                way, at = Way(at), item.next
                continue
            meet = self._meet(item)
            inner = stops if meet is None else stops | {meet}
            yes = self.lane(Way(at, NEXT), item.next, inner)
            no = self.lane(Way(at, OTHERWISE), item.otherwise, inner)
            nodes.append(Node(item, way, (yes, no), meet))
            if meet is None:
                return Lane(tuple(nodes), None, None)
            way, at = None, meet
        return Lane(tuple(nodes), way, at)

    def _meet(self, item: Item) -> str | None:
        """The first step not drawn yet that both ways of a condition come to."""
        no = self._after(item.otherwise)
        return next((key for key in self._after(item.next) if key in no), None)

    def _after(self, start: str | None) -> list[str]:
        """A step and those that may come after it, the nearest first."""
        found: list[str] = []
        waiting = [start]
        for key in waiting:
            step = None if key is None or key in found or key in self._drawn else self._draft.item(key)
            if step is None:
                continue
            found.append(step.key)
            if step.type is not StepType.EXIT:
                waiting += [step.next, step.otherwise if step.type is StepType.CONDITION else None]
        return found


def walk(lane: Lane, see: Callable[[Node], None]) -> None:
    """See every node of a lane, in the order in which they are read."""
    for node in lane.nodes:
        see(node)
        for inner in node.lanes or ():
            walk(inner, see)
