"""Values of an older scheduler's configuration as they are written here.

All of them come as text, lists and maps, as they stand in the file; what they mean is guessed kindly. Whether
the outcome can be used is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from decimal import Decimal, InvalidOperation

Path = tuple[str | int, ...]

SHARES = ("load_balancing.daily_send_percentage_cap", "load_balancing.ed_soft_limit_percentage")
FACTOR = "load_balancing.overage_threshold"
SMOOTHING = "load_balancing.ed_smoothing_window_days"
LISTS = ("aep_config.years", "state_rules.year_round_exclusion", "timing_constants.blackout_dates",
         "timing_constants.blackout_weekdays")  # fmt: skip
FIELDS = {
    "window_before": "window_before_days",
    "days_before": "window_before_days",
    "before": "window_before_days",
    "window_after": "window_after_days",
    "days_after": "window_after_days",
    "after": "window_after_days",
    "pre_window_extension": "pre_window_extension_days",
    "month_start": "use_month_start",
}
"""Older names of the fields of a window."""
PERCENT_FROM = 10
"""A factor above this is meant as a percentage."""


def word(key: str) -> str:
    """A key in the one spelling: lower case, with _ between its words."""
    return re.sub(r"[\s\-.]+", "_", key.strip()).lower()


def converted(target: str, value: object) -> tuple[object, str]:
    """The value for our key `target`, and in which way it was changed if that is not plain to see."""
    if target in SHARES:
        return _hundredth(value, Decimal(1))
    if target == FACTOR:
        return _hundredth(value, Decimal(PERCENT_FROM))
    if target == SMOOTHING and isinstance(value, str) and value.strip().isdecimal():
        days = int(value)
        return 2 * days + 1, f"{days} days to either side are {2 * days + 1} in all"
    if target == "timing_constants.send_time" and isinstance(value, str):
        return re.sub(r"^(\s*\d?\d:\d\d):\d\d\s*$", r"\1", value), ""
    if target == "aep_config.default_dates":
        every = list(_month_days(value))
        dated = re.search(r"\d{4}[-/]\d", str(value))
        return every, "the days of every year; which years is aep_config.years" if dated else ""
    if target in LISTS and isinstance(value, str):
        return [one.strip() for one in value.split(",") if one.strip()], ""
    return value, ""


def kind_of_rule(rule: object) -> str | None:
    """Which of our lists a state's rule belongs into; None: it is no rule."""
    said = rule.get("type", "") if isinstance(rule, dict) else rule
    name = word(said) if isinstance(said, str) else ""
    if name.startswith("year_round"):
        return "year_round_exclusion"
    if name.startswith("birthday"):
        return "birthday_windows"
    if name.startswith("effective_date"):
        return "effective_date_windows"
    return None


def window(rule: object) -> tuple[object, list[str]]:
    """A state's rule as a window of ours, and the keys that mean nothing here."""
    if not isinstance(rule, dict):
        return rule, []
    found: dict[str, object] = {"window_before_days": "0", "window_after_days": "0"}
    ignored = []
    for key, value in rule.items():
        name = word(key)
        if name == "type":
            continue
        if name in ("special_rules", "special_rule", "special") and "month_start" in str(value).lower():
            found["use_month_start"] = "false" if "false" in str(value).lower() else "true"
        elif (own := FIELDS.get(name, name)) in (*FIELDS.values(),):
            found[own] = value
        else:
            ignored.append(key)
    return found, ignored


def fields_of(given: object, known: Container[str]) -> tuple[object, list[str]]:
    """The fields among `given` (also a level deeper) that are known, and the keys that are not."""
    if not isinstance(given, dict):
        return {} if given is None else given, []
    found: dict[str, object] = {}
    ignored = []
    for key, value in given.items():
        if isinstance(value, dict):
            below, others = fields_of(value, known)
            assert isinstance(below, dict)
            found |= below
            ignored += [key] if others or not below else []
        elif word(key) in known:
            found[word(key)] = value
        else:
            ignored.append(key)
    return found, ignored


def named(value: object) -> Iterator[tuple[Path, str | None, object]]:
    """Place, name (if it has one) and fields of each entry of a map by name, or of a list of maps."""
    if isinstance(value, Mapping):
        for name, fields in value.items():
            yield (name,), name, fields
    elif isinstance(value, list):
        for at, entry in enumerate(value):
            name = entry.get("name") if isinstance(entry, dict) else None
            if isinstance(entry, dict) and isinstance(name, str):
                yield (at,), name, {key: one for key, one in entry.items() if key != "name"}
            else:
                yield (at,), None, entry


def template_key(key: str) -> tuple[str, str]:
    """Which email and which channel a template's key is about: "birthday_sms" is (birthday, sms)."""
    name = word(key).removesuffix("_template")
    for channel in ("sms", "email"):
        if name.endswith(f"_{channel}"):
            return name.removesuffix(f"_{channel}"), channel
    return name, "email"


def _hundredth(value: object, most: Decimal) -> tuple[object, str]:
    """A number that is a percentage if it says so or is above `most`."""
    text = str(value).strip()
    try:
        number = Decimal(text.removesuffix("%").strip())
    except InvalidOperation:
        return value, ""
    if number.is_finite() and (text.endswith("%") or number > most):
        share = f"{(number / 100).normalize():f}"
        return share, f"{text.removesuffix('%').strip()} % is {share}"
    return value, ""


def _month_days(value: object) -> Iterator[object]:
    """Days of the year out of whatever holds them: lists in lists, maps by year, dates with a year."""
    if isinstance(value, dict):
        months = {word(key): one for key, one in value.items()}
        if {"month", "day"} <= set(months):
            yield f"{months['month']}-{months['day']}"
        else:
            for one in value.values():
                yield from _month_days(one)
    elif isinstance(value, list):
        if len(value) == 2 and all(isinstance(one, str) and one.isdecimal() for one in value):
            yield f"{value[0]}-{value[1]}"
        else:
            for one in value:
                yield from _month_days(one)
    elif isinstance(value, str):
        yield re.sub(r"^\s*\d{4}[-/](\d\d?)[-/](\d\d?)\s*$", r"\1-\2", value.strip().replace("/", "-"))
    else:
        yield value
