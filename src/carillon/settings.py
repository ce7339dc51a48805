"""The configuration of a workspace: one typed, frozen model in which every value knows where it came from.

What belongs here: the sections put together, what holds between them, and how settings are loaded, written
and compared. What does not: the keys of a section (`settings_sections`, to be imported from here).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from carillon.errors import InputError, SettingsError
from carillon.settings_checks import Misfit, Misfits, did_you_mean
from carillon.settings_listening import Listening
from carillon.settings_load import FILE_NAME, Origin, leaves, read_settings, template_for
from carillon.settings_logging import Logging
from carillon.settings_pacing import Pacing, Warmup
from carillon.settings_sections import (
    AepConfig,
    AepTemplates,
    Audit,
    BirthdayTemplates,
    CampaignType,
    Database,
    EffectiveDateTemplates,
    EmailTemplates,
    Features,
    LoadBalancing,
    MonthDay,
    Name,
    PostWindowTemplates,
    Priorities,
    Processing,
    Section,
    StateRules,
    TimingConstants,
    Window,
    Workspace,
)
from carillon.settings_sending import Safety, Sending, Tracking
from carillon.settings_sequences import Sequences
from carillon.settings_timing import SmartScheduling
from carillon.settings_web import Web, Webhooks
from carillon.settings_yaml import Document, parse_yaml, read_yaml

__all__ = [
    "AepConfig",
    "AepTemplates",
    "Audit",
    "BirthdayTemplates",
    "CampaignType",
    "Database",
    "EffectiveDateTemplates",
    "EmailTemplates",
    "Features",
    "Listening",
    "LoadBalancing",
    "Logging",
    "MonthDay",
    "Origin",
    "Pacing",
    "PostWindowTemplates",
    "Priorities",
    "Processing",
    "Purpose",
    "Safety",
    "Sending",
    "Sequences",
    "Settings",
    "SmartScheduling",
    "StateRules",
    "TimingConstants",
    "Tracking",
    "Warmup",
    "Web",
    "Webhooks",
    "Window",
    "Workspace",
    "load_settings",
    "load_settings_file",
    "settings_of",
    "write_default_settings",
]

Purpose = Literal["insurance", "outreach", "product"]
"""What a workspace is for (`init --for`): only insurance has the states' rules filled in."""


class Settings(Section):
    """The whole configuration. Two are equal if their values are, wherever those came from."""

    workspace: Workspace = Workspace()
    features: Features = Features()
    database: Database = Database()
    timing_constants: TimingConstants = TimingConstants()
    aep_config: AepConfig = AepConfig()
    priorities: Priorities = Priorities()
    load_balancing: LoadBalancing = LoadBalancing()
    # After timing_constants and always checked: a window's length depends on both.
    state_rules: StateRules = Field(default_factory=StateRules, validate_default=True)
    campaign_types: Mapping[Name, CampaignType] = Field(default_factory=dict)
    """Name -> what campaigns of this type are like; the database has further types."""
    email_templates: EmailTemplates = EmailTemplates()
    sending: Sending = Sending()
    pacing: Pacing = Pacing()
    warmup: Warmup = Warmup()
    smart_scheduling: SmartScheduling = SmartScheduling()
    sequences: Sequences = Sequences()
    safety: Safety = Safety()
    tracking: Tracking = Tracking()
    listening: Listening = Listening()
    processing: Processing = Processing()
    audit: Audit = Audit()
    logging: Logging = Logging()
    web: Web = Web()
    webhooks: Webhooks = Webhooks()

    _origins: Mapping[tuple[str, ...], Origin] = PrivateAttr(default_factory=dict)

    @field_validator("state_rules", mode="after")
    @classmethod
    def _windows_fit_a_year(cls, rules: StateRules, info: ValidationInfo) -> StateRules:
        timing = info.data.get("timing_constants")
        if isinstance(timing, TimingConstants):
            cause = ("timing_constants", "pre_window_exclusion_days")
            found = [
                Misfit((kind, state), f"{problem} (the extension is {'.'.join(cause)})", cause)
                for kind, windows in (
                    ("birthday_windows", rules.birthday_windows),
                    ("effective_date_windows", rules.effective_date_windows),
                )
                for state, window in windows.items()
                if window.pre_window_extension_days is None
                and (problem := window.too_long(timing.pre_window_exclusion_days))
            ]
            if found:
                raise Misfits(found)
        return rules

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self.__dict__ == other.__dict__

    @classmethod
    def paths(cls) -> tuple[str, ...]:
        """Every key there is, as "section.key"."""
        return tuple(".".join(path) for path in leaves(cls))

    def origin(self, path: str) -> Origin:
        """Where the value of "section.key" (or a part of it) came from."""
        parts = tuple(path.split("."))
        known = self.paths()
        if not any(f"{path}.".startswith(f"{key}.") or f"{key}.".startswith(f"{path}.") for key in known):
            raise SettingsError(f'there is no setting "{path}"{did_you_mean(path, known)}')
        folded = tuple(part.casefold() for part in parts)
        for length in range(len(folded), 0, -1):
            if length < min(len(folded), 2) and parts[0] not in known:
                break  # that a section stands in the file says nothing about a key that does not
            if found := self._origins.get(folded[:length]):
                return found
        return Origin("default")

    def planning_fingerprint(self) -> str:
        """SHA-256 (hex) over everything that can change a plan; the same for the same values.

        Where it differs from the last run's, everybody is planned anew. So what does not decide who gets
        an email on which day is left out (templates, SMS, variants), and also the campaign types: they
        are read from the database, where each instance has a fingerprint and only its own targets are
        looked at again.
        """
        sections = ("timing_constants", "aep_config", "priorities", "load_balancing", "state_rules")
        planning = self.model_dump(
            include={
                **dict.fromkeys(sections, True),
                "features": {"campaigns", "followups", "load_balancing"},
            }
        )
        if self.sequences.count_in_frequency_limit:
            planning["sequences"] = self.sequences.model_dump()
        canonical = json.dumps(planning, sort_keys=True, separators=(",", ":"), default=_canonical)
        return hashlib.sha256(canonical.encode()).hexdigest()


def _canonical(value: object) -> str:
    """A value that JSON does not know, in one spelling: 0.07 and 0.070 are the same share."""
    if isinstance(value, Decimal):
        return str(Fraction(value))
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(f"no canonical form for {type(value).__name__}")


def load_settings(folder: Path, environ: Mapping[str, str]) -> Settings:
    """The settings of a workspace folder: defaults < `carillon.yaml` < `CARILLON_SECTION__KEY`.

    A folder without the file has the defaults. All problems are told at once, in one `SettingsError`.
    """
    return _loaded(read_yaml(folder / FILE_NAME), environ)


def load_settings_file(file: Path, environ: Mapping[str, str]) -> Settings:
    """The same with another file in the place of `carillon.yaml`; that one has to be there."""
    if not file.exists():
        raise InputError(f"{file} is not there; give the name of a file like {FILE_NAME}")
    return _loaded(read_yaml(file), environ)


def settings_of(text: str, environ: Mapping[str, str]) -> Settings:
    """The settings a `carillon.yaml` with this text would give."""
    return _loaded(parse_yaml(text, FILE_NAME), environ)


def _loaded(document: Document, environ: Mapping[str, str]) -> Settings:
    settings, origins = read_settings(Settings, document, environ)
    settings._origins = origins
    return settings


def write_default_settings(folder: Path, purpose: Purpose) -> Path:
    """Write a commented `carillon.yaml` into the folder; one that exists is never overwritten."""
    if purpose not in get_args(Purpose):
        raise InputError(f'"{purpose}" is not a purpose; use {", ".join(get_args(Purpose))}')
    template = resources.files("carillon").joinpath("data", FILE_NAME).read_text(encoding="utf-8")
    path = folder / FILE_NAME
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(template_for(purpose, template))
    except FileExistsError:
        raise InputError(f"{path} exists already and is left as it is; remove or rename it first") from None
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None
    return path
