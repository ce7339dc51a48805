"""Whether the steps of a sequence fit together: every way leads somewhere, nobody goes round for nothing.

What belongs here: what is wrong with steps as a whole. What does not: how they are written (`written`), what
one step alone may be (`carillon.sequences`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from carillon.sequences import (
    END,
    MOST_STEPS,
    ConditionSettings,
    DelaySettings,
    EmailSettings,
    ExitSettings,
    Step,
)
from carillon.sequences import Sequence as Definition
from carillon.sequences_conditions import Seen, leaves
from carillon.settings_checks import did_you_mean, identifier, shown
from carillon.words import ActionKind

Ways = Mapping[str, Sequence[str]]
"""By step, the steps that may come after it."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: at which step (by place, from 0), with which of its keys."""

    step: int
    key: str
    """Nothing: the step as a whole."""
    text: str


def faults(steps: Sequence[Step]) -> list[Fault]:
    """All that is wrong with the steps of a sequence, by step; none: it can be run."""
    found = list(_single(steps))
    if not found:
        # What the ways are is only known once each of them leads somewhere.
        found = [*_unreachable(steps), *_too_early(steps), *_circles(steps)]
    return sorted(found, key=lambda one: one.step)


def templates_of(sequence: Definition) -> list[str]:
    """The templates its steps name, each once, in their order."""
    found: list[str] = []
    for step in sequence.steps:
        match step.settings:
            case EmailSettings() as settings:
                found += [one.template for one in settings.choices]
            case settings if getattr(settings, "kind", None) is ActionKind.SMS:
                found.append(str(getattr(settings, "template", "")))
    return list(dict.fromkeys(found))


def _single(steps: Sequence[Step]) -> Iterable[Fault]:
    """What can be said of each step when one knows the names of the others."""
    keys = [step.key for step in steps]
    if not steps:
        yield Fault(0, "", "the sequence has no steps; write at least one")
    if len(steps) > MOST_STEPS:
        yield Fault(MOST_STEPS, "", f"a sequence has {MOST_STEPS} steps at most; split it in two")
    for place, step in enumerate(steps):
        try:
            identifier(step.key)
        except ValueError as error:
            yield Fault(place, "key", str(error))
        if step.key == END:
            yield Fault(place, "key", f"{shown(END)} means the end of the sequence; choose another key")
        if step.key in keys[:place]:
            yield Fault(place, "key", f"two steps are called {shown(step.key)}; rename one of them")
        for name in ("next", "otherwise"):
            way = getattr(step, name)
            if way is not None and way not in keys:
                hint = did_you_mean(way, [*keys, END]) or f"; use one of: {', '.join([*keys, END])}"
                yield Fault(place, name, f"there is no step {shown(way)}{hint}")
        yield from _misplaced(place, step)
        yield from _unknown_since(place, step, keys)


def _misplaced(place: int, step: Step) -> Iterable[Fault]:
    if step.otherwise is not None and not isinstance(step.settings, ConditionSettings):
        yield Fault(place, "otherwise", "only a condition has another way; remove it")
    if step.next is not None and isinstance(step.settings, ExitSettings):
        yield Fault(place, "next", "nothing comes after an exit; remove it")


def _unknown_since(place: int, step: Step, keys: Sequence[str]) -> Iterable[Fault]:
    for key, since in _counted_from(step):
        if since == step.key:
            yield Fault(place, key, "counts from the step itself; leave it out, or name an earlier step")
        elif since not in keys:
            hint = did_you_mean(since, keys) or f"; use one of: {', '.join(keys)}"
            yield Fault(place, key, f"there is no step {shown(since)}{hint}")


def _counted_from(step: Step) -> list[tuple[str, str]]:
    """The steps named by `since`, each with the key it stands under."""
    match step.settings:
        case DelaySettings(since=str(since)):
            return [("since", since)]
        case ConditionSettings(when=when):
            return [("when", one.since) for one in leaves(when) if isinstance(one, Seen) and one.since]
    return []


def _unreachable(steps: Sequence[Step]) -> Iterable[Fault]:
    reached = {steps[0].key} | _after(_ways(steps), steps[0].key)
    for place, step in enumerate(steps):
        if step.key not in reached:
            yield Fault(place, "key", f"no way leads to {shown(step.key)}; name it in a next, or remove it")


def _too_early(steps: Sequence[Step]) -> Iterable[Fault]:
    """What counts from a step that never comes before it."""
    ways = _ways(steps)
    for place, step in enumerate(steps):
        for key, since in _counted_from(step):
            if step.key not in _after(ways, since):
                yield Fault(place, key, f"{shown(since)} never comes before this step; name an earlier one")


def _circles(steps: Sequence[Step]) -> Iterable[Fault]:
    """Ways back without a delay on them: they would be gone round for ever in one moment."""
    ways = _ways(steps)
    waits = {step.key for step in steps if _waits(step, ways)}
    rest = {
        key: [way for way in after if way not in waits] for key, after in ways.items() if key not in waits
    }
    for place, step in enumerate(steps):
        if step.key in rest and step.key in _after(rest, step.key):
            text = "the way leads back here without a delay; put one on it (not one that counts from outside)"
            yield Fault(place, "next", text)
            return


def _waits(step: Step, ways: Ways) -> bool:
    """Whether everybody who comes by waits anew. What counts from a step outside is over the second time."""
    if not isinstance(step.settings, DelaySettings) or not step.settings.amount:
        return False
    since = step.settings.since
    if since is None:
        return True
    without = {key: [way for way in after if way != since] for key, after in ways.items() if key != since}
    return step.key not in _after(without, step.key)


def _ways(steps: Sequence[Step]) -> dict[str, Sequence[str]]:
    return {step.key: step.ways for step in steps}


def _after(ways: Ways, key: str) -> set[str]:
    """The steps that may come after one; itself only where a way leads back."""
    found: set[str] = set()
    waiting = list(ways[key])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += ways[one]
    return found
