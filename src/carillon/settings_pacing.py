"""The sections of the configuration that are about the days of mailboxes and their warm-up (02-pace §2, §3).

What belongs here: what a day looks like and how a ramp goes, for the workspace and for an account that has
figures of its own. What does not: how slots are drawn from it (`pace`). See `settings_sections`. Import the
sections from `carillon.settings`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from functools import cache
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator, model_validator

from carillon import settings_checks as checks
from carillon.settings_checks import Misfit, Misfits, whole
from carillon.settings_listening import Folder
from carillon.settings_load import problems_of
from carillon.settings_sections import Flag, Section, Share
from carillon.settings_yaml import Document
from carillon.words import Activity

DAY = 24 * 60
_TIMES = re.compile(r"([0-9]{1,2}:[0-9]{2})\s*-\s*([0-9]{1,2}:[0-9]{2})")
STANDARD = (
    "peak 09:00-11:00",
    "normal 11:00-12:00",
    "low 12:00-14:00",
    "peak 14:00-16:00",
    "normal 16:00-18:00",
)
"""The periods of a day from 09:00 to 18:00; other hours stretch them."""


@dataclass(frozen=True)
class Part:
    """A part of the day. Minutes from its beginning, by the clock on the wall; the end is not part of it."""

    begin: int
    end: int

    def __str__(self) -> str:
        return "-".join(f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (self.begin, self.end))

    @classmethod
    def of(cls, text: str) -> Part:
        """Read `09:00-18:00`; an end of 00:00 is 24:00. Raises ValueError for anything else."""
        found = _TIMES.fullmatch(text.strip())
        if not found:
            raise ValueError(f'{checks.shown(text)} is not a part of the day; write it like "09:00-18:00"')
        begin = _minutes(found[1])
        end = DAY if found[2] in ("24:00", "00:00", "0:00") else _minutes(found[2])
        if end <= begin:
            raise ValueError(f"{text.strip()} ends before it begins; it has to lie within one day")
        return cls(begin, end)

    def stretched(self, old: Part, new: Part) -> Part:
        """What this part of `old` becomes if `old` is stretched to `new`, to whole minutes."""
        length, wanted = old.end - old.begin, new.end - new.begin
        begin, end = (
            new.begin + (2 * (at - old.begin) * wanted + length) // (2 * length)
            for at in (self.begin, self.end)
        )
        return Part(begin, end)


def _minutes(text: str) -> int:
    at = checks.time_of_day(text)
    return at.hour * 60 + at.minute


def clock_time(minutes: int) -> time:
    """Minutes of a day as a time; that of its end is midnight."""
    return time(minutes // 60 % 24, minutes % 60)


def part_of_day(value: object) -> str:
    """Two times of day, as `Part` reads them."""
    return str(Part.of(checks.text(value)))


def period(value: object) -> str:
    """How busy people are, and when: `peak 09:00-11:00`."""
    word, _, part = checks.text(value).partition(" ")
    if word.lower() not in list(Activity):
        raise ValueError(
            f'{checks.shown(value)} is not a period; write it like "peak 09:00-11:00", with '
            f"{' or '.join(Activity)}{checks.did_you_mean(word.lower(), list(Activity))}"
        )
    return f"{word.lower()} {Part.of(part)}"


def weekdays(value: object) -> object:
    """Working days: a list of names, or a text like `mon-fri` or `mon, wed, fri`. Monday first."""
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        return value
    found: set[str] = set()
    for word in words:
        first, dash, last = word.partition("-") if isinstance(word, str) else (word, "", "")
        begin = checks.WEEKDAYS.index(checks.weekday(first))
        end = checks.WEEKDAYS.index(checks.weekday(last)) if dash else begin
        found |= {checks.WEEKDAYS[day % 7] for day in range(begin, end + 1 + 7 * (end < begin))}
    if not found:
        raise ValueError("there is no working day, so no mail could ever go; name one at least")
    return tuple(name for name in checks.WEEKDAYS if name in found)


@cache
def period_of(text: str) -> tuple[Activity, Part]:
    """A period as it is stored."""
    word, _, part = text.partition(" ")
    return Activity(word), Part.of(part)


# Named apart from the keys: pydantic reads annotations among the names of the class.
Hours = Annotated[str, BeforeValidator(part_of_day)]
Period = Annotated[str, BeforeValidator(period)]
WorkingDays = Annotated[tuple[str, ...], BeforeValidator(weekdays)]
Weight = Annotated[int, whole(0, 1000)]
Jitter = Annotated[int, whole(0, 3600, "seconds")]
Count = Annotated[int, whole(1, 100_000, "emails")]


class Weights(Section):
    """Of a day's emails, how many fall to each kind of period, in proportion."""

    peak: Weight = 60
    normal: Weight = 30
    low: Weight = 10

    @model_validator(mode="after")
    def _some(self) -> Weights:
        if not self.peak + self.normal + self.low:
            raise ValueError("all weights are 0, so that nothing could go; use one above 0 at least")
        return self


class DayPattern(Section):
    """What the days of a mailbox look like, in its time zone: what an account may have of its own."""

    business_hours: Hours = "09:00-18:00"
    """No slot lies outside of them."""
    # Always checked: hours given without periods must not leave the default's behind.
    periods: tuple[Period, ...] | None = Field(default=None, validate_default=True)
    """In order; None: `STANDARD`, stretched into the business hours."""
    weights: Weights = Weights()
    working_days: WorkingDays = checks.WEEKDAYS[:5]
    """English names in lower case, Monday first."""
    min_gap_seconds: Annotated[int, whole(1, 3600, "seconds")] = 45
    """Seconds between two slots at least."""
    jitter_seconds: tuple[Jitter, ...] = (180, 30)
    """By how many seconds a slot is shifted at most, one after the other."""

    @field_validator("periods", mode="after")
    @classmethod
    def _in_order(cls, periods: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        hours = info.data.get("business_hours")
        if periods is None or hours is None:
            return periods
        if not periods:
            raise ValueError('there is no period; name one at least, such as "peak 09:00-11:00"')
        day, last = Part.of(hours), None
        for text in periods:
            _, part = period_of(text)
            if not day.begin <= part.begin < part.end <= day.end:
                raise ValueError(f"{text} is not within business_hours, {hours}; change one of the two")
            if last is not None and part.begin < last.end:
                raise ValueError(f"{text} begins before the period before it has ended, at {str(last)[-5:]}")
            last = part
        return periods

    @property
    def hours(self) -> Part:
        return Part.of(self.business_hours)

    @property
    def parts(self) -> list[tuple[Activity, Part]]:
        """The periods that hold, in order."""
        if self.periods is not None:
            return [period_of(text) for text in self.periods]
        usual = Part.of(type(self).model_fields["business_hours"].default)
        found = [(activity, part.stretched(usual, self.hours)) for activity, part in map(period_of, STANDARD)]
        return [(activity, part) for activity, part in found if part.begin < part.end]


class Pacing(DayPattern):
    """How mailboxes send through a day."""

    send_interval: Annotated[int, whole(1, 60, "minutes")] = 2
    """Minutes between two looks of the dispatcher at the slots of mailboxes."""
    # Always checked: looks that become rarer must not leave the default behind.
    missed_slot_minutes: Annotated[int, whole(2, 120, "minutes")] = Field(default=5, validate_default=True)
    """A slot missed by so many minutes is still used."""
    slot_retention_days: Annotated[int, whole(1, 3650, "days")] = 7
    """Days that slots are kept after their day."""

    @field_validator("missed_slot_minutes", mode="after")
    @classmethod
    def _seen_in_time(cls, minutes: int, info: ValidationInfo) -> int:
        between = info.data.get("send_interval")
        if between is not None and minutes <= between:
            text = (
                f"{minutes} is not more than send_interval ({between}), so that slots would be missed before "
                f"anybody looks; use at least {between + 1}"
            )
            raise Misfits([Misfit((), text, ("pacing", "send_interval"))])
        return minutes


class Warmup(Section):
    """How a new mailbox goes from few emails a day to many. An account may have figures of its own."""

    start: Count = 5
    """Emails on the first day."""
    step: Annotated[int, whole(0, 1000, "emails")] = 2
    """More of them with every day."""
    most: Count = 40
    """Emails a day of a mailbox that has no daily limit of its own."""
    hold_bounce_rate: Share = Decimal("0.05")
    """Share of bounces above which the ramp stays where it is."""
    pause_bounce_rate: Share = Decimal("0.1")
    """Share of bounces above which the account is paused."""
    least_bounces: Annotated[int, whole(1, 100, "bounces")] = 3
    """With fewer, a share says nothing."""
    rate_days: Annotated[int, whole(1, 60, "days")] = 7
    """Days whose emails the shares are taken of."""
    pool: Flag = False
    """Let accounts write to each other in slots that no real mail takes."""
    pool_share: Share = Decimal("0.5")
    """Of the slots left over, how many carry such mail."""
    pool_answers: Share = Decimal("0.6")
    """How likely such an email is answered, until its conversation ends."""
    pool_spam_folder: Folder | None = None
    """Where it is looked for when it was taken for spam; None: the folder the server has for that."""


def day_pattern(base: DayPattern, own: Mapping[str, Any] | None) -> DayPattern:
    """The workspace's day with an account's own figures laid over it. Raises ValidationError.

    Hours without periods stretch the workspace's periods into them; periods without hours are the hours.
    """
    if not own:
        return base
    values = {name: getattr(base, name) for name in DayPattern.model_fields}
    given = dict(own)
    try:
        if "business_hours" in given and "periods" not in given and base.periods is not None:
            new = Part.of(checks.text(given["business_hours"]))
            moved = [(word, part.stretched(base.hours, new)) for word, part in base.parts]
            given["periods"] = tuple(f"{word} {part}" for word, part in moved if part.begin < part.end)
        if given.get("periods") and "business_hours" not in given:
            parts = [period_of(period(text))[1] for text in given["periods"]]
            given["business_hours"] = str(Part(parts[0].begin, max(part.end for part in parts)))
    except (TypeError, ValueError):
        pass  # told below, with the key
    return DayPattern.model_validate(values | given)


def ramp_of(base: Warmup, own: Mapping[str, Any] | None) -> Warmup:
    """The workspace's ramp with an account's own figures laid over it. Raises ValidationError."""
    if not own:
        return base
    values = {name: getattr(base, name) for name in Warmup.model_fields}
    return Warmup.model_validate(values | dict(own))


def faults_of_own(pacing: Mapping[str, Any] | None, warmup: Mapping[str, Any] | None) -> list[str]:
    """What is wrong with an account's own figures, one sentence each."""
    found = []
    try:
        day_pattern(Pacing(), pacing)
    except ValidationError as error:
        found += [f"pacing.{one.key}: {one.text}" for one in problems_of(DayPattern, error, Document(""))]
    try:
        ramp_of(Warmup(), warmup)
    except ValidationError as error:
        found += [f"warmup.{one.key}: {one.text}" for one in problems_of(Warmup, error, Document(""))]
    return found


def own_figures(model: type[Section], given: Mapping[str, Any]) -> dict[str, Any]:
    """An account's own figures as they are stored: one spelling, for JSON. What is wrong stays as it is."""
    try:
        read = day_pattern(Pacing(), given) if model is DayPattern else ramp_of(Warmup(), given)
    except ValidationError:
        return dict(given)
    return read.model_dump(mode="json", include=set(given))
