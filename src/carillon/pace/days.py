"""Days of slots: made ahead and stored, and looked at. Touches the store, like `run` (02-pace §2).

Each hour today's and tomorrow's days are made, by each mailbox's own clock, if they are not there. Tomorrow's
is made as soon as its number is certain: the warm-up judges a day at 00:05 of the next, and the slots of the
day after that are the first to follow (docs/decisions/0010). A day that has not begun and of which nobody has
taken a slot is made anew when hours, limits or the like have been changed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from carillon.accounts import Account
from carillon.errors import InputError
from carillon.pace.shape import day_of, day_off, pattern_of
from carillon.ramp import number_a_day, zone_of
from carillon.settings import Settings
from carillon.settings_pacing import DayPattern
from carillon.store import accounts as account_store
from carillon.store import slot_use, slots
from carillon.store import warmup as warmup_store
from carillon.store.engine import Connection
from carillon.store.slots import Day, StoredSlot
from carillon.store.warmup import Judged
from carillon.words import AccountKind, SlotStatus
from carillon.workspace import Workspace

DAY = timedelta(days=1)


@dataclass(frozen=True)
class DaysReport:
    """What was made."""

    days: int = 0
    slots: int = 0
    anew: int = 0
    """Of the days, those that were there already and are other now."""

    def as_json(self) -> dict[str, object]:
        """Plain values only."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class DayView:
    """A day of one account, to be looked at."""

    account: Account
    day: date
    today: date
    """Where the account is."""
    timezone: str
    pattern: DayPattern
    limit: int
    """Emails it may send on this day."""
    warmup_day: int | None
    """None: it is warm."""
    off: str
    """Why nothing is sent; empty on a working day."""
    made_at: datetime | None
    """When it was stored. None: it is not, and this is what would be made now."""
    slots: tuple[StoredSlot, ...]


def make_days(workspace: Workspace) -> DaysReport:
    """Make the days that are to be there, in one transaction; again does no harm."""
    return workspace.database.write(lambda connection: _make_days(connection, workspace))


def look(workspace: Workspace, name: str, day: date | None) -> DayView:
    """A day of a mailbox (None: its today): as stored, else as it would be made now.

    A day in the past that is not stored any more has no slots. Raises InputError for an account without days.
    """
    settings = workspace.settings
    now = workspace.clock.now()
    with workspace.database.snapshot() as connection:
        account = account_store.find(connection, name)
        if account.kind != AccountKind.MAILBOX:
            raise InputError(
                f"the account {name!r} is a relay: it sends as fast as its limits allow and has no slots. "
                f"`carillon account set {name} --kind mailbox` gives it days like a person's."
            )
        zone = zone_of(account, settings)
        today = now.astimezone(zone).date()
        wanted = day or today
        key = (account.id, wanted)
        made = slots.made(connection, [key])
        stored = slots.of_day(connection, account.id, wanted)
        judged = warmup_store.judged(connection, [(account.id, wanted - DAY)])
    warmup_day = _warmup_day(account, wanted, judged)
    found = tuple(stored)
    if key not in made and wanted >= today:
        planned = day_of(account, settings, wanted, warmup_day)
        found = tuple(StoredSlot(one.at, one.activity.value, SlotStatus.PENDING.value) for one in planned)
    return DayView(
        account,
        wanted,
        today,
        zone.key,
        pattern_of(account, settings),
        number_a_day(account, settings, warmup_day),
        warmup_day if account.warmup_enabled else None,
        "" if found else day_off(account, settings, wanted),
        made.get(key),
        found,
    )


def _make_days(connection: Connection, workspace: Workspace) -> DaysReport:
    now, settings = workspace.clock.now(), workspace.settings
    mailboxes = {one.id: one for one in account_store.accounts(connection) if one.kind == AccountKind.MAILBOX}
    todays = {one.id: now.astimezone(zone_of(one, settings)).date() for one in mailboxes.values()}
    yesterdays = [(account, today - DAY) for account, today in todays.items()]
    judged = warmup_store.judged(connection, yesterdays)
    wanted: dict[Day, slots.Moments] = {}
    for account, one in mailboxes.items():
        today = todays[account]
        certain = not one.warmup_enabled or (account, today - DAY) in judged
        for day in (today, today + DAY) if certain else (today,):
            wanted[account, day] = _moments(one, settings, day, judged)
    there = slots.made(connection, wanted)
    missing = {day: moments for day, moments in wanted.items() if day not in there}
    stale = _stale(connection, wanted, there.keys(), now)
    if stale:
        # Whoever takes a slot of them meanwhile is waited for, and the day then stays.
        slot_use.alone(connection, wait=True)
        stale = _stale(connection, wanted, stale, now)
        slots.unmake(connection, stale)
        missing |= {day: wanted[day] for day in stale}
    if not missing:
        return DaysReport()
    made = slots.make(connection, missing, now)
    return DaysReport(len(made), sum(made.values()), len(stale))


def _stale(
    connection: Connection, wanted: dict[Day, slots.Moments], days: Collection[Day], now: datetime
) -> list[Day]:
    """Days that may still be changed and would be made otherwise now."""
    untouched = slots.untouched(connection, days, now)
    return [
        day
        for day, moments in untouched.items()
        if moments != [(at, activity.value) for at, activity in wanted[day]]
    ]


def _moments(account: Account, settings: Settings, day: date, judged: dict[Day, Judged]) -> slots.Moments:
    warmup_day = _warmup_day(account, day, judged)
    return [(one.at, one.activity) for one in day_of(account, settings, day, warmup_day)]


def _warmup_day(account: Account, day: date, judged: dict[Day, Judged]) -> int:
    """The day of the ramp as it stood, or will stand, at the midnight with which `day` began.

    The day before it is judged later, at 00:05: if it was, the ramp stood then where that judgement found it.
    """
    found = judged.get((account.id, day - DAY))
    return account.warmup_day if found is None else found.warmup_day
