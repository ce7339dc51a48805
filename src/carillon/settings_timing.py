"""The section of the configuration that is about the hour at which an email leaves. See `settings_sections`.

Import from `carillon.settings`. Accounts, campaigns and sequences may say otherwise, key by key: what is
nearest to an email holds (`nearest`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import time
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from carillon import settings_checks as checks
from carillon.errors import InputError
from carillon.holiday_days import country
from carillon.settings_checks import Misfit, Misfits, one_of, whole
from carillon.settings_sections import Flag, Section, Weekday

KEY = "smart_scheduling"
"""What a level's settings are called wherever they stand."""
LONGEST_WINDOW_DAYS = 730
LONGEST_AHEAD_HOURS = 336
DAY_END = 24


def hour(value: object) -> int:
    """A full hour of the day: 9 or "09:00"; 24 is its end."""
    text = f"{value:%H:%M}" if isinstance(value, time) else str(value).strip()
    parts = re.fullmatch(r"([0-9]{1,2})(?::00)?", text)
    if isinstance(value, bool) or not parts or int(parts[1]) > DAY_END:
        raise ValueError(f'{checks.shown(value)} is not a full hour; write one from 0 to 24, or like "09:00"')
    return int(parts[1])


def beginning(value: int) -> int:
    """An hour that begins on its day: 24 does not."""
    if value == DAY_END:
        raise ValueError("24 is the end of the day, and no hour begins then; write one from 0 to 23")
    return value


def some_days(names: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, Monday first, and at least one."""
    if not names:
        raise ValueError("names no day, so that nothing could ever leave; name at least one")
    return tuple(name for name in checks.WEEKDAYS if name in names)


# Named apart from the keys: pydantic reads annotations among the names of the class.
Hour = Annotated[int, BeforeValidator(hour)]
Beginning = Annotated[Hour, AfterValidator(beginning)]
Hours = Annotated[tuple[Hour, ...], AfterValidator(lambda found: tuple(sorted(set(found))))]
Weekdays = Annotated[tuple[Weekday, ...], AfterValidator(some_days)]
Country = Annotated[str, BeforeValidator(country)]
Zone = Annotated[str, BeforeValidator(checks.zone)]
AheadHours = Annotated[int, whole(0, LONGEST_AHEAD_HOURS, "hours")]


class SmartScheduling(Section):
    """The hour of an email, chosen by what readers did before."""

    enabled: Flag = False
    """Whether times are chosen."""
    strategy: Annotated[Literal["best", "explore"], one_of("best", "explore")] = "explore"
    """Take the hour with the highest expected rate, or draw by what is known of each, to go on learning."""
    outcome: Annotated[Literal["reply", "open", "click"], one_of("reply", "open", "click")] = "reply"
    """What counts as an answer."""
    analysis_window_days: Annotated[int, whole(1, LONGEST_WINDOW_DAYS, "days")] = 90
    """How far back emails are learnt from."""
    min_delay_hours: AheadHours = 1
    """An email leaves no sooner after its time has come."""
    max_delay_hours: AheadHours = 48
    """The hours to choose from begin no later than this."""
    min_sample_size: Annotated[int, whole(1, 1000, "emails")] = 5
    """Below so many emails a weekday and hour is shown as "not enough data"."""
    preferred_send_times: Hours = ()
    """Hours that are taken among equals, and before there is any history."""
    preferred_days: Weekdays = Field(default=checks.WEEKDAYS[:5])
    """Days on which emails leave, on the contact's calendar."""
    business_hours_start: Beginning = 9
    """The first hour in which emails leave, by the contact's clock."""
    business_hours_end: Hour = 18
    """When the last of these hours is over."""
    avoid_holidays: Country | None = None
    """The country on whose holidays nothing leaves; None: they are days like others."""
    target_timezone: Zone | None = None
    """The zone of contacts of whom neither zone nor ZIP is known; None: the workspace's."""
    hold_out_percent: Annotated[int, whole(0, 50, "percent")] = 10
    """The share of emails that keep the time they would have had, for the report to compare with."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for one in self.clashes:
            if self._says(*one.path, *one.cause):
                raise Misfits([one])
        return self

    @property
    def clashes(self) -> list[Misfit]:
        """Keys that do not go together; each may come from a level of its own."""
        found = []
        if self.business_hours_end <= self.business_hours_start:
            text = "the business hours end before they begin; give them at least one hour"
            found.append(Misfit(("business_hours_end",), text, ("business_hours_start",)))
        if self.max_delay_hours < self.min_delay_hours:
            text = "is less than min_delay_hours, so that there would be nothing to choose from"
            found.append(Misfit(("max_delay_hours",), text, ("min_delay_hours",)))
        return found

    def _says(self, *names: str | int) -> bool:
        """Whether keys that hang together are this level's to say."""
        return bool(names)

    @property
    def hours(self) -> range:
        """The hours of a day in which emails leave."""
        return range(self.business_hours_start, self.business_hours_end)


class SmartOverride(SmartScheduling):
    """What an account, a campaign or a sequence says: only the keys that it names mean anything."""

    @model_validator(mode="before")
    @classmethod
    def _older_word(cls, value: object) -> object:
        """`timezone` is what files of campaigns call `target_timezone`."""
        if isinstance(value, dict) and "timezone" in value and "target_timezone" not in value:
            return {"target_timezone" if key == "timezone" else key: one for key, one in value.items()}
        return value

    def _says(self, *names: str | int) -> bool:
        return self.model_fields_set.issuperset(names)

    @property
    def named(self) -> dict[str, Any]:
        """The keys it names, with their values."""
        return {
            name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SmartOverride) and self.named == other.named

    def __hash__(self) -> int:
        return hash(tuple(self.named.items()))


def nearest(workspace: SmartScheduling, levels: Iterable[SmartOverride | None]) -> SmartScheduling:
    """What holds; `levels`: from the furthest to the nearest."""
    said: dict[str, Any] = {}
    for level in levels:
        said |= {} if level is None else level.named
    return workspace.model_copy(update=said) if said else workspace


def with_override(stored: object, override: SmartOverride | None) -> dict[str, Any]:
    """A level's other settings, and what it says of the hour emails leave in, as JSON can hold them."""
    others = {key: one for key, one in stored.items() if key != KEY} if isinstance(stored, dict) else {}
    return others if override is None else others | {KEY: override.named}


def override_from(values: object, whose: str) -> SmartOverride | None:
    """A level as it is stored or given; None where it says nothing. Raises InputError where it cannot be."""
    if not values:
        return None
    try:
        return SmartOverride.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        place = ".".join(("smart_scheduling", *(str(part) for part in found["loc"])))
        text = found["msg"].removeprefix("Value error, ")
        raise InputError(f"{whose}: {place}: {text}") from None
