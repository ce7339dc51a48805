"""The options of `carillon account add` and `set` about the days of an account and its warm-up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import typer

from carillon.cli.shared_options import Options
from carillon.errors import UsageError

if TYPE_CHECKING:
    from carillon.accounts import Account

OPTIONS: Options = {
    "warmup": (
        bool,
        typer.Option(
            None, "--warmup/--no-warmup", help="Begin with few emails a day and send more with every day."
        ),
    ),
    "warmup_day": (
        int,
        typer.Option(None, "--warmup-day", min=1, metavar="N", help="How far its warm-up is: 1 is new."),
    ),
    "hours": (
        str,
        typer.Option(
            None,
            "--hours",
            metavar="FROM-TO",
            help="mailbox: its business hours, like 08:00-17:00; the day's periods are stretched into them "
            '("": as in carillon.yaml).',
        ),
    ),
    "working_days": (
        str,
        typer.Option(
            None,
            "--working-days",
            metavar="DAYS",
            help='mailbox: like mon-fri, or mon,wed,fri ("": as in carillon.yaml).',
        ),
    ),
    "min_gap": (
        str,
        typer.Option(
            None,
            "--min-gap",
            metavar="S",
            help='mailbox: seconds between two emails at least ("": as in carillon.yaml).',
        ),
    ),
    "holidays": (
        str,
        typer.Option(
            None,
            "--holidays",
            metavar="COUNTRY",
            help='mailbox: send nothing on its holidays, like US or US-CA ("": none).',
        ),
    ),
    "pacing": (
        str,
        typer.Option(
            None,
            "--pacing",
            metavar="JSON",
            help="mailbox: keys of the section pacing for this account only, like "
            """'{"periods": ["peak 08:00-12:00"]}' ("": none).""",
        ),
    ),
    "ramp": (
        str,
        typer.Option(
            None,
            "--ramp",
            metavar="JSON",
            help="mailbox: keys of the section warmup for this account only, like "
            """'{"step": 3}' ("": none).""",
        ),
    ),
}
_SINGLE = {"hours": "business_hours", "working_days": "working_days", "min_gap": "min_gap_seconds"}
"""Options that are one key of `pacing`."""


@dataclass(frozen=True)
class DaysGiven:
    """What the options say."""

    fields: Mapping[str, Any]
    """Of the account."""
    pacing: Mapping[str, Any]
    """Keys of its own; an empty text takes one away."""
    anew: bool
    """`pacing` is all there is: keys from before go."""

    def __bool__(self) -> bool:
        return bool(self.fields or self.pacing or self.anew)


def days_given(values: Mapping[str, Any]) -> DaysGiven:
    """The options out of a command's parameters. Raises UsageError for those that cannot be read."""
    fields: dict[str, Any] = {}
    if values["warmup"] is not None:
        fields["warmup_enabled"] = values["warmup"]
    if values["warmup_day"] is not None:
        fields["warmup_day"] = values["warmup_day"]
    if values["holidays"] is not None:
        fields["holidays"] = values["holidays"].strip().upper() or None
    if values["ramp"] is not None:
        fields["warmup"] = _object("--ramp", values["ramp"]) or None
    pacing = _object("--pacing", values["pacing"] or "")
    pacing |= {key: values[name] for name, key in _SINGLE.items() if values[name] is not None}
    return DaysGiven(fields, pacing, values["pacing"] is not None)


def days_applied(account: Account, options: DaysGiven) -> Account:
    """The account as the options want it. Raises InputError for figures that cannot be."""
    from carillon.settings_pacing import DayPattern, Warmup, own_figures

    merged = {**({} if options.anew else account.pacing or {}), **options.pacing}
    pacing = {key: value for key, value in merged.items() if value != ""}
    made = replace(account, **options.fields, pacing=own_figures(DayPattern, pacing) or None)
    return replace(made, warmup=own_figures(Warmup, made.warmup or {}) or None)


def _object(option: str, text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UsageError(f'{option} {text!r} is not a JSON object; write it like {{"key": value}}.')
    return found
