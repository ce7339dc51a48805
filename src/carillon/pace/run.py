"""Releasing a day's planned emails: the only file of this room that opens the store.

Every planned email of today gets an account and a minute and moves from the plan into the outbox; what was
released for an earlier day and never left goes back to the planner first. An email goes through the accounts
of its group (`dealing.groups_of`): relays send from the send time on, mailboxes at their slots, and both
share the work in proportion to what they have left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl

from carillon.accounts import Account
from carillon.campaigns import Campaign
from carillon.clock import whole_minute
from carillon.columns import Index
from carillon.days import day_number
from carillon.dealing import NO_ROOM, Room, groups_of
from carillon.keys import CONTACT_SHIFT, is_followup, kind_of
from carillon.pace.assign import times
from carillon.pace.best_times import best_times, whose_settings
from carillon.pace.brakes import judge_days
from carillon.pace.days import make_days
from carillon.pace.share import share
from carillon.packing import PRIORITY_SHIFT
from carillon.rates import SECOND, limits_of
from carillon.send_times import NOBODY
from carillon.slotting import allowed_hours, milliseconds
from carillon.store import accounts as account_store
from carillon.store import due_templates, slot_use
from carillon.store import release as store
from carillon.store import templates as template_store
from carillon.store.campaigns import campaigns
from carillon.store.dispatch import workspace_paused
from carillon.store.due_templates import Lacking
from carillon.store.engine import Connection
from carillon.store.home import require_home
from carillon.store.release import Going
from carillon.store.slot_keeping import Readers, board_of, keep
from carillon.store.timing import Timing, timing
from carillon.windows import Windows
from carillon.words import AccountKind
from carillon.workspace import Workspace


@dataclass(frozen=True)
class ReleaseReport:
    """What a release did. Counts are emails."""

    day: date
    by_account: dict[str, int] = field(default_factory=dict)
    no_room: int = 0
    """Planned for today, but no account can take them: the planner catches them up."""
    without_account: dict[str, int] = field(default_factory=dict)
    """Those of them whose group has no active account, by group."""
    taken_back: int = 0
    """Released for an earlier day, never tried, and the planner's again."""
    by_campaign: dict[str, int] = field(default_factory=dict)
    accounts: int = 0
    """Active accounts."""
    paused: bool = False
    lacking: tuple[Lacking, ...] = ()
    """Stays planned because there is no template to make it of, and is caught up."""

    @property
    def released(self) -> int:
        return sum(self.by_account.values())

    def as_json(self) -> dict[str, object]:
        """Plain values only."""
        return dict(self.__dict__) | {
            "day": self.day.isoformat(),
            "released": self.released,
            "lacking": [one.as_json() for one in self.lacking],
        }


def release(workspace: Workspace) -> ReleaseReport:
    """Release what is planned for today, in one transaction; again does no harm.

    Mailboxes need their slots for that: days that are still to be made are made first.
    """
    judge_days(workspace)
    make_days(workspace)
    hours = timing(workspace.database, workspace.settings.smart_scheduling, workspace.clock.now())
    report = workspace.database.write(lambda connection: deal_out(connection, workspace, hours))
    if report.released or report.taken_back:
        counts = {name: getattr(report, name) for name in ("released", "taken_back", "no_room", "by_account")}
        workspace.log.info("emails released", day=report.day, **counts)
    for name, emails in report.by_campaign.items():
        workspace.log.info("campaign released", day=report.day, campaign=name, emails=emails)
    return report


def deal_out(connection: Connection, workspace: Workspace, hours: Timing | None) -> ReleaseReport:
    """Release what is planned for today to accounts as they stand, mailboxes with the slots they have."""
    require_home(connection, workspace.folder)
    now, today = workspace.clock.now(), workspace.today()
    day = day_number(today)
    taken_back = store.take_back(connection, day)
    accounts = [one for one in account_store.accounts(connection) if one.is_active]
    if workspace_paused(connection):
        return ReleaseReport(today, taken_back=taken_back, accounts=len(accounts), paused=True)
    if any(one.kind == AccountKind.MAILBOX for one in accounts):
        # What has an account already goes first.
        keep(connection, workspace.settings, now, wait=True)
    known = campaigns(connection, workspace.settings.campaign_types)
    due, lacking = _makeable(connection, workspace, store.due(connection, day), known)
    due = due.with_columns(priority=pl.col("state") // (1 << PRIORITY_SHIFT) % 256).sort(
        "priority", "ideal", "id"
    )
    dealing = _Dealing(connection, workspace, due, known, hours)
    groups = groups_of(kind_of(dealing.ids), known, workspace.settings.sending.account_groups)
    without = {}
    for group in sorted(set(groups.tolist())):
        rows = np.flatnonzero(groups == group)
        members = [one for one in accounts if one.group == group]
        if members:
            dealing.share(rows, members)
        else:
            without[str(group)] = len(rows)
    counts = dealing.release(now)
    by_account = {one.name: counts[one.id] for one in accounts if one.id in counts}
    by_campaign = dealing.by_campaign({str(one.instance.id): one.instance.name for one in known})
    stays = len(due) - sum(counts.values())
    return ReleaseReport(
        today, by_account, stays, without, taken_back, by_campaign, len(accounts), lacking=lacking
    )


class _Dealing:
    """A day's emails, in the order in which scarce room goes to them, and what each is given."""

    def __init__(
        self,
        connection: Connection,
        workspace: Workspace,
        due: pl.DataFrame,
        known: Sequence[Campaign],
        hours: Timing | None,
    ) -> None:
        self._timing = hours
        self._connection, self._workspace, self._due = connection, workspace, due
        self._now, self._today = workspace.clock.now(), workspace.today()
        self.ids = due["id"].to_numpy()
        self._account = np.full(len(due), NO_ROOM, np.int64)
        self._at = np.full(len(due), NO_ROOM, np.int64)
        self._slot = np.full(len(due), NO_ROOM, np.int64)
        self._last = _last_accounts(connection, self.ids)
        # The moment at or after which each email is to leave, in milliseconds; 0: any of the day.
        self._wanted = np.zeros(len(due), np.int64)
        self._choice = np.full(len(due), NOBODY, np.int64)
        lawless = [str(one.instance.id) for one in known if not one.respect_exclusion_windows]
        self._lawful = is_followup(self.ids) | ~due["campaign_instance_id"].is_in(lawless).to_numpy()
        self._start, self._end = _hours(workspace, self._today, self._now)
        settings = workspace.settings
        self._windows = Windows(settings.state_rules, settings.timing_constants.pre_window_exclusion_days)

    def share(self, rows: Index, accounts: Sequence[Account]) -> None:
        """Deal emails out to the accounts of a group."""
        if self._timing is not None and len(rows):
            self._choose_hours(rows, accounts, self._timing)
        relays = [one for one in accounts if one.kind == AccountKind.RELAY]
        boxes = [one for one in accounts if one.kind == AccountKind.MAILBOX]
        taken = store.waiting(self._connection, day_number(self._today)) if relays else {}
        rooms = [_room(one, taken.get(one.id, 0), self._start, self._end) for one in relays]
        ids = np.array([one.id for one in (*relays, *boxes)], np.int64)
        names = self._due["domain"].gather(rows)
        domains = names.unique(maintain_order=True)
        domain = _places(names, domains)
        numbers = {name: number for number, name in enumerate(domains.to_list())} if boxes else {}
        free = slot_use.free(self._connection, [one.id for one in boxes], self._now, self._end)
        board = board_of(self._connection, boxes, free, numbers, self._now)
        found = share(
            _account_places(self._last[rows], ids),
            domain,
            self._wanted[rows],
            ids,
            rooms,
            board,
            lambda some: self._hours(rows[some]),
        )
        got = np.flatnonzero(found.slot != NO_ROOM)
        slots = found.slot[got]
        self._slot[rows[got]], self._at[rows[got]] = free.id[slots], free.slots.at[slots]
        self._account[rows[got]] = free.slots.account[slots]
        early = rows[got][self._at[rows[got]] < self._wanted[rows[got]]]
        # The slots that were left are dealt whatever was wanted: such an hour nobody chose.
        self._choice[early] = NOBODY
        wanted = (self._wanted[rows] - milliseconds(self._start)) * 1000
        at = times(found.relay, domain, rooms, wanted)
        going = np.flatnonzero(at != NO_ROOM)
        self._at[rows[going]] = milliseconds(self._start) + at[going] // 1000
        self._account[rows[going]] = ids[found.relay[going]]

    def release(self, now: datetime) -> dict[int, int]:
        """Put down what was dealt; returns how many emails each account got, by id."""
        going = np.flatnonzero(self._account != NO_ROOM)
        accounts = self._account[going]
        store.release(
            self._connection,
            Going(
                self.ids[going],
                accounts,
                self._at[going],
                self._due["domain"].gather(going),
                self._due["template"].gather(going),
                self._choice[going],
            ),
            now,
        )
        slots = self._slot[going]
        some = slots != NO_ROOM
        slot_use.give(self._connection, slots[some], self.ids[going[some]])
        found, counts = np.unique(accounts, return_counts=True)
        return dict(zip(found.tolist(), counts.tolist(), strict=True))

    def by_campaign(self, names: Mapping[str, str]) -> dict[str, int]:
        """How many emails of each campaign go; `names`: by instance id."""
        found = self._due["campaign_instance_id"].filter(self._account != NO_ROOM).value_counts()
        return {
            names[number]: emails
            for number, emails in sorted(found.drop_nulls().iter_rows())
            if number in names
        }

    def _choose_hours(self, rows: Index, accounts: Sequence[Account], timing: Timing) -> None:
        """What emails are wanted at where their hours are chosen."""
        ids, zone = self.ids[rows], self._workspace.settings.workspace.zone
        found = best_times(
            ids,
            self._due["campaign_instance_id"].gather(rows).to_list(),
            whose_settings(self._last[rows], [one.id for one in accounts]),
            slot_use.readers(self._connection, np.unique(ids >> CONTACT_SHIFT)),
            self._lawful[rows],
            timing,
            self._windows,
            zone,
            (milliseconds(self._now), milliseconds(self._end)),
        )
        self._wanted[rows], self._choice[rows] = found.at, found.chosen

    def _hours(self, rows: Index) -> tuple[Index, Index]:
        """From when on and until when emails may leave today."""
        zone = self._workspace.settings.workspace.zone
        readers = Readers.of(self._connection, self.ids[rows] >> CONTACT_SHIFT, zone)
        return allowed_hours(
            readers.people, readers.zone, readers.zones, self._windows, self._lawful[rows], self._today, zone
        )


def _makeable(
    connection: Connection, workspace: Workspace, due: pl.DataFrame, known: Sequence[Campaign]
) -> tuple[pl.DataFrame, tuple[Lacking, ...]]:
    """The emails that there is a template for, which is chosen now, and what is to be said of the others."""
    if len(due) and template_store.lacks_defaults(connection):
        template_store.ensure_defaults(connection, workspace.clock.now())
    names = due_templates.chosen(due, known, workspace.settings.features.ab_testing)
    missing, told = due_templates.lacking(connection, due, names, known)
    chosen = due.with_columns(template=pl.Series(names.tolist(), dtype=pl.String))
    return chosen.filter(pl.Series(~missing, dtype=pl.Boolean)), tuple(told)


def _hours(workspace: Workspace, today: date, now: datetime) -> tuple[datetime, datetime]:
    """From the workspace's send time, or this minute if that is past, to the end of its day."""
    zone = workspace.settings.workspace.zone
    send_time = workspace.settings.timing_constants.send_time
    start = datetime.combine(today, send_time, zone)
    end = datetime.combine(today + timedelta(days=1), time(0), zone)
    return max(start, whole_minute(now)), end


def _room(account: Account, taken: int, start: datetime, end: datetime) -> Room:
    limits = limits_of(account)
    left = None if limits.per_day is None else limits.per_day - taken
    span = int((end - start).total_seconds() * SECOND) - SECOND
    return Room(left, limits.interval, limits.domain_interval, span)


def _last_accounts(connection: Connection, ids: Index) -> Index:
    """For each email the account that wrote to its contact last; `NO_ROOM`: none did."""
    contacts, accounts = store.last_accounts(connection, store.receivers(ids))
    found = np.full(len(ids), NO_ROOM, np.int64)
    if len(contacts):
        whose = ids >> CONTACT_SHIFT
        at = np.minimum(np.searchsorted(contacts, whose), len(contacts) - 1)
        known = contacts[at] == whose
        found[known] = accounts[at[known]]
    return found


def _account_places(accounts: Index, ids: Index) -> Index:
    """The place of each account among `ids`, `NO_ROOM` for what is not there."""
    found = np.full(len(accounts), NO_ROOM, np.int64)
    for place, one in enumerate(ids.tolist()):
        found[accounts == one] = place
    return found


def _places(words: pl.Series, among: pl.Series) -> Index:
    """The place of each word among others, which have it once."""
    known = pl.DataFrame({"word": among}).with_row_index("place")
    found = pl.DataFrame({"word": words}).join(known, "word", "left", maintain_order="left")
    return found["place"].cast(pl.Int64).to_numpy()
