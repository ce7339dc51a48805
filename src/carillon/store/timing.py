"""What each level says of the hour emails leave in, and what is known of hours: read for one pass at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import Connection, text

from carillon.besttime import Seen, belief
from carillon.errors import InputError
from carillon.send_times import NOBODY, Known, Open, Times, Wanted, choose
from carillon.settings import Settings
from carillon.settings_timing import KEY, SmartOverride, SmartScheduling, nearest, override_from
from carillon.store import outcomes
from carillon.store.bulk import is_sqlite
from carillon.store.engine import Database
from carillon.store.json_values import object_of


@dataclass(frozen=True)
class Levels:
    """What the workspace says, and who says otherwise, by id."""

    workspace: SmartScheduling
    accounts: Mapping[int, SmartOverride] = field(default_factory=dict)
    instances: Mapping[int, SmartOverride] = field(default_factory=dict)
    outreach: Mapping[int, SmartOverride] = field(default_factory=dict)
    """By the sequence that belongs to the campaign."""
    sequences: Mapping[int, SmartOverride] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    """Levels that cannot be read: another program stored what cannot be; they say nothing."""

    def said(
        self, account: int | None = None, instance: int | None = None, sequence: int | None = None
    ) -> dict[str, SmartOverride | None]:
        """Who may say something of an email, from the furthest level to the nearest."""
        return {
            "account": self.accounts.get(account or 0),
            "campaign": self.instances.get(instance or 0) or self.outreach.get(sequence or 0),
            "sequence": self.sequences.get(sequence or 0),
        }

    def of(
        self, account: int | None = None, instance: int | None = None, sequence: int | None = None
    ) -> SmartScheduling:
        """What holds for an email."""
        return nearest(self.workspace, self.said(account, instance, sequence).values())

    @property
    def every(self) -> Sequence[SmartOverride]:
        """Whoever says otherwise."""
        parts = (self.accounts, self.instances, self.outreach, self.sequences)
        return [one for part in parts for one in part.values()]

    @property
    def any_enabled(self) -> bool:
        """Whether times are chosen at all."""
        return self.workspace.enabled or any(one.named.get("enabled") for one in self.every)

    @property
    def longest_window(self) -> int:
        """Days of history that somebody learns from."""
        return max(self._values("analysis_window_days"))

    def needs(self) -> list[tuple[str, int]]:
        """Outcomes and windows that emails may be chosen by."""
        return list(product(self._values("outcome"), self._values("analysis_window_days")))

    def _values(self, key: str) -> list[Any]:
        own = [one.named[key] for one in self.every if key in one.named]
        return sorted({getattr(self.workspace, key), *own})


@dataclass(frozen=True)
class Timing:
    """All that a choice of times needs beside the emails."""

    levels: Levels
    known: Mapping[tuple[str, int], Mapping[str, Known]] = field(default_factory=dict)
    """By outcome and window, by industry; all together as ""."""

    def choose(
        self,
        emails: Wanted,
        industries: Sequence[str],
        rules: SmartScheduling,
        zones: Sequence[ZoneInfo],
        may: Open,
    ) -> Times:
        """The hours of emails for which the same rules are in force; `industries`: of their contacts."""
        if not rules.enabled:
            return Times(emails.at, np.full(len(emails), NOBODY, np.int64))
        known, places = self._known_of(rules, industries)
        return choose(replace(emails, industry=np.array(places, np.int64)), rules, zones, known, may)

    def _known_of(self, rules: SmartScheduling, industries: Sequence[str]) -> tuple[list[Known], list[int]]:
        """What is known, and the place in it of each industry."""
        found = self.known[rules.outcome, rules.analysis_window_days]
        names = ["", *sorted(found.keys() - {""})]
        place = {name: at for at, name in enumerate(names)}
        return [found[name] for name in names], [place.get(one, 0) for one in industries]


def levels(connection: Connection, workspace: SmartScheduling) -> Levels:
    """What every level says. One that cannot be read is told among the faults."""
    faults: list[str] = []

    def read(what: str, statement: str) -> dict[int, SmartOverride]:
        found = {}
        for number, name, stored in connection.execute(text(statement)):
            try:
                one = override_from((object_of(stored) or {}).get(KEY), f"{what} {name}")
            except InputError as error:
                faults.append(str(error))
                continue
            if one is not None:
                found[int(number)] = one
        return found

    own = "json_object('smart_scheduling', json(smart_scheduling))"
    if not is_sqlite(connection):
        own = "jsonb_build_object('smart_scheduling', smart_scheduling)"
    mentions = "like '%smart_scheduling%'"
    return Levels(
        workspace,
        read("account", f"select id, name, {own} from accounts where smart_scheduling is not null"),
        read(
            "campaign",
            "select id, instance_name, metadata from campaign_instances"
            f" where cast(metadata as text) {mentions}",
        ),
        read(
            "campaign",
            "select s.id, c.name, c.settings from sequences s"
            " join outreach_campaigns c on c.id = s.outreach_campaign_id"
            f" where cast(c.settings as text) {mentions}",
        ),
        read(
            "sequence",
            f"select id, name, settings from sequences where cast(settings as text) {mentions}",
        ),
        tuple(dict.fromkeys(faults)),
    )


def timing(database: Database, workspace: SmartScheduling, now: datetime) -> Timing | None:
    """Levels and what is known, added up anew where that is old; None where no times are chosen."""
    with database.snapshot() as connection:
        found = levels(connection, workspace)
    if not found.any_enabled:
        return None
    outcomes.learn(database, now)
    with database.snapshot() as connection:
        seen = {need: outcomes.seen(connection, *need, now) for need in found.needs()}
    return Timing(found, {need: _known(one) for need, one in seen.items()})


def _known(seen: Mapping[str, Seen]) -> dict[str, Known]:
    every = seen[""]
    emails = int(every.sent.sum())
    return {name: Known(belief(every, one if name else None), emails) for name, one in seen.items()}


def record(database: Database, settings: Settings, now: datetime, sweep: bool = False) -> int:
    """`outcomes.record` with the zones that the levels name. Returns how many sends were put on record."""
    with database.snapshot() as connection:
        found = levels(connection, settings.smart_scheduling)
    zones = zone_for(found, settings.workspace.zone)
    return outcomes.record(database, zones, now, sweep, found.longest_window)


def forget(database: Database, settings: Settings, now: datetime) -> int:
    """Delete outcomes that nobody learns from any more. Returns how many."""
    with database.snapshot() as connection:
        days = levels(connection, settings.smart_scheduling).longest_window
    before, gone = now - timedelta(days=days), 0
    while batch := database.write(lambda connection: outcomes.forget(connection, before)):
        gone += batch
    return gone


def zone_for(found: Levels, workspace_zone: ZoneInfo) -> outcomes.ZoneFor:
    """The zone of contacts of whom none is known."""

    def of(account: int | None, instance: int | None, sequence: int | None) -> ZoneInfo:
        name = found.of(account, instance, sequence).target_timezone
        return workspace_zone if name is None else ZoneInfo(name)

    return of
