"""What came back decides how an account goes on: warm-up and brakes. Touches the store, as `run` does.

A mailbox that warms up is judged once for each of its days, from 00:05 of the next on. A relay is looked at
again and again, as it can do much harm in a day (08-operations §5). Who resumes an account draws a line: what
was sent before does not count any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from fractions import Fraction

from carillon.accounts import Account
from carillon.local_time import instant_of
from carillon.pace.shape import day_off
from carillon.pace.warmup import Verdict, Week, brake, judge
from carillon.ramp import ramp, zone_of
from carillon.settings import Settings
from carillon.store import accounts as account_store
from carillon.store import warmup as store
from carillon.store.engine import Connection
from carillon.store.warmup import Done, Judgement, Span
from carillon.words import AccountKind
from carillon.workspace import Workspace

DAY = timedelta(days=1)
SETTLED = timedelta(minutes=5)
"""So long after midnight the day before is judged: what left in its last moments is written down by then."""
MISSED_DAYS = 7
"""Days before it that are judged as well, if nobody was there to do so."""
WARMUP, BRAKE = "warm-up", "brake"
"""Who the audit log names."""


@dataclass(frozen=True)
class WarmupReport:
    """What was judged. Counts are days of accounts."""

    judged: int = 0
    by_verdict: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Plain values only."""
        return {"judged": self.judged, **self.by_verdict}


def judge_days(workspace: Workspace) -> WarmupReport:
    """Judge every day that has ended and was not judged; again does no harm."""
    with workspace.database.snapshot() as connection:
        due = _due(connection, workspace)
        spans = [_span(one, workspace.settings, day) for one, day in due]
        judgements = _judgements(workspace.settings, due, store.done(connection, spans))
    if not judgements:
        return WarmupReport()
    now = workspace.clock.now()
    new = workspace.database.write(lambda connection: store.record(connection, judgements, now, WARMUP))
    return WarmupReport(len(new), dict(Counter(one.verdict for one in new)))


def brake_relays(workspace: Workspace) -> list[str]:
    """Pause relays whose mail is refused or complained about too often. Returns their names."""
    now = workspace.clock.now()
    with workspace.database.snapshot() as connection:
        stopped = _to_stop(connection, workspace.settings, now)
    if not stopped:
        return []
    return workspace.database.write(lambda connection: store.pause(connection, stopped, now, BRAKE))


def _due(connection: Connection, workspace: Workspace) -> list[tuple[Account, date]]:
    """What is to be judged: accounts that warm up, and their days that have ended, the earliest first."""
    now, settings = workspace.clock.now(), workspace.settings
    last = store.last_judged(connection)
    return [
        (one, day)
        for one in account_store.accounts(connection)
        if one.kind == AccountKind.MAILBOX and one.warmup_enabled
        for day in _ended(one, settings, last.get(one.id), now)
    ]


def _judgements(
    settings: Settings, due: Sequence[tuple[Account, date]], counts: Sequence[Done]
) -> list[Judgement]:
    found: list[Judgement] = []
    stands: dict[int, int] = {}
    for (one, day), done in zip(due, counts, strict=True):
        works = not day_off(one, settings, day)
        week = Week(done.sent, done.bounced, done.complained, done.sent_that_day, works)
        verdict, why = judge(ramp(one, settings), week)
        warmup_day = stands.get(one.id, one.warmup_day)
        stands[one.id] = warmup_day + (verdict == Verdict.ADVANCE)
        found.append(
            Judgement(
                one.id,
                one.name,
                day,
                warmup_day,
                verdict.value,
                why,
                stands[one.id],
                verdict == Verdict.PAUSE,
            )
        )
    return found


def _ended(account: Account, settings: Settings, last: date | None, now: datetime) -> list[date]:
    """The days of an account that are to be judged, the earliest first.

    Of those that nobody judged in time, only what lies after the account's last change: before it, it may not
    have been warming up, or on another day of its ramp.
    """
    zone = zone_of(account, settings)
    yesterday = (now - SETTLED).astimezone(zone).date() - DAY
    if last is None:
        return [yesterday]
    first = max(last + DAY, yesterday - MISSED_DAYS * DAY)
    if account.updated is not None and first < yesterday:
        first = min(yesterday, max(first, account.updated.astimezone(zone).date()))
    return [first + n * DAY for n in range((yesterday - first).days + 1)]


def _span(account: Account, settings: Settings, day: date) -> Span:
    zone = zone_of(account, settings)
    first = day - (ramp(account, settings).days - 1) * DAY
    begins, day_begins, ends = (instant_of(one, time(0), zone) for one in (first, day, day + DAY))
    since = max(begins, account.resumed or begins)
    return Span(account.id, since, day_begins, ends, account.resumed)


def _to_stop(connection: Connection, settings: Settings, now: datetime) -> dict[int, tuple[str, str]]:
    """Relays that have to stop: id -> name and why."""
    relays = [
        one for one in account_store.accounts(connection) if one.is_active and one.kind == AccountKind.RELAY
    ]
    begins = now - settings.warmup.rate_days * DAY
    spans = [Span(one.id, max(begins, one.resumed or begins), begins, now, one.resumed) for one in relays]
    stopped = {}
    for one, done in zip(relays, store.done(connection, spans), strict=True):
        why = brake(
            Fraction(settings.safety.brake_bounce_rate),
            Fraction(settings.safety.brake_complaint_rate),
            settings.warmup.least_bounces,
            settings.warmup.rate_days,
            Week(done.sent, done.bounced, done.complained, done.sent_that_day, True),
        )
        if why:
            stopped[one.id] = one.name, why
    return stopped
