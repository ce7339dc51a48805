"""The hour an email leaves in: those it may choose from, and the one it takes (02-pace §6).

Pure, and set at a time: emails are columns of shape (n,), and those that share a time zone, an industry and
the moment from which they may leave are looked at together. Moments are milliseconds since 1970 in UTC. A
choice hangs on the email's seed and on what is known, so it comes out the same wherever it is made; once
made it is stored with the email and not made again. What is known of hours: `besttime`.

Candidates are the hours that begin from `min_delay_hours` to `max_delay_hours` after the email's time has
come and lie in the business hours of a preferred day that is no holiday, by the contact's clock. Where there
is none it is the first business hour of the next such day. Inside its hour an email leaves at a second of
its own, so that not everybody is written to as the clock strikes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from carillon.besttime import Belief, Bits, drawn, unit
from carillon.columns import Bools, Frame, Index, People
from carillon.holiday_days import holidays_of
from carillon.local_time import DAY, MINUTE, Moments, instant_of, on_the_wall
from carillon.settings_checks import WEEKDAYS
from carillon.settings_timing import SmartScheduling
from carillon.splitmix import splitmix64
from carillon.windows import Windows
from carillon.words import SkipReason, TimeChoice

HOUR = 60 * MINUTE
CHOICES = tuple(TimeChoice)
"""What the numbers in `Times.chosen` mean."""
NOBODY = -1
"""The time was not chosen."""
_DAYS_AHEAD = 400
"""So far ahead the next working day is looked for."""
_HELD_OUT, _SECONDS = np.uint64(0xA0761D6478BD642F), np.uint64(0xE7037ED1A0B428DB)
"""Salts: what two things are drawn from one seed for must not hang together."""

Open = Callable[[Index, Moments], Bools]
"""Of emails (rows) to people in one zone, and moments: whether each may leave then, (rows, moments)."""


@dataclass(frozen=True)
class Wanted(Frame):
    """Emails that may leave from now on."""

    seed: Bits
    """Of the email itself."""
    zone: Index
    """The place of the contact's time zone among `zones`."""
    industry: Index
    """The place of what is known of the contact's industry among `known`."""
    base: Moments
    """When its time has come."""
    at: Moments
    """When it would leave if nobody chose."""
    last: Moments
    """It leaves before this: the planned day is law."""

    @classmethod
    def of(cls, ids: Index, zone: Index, at: Moments, last: Moments | None = None) -> Wanted:
        """Emails that may leave from `at` on, the industry of whose readers is still to be looked up."""
        ever = np.full(len(ids), np.iinfo(np.int64).max) if last is None else last
        return cls(ids.astype(np.uint64), zone, np.zeros(len(ids), np.int64), at, at, ever)


@dataclass(frozen=True)
class Known:
    """What readers of an industry did."""

    belief: Belief
    emails: int
    """Of the whole workspace; 0: there is no history."""


@dataclass(frozen=True)
class Times:
    """When emails leave, and how that came: columns of the length of what was wanted."""

    at: Moments
    chosen: Index
    """Places in `CHOICES`, or `NOBODY`."""


@dataclass(frozen=True)
class Hours:
    """Hours on a wall, shape (k,)."""

    at: Moments
    weekday: Index
    hour: Index


def choose(
    emails: Wanted, rules: SmartScheduling, zones: Sequence[ZoneInfo], known: Sequence[Known], may: Open
) -> Times:
    """The hours of emails for which the same rules are in force."""
    at, chosen = emails.at.copy(), np.full(len(emails), NOBODY, np.int64)
    if not rules.enabled or not len(emails):
        return Times(at, chosen)
    with np.errstate(over="ignore"):
        held = unit(splitmix64(emails.seed ^ _HELD_OUT)) * 100 < rules.hold_out_percent
        second = splitmix64(emails.seed ^ _SECONDS) % np.uint64(3600)
    chosen[held] = CHOICES.index(TimeChoice.HOLDOUT)
    going = np.flatnonzero(~held)
    if not len(going):
        return Times(at, chosen)
    keys = (emails.zone[going], emails.industry[going], emails.base[going], emails.last[going])
    for (zone, industry, base, last), mine in _groups(keys):
        rows = going[mine]
        hours = candidates(base, last, zones[zone], rules)
        taken = pick(hours, emails.seed[rows], known[industry], rules, may(rows, hours.at))
        none = np.flatnonzero(taken < 0)
        at[rows] = np.where(taken < 0, at[rows], np.append(hours.at, 0)[taken])
        chosen[rows] = CHOICES.index(TimeChoice(rules.strategy))
        chosen[rows[none]] = CHOICES.index(TimeChoice.NONE)
        first = next_day(base, zones[zone], rules) if len(none) else None
        if first is not None and first + HOUR <= last:
            none = none[may(rows[none], np.array([first]))[:, 0]]
            at[rows[none]] = first
            taken[none] = 0
        moved = rows[taken >= 0]
        at[moved] += second[moved].astype(np.int64) * 1000
    return Times(at, chosen)


def lawful_days(
    windows: Windows, people: People, own: Sequence[ZoneInfo], lawful: Bools, workspace: ZoneInfo
) -> Open:
    """Whether emails to these people may leave: on no excluded day of the workspace's calendar or their own.

    `own`: each one's zone; `lawful`: whether windows bind an email.
    """

    def may(rows: Index, moments: Moments) -> Bools:
        answer = np.ones((len(rows), len(moments)), bool)
        zones = [workspace] if not len(rows) else [workspace, own[rows[0]]]
        for zone in dict.fromkeys(zones):
            days, whose = np.unique(on_the_wall(moments, zone) // DAY, return_inverse=True)
            for place, day in enumerate(days.tolist()):
                on = np.full(len(rows), day, np.int32)
                shut = lawful[rows] & (windows.reasons(people, rows, on) != SkipReason.NONE)
                answer[np.ix_(shut, whose == place)] = False
        return answer

    return may


def candidates(base: int, last: int, zone: ZoneInfo, rules: SmartScheduling) -> Hours:
    """The hours an email may choose from, in their order."""
    earliest = base + rules.min_delay_hours * HOUR
    latest = min(base + rules.max_delay_hours * HOUR, last - HOUR)
    found: list[tuple[int, int, int]] = []
    day, end = _date(earliest, zone), _date(latest, zone)
    while day <= end:
        if _works(day, rules):
            hours = ((_instant(day, hour, zone), hour) for hour in rules.hours)
            found += [
                (at, day.weekday(), hour) for at, hour in hours if at is not None and earliest <= at <= latest
            ]
        day += timedelta(days=1)
    return Hours(*np.array(found, np.int64).reshape(-1, 3).T)


def next_day(base: int, zone: ZoneInfo, rules: SmartScheduling) -> int | None:
    """When the first hour of the next day's business hours begins; None where no day to come has any."""
    day = _date(base, zone)
    for ahead in range(_DAYS_AHEAD):
        later = day + timedelta(days=ahead)
        if _works(later, rules):
            at = _milliseconds(instant_of(later, time(rules.business_hours_start), zone))
            if at >= base + rules.min_delay_hours * HOUR:
                return at
    return None


def pick(hours: Hours, seeds: Bits, known: Known, rules: SmartScheduling, open_: Bools) -> Index:
    """The place of the hour that each email takes, shape (n,); -1: none of them is open to it.

    `seeds`: shape (n,); `open_`: shape (n, k).
    """
    if not len(hours.at):
        return np.full(len(seeds), -1, np.int64)
    liked = np.isin(hours.hour, rules.preferred_send_times)
    if not known.emails:
        favourites = open_ & liked
        open_ = np.where(favourites.any(axis=1, keepdims=True), favourites, open_)
    if rules.strategy == "best":
        mean = known.belief.mean[hours.weekday, hours.hour]
        order = np.lexsort((np.arange(len(mean)), ~liked, -mean))
        taken = order[open_[:, order].argmax(axis=1)]
    else:
        centre, spread = (table[hours.weekday, hours.hour] for table in known.belief.log_odds)
        # By the hour itself, not by its place: what else there is to choose from changes no draw.
        numbers = (hours.at // HOUR).astype(np.uint64)
        scores = drawn(centre, spread, seeds[:, None], numbers)
        taken = np.where(open_, scores, -np.inf).argmax(axis=1)
    return np.where(open_.any(axis=1), taken, -1)


def _groups(keys: Sequence[Index]) -> Iterator[tuple[list[int], Index]]:
    """The rows that have the same keys, with these."""
    order = np.lexsort(keys)
    borders = np.flatnonzero(np.any([np.diff(key[order]) != 0 for key in keys], axis=0)) + 1
    for mine in np.split(order, borders):
        yield [int(key[mine[0]]) for key in keys], mine


def _works(day: date, rules: SmartScheduling) -> bool:
    return WEEKDAYS[day.weekday()] in rules.preferred_days and not holidays_of(rules.avoid_holidays)(day)


@cache
def _instant(day: date, hour: int, zone: ZoneInfo) -> int | None:
    """When an hour begins there; None where the clocks jump over it."""
    at = instant_of(day, time(hour), zone)
    return _milliseconds(at) if at.astimezone(zone).hour == hour else None


def _date(moment: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(moment / 1000, UTC).astimezone(zone).date()


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
