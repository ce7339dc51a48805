"""The slow, obvious way through a sequence: one enrollment, one step, one question at a time.

What the engine does set at a time, written down as the rules say it (03-sequences). Moments are datetimes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from holidays import country_holidays

from carillon.contact_texts import people_of
from carillon.days import FAR, date_of, day_number
from carillon.local_time import instant_of
from carillon.sequences import (
    ActionSettings,
    ConditionSettings,
    DelaySettings,
    EmailSettings,
    ExitSettings,
    SequenceSettings,
    Step,
)
from carillon.sequences import Sequence as Definition
from carillon.sequences_conditions import AllOf, AnyOf, Compared, Condition, Not, Seen
from carillon.settings_checks import WEEKDAYS
from carillon.windows import Windows
from carillon.words import ActionKind, DelayUnit, Operator, Sign

DOUBT = timedelta(hours=72)


@dataclass(frozen=True)
class Fate:
    """What becomes of an email, so long after it was to leave."""

    status: str
    after: timedelta
    settled: timedelta | None = None
    """Of one in doubt: when it turns out to have been sent."""


@dataclass
class Person:
    """A contact."""

    id: int
    zone: ZoneInfo
    row: Mapping[str, str]
    """`zip_code`, `birth_date`, `effective_date`."""
    tags: set[str] = field(default_factory=set)
    attributes: dict[str, str] = field(default_factory=dict)
    events: list[tuple[str, datetime]] = field(default_factory=list)
    clicks: list[tuple[str, datetime]] = field(default_factory=list)
    refused_from: datetime | None = None
    """From when on it wants no mail."""


@dataclass
class Way:
    """One enrollment."""

    id: int
    person: Person
    enrolled: datetime
    step: str
    due: datetime | None
    stepped: datetime | None = None
    visits: int = 0
    status: str = "active"
    reason: str | None = None
    deadline: bool = False
    """Whether `due` is until when it waits for an email in doubt."""
    new: bool = False
    """Whether it has made its email in this pass: nobody has sent it yet."""
    done: list[tuple[str, int, str, datetime]] = field(default_factory=list)
    """Step, visit, outcome, when."""
    emails: dict[int, tuple[date, datetime]] = field(default_factory=dict)
    """By visit: the day and the moment it is to leave."""


class Reference:
    """A sequence and the people on it."""

    def __init__(
        self,
        definition: Definition,
        fates: Mapping[tuple[int, int], Fate],
        windows: Windows,
        zone: ZoneInfo,
    ) -> None:
        self._definition, self._fates, self._windows, self._zone = definition, fates, windows, zone

    def advance(self, way: Way, now: datetime) -> None:
        """One pass for one enrollment."""
        way.new = False
        while way.status == "active" and self._once(way, now):
            pass

    def _once(self, way: Way, now: datetime) -> bool:
        step = self._step(way.step)
        if isinstance(step.settings, EmailSettings) and way.visits in way.emails and not self._ended(way):
            return self._wait(way, step, now)
        if way.due is None or way.due > now:
            return False
        if way.stepped is None:
            self._go(way, step.key, way.due)
            return True
        self._do(way, step, way.due, now)
        return True

    def _ended(self, way: Way) -> bool:
        """Whether the visit it counts is done."""
        return any(visit == way.visits for _, visit, _, _ in way.done)

    def _wait(self, way: Way, step: Step, now: datetime) -> bool:
        _, leaves = way.emails[way.visits]
        fate = self._fates[(way.id, way.visits)]
        at = leaves + fate.after
        if way.new:
            return False
        if fate.status == "in_doubt" and fate.settled is not None and leaves + fate.settled <= now:
            way.deadline = False
            return self._end_of_email(way, step, "sent", leaves + fate.settled)
        if at > now:
            return False
        if fate.status != "in_doubt":
            return self._end_of_email(way, step, fate.status, at)
        if not way.deadline:
            way.deadline, way.due = True, now + DOUBT
        if way.due is not None and way.due <= now:
            way.deadline = False
            return self._end_of_email(way, step, "in_doubt", leaves)
        return False

    def _end_of_email(self, way: Way, step: Step, status: str, at: datetime) -> bool:
        way.done.append((step.key, way.visits, status, at))
        if status in ("failed", "bounced"):
            self._over(way, {"failed": "error", "bounced": "bounced"}[status])
        else:
            self._go(way, step.next, at)
        return True

    def _do(self, way: Way, step: Step, at: datetime, now: datetime) -> None:
        way.visits += 1
        person = way.person
        match step.settings:
            case DelaySettings():
                self._note(way, step, "over", at)
            case ExitSettings(reason=reason):
                way.done.append((step.key, way.visits, "exited", at))
                self._over(way, reason)
            case ConditionSettings(when=when):
                holds = self._holds(when, way)
                way.done.append((step.key, way.visits, "yes" if holds else "no", at))
                self._go(way, step.next if holds else step.otherwise, at)
            case ActionSettings() as action:
                if action.kind is ActionKind.ADD_TAG:
                    person.tags.add(action.tag or "")
                elif action.kind is ActionKind.REMOVE_TAG:
                    person.tags.discard(action.tag or "")
                elif action.kind is ActionKind.SET_ATTRIBUTE:
                    person.attributes[action.field or ""] = action.value or ""
                self._note(way, step, "not_available" if action.kind is ActionKind.SMS else "done", at)
            case EmailSettings() as settings:
                self._email(way, step, settings, at, now)

    def _email(self, way: Way, step: Step, settings: EmailSettings, at: datetime, now: datetime) -> None:
        if way.person.refused_from is not None and way.person.refused_from <= now:
            way.done.append((step.key, way.visits, "suppressed", at))
            return self._over(way, "suppressed")
        leaves = max(at, now)
        day = leaves.astimezone(self._zone).date()
        if settings.respect_exclusion_windows:
            first = self._first_open(way.person, day)
            if first is None:
                way.done.append((step.key, way.visits, "excluded", at))
                return self._over(way, "excluded")
            if first != day:
                clock = leaves.astimezone(self._zone).time().replace(fold=0)
                day, leaves = first, instant_of(first, clock, self._zone)
        way.emails[way.visits] = (day, leaves)
        way.due, way.new = None, True
        return None

    def _first_open(self, person: Person, day: date) -> date | None:
        """Day by day."""
        frame = pl.DataFrame({"id": ["1"]} | {name: [value] for name, value in person.row.items()})
        people, one = people_of(frame), np.zeros(1, np.int64)
        number = day_number(day)
        for later in range(800):
            if not self._windows.reasons(people, one, np.array([number + later], np.int32))[0]:
                return date_of(number + later)
        assert self._windows.open_after(people, one, np.array([number], np.int32))[0] == FAR
        return None

    def _note(self, way: Way, step: Step, outcome: str, at: datetime) -> None:
        way.done.append((step.key, way.visits, outcome, at))
        self._go(way, step.next, at)

    def _over(self, way: Way, reason: str) -> None:
        way.status = "completed" if reason == "completed" else "exited"
        way.reason, way.due = reason, None

    def _go(self, way: Way, key: str | None, at: datetime) -> None:
        way.stepped = at
        if key is None:
            return self._over(way, "completed")
        way.step, way.due = key, at
        settings = self._step(key).settings
        if isinstance(settings, DelaySettings):
            since = self._last(way, settings.since) or at
            way.due = max(at, ends(since, settings, way.person.zone, self._definition.settings))
        return None

    def _last(self, way: Way, key: str | None) -> datetime | None:
        return max((when for step, _, _, when in way.done if step == key), default=None)

    def _step(self, key: str) -> Step:
        found = self._definition.step(key)
        assert found is not None
        return found

    def _holds(self, condition: Condition, way: Way) -> bool:
        person = way.person
        match condition:
            case AllOf(parts):
                return all(self._holds(part, way) for part in parts)
            case AnyOf(parts):
                return any(self._holds(part, way) for part in parts)
            case Not(part):
                return not self._holds(part, way)
            case Seen(sign, name, since):
                begun = self._last(way, since) or way.enrolled
                if sign is Sign.CLICKED:
                    return any(name in (None, link) and at >= begun for link, at in person.clicks)
                word = name if sign is Sign.EVENT else sign.value
                return any(kind == word and at >= begun for kind, at in person.events)
            case Compared(field, operator, value):
                if field == "tags":
                    assert operator is Operator.CONTAINS
                    return value in person.tags
                known = person.attributes.get(field)
                if operator is Operator.KNOWN:
                    return (known is not None) == value
                return (known == value) == (operator is Operator.IS)


def ends(base: datetime, delay: DelaySettings, zone: ZoneInfo, settings: SequenceSettings) -> datetime:
    """When a delay ends, by the calendar on the wall."""
    if delay.unit is DelayUnit.MINUTES:
        return base + timedelta(minutes=delay.amount)
    if delay.unit is DelayUnit.HOURS:
        return base + timedelta(hours=delay.amount)
    local = base.astimezone(zone)
    works = _works(settings) if delay.unit is DelayUnit.WORKING_DAYS else (lambda _: True)
    day = local.date()
    for _ in range(delay.amount):
        day += timedelta(days=1)
        while not works(day):
            day += timedelta(days=1)
    while not works(day):
        day += timedelta(days=1)
    clock = delay.at or local.time().replace(fold=0)
    found = _wall(day, clock, zone)
    while found < base:
        if not delay.amount:
            day += timedelta(days=1)
            while not works(day):
                day += timedelta(days=1)
            found = _wall(day, clock, zone)
        else:
            found = base
    return found


def _wall(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """Below the minute nothing changes when clocks jump."""
    below = timedelta(seconds=clock.second, microseconds=clock.microsecond)
    return instant_of(day, clock.replace(second=0, microsecond=0), zone) + below


def _works(settings: SequenceSettings):  # type: ignore[no-untyped-def]
    off: Sequence[date] = ()
    if settings.holidays:
        off = tuple(country_holidays(settings.holidays, years=range(2024, 2034)))
    return lambda day: WEEKDAYS[day.weekday()] in settings.working_days and day not in off


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]
