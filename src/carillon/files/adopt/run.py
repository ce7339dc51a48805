"""Adopts the database of an older scheduler in place: reads, decides and writes, in this order.

    look -> (lock, backup) -> read and decide -> our tables move in -> rows -> commit

All of it is one transaction of SQLite's own: whatever fails or is killed on the way leaves the file as it
was. A dry run ends after deciding and writes nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from carillon.addresses import normalised
from carillon.days import FIRST_YEAR, LAST_YEAR, NO_DAY, Days, anniversary, code_of, day_number
from carillon.files.adopt import campaigns, emails, history, people, signs, spellings, words
from carillon.files.values import trimmed
from carillon.settings import Settings
from carillon.store import adopt as shape
from carillon.store import adopt_rows as rows
from carillon.store.backup import backup
from carillon.store.campaigns import settled
from carillon.store.engine import Connection, open_foreign
from carillon.words import Kind

Progress = Callable[[str, int, int], None]
"""Told of the stage in words, what is done of it and how much there is (0: not known)."""

_TRACKING = "email_tracking"


@dataclass
class Adoption:
    """What was, or would be, taken out of the old database."""

    file: str
    dry_run: bool
    already: bool = False
    """It was a Carillon database; nothing was done."""
    backup: Path | None = None
    contacts: int = 0
    not_active: dict[str, int] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    """Words for contacts that are taken for active."""
    shared_addresses: int = 0
    unreadable: dict[str, int] = field(default_factory=dict)
    history: dict[str, int] = field(default_factory=dict)
    """Emails by type."""
    repeated: int = 0
    events: dict[str, int] = field(default_factory=dict)
    """How the events of anniversary emails were found."""
    unknown_types: dict[str, int] = field(default_factory=dict)
    unknown_statuses: dict[str, int] = field(default_factory=dict)
    campaign_types: int = 0
    campaigns: int = 0
    targets: int = 0
    clicks: int = 0
    answers: int = 0
    suppressions: int = 0
    aside: dict[str, int] = field(default_factory=dict)
    """Why rows were not taken; they stay in the old tables."""
    renamed: dict[str, str] = field(default_factory=dict)
    untouched: list[str] = field(default_factory=list)
    """Tables that are not ours."""
    extra_columns: list[str] = field(default_factory=list)
    """Columns of contacts that are not ours, and stay."""


def adopt(
    file: Path, settings: Settings, folder: Path, now: datetime, *, dry_run: bool, progress: Progress
) -> Adoption:
    """Adopt `file`, with a backup in the workspace `folder` first.

    Raises InputError for a file that is not, or must not be, adopted, Busy or WorkspaceError where it is in
    use, cannot be written or there is no room; then it is as it was.
    """
    shape.check_file(file)
    database = open_foreign(file)
    try:
        with database.snapshot() as connection:
            old = shape.inspect(connection, str(file))
            if old.is_ours or dry_run:
                return _Move(connection, old, settings, now, progress, Adoption(str(file), dry_run)).tell()

        def work(connection: Connection) -> Adoption:
            told = Adoption(str(file), dry_run)
            # Nobody else writes from here on, so this is what the backup holds.
            old = shape.inspect(connection, str(file))
            if not old.is_ours:
                target = folder / settings.audit.backup_folder
                stage = "Backing up the database"
                made = backup(
                    database, target, now, settings.audit, lambda done, of: progress(stage, done, of)
                )
                told.backup = made.path
            return _Move(connection, old, settings, now, progress, told).do()

        return database.write(work)
    finally:
        database.close()


class _Move:
    def __init__(
        self, connection: Connection, old: shape.Old, settings: Settings, now: datetime,
        progress: Progress, told: Adoption,
    ) -> None:  # fmt: skip
        self._connection, self._old, self._settings = connection, old, settings
        self._now, self._progress, self._told = now, progress, told
        self._today = now.astimezone(settings.workspace.zone).date()
        self._moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._aside: Counter[str] = Counter()

    def tell(self) -> Adoption:
        """What would be taken."""
        if self._old.is_ours:
            self._told.already = True
            return self._told
        self._decide()
        signed = self._signs(None)
        self._report(signed)
        return self._told

    def do(self) -> Adoption:
        """Take it."""
        if self._old.is_ours:
            return self.tell()
        self._decide()
        connection, old = self._connection, self._old
        with shape.moved_in(connection, old):
            self._progress("Writing contacts", 0, self._known.id.size)
            tidying = people.Tidying(self._today)
            rows.store_contacts(connection, old, self._tidied(tidying, shape.old_contacts(old)))
            self._store_campaigns()
            self._store_history()
            signed = self._signs(old.renamed)
            self._store_signs(signed)
            self._report(signed)
            self._note()
        return self._told

    # -- reading and deciding ----------------------------------------------------------------------

    def _decide(self) -> None:
        old, told = self._old, self._told
        tidying = people.Tidying(self._today)
        for _ in self._tidied(tidying, None):
            pass
        self._known, counts = tidying.known(), tidying.counts
        told.contacts, told.shared_addresses = counts.contacts, counts.shared_addresses
        told.not_active, told.statuses = dict(counts.not_active), dict(counts.statuses)
        told.unreadable = dict(counts.unreadable)

        read = self._emails()
        self._all_emails = read.emails()
        self._campaigns = self._old_campaigns(read.types)
        targets, sent = self._targets()
        self._rules = history.Rules(
            self._days_before(), _aep_days(self._settings), self._campaigns.days_before(),
            self._campaigns.type_names(), self._rate_increase,
            self._settings.timing_constants.followup_days_after, day_number(self._today),
        )  # fmt: skip
        self._decided = history.decide(
            self._all_emails, read.types, read.statuses, self._known, self._rules, targets, self._tracked()
        )
        self._aside += self._decided.aside
        self._outgone = history.with_targets_sent(
            self._decided.outgone,
            targets.take(sent),
            len(read.types),
            self._rules,
        )
        self._target_rows = self._all_targets()
        self._suppressed = self._suppressions()
        told.targets, told.suppressions = self._target_rows.height, self._suppressed.height
        told.renamed, told.untouched = old.renamed, rows.foreign_tables(old)
        told.extra_columns = [name for name, _ in old.extra_columns.values()]

    def _tidied(self, tidying: people.Tidying, name: str | None) -> Iterator[pl.DataFrame]:
        """The contacts, tidy; `name`: what their table is called by now."""
        table = self._old.tables[shape.CONTACTS]
        wanted = ("id", *rows.CLEANED, *(one for one in words.OPT_OUT_COLUMNS if one in table.columns))
        total, done = rows.count(self._connection, table) if name is None else self._known.id.size, 0
        stage = "Reading contacts" if name is None else "Writing contacts"
        for block in rows.blocks(self._connection, table, {one: table.column(one) for one in wanted}, name):
            yield tidying.block(block)
            done += block.height
            self._progress(stage, done, total)

    def _emails(self) -> emails.Reading:
        table = self._old.tables[shape.SCHEDULES]
        parents = [table.column(one) for one in ("parent_id", "initial_email_id")]
        if metadata := table.column("metadata"):
            parents.append(
                f"case when {table.column('email_type')} like '%follow%' and json_valid({metadata})"
                f" then json_extract({metadata}, '$.initial_email_id') end"
            )
        named = [one for one in parents if one]
        columns = {our: table.column(*their) for our, their in spellings.EMAILS.items()}
        columns["name"] = table.column("id") or "(_rowid_)"
        columns["parent"] = f"coalesce({', '.join(named)}, null)" if named else None
        read, total, done = emails.Reading(self._today), rows.count(self._connection, table), 0
        for block in rows.blocks(self._connection, table, columns):
            read.block(block)
            done += block.height
            self._progress("Reading emails", done, total)
        return read

    def _old_campaigns(self, types: list[str]) -> campaigns.OldCampaigns:
        fixed = {name: settled(name, fields) for name, fields in self._settings.campaign_types.items()}
        here = {**rows.default_types(), **fixed}
        old_types = campaigns.read_types(self._dicts("campaign_types", spellings.TYPES), here)
        found = campaigns.read_instances(
            self._dicts("campaign_instances", spellings.INSTANCES),
            old_types,
            here,
            frozenset(fixed),
            self._today,
        )
        self._rate_increase = -1
        if mine := [text for text in types if words.is_rate_increase(text)]:
            template = rows.usual_template(self._connection, self._old.tables[shape.SCHEDULES], mine)
            found, self._rate_increase = campaigns.with_rate_increase(found, here, template, self._now)
        self._aside += found.aside
        return found

    def _targets(self) -> tuple[history.Targets, np.ndarray]:
        """Targets of the old campaigns, and which of them were written to by their own account."""
        empty = np.zeros(0, np.int64)
        parts = [(history.Targets(empty, empty, empty.astype(np.int32)), empty.astype(bool))]
        self._found_targets: list[pl.DataFrame] = []
        reading = campaigns.ReadingTargets(self._known.id, self._campaigns.days_before(), self._today)
        for block in self._blocks("contact_campaigns", spellings.TARGETS):
            frame, targets, sent = reading.block(block)
            self._found_targets.append(frame)
            parts.append((targets, sent))
        self._aside += reading.aside
        return history.Targets.concat([one for one, _ in parts]), np.concatenate([s for _, s in parts])

    def _all_targets(self) -> pl.DataFrame:
        """Rows for `contact_campaigns`: the old targets, and those of rate increases without a campaign."""
        mine = self._decided.targets.take(self._decided.targets.day != NO_DAY)
        own = pl.DataFrame(
            {
                "contact_id": mine.contact,
                "campaign_instance_id": mine.instance,
                "trigger_date": pl.Series(mine.day).cast(pl.Date).cast(pl.String),
                "status": pl.repeat("pending", len(mine), eager=True),
                "created_at": pl.repeat(self._moment, len(mine), eager=True),
            }
        )
        found = pl.concat([*self._found_targets, own], how="diagonal")
        return found.unique(
            ["contact_id", "campaign_instance_id", "trigger_date"], keep="first", maintain_order=True
        )

    def _suppressions(self) -> pl.DataFrame:
        """Addresses the old program did not write to, where it has a table of them."""
        found = [pl.DataFrame(schema={"address": pl.String, "reason": pl.String})]
        for block in self._blocks("suppressions", spellings.SUPPRESSIONS):
            address = normalised(trimmed(block["address"]))
            found.append(block.select(address, "reason").drop_nulls("address"))
        return pl.concat(found).unique("address", keep="first", maintain_order=True)

    def _tracked(self) -> emails.Names:
        found = [
            signs.evidence(block) for name in (_TRACKING, "tracking_clicks") for block in self._events(name)
        ]
        return np.unique(np.concatenate(found)) if found else np.zeros(0, np.uint64)

    def _signs(self, renamed: dict[str, str] | None) -> signs.Signs:
        reading = signs.Reading(
            self._known.id,
            self._all_emails.name,
            self._all_emails.contact,
            self._outgone,
            self._moment,
        )
        for name in (_TRACKING, "tracking_clicks", "contact_events"):
            for block in self._events(name, renamed):
                reading.block(block, keep_others=name == "contact_events")
        return reading.signs

    def _events(self, name: str, renamed: dict[str, str] | None = None) -> Iterator[pl.DataFrame]:
        for block in self._blocks(name, spellings.EVENTS, renamed):
            yield block.with_columns(pl.lit("click").alias("type")) if name == "tracking_clicks" else block

    # -- writing -----------------------------------------------------------------------------------

    def _store_campaigns(self) -> None:
        types, made = self._campaigns.types, self._campaigns.instances
        rows.store_types(self._connection, list(types.values()))
        rows.store_instances(self._connection, [campaigns.stored(one) for one in made])
        rows.store_frame(self._connection, "contact_campaigns", self._target_rows)
        rows.store_frame(self._connection, "suppressions", self._suppressed)

    def _store_history(self) -> None:
        self._progress("Writing emails", 0, 0)
        out = self._outgone
        copied = out.take(out.row != history.NO_ROW)
        days = [_or_none(day, NO_DAY) for day in (copied.event, copied.ideal)]
        numbers = [_or_none(one, 0) for one in (copied.instance, copied.parent)]
        rows.store_history(
            self._connection,
            self._old,
            [
                copied.row, copied.id, copied.contact, copied.kind, copied.followup, days[0], copied.send,
                days[1], copied.type, copied.status, *numbers,
            ],
            self._decided.types,
            [str(status) for status in history.STATUSES],
        )  # fmt: skip
        told = out.take(out.row == history.NO_ROW)
        rows.store_frame(
            self._connection,
            "outbox",
            pl.DataFrame(
                {
                    "id": told.id, "contact_id": told.contact, "kind": told.kind, "event": told.event,
                    "send": told.send, "ideal": told.ideal, "campaign_instance_id": told.instance,
                    "email_type": pl.Series([self._decided.types[one] for one in told.type], dtype=pl.String),
                    "status": pl.Series([str(history.STATUSES[one]) for one in told.status], dtype=pl.String),
                }
            ),
        )  # fmt: skip

    def _store_signs(self, found: signs.Signs) -> None:
        for name, frames in (("tracking_clicks", found.clicks), ("contact_events", found.events)):
            if frames:
                rows.store_frame(self._connection, name, pl.concat(frames))
        if found.opted_out:
            rows.opt_out(self._connection, np.unique(np.concatenate(found.opted_out)))

    def _note(self) -> None:
        """One row of the audit log: who did what, in counts."""
        what = {"contacts": self._told.contacts, "history": self._told.history, "targets": self._told.targets}
        rows.note(self._connection, "carillon init --adopt", self._now, json.dumps(what))

    # -- small help --------------------------------------------------------------------------------

    def _report(self, found: signs.Signs) -> None:
        told, decided = self._told, self._decided
        types, n = np.unique(self._outgone.type, return_counts=True)
        by_type: Counter[str] = Counter()
        for one, many in zip(types.tolist(), n.tolist(), strict=True):
            by_type[decided.types[one]] += many
        told.history, told.events = dict(by_type), dict(decided.events)
        told.repeated = decided.repeated
        told.unknown_types, told.unknown_statuses = (
            dict(decided.unknown_types),
            dict(decided.unknown_statuses),
        )
        told.campaign_types, told.campaigns = len(self._campaigns.types), len(self._campaigns.instances)
        told.clicks, told.answers = found.clicked, found.answered
        told.aside = {why: many for why, many in (self._aside + found.aside).items() if many}

    def _days_before(self) -> dict[Kind, int]:
        timing = self._settings.timing_constants
        return {
            Kind.BIRTHDAY: timing.birthday_email_days_before,
            Kind.EFFECTIVE_DATE: timing.effective_date_days_before,
            Kind.AEP: 0,
            Kind.POST_WINDOW: -1,
        }

    def _blocks(
        self, name: str, asked: spellings.Asked, renamed: dict[str, str] | None = None
    ) -> Iterator[pl.DataFrame]:
        """Blocks of a table that may not be there. `renamed`: what tables are called by now."""
        table = self._old.tables.get(name)
        if table is not None:
            columns = {alias: table.column(*spelled) for alias, spelled in asked.items()}
            yield from rows.blocks(self._connection, table, columns, (renamed or {}).get(table.name))

    def _dicts(self, name: str, asked: spellings.Asked) -> Iterator[dict[str, str | None]]:
        for block in self._blocks(name, asked):
            yield from block.iter_rows(named=True)


def _or_none(numbers: np.ndarray, none: int) -> np.ndarray:
    """Numbers for the store, in which `none` means none."""
    return np.where(numbers == none, np.int64(rows.NONE), numbers.astype(np.int64))


def _aep_days(settings: Settings) -> Days:
    """Every configured AEP date, ascending."""
    codes = np.array([code_of(month, day) for month, day in settings.aep_config.month_days], np.uint16)
    years = settings.aep_config.years or range(FIRST_YEAR, LAST_YEAR + 1)
    days = [anniversary(codes, year) for year in years]
    return np.unique(np.concatenate(days)) if days else np.zeros(0, np.int32)
