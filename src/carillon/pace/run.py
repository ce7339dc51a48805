"""Releasing a day's planned emails: the only file of this room that opens the store.

Every planned email of today gets an account and a minute and moves from the plan into the outbox; what was
released for an earlier day and never left goes back to the planner first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl

from carillon.accounts import Account
from carillon.clock import whole_minute
from carillon.days import day_number
from carillon.dealing import NO_ROOM, Room, deal
from carillon.pace.assign import times
from carillon.packing import PRIORITY_SHIFT
from carillon.rates import SECOND, limits_of
from carillon.store import accounts as account_store
from carillon.store import due_templates
from carillon.store import release as store
from carillon.store import templates as template_store
from carillon.store.campaigns import campaigns
from carillon.store.dispatch import workspace_paused
from carillon.store.due_templates import Lacking
from carillon.store.engine import Connection
from carillon.store.home import require_home
from carillon.store.moments import stamp
from carillon.words import AccountKind
from carillon.workspace import Workspace


@dataclass(frozen=True)
class ReleaseReport:
    """What a release did. Counts are emails."""

    day: date
    by_account: dict[str, int] = field(default_factory=dict)
    no_room: int = 0
    """Planned for today, but no account can take them: the planner catches them up."""
    taken_back: int = 0
    """Released for an earlier day, never tried, and the planner's again."""
    accounts: int = 0
    """Active accounts that bulk mail can go through."""
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
    """Release what is planned for today, in one transaction; again does no harm."""
    return workspace.database.write(lambda connection: _release(connection, workspace))


def _release(connection: Connection, workspace: Workspace) -> ReleaseReport:
    require_home(connection, workspace.folder)
    now, today = workspace.clock.now(), workspace.today()
    day = day_number(today)
    taken_back = store.take_back(connection, day)
    relays = [
        one for one in account_store.accounts(connection) if one.is_active and one.kind == AccountKind.RELAY
    ]
    paused = workspace_paused(connection)
    if paused:
        return ReleaseReport(today, {}, 0, taken_back, len(relays), paused)
    due, lacking = _makeable(connection, workspace, store.due(connection, day))
    if not relays or not len(due):
        return ReleaseReport(today, {}, len(due), taken_back, len(relays), lacking=lacking)

    start, end = _hours(workspace, today, now)
    taken = store.waiting(connection, day)
    rooms = [_room(one, taken.get(one.id, 0), start, end) for one in relays]
    due = due.with_columns(priority=pl.col("state") // (1 << PRIORITY_SHIFT) % 256).sort(
        "priority", "ideal", "id"
    )
    ids = due["id"].to_numpy()
    kept = _kept(connection, ids, relays)
    domain = due["domain"].cast(pl.Categorical).to_physical().to_numpy().astype(np.int64)
    chosen = deal(kept, rooms)
    at = times(chosen, domain, rooms)
    going = np.flatnonzero(at != NO_ROOM)
    account_ids = np.array([one.id for one in relays], np.int64)
    moments = [stamp(start + timedelta(microseconds=int(offset))) for offset in at[going]]
    store.release(
        connection,
        ids[going],
        account_ids[chosen[going]],
        moments,
        due["domain"].gather(going).to_list(),
        due["template"].gather(going).to_list(),
        now,
    )
    counts = np.bincount(chosen[going], minlength=len(relays))
    by_account = {one.name: int(n) for one, n in zip(relays, counts, strict=True) if n}
    stays = len(ids) - len(going)
    return ReleaseReport(today, by_account, stays, taken_back, len(relays), lacking=lacking)


def _makeable(
    connection: Connection, workspace: Workspace, due: pl.DataFrame
) -> tuple[pl.DataFrame, tuple[Lacking, ...]]:
    """The emails that there is a template for, which is chosen now, and what is to be said of the others."""
    if len(due) and template_store.lacks_defaults(connection):
        template_store.ensure_defaults(connection, workspace.clock.now())
    settings = workspace.settings
    known = campaigns(connection, settings.campaign_types)
    names = due_templates.chosen(due, known, settings.features.ab_testing)
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


def _kept(connection: Connection, ids: np.ndarray, relays: list[Account]) -> np.ndarray:
    """For each email the place among `relays` of the account that wrote to its contact last."""
    contacts, accounts = store.last_accounts(connection, store.receivers(ids))
    place = {one.id: at for at, one in enumerate(relays)}
    last = dict(zip(contacts.tolist(), accounts.tolist(), strict=True))
    receivers = (ids >> 31).tolist()
    return np.array([place.get(last.get(one, 0), NO_ROOM) for one in receivers], np.int64)
