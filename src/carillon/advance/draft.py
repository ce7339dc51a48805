"""A sequence while it is drawn: steps put in, moved and taken out, each way kept together.

What belongs here: what becomes of the ways when a step comes, goes or moves, whether or not its settings can
be used yet. What does not: how that is written (`written`), what is wrong with it (`written.troubles`), how
it is laid out (`layout`). Each deed returns another draft, so that one can go back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from carillon.advance.written import Item, spell
from carillon.sequences import Sequence, plain_settings
from carillon.words import ActionKind, DelayUnit, ExitReason, Sign, StepType

NEXT, OTHERWISE = "next", "otherwise"
BEGINNINGS: Mapping[StepType, Mapping[str, Any]] = {
    StepType.EMAIL: {},
    StepType.DELAY: {"amount": 2, "unit": DelayUnit.DAYS.value},
    StepType.CONDITION: {"when": Sign.REPLIED.value},
    StepType.ACTION: {"kind": ActionKind.ADD_TAG.value},
    StepType.EXIT: {"reason": ExitReason.COMPLETED.value},
}
"""What a new step says."""


@dataclass(frozen=True)
class Way:
    """Where a step leads: its `next`, or a condition's `otherwise`; without a step: to the beginning."""

    source: str | None = None
    name: str = NEXT


@dataclass(frozen=True)
class Draft:
    """What is drawn. Everybody begins at the first item."""

    name: str = ""
    items: tuple[Item, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    campaign: str | None = None

    @classmethod
    def of(cls, sequence: Sequence) -> Draft:
        items = tuple(Item.of(step) for step in sequence.steps)
        return cls(sequence.name, items, plain_settings(sequence.settings), sequence.campaign)

    @property
    def text(self) -> str:
        """As a file."""
        return spell(self.name, self.campaign, self.settings, self.items)

    def item(self, key: str) -> Item | None:
        return next((one for one in self.items if one.key == key), None)

    def place(self, key: str) -> int:
        return next(place for place, one in enumerate(self.items) if one.key == key)

    def target(self, way: Way) -> str | None:
        """The step a way leads to; None: the end."""
        if way.source is None:
            return self.items[0].key if self.items else None
        found = self.item(way.source)
        return None if found is None else getattr(found, way.name)

    def ways_to(self, key: str) -> list[Way]:
        """The ways that lead to a step, in the order of the items."""
        found = [Way()] if self.items and self.items[0].key == key else []
        for one in self.items:
            if one.type is not StepType.EXIT and one.next == key:
                found.append(Way(one.key))
            if one.type is StepType.CONDITION and one.otherwise == key:
                found.append(Way(one.key, OTHERWISE))
        return found

    def insert(self, kind: StepType, way: Way) -> tuple[Draft, str]:
        """Put a new step on a way. Returns the draft and the step's key."""
        taken = {one.key for one in self.items}
        key = next(name for n in range(1, len(taken) + 2) if (name := f"{kind}_{n}") not in taken)
        return self._put(Item(key, kind, BEGINNINGS[kind]), way), key

    def remove(self, key: str) -> Draft:
        """Take a step out: whoever led to it leads to what came after it."""
        gone = self.item(key)
        if gone is None:
            return self
        after = gone.next if gone.next != key else None
        rest = [
            replace(
                one,
                next=after if one.next == key else one.next,
                otherwise=after if one.otherwise == key else one.otherwise,
            )
            for one in self.items
            if one.key != key
        ]
        if self.items[0].key == key:
            rest.sort(key=lambda one: one.key != after)
        return replace(self, items=tuple(rest))

    def move(self, key: str, way: Way) -> Draft:
        """Take a step out and put it on a way; a condition keeps where it leads otherwise."""
        moved = self.item(key)
        if moved is None or way.source == key or self.target(way) == key:
            return self
        return self.remove(key)._put(moved, way)

    def up(self, key: str) -> Draft:
        """Put a step before the one that leads to it."""
        before = next((way.source for way in self.ways_to(key)), None)
        if before is None or before == key:
            return self
        ways = [way for way in self.ways_to(before) if way.source != key]
        return self.move(key, ways[0]) if ways else self

    def down(self, key: str) -> Draft:
        """Put a step behind the one it leads to."""
        item = self.item(key)
        after = None if item is None or item.next is None else self.item(item.next)
        if after is None or after.type is StepType.EXIT:
            return self
        return self.move(key, Way(after.key))

    def change(self, key: str, **values: Any) -> Draft:
        """Give an item other values: `settings`, `next`, `otherwise`."""
        return replace(
            self, items=tuple(replace(one, **values) if one.key == key else one for one in self.items)
        )

    def rename(self, old: str, new: str) -> Draft:
        """Call a step otherwise, also where others name it. One that another step has is left to it."""
        if old == new or self.item(new) is not None:
            return self
        return replace(
            self,
            items=tuple(
                Item(
                    new if one.key == old else one.key,
                    one.type,
                    _renamed(one.settings, old, new),
                    new if one.next == old else one.next,
                    new if one.otherwise == old else one.otherwise,
                )
                for one in self.items
            ),
        )

    def _put(self, item: Item, way: Way) -> Draft:
        after = self.target(way)
        item = replace(item, next=None if item.type is StepType.EXIT else after)
        items = list(self.items)
        if way.source is None:
            return replace(self, items=(item, *items))
        place = self.place(way.source)
        source = items[place]
        items[place] = (
            replace(source, next=item.key) if way.name == NEXT else replace(source, otherwise=item.key)
        )
        behind = place + 1
        if way.name == OTHERWISE:
            # Behind the way of those for whom it is so, which reads on from the condition.
            known = after is not None and self.item(after) is not None
            behind = self.place(after) if known and after is not None else len(items)
            behind = behind if behind > place else len(items)
        return replace(self, items=(*items[:behind], item, *items[behind:]))


def _renamed(value: Any, old: str, new: str) -> Any:
    """Plain values with each `since: old` as `since: new`."""
    if isinstance(value, Mapping):
        return {
            key: new if key == "since" and inner == old else _renamed(inner, old, new)
            for key, inner in value.items()
        }
    return [_renamed(one, old, new) for one in value] if isinstance(value, list | tuple) else value
