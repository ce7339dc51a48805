"""How one value of the configuration is read, and what is said when it cannot be.

What belongs here: checks of single values, as pydantic validators. Every check takes the value as text
(all that `carillon.yaml` and the environment know) or as the Python object it becomes, and fails with a
`ValueError` whose text names the value and what is allowed. What does not: sections and keys
(`settings`), files and places (`settings_yaml`, `settings_load`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BeforeValidator

from carillon.states import STATES

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Misfit:
    """One problem below the value that was checked; `cause` is the key to point at if it was not given."""

    path: tuple[str | int, ...]
    text: str
    cause: tuple[str, ...] = ()


class Misfits(ValueError):
    """Several problems found by one check, each at its own place."""

    def __init__(self, found: Iterable[Misfit]) -> None:
        self.found = tuple(found)
        super().__init__("; ".join(one.text for one in self.found))


def shown(value: object) -> str:
    """The value as a person would recognise it, cut to a readable length."""
    match value:
        case None:
            return "no value"
        case bool():
            return "true" if value else "false"
        case Mapping():
            return "a map"
        case list() | tuple() | set() | frozenset():
            return "a list"
        case str():
            # Quotes show where a text ends; a number needs none.
            bare = re.fullmatch(r"[-+]?[0-9.]{1,20}", value)
            cut = value if len(value) <= 60 else value[:57] + "..."
            printable = "".join(c if c.isprintable() else "?" for c in cut)
            return printable if bare else f'"{printable}"'
    return str(value)[:60]


def distance(one: str, other: str) -> int:
    """Edits (insert, delete, replace, swap two neighbours) that make `other` of `one`."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before, last = last, row
    return last[-1]


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that was most likely meant, or none if nothing is near."""
    sought = word[:100].lower()

    def rank(choice: str) -> tuple[int, bool, str]:
        right = choice.lower()
        edits = distance(sought, right)
        if sorted(sought.split("_")) == sorted(right.split("_")):
            edits = min(edits, 1)
        elif len(sought) >= 4 and (right.startswith(sought) or sought.startswith(right)):
            edits = min(edits, 2 if len(sought) >= 6 else 1)
        return (edits, sought[:1] != right[:1], choice)

    ranked = min((rank(choice) for choice in choices), default=None)
    return ranked[2] if ranked and ranked[0] <= max(1, len(sought) // 3) else None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """`; did you mean "x"?`, or nothing if nothing is near."""
    near = nearest(word, choices)
    return f'; did you mean "{near}"?' if near else ""


def whole(
    low: int, high: int, unit: str = "", refused: Mapping[int, str] | None = None, odd: bool = False
) -> BeforeValidator:
    """A whole number from `low` to `high`; `refused` has a reason of its own for some of the others."""
    allowed = f"{'an odd' if odd else 'a'} whole number{unit and f' of {unit}'} from {low} to {high}"

    def check(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"[-+]?[0-9][0-9_]{0,14}", value.strip()):
            value = int(value.strip().replace("_", "").lstrip("+"))
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{shown(value)} is not a whole number; use {allowed}")
        if refused and value in refused:
            raise ValueError(refused[value])
        if not low <= value <= high:
            raise ValueError(f"{value} is out of range; use {allowed}")
        if odd and value % 2 == 0:
            raise ValueError(f"{value} is even; use {allowed}, so that as many days lie before as after")
        return value

    return BeforeValidator(check)


def decimal(low: str, high: str, allowed: str) -> BeforeValidator:
    """A decimal number exactly as written, above `low` and up to `high`, six decimals at most."""

    def check(value: object) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise ValueError(f"{shown(value)} is not a number; use {allowed}")
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            raise ValueError(f"{shown(value)} is not a number; use {allowed}") from None
        if not number.is_finite() or not Decimal(low) <= number <= Decimal(high) or not number:
            raise ValueError(f"{shown(value)} is out of range; use {allowed}")
        exponent = number.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -6:
            raise ValueError(f"{shown(value)} has more than six decimals; use {allowed}")
        return number

    return BeforeValidator(check)


def text(value: object) -> str:
    """A text that is not empty, on one line."""
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} where a text is meant; write a name")
    if not value.strip():
        raise ValueError("the text is empty; write a name")
    if len(value) > 1000 or not value.isprintable():
        raise ValueError(f"{shown(value)} is too long or has line breaks or control characters in it")
    return value.strip()


def truth(value: object) -> bool:
    """true or false."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word in ("true", "yes", "on", "1"):
        return True
    if word in ("false", "no", "off", "0"):
        return False
    raise ValueError(f"{shown(value)} is neither true nor false; write one of the two")


def one_of(*words: str) -> BeforeValidator:
    """One of a few words."""

    def check(value: object) -> str:
        word = value.strip().lower() if isinstance(value, str) else ""
        if word not in words:
            raise ValueError(
                f"{shown(value)} is not known; use {' or '.join(words)}{did_you_mean(word, words)}"
            )
        return word

    return BeforeValidator(check)


def time_of_day(value: object) -> time:
    """Hours and minutes on a 24-hour clock."""
    if isinstance(value, time):
        return value
    parts = re.fullmatch(r"\s*([0-9]{1,2}):([0-9]{2})\s*", value) if isinstance(value, str) else None
    if not parts or int(parts[1]) > 23 or int(parts[2]) > 59:
        raise ValueError(f'{shown(value)} is not a time of day; write hours and minutes like "08:30"')
    return time(int(parts[1]), int(parts[2]))


def day(value: object) -> date:
    """A calendar date."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value.strip()):
            return date.fromisoformat(value.strip())
    except ValueError:
        raise ValueError(f"{shown(value)} is not a day of the calendar") from None
    raise ValueError(f'{shown(value)} is not a date; write year, month and day like "2026-12-25"')


def weekday(value: object) -> str:
    """A weekday's English name (or its first three letters), in lower case."""
    word = value.strip().lower() if isinstance(value, str) else ""
    for name in WEEKDAYS:
        if word in (name, name[:3]):
            return name
    hint = did_you_mean(word, WEEKDAYS) or "; write a name like saturday"
    raise ValueError(f"{shown(value)} is not a weekday{hint}")


def zone(value: object) -> str:
    """The name of a time zone that this machine knows."""
    name = text(value)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
        cities = {full.rsplit("/", 1)[-1].lower(): full for full in sorted(known, reverse=True)}
        near = cities.get(name.lower().replace(" ", "_")) or nearest(
            name, (full for full in known if not full.startswith(f"{name}/"))
        )
        hint = f'did you mean "{near}"?' if near else 'use a name like "America/Chicago"'
        raise ValueError(f"{shown(name)} is not a time zone; {hint}") from None
    return name


def state(value: object) -> str:
    """A postal code of `STATES`, in capitals."""
    word = value.strip().upper() if isinstance(value, str) else ""
    if word in STATES:
        return word
    named = {name.upper(): code for code, name in STATES.items()}
    near = named.get(word) or nearest(word, STATES) or named.get(nearest(word, named) or "")
    hint = f'did you mean "{near}"?' if near else 'use a postal code like "CA"'
    raise ValueError(f"{shown(value)} is not a state; {hint}")


def identifier(value: object) -> str:
    """A name that is also a word of the database and of the command line."""
    word = value.strip() if isinstance(value, str) else ""
    if not re.fullmatch(r"[a-z0-9_]{1,60}", word):
        raise ValueError(
            f"{shown(value)} is not a name; use lower-case letters, digits and _, at most 60 of them, like "
            '"rate_increase"'
        )
    return word


def database_url(value: object) -> str:
    """SQLite or PostgreSQL. A URL may hold a password, so no message repeats it."""
    url = text(value)
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme == "sqlite":
        name = url[len("sqlite:///") :]
        if not url.startswith("sqlite:///") or not name or name.startswith(("?", ":memory:")):
            raise ValueError('a SQLite URL must name a file; write it like "sqlite:///carillon.db"')
    elif scheme in ("postgresql", "postgresql+psycopg"):
        if not url.startswith(scheme) or len(url) == len(scheme) + 3:
            raise ValueError('the URL names no database; write it like "postgresql://user@host/name"')
    else:
        hint = ' (write "postgresql://", not "postgres://")' if scheme == "postgres" else ""
        raise ValueError(
            f"this kind of database is not supported{hint}; "
            'the URL must begin with "sqlite:///", "postgresql://" or "postgresql+psycopg://"'
        )
    return url
