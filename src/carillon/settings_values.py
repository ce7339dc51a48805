"""The configuration as plain values: for the screen, for the versions in the database, and to be compared.

What belongs here: one spelling for each value, such as a person would write into `carillon.yaml` and JSON
can hold. A password in the database's URL is never part of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

from pydantic import BaseModel

from carillon.settings import MonthDay, Settings
from carillon.settings_timing import SmartOverride

SECRET = "database.url"

Values = dict[str, object]
"""By "section.key"."""


@dataclass(frozen=True)
class Changed:
    """One key whose value differs; None also where there is no such key."""

    key: str
    old: object
    new: object


def values_of(settings: Settings) -> Values:
    """Every setting, the password left out."""
    return {path: _at(settings, path) for path in settings.paths()}


def from_environment(settings: Settings) -> dict[str, str]:
    """The settings that the environment gives, each with its variable."""
    origins = {path: settings.origin(path) for path in settings.paths()}
    return {path: one.where or "" for path, one in origins.items() if one.kind == "environment"}


def changes(old: Mapping[str, object], new: Mapping[str, object]) -> list[Changed]:
    """What differs between two sets of values, in the order of the new one."""
    keys = [*new, *(key for key in old if key not in new)]
    return [Changed(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)]


def plain(value: object) -> object:
    """A value in the one spelling: text, number, truth, list or map; of a map only what is no default."""
    match value:
        case MonthDay():
            return f"{value.month:02}-{value.day:02}"
        case SmartOverride():
            return {name: plain(one) for name, one in value.named.items()}
        case BaseModel():
            fields = type(value).model_fields
            return {
                name: plain(getattr(value, name))
                for name, field in fields.items()
                if field.is_required() or getattr(value, name) != field.get_default(call_default_factory=True)
            }
        case Mapping():
            return {str(key): plain(value[key]) for key in sorted(value)}
        case tuple():
            return [plain(one) for one in value]
        case time():
            return f"{value:%H:%M}"
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value.normalize():f}"
    return value


def words(value: object) -> str:
    """A plain value on one line of the screen."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case {"window_before_days": before, "window_after_days": after, **more}:
            own = more.get("pre_window_extension_days")
            month = " from the month's first" if more.get("use_month_start") else ""
            return f"-{before}{'' if own is None else f' (+{own})'}..+{after}{month}"
        case dict():
            return ", ".join(f"{key}: {_inner(below)}" for key, below in value.items()) or "{}"
        case list():
            return ", ".join(words(one) for one in value) or "[]"
    return str(value)


def side_by_side(changed: Sequence[Changed]) -> list[tuple[str, str, str]]:
    """Each key with its old and its new value in words; of maps only what differs."""
    rows = []
    for one in changed:
        if isinstance(one.old, dict) and isinstance(one.new, dict):
            for name in sorted({*one.old, *one.new}):
                old, new = ({name: side[name]} if name in side else None for side in (one.old, one.new))
                if old != new:
                    sides = [words(side).removeprefix(f"{name}: ") if side else "none" for side in (old, new)]
                    rows.append((f"{one.key}.{name}", *sides))
        else:
            rows.append((one.key, words(one.old), words(one.new)))
    return [(key, old, new) for key, old, new in rows]


def without_password(url: str) -> str:
    """A database URL that may be shown."""
    return re.sub(r"(password=)[^&]*", r"\1***", re.sub(r"(://[^:@/]*):.*@", r"\1:***@", url))


def _at(settings: Settings, path: str) -> object:
    found: object = settings
    for part in path.split("."):
        found = getattr(found, part)
    return without_password(str(found)) if path == SECRET else plain(found)


def _inner(value: object) -> str:
    """What stands in a map: of a window its reach, of another map where it ends."""
    if isinstance(value, dict) and value and "window_before_days" not in value:
        return "{" + words(value) + "}"
    return words(value)
