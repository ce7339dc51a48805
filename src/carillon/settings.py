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
from carillon.settings_load import FILE_NAME, Origin, leaves, read_settings, template_for
from carillon.settings_sections import (
    AepConfig,
    AepTemplates,
    Audit,
    BirthdayTemplates,
    Database,
    EffectiveDateTemplates,
    EmailTemplates,
    LoadBalancing,
    MonthDay,
    PostWindowTemplates,
    Priorities,
    Processing,
    Section,
    StateRules,
    TimingConstants,
    Window,
    Workspace,
)

__all__ = [
    "AepConfig",
    "AepTemplates",
    "Audit",
    "BirthdayTemplates",
    "Database",
    "EffectiveDateTemplates",
    "EmailTemplates",
    "LoadBalancing",
    "MonthDay",
    "Origin",
    "PostWindowTemplates",
    "Priorities",
    "Processing",
    "Purpose",
    "Settings",
    "StateRules",
    "TimingConstants",
    "Window",
    "Workspace",
    "load_settings",
    "write_default_settings",
]

Purpose = Literal["insurance", "outreach", "product"]
"""What a workspace is for (`init --for`): only insurance has the states' rules filled in."""


class Settings(Section):
    """The whole configuration. Two are equal if their values are, wherever those came from."""

    workspace: Workspace = Workspace()
    database: Database = Database()
    timing_constants: TimingConstants = TimingConstants()
    aep_config: AepConfig = AepConfig()
    priorities: Priorities = Priorities()
    load_balancing: LoadBalancing = LoadBalancing()
    # After timing_constants and always checked: a window's length depends on both.
    state_rules: StateRules = Field(default_factory=StateRules, validate_default=True)
    email_templates: EmailTemplates = EmailTemplates()
    processing: Processing = Processing()
    audit: Audit = Audit()

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
            if length < len(folded) and length < 2:
                break  # that a section stands in the file says nothing about a key that does not
            if found := self._origins.get(folded[:length]):
                return found
        return Origin("default")

    def planning_fingerprint(self) -> str:
        """SHA-256 (hex) over everything that can change a plan; the same for the same values."""
        planning = self.model_dump(
            include={"timing_constants", "aep_config", "priorities", "load_balancing", "state_rules"}
        )
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
    settings, origins = read_settings(Settings, folder, environ)
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
