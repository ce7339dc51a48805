"""Keeping slots and emails together: what was missed is noted, and who has no slot gets the next one.

Done before mail of mailboxes is looked at, when a day is released and when sequences have moved on; again
at once it does no harm. An email of a mailbox without a slot waits: it is never sent without one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from sqlalchemy import Connection

from carillon.accounts import Account
from carillon.columns import Index, People
from carillon.contact_texts import people_of, zones_of
from carillon.days import date_of, day_number
from carillon.dealing import NO_ROOM, groups_of
from carillon.rates import limits_of
from carillon.settings import Settings
from carillon.slotting import Board, Slots, allowed_hours, day_in, milliseconds, moment_at, place
from carillon.store import accounts as account_store
from carillon.store import slot_use
from carillon.store.campaigns import campaigns
from carillon.store.dispatch import workspace_paused
from carillon.store.engine import Database
from carillon.store.json_values import object_of
from carillon.store.slot_use import Free
from carillon.windows import Windows
from carillon.words import AccountKind

EXCLUDED = "excluded"
"""The skip reason of an email whose days are all in windows."""
MOST_WAITERS = 20_000
"""Emails of one account without a slot that are looked at together."""
SPARE = 200
"""How many more than there are slots are looked at: some may not have the slots there are."""


@dataclass(frozen=True)
class Kept:
    """What was done."""

    given: int = 0
    """Emails that got a slot."""
    put_off: int = 0
    """Emails of sequences for which all days with slots are excluded: they find another day."""


def put_in_order(database: Database, settings: Settings, now: datetime) -> None:
    """`keep`, in a transaction of its own, where there is anything to do about slots."""
    with database.snapshot() as connection:
        if not slot_use.any_slots(connection):
            return
    database.write(lambda connection: keep(connection, settings, now))


def keep(connection: Connection, settings: Settings, now: datetime, wait: bool = False) -> Kept:
    """Settle slots, then give free ones to emails without. `wait`: also where somebody else is at it."""
    if not slot_use.alone(connection, wait):
        return Kept()
    missed = timedelta(minutes=settings.pacing.missed_slot_minutes)
    slot_use.settle(connection, now, now - missed)
    if workspace_paused(connection):
        return Kept()
    mailboxes = [
        one for one in account_store.accounts(connection) if one.is_active and one.kind == AccountKind.MAILBOX
    ]
    free = slot_use.free(connection, [one.id for one in mailboxes], now)
    if not len(free.id):
        return Kept()
    today = now.astimezone(settings.workspace.zone).date()
    limit = min(MOST_WAITERS, len(free.id) + SPARE)
    until = moment_at(int(free.slots.at[-1]) + 1)
    frame = slot_use.waiters(connection, day_number(today), until, limit)
    if not len(frame):
        return Kept()
    wants = _Wants(connection, settings, now, frame)
    given = put_off = 0
    for group in sorted({one.group for one in mailboxes}):
        those = [one for one in mailboxes if one.group == group]
        part = free.of([one.id for one in those])
        board = board_of(connection, those, part, wants.domains, now)
        rows, found = wants.place(board, part.slots, [one.id for one in those], group)
        got = rows[found != NO_ROOM]
        slots = found[found != NO_ROOM]
        given += slot_use.give(connection, part.id[slots], wants.ids[got])
        moved = wants.sequences[got]
        days = day_in(part.slots.at[slots[moved]], settings.workspace.zone)
        slot_use.redate(connection, wants.ids[got[moved]], days)
        put_off += wants.put_off(rows[found == NO_ROOM])
    return Kept(given, put_off)


def board_of(
    connection: Connection,
    accounts: Sequence[Account],
    free: Free,
    domains: Mapping[str, int],
    now: datetime,
) -> Board:
    """The free slots of accounts, with what else limits them. `domains`: a number for each."""
    limited = {one.id: one.daily_limit for one in accounts if one.daily_limit is not None}
    left: dict[tuple[int, int], int] = {}
    if limited and len(free.id):
        first = date_of(int(free.slots.day.min()))
        had = slot_use.used(connection, first)
        keys = set(zip(free.slots.account.tolist(), free.slots.day.tolist(), strict=True))
        left = {key: limited[key[0]] - had.get(key, 0) for key in keys if key[0] in limited}
    apart = {one.id: limits_of(one).domain_interval // 1000 for one in accounts}
    apart = {one: interval for one, interval in apart.items() if interval}
    busy = slot_use.written(connection, apart, now) if apart else []
    known = [(one, domains[name], at) for one, name, at in busy if name in domains]
    return Board(free.slots, left, apart, known)


@dataclass(frozen=True)
class Readers:
    """The contacts of emails, columns of their length."""

    people: People
    zone: Index
    """The place of each one's time zone among `zones`."""
    zones: tuple[ZoneInfo, ...]

    @classmethod
    def of(cls, connection: Connection, contacts: Index, default: ZoneInfo) -> Readers:
        """Read from the store."""
        frame = slot_use.readers(connection, np.unique(contacts))
        people, lives = people_of(frame), zones_of(frame, default)
        zones = tuple(dict.fromkeys(lives))
        numbers = {zone: number for number, zone in enumerate(zones)}
        whose = np.searchsorted(people.id, contacts)
        return cls(people.take(whose), np.array([numbers[one] for one in lives], np.int64)[whose], zones)


class _Wants:
    """Emails without a slot, and what each may have."""

    def __init__(
        self, connection: Connection, settings: Settings, now: datetime, frame: pl.DataFrame
    ) -> None:
        self._connection, self._now, self._zone = connection, now, settings.workspace.zone
        self._windows = Windows(settings.state_rules, settings.timing_constants.pre_window_exclusion_days)
        wanted = np.maximum(frame["at"].to_numpy() * 1000, milliseconds(now))
        frame = frame.with_columns(wanted=wanted).sort("wanted", "priority", "ideal", "id")
        self.ids, self._wanted = frame["id"].to_numpy(), frame["wanted"].to_numpy()
        self._send, self._account = frame["send"].to_numpy(), frame["account_id"].to_numpy()
        self.sequences = (frame["enrollment_id"] != "").to_numpy()
        self.domains = {name: number for number, name in enumerate(frame["domain"].unique().to_list())}
        self._domain = np.array([self.domains[one] for one in frame["domain"].to_list()], np.int64)
        self._readers = Readers.of(connection, frame["contact_id"].to_numpy(), self._zone)
        known = campaigns(connection, settings.campaign_types)
        self._group = groups_of(frame["kind"].to_numpy(), known, settings.sending.account_groups)
        lawless = {str(one.instance.id) for one in known if not one.respect_exclusion_windows}
        self._lawful = np.array(
            [
                not (followup == 0 and instance in lawless)
                and (object_of(told) or {}).get("respect_exclusion_windows") is not False
                for followup, instance, told in frame.select(
                    "followup", "campaign_instance_id", "metadata"
                ).iter_rows()
            ],
            bool,
        )
        self._shut = np.ones(len(frame), bool)
        self._seen = np.zeros(len(frame), bool)

    def place(self, board: Board, slots: Slots, accounts: Sequence[int], group: str) -> tuple[Index, Index]:
        """Rows that may have slots of a group, and the place of the slot of each or `NO_ROOM`.

        An email of a sequence stays with its account; one of the planner with its group.
        """
        own = np.isin(self._account, accounts)
        rows = np.flatnonzero(np.where(self.sequences, own, self._group == group))
        found = np.full(len(rows), NO_ROOM, np.int64)
        first = np.where(own, self._account, NO_ROOM)
        for day in np.unique(day_in(slots.at, self._zone)).tolist():
            send = self._send[rows]
            open_ = (found == NO_ROOM) & np.where(self.sequences[rows], send <= day, send == day)
            here = rows[open_]
            earliest, latest = allowed_hours(
                self._readers.people.take(here),
                self._readers.zone[here],
                self._readers.zones,
                self._windows,
                self._lawful[here],
                date_of(day),
                self._zone,
            )
            self._seen[here] = True
            self._shut[here] &= latest <= earliest
            found[open_] = place(
                board,
                first[here],
                self.sequences[here],
                np.maximum(earliest, self._wanted[here]),
                latest,
                self._domain[here],
            )
        return rows, found

    def put_off(self, rows: Index) -> int:
        """Emails of sequences whose days with slots are all excluded; returns how many."""
        which = rows[self.sequences[rows] & self._seen[rows] & self._shut[rows]]
        slot_use.skip(self._connection, self.ids[which], EXCLUDED, self._now)
        return len(which)
