"""Reads the `scheduler_config.yaml` of an older scheduler: what each of its keys is called here.

What belongs here: names, and walking through that file; nothing is passed over in silence. How an older
value becomes one of ours is `settings_older_values`'. Whether the outcome holds together is checked where
it is written (`settings_rewrite`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from carillon import settings_older_values as older
from carillon.errors import SettingsError
from carillon.settings import CampaignType, EmailTemplates, Settings, StateRules, Window, settings_of
from carillon.settings_checks import did_you_mean
from carillon.settings_rewrite import tree_of
from carillon.settings_values import SECRET, values_of
from carillon.settings_yaml import Document

Path = tuple[str | int, ...]

NAMES = {
    "birthday_days_before": "timing_constants.birthday_email_days_before",
    "pre_exclusion_buffer_days": "timing_constants.pre_window_exclusion_days",
    "aep_dates": "aep_config.default_dates",
    "dates": "aep_config.default_dates",
    "aep_years": "aep_config.years",
    "daily_cap": "load_balancing.daily_send_percentage_cap",
    "daily_cap_percentage": "load_balancing.daily_send_percentage_cap",
    "smoothing_window": "load_balancing.ed_smoothing_window_days",
    "smoothing_window_days": "load_balancing.ed_smoothing_window_days",
    "ed_smoothing_window": "load_balancing.ed_smoothing_window_days",
    "ed_soft_limit": "load_balancing.ed_daily_soft_limit",
    "max_emails_per_period": "load_balancing.max_emails_per_contact_per_period",
    "frequency_period_days": "load_balancing.period_days",
    "year_round": "state_rules.year_round_exclusion",
    "year_round_states": "state_rules.year_round_exclusion",
    "year_round_enrollment": "state_rules.year_round_exclusion",
    "year_round_enrollment_states": "state_rules.year_round_exclusion",
    "birthday": "state_rules.birthday_windows",
    "birthday_window": "state_rules.birthday_windows",
    "birthday_rules": "state_rules.birthday_windows",
    "birthday_rule_states": "state_rules.birthday_windows",
    "effective_date": "state_rules.effective_date_windows",
    "effective_date_window": "state_rules.effective_date_windows",
    "effective_date_rules": "state_rules.effective_date_windows",
    "effective_date_rule_states": "state_rules.effective_date_windows",
    "backup_directory": "audit.backup_folder",
    "backup_dir": "audit.backup_folder",
    "retry_delay_seconds": "processing.retry_delay",
    "max_retries": "processing.max_retry_attempts",
    "retry_attempts": "processing.max_retry_attempts",
}
"""Older names, where they are not ours."""
SECTIONS = {
    "database": "the workspace keeps its own database; `carillon init --adopt FILE` takes over an older one",
    "contact_rules": "rules for single contacts do not exist here; a campaign can name its targets",
}
"""Whole sections that are never taken, and why."""
WINDOWS = ("state_rules.birthday_windows", "state_rules.effective_date_windows")
CAMPAIGNS_OWN = "a campaign has its own: `carillon campaign create TYPE NAME --email-template T`"
PARTS = {("send_time_hour", "send_time_minute"): "timing_constants.send_time",
         ("aep_month", "aep_day"): "aep_config.default_dates"}  # fmt: skip
"""Two keys that are one here."""


@dataclass(frozen=True)
class Line:
    """What became of one key of the older file."""

    line: int
    key: str
    became: str | None
    """Our key; None: it was dropped."""
    value: object
    why: str
    """Why it was dropped, or how its value was changed."""


@dataclass
class Translation:
    """The older file in our words."""

    values: dict[str, object] = field(default_factory=dict)
    """By "section.key"."""
    lines: list[Line] = field(default_factory=list)


def translate(document: Document) -> Translation:
    """All of an older file. Raises SettingsError where it cannot be read at all."""
    if document.problems:
        raise SettingsError("\n".join(map(str, document.problems)))
    reading = _Reading(document)
    for key, value in document.data.items():
        reading.section(key, value)
    reading.out.lines.sort(key=lambda line: line.line)
    return reading.out


class _Reading:
    def __init__(self, document: Document) -> None:
        self.document, self.out = document, Translation()
        self.parts: dict[str, dict[str, object]] = {}

    def section(self, key: str, value: object) -> None:
        name = older.word(key)
        if why := SECTIONS.get(name):
            self.drop((key,), why)
        elif value is None or value == {} or value == []:
            self.drop((key,), "there is nothing in it")
        elif name == "state_rules" and isinstance(value, dict):
            self.state_rules(key, value)
        elif name == "campaign_types":
            self.campaign_types(key, value)
        elif name in ("email_templates", "templates") and isinstance(value, dict):
            self.templates(key, value)
        elif isinstance(value, dict) and name not in NAMES:
            for below, inner in value.items():
                self.key((key, below), name, inner)
        else:
            self.key((key,), "", value)

    def key(self, path: Path, section: str, value: object) -> None:
        name = older.word(str(path[-1]))
        for pair, whole in PARTS.items():
            if name in pair:
                self.part(path, pair, whole, value)
                return
        inside = f"{section}.{name}"
        if isinstance(value, dict) and any(one.startswith(f"{inside}.") for one in Settings.paths()):
            for below, inner in value.items():
                self.key((*path, below), inside, inner)
            return
        target = _target(section, name)
        if target is None:
            near = did_you_mean(name, _keys_of(section)).removeprefix("; ")
            self.drop(path, f"there is no such setting here{near and f' ({near})'}")
        elif target in WINDOWS and isinstance(value, dict) and value:
            for state, one in value.items():
                self.window((*path, state), target, state, one)
        else:
            new, why = older.converted(target, value)
            home = target.rpartition(".")[0]
            self.take(path, target, new, why or (f"it belongs under {home} here" if home != section else ""))

    def part(self, path: Path, pair: tuple[str, str], target: str, value: object) -> None:
        """One of two keys that are one value here; it is taken when both are known."""
        known = self.parts.setdefault(target, {})
        known[older.word(str(path[-1]))] = value
        first, second = (known.get(name, "00" if name == "send_time_minute" else None) for name in pair)
        if first is None or second is None:
            self.note(path, target, value, "together with its other half")
            return
        both: object = [f"{first}-{second}"] if pair[0] == "aep_month" else f"{first}:{str(second).zfill(2)}"
        self.take(path, target, both, "two keys are one here")

    def state_rules(self, key: str, rules: Mapping[str, object]) -> None:
        for name, value in rules.items():
            inner = older.word(name)
            if inner in StateRules.model_fields or inner in NAMES:
                self.key((key, name), "state_rules", value)
                continue
            kind = older.kind_of_rule(value)
            if kind == "year_round_exclusion":
                there = self.out.values.get("state_rules.year_round_exclusion", [])
                assert isinstance(there, list)
                self.take((key, name), "state_rules.year_round_exclusion", [*there, name.upper()], "")
            elif kind is None:
                self.drop((key, name), "neither a state with a rule, nor a setting of ours")
            else:
                self.window((key, name), f"state_rules.{kind}", name, value)

    def window(self, path: Path, target: str, state: str, rule: object) -> None:
        window, ignored = older.window(rule)
        there = self.out.values.get(target, {})
        assert isinstance(there, dict)
        self.take(path, target, {**there, state.upper(): window}, "", f"{target}.{state.upper()}")
        for name in ignored:
            self.drop((*path, name), _no_field(name, Window.model_fields))

    def campaign_types(self, key: str, value: object) -> None:
        if not isinstance(value, dict | list):
            self.drop((key,), "a map of types by name is meant")
        for path, name, fields in older.named(value):
            if name is None:
                self.drop((key, *path), "a type without a name")
                continue
            type, ignored = older.fields_of(fields, CampaignType.model_fields)
            there = self.out.values.get("campaign_types", {})
            assert isinstance(there, dict)
            target = f"campaign_types.{older.word(name)}"
            self.take((key, *path), "campaign_types", {**there, older.word(name): type}, "", target)
            for inner in ignored:
                self.drop((key, *path, inner), _no_field(inner, CampaignType.model_fields))

    def templates(self, key: str, templates: Mapping[str, object]) -> None:
        for name, value in templates.items():
            kind, channel = older.template_key(name)
            if kind not in EmailTemplates.model_fields:
                self.drop((key, name), CAMPAIGNS_OWN)
            elif isinstance(value, dict) and value:
                for inner, template in value.items():
                    own = older.word(inner).removesuffix("_template")
                    if own in ("email", "sms"):
                        self.take((key, name, inner), f"email_templates.{kind}.{own}", template, "")
                    else:
                        self.drop((key, name, inner), _no_field(inner, ("email", "sms")))
            else:
                self.take((key, name), f"email_templates.{kind}.{channel}", value, "")

    def take(self, path: Path, target: str, value: object, why: str, shown: str = "") -> None:
        """Take a value for `target` unless ours would refuse it; `shown`: what exactly came to be."""
        try:
            self.out.values[target] = _accepted(target, value)
        except ValueError as error:
            self.drop(path, str(error))
            return
        taken: object = self.out.values[target]
        if shown and isinstance(taken, dict):
            taken = taken.get(shown.rpartition(".")[2])
        self.note(path, shown or target, taken, why)

    def note(self, path: Path, became: str, value: object, why: str) -> None:
        self.out.lines.append(Line(self.line(path), _dotted(path), became, value, why))

    def drop(self, path: Path, why: str) -> None:
        self.out.lines.append(Line(self.line(path), _dotted(path), None, None, why))

    def line(self, path: Path) -> int:
        """That of the nearest thing that has one."""
        places = self.document.lines
        return next((places[path[:end]] for end in range(len(path), 0, -1) if path[:end] in places), 0)


def _accepted(target: str, value: object) -> object:
    """The value in our spelling. Raises ValueError with what is wrong with it."""
    try:
        return values_of(settings_of(json.dumps(tree_of({target: value}), default=str), {}))[target]
    except SettingsError as error:
        problems = [line.partition(": ")[2].partition(": ") for line in str(error).splitlines()]
        mine = [words for key, _, words in problems if f"{key}.".startswith(f"{target}.")]
        if mine:
            raise ValueError("; ".join(mine)) from None
        # It only does not go with other settings as they are by default: that shows when all are known.
        return value


def _target(section: str, name: str) -> str | None:
    """Our key for an older one: by its section, by its older name, or where it is the only one so called."""
    known = [path for path in Settings.paths() if path != SECRET]
    if f"{section}.{name}" in known:
        return f"{section}.{name}"
    if name in NAMES:
        return NAMES[name]
    same = [path for path in known if path.rpartition(".")[2] == name]
    return same[0] if len(same) == 1 else None


def _keys_of(section: str) -> Iterator[str]:
    return (path.rpartition(".")[2] for path in Settings.paths() if path.startswith(f"{section}."))


def _no_field(name: str, fields: Mapping[str, object] | tuple[str, ...]) -> str:
    near = did_you_mean(older.word(name), fields).removeprefix("; ")
    return f"there is no such field here{near and f' ({near})'}"


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))
