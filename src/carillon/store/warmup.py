"""What accounts did in their last days, judged once for each date, and what the brakes did (02-pace §3).

All writing happens in the caller's transaction. However many accounts there are, a reading is three
statements. Rates are of mail of the outbox only; a day on which only warm-up mail left is a day that sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from sqlalchemy import Connection, text

from carillon.days import day_number
from carillon.store import audit
from carillon.store.accounts import LONGEST_ERROR
from carillon.store.bulk import is_sqlite, with_rows
from carillon.store.moments import stamp
from carillon.words import AccountStatus, EventKind, Status

SPARE_DAYS = 7
"""An email may leave so many days after the day it was planned for: only to let the index by day serve."""
_LEFT = f"('{Status.SENT}', '{Status.DELIVERED}', '{Status.BOUNCED}')"
_SPAN = (("place", "bigint"), ("account_id", "bigint"), ("begins", "text"), ("day_begins", "text"),
         ("ends", "text"), ("counts_from", "text"))  # fmt: skip
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Span:
    """A run of an account's days whose emails are counted; `day_begins`: the last of them. UTC."""

    account: int
    begins: datetime
    day_begins: datetime
    ends: datetime
    counts_from: datetime | None = None
    """What left before this counts no more, nor what was said of it since; None: all counts."""


@dataclass(frozen=True)
class Done:
    """What an account did in a span. Counts of emails."""

    sent: int = 0
    bounced: int = 0
    complained: int = 0
    sent_that_day: int = 0


@dataclass(frozen=True)
class Judged:
    """What is known of a date that was judged."""

    warmup_day: int
    """As it stood on that date."""
    verdict: str
    why: str


@dataclass(frozen=True)
class Judgement:
    """A row of `warmup_days` to be."""

    account: int
    name: str
    day: date
    warmup_day: int
    verdict: str
    why: str
    goes_on_with: int
    """The warm-up day from now on."""
    pauses: bool


def done(connection: Connection, spans: Sequence[Span]) -> list[Done]:
    """What each span's account sent, and of that what bounced; what was complained about in it, of whatever
    it sent and still counts."""
    if not spans:
        return []
    sqlite = is_sqlite(connection)
    begins, day_begins, ends, counts_from = (
        f"v.{name}" if sqlite else f"v.{name}::timestamptz"
        for name in ("begins", "day_begins", "ends", "counts_from")
    )
    earliest = min(span.begins for span in spans)
    low = day_number(earliest.astimezone(UTC).date()) - SPARE_DAYS
    since = f"'{stamp(earliest)}'" if sqlite else f"'{stamp(earliest)}'::timestamptz"
    rows = [
        (place, one.account, *map(stamp, (one.begins, one.day_begins, one.ends, one.counts_from or _EVER)))
        for place, one in enumerate(spans)
    ]
    # SQLite takes the tables of a cross join in their order: the outbox is read once, not once for each span.
    # It finds the spans of an account by an index of its own making only where both are of one type.
    typed = "select place, cast(account_id as bigint) as account_id, begins, day_begins, ends from v"
    sent = with_rows(
        connection,
        _SPAN,
        rows,
        f", typed as materialized ({typed})"
        f" select v.place, count(*), sum(case when o.status = '{Status.BOUNCED}' then 1 else 0 end),"
        f" sum(case when o.actual_send_datetime >= {day_begins} then 1 else 0 end)"
        f" from outbox o cross join typed v where o.send >= {low} and o.account_id = v.account_id"
        f" and o.channel = 'email' and o.status in {_LEFT}"
        f" and o.actual_send_datetime >= {begins} and o.actual_send_datetime < {ends} group by v.place",
    )
    complained = with_rows(
        connection,
        _SPAN,
        rows,
        "select v.place, count(distinct e.email_schedule_id) from contact_events e cross join outbox o"
        f" cross join v where e.event_type = '{EventKind.COMPLAINED}' and e.created_at >= {since}"
        " and o.id = e.email_schedule_id and o.account_id = v.account_id"
        f" and e.created_at >= {begins} and e.created_at < {ends}"
        f" and coalesce(o.actual_send_datetime, e.created_at) >= {counts_from} group by v.place",
    )
    # Mail between our own accounts warms up as well; how good the addresses of a list are it does not say.
    warmed = with_rows(
        connection,
        _SPAN,
        rows,
        "select v.place, count(*) from warmup_messages w cross join v where w.purpose = 'warmup'"
        f" and w.account_id = v.account_id and w.send_at >= {since} and w.sent_at >= {day_begins}"
        f" and w.sent_at < {ends} group by v.place",
    )
    complaints = {int(place): int(n) for place, n in complained}
    own = {int(place): int(n) for place, n in warmed}
    found = [Done(0, 0, complaints.get(place, 0), own.get(place, 0)) for place in range(len(spans))]
    for place, n, bounced, that_day in sent:
        known = found[int(place)]
        found[int(place)] = replace(
            known, sent=int(n), bounced=int(bounced), sent_that_day=known.sent_that_day + int(that_day)
        )
    return found


def judged(connection: Connection, days: Iterable[tuple[int, date]]) -> dict[tuple[int, date], Judged]:
    """Those of some dates that were judged."""
    rows = with_rows(
        connection,
        (("account_id", "bigint"), ("local_date", "text")),
        [(account, day.isoformat()) for account, day in days],
        "select w.account_id, w.local_date, w.warmup_day, w.verdict, w.why from v join warmup_days w"
        " on w.account_id = v.account_id and w.local_date = v.local_date",
    )
    return {
        (int(account), date.fromisoformat(day)): Judged(int(n), verdict, why)
        for account, day, n, verdict, why in rows
    }


def last_judged(connection: Connection) -> dict[int, date]:
    """The latest date of each account that was judged."""
    rows = connection.execute(text("select account_id, max(local_date) from warmup_days group by account_id"))
    return {int(account): date.fromisoformat(day) for account, day in rows}


def record(
    connection: Connection, judgements: Sequence[Judgement], now: datetime, by: str
) -> list[Judgement]:
    """Write judgements down, each date's once, and do what follows from them. Returns those that were new."""
    moment = "v.judged_at" if is_sqlite(connection) else "v.judged_at::timestamptz"
    fresh = with_rows(
        connection,
        (("account_id", "bigint"), ("local_date", "text"), ("warmup_day", "integer"), ("verdict", "text"),
         ("why", "text"), ("judged_at", "text")),
        [(one.account, one.day.isoformat(), one.warmup_day, one.verdict, one.why, stamp(now))
         for one in judgements],
        "insert into warmup_days (account_id, local_date, warmup_day, verdict, why, judged_at)"
        f" select account_id, local_date, warmup_day, verdict, why, {moment} from v where true"
        " on conflict (account_id, local_date) do nothing returning account_id, local_date",
    )  # fmt: skip
    keys = {(int(account), day) for account, day in fresh}
    new = [one for one in judgements if (one.account, one.day.isoformat()) in keys]
    moved = [one for one in new if one.goes_on_with != one.warmup_day]
    steps = Counter[int]()
    for one in moved:
        steps[one.account] += one.goes_on_with - one.warmup_day
    with_rows(
        connection,
        (("id", "bigint"), ("step", "integer")),
        list(steps.items()),
        "update accounts set warmup_day = warmup_day + v.step from v where accounts.id = v.id",
    )
    audit.note_all(
        connection,
        by,
        now,
        [
            (
                f"account {one.name} changed",
                {"warmup_day": one.warmup_day},
                {"warmup_day": one.goes_on_with, "why": one.why},
            )
            for one in moved
        ],
    )
    pause(connection, {one.account: (one.name, one.why) for one in new if one.pauses}, now, by)
    return new


def pause(
    connection: Connection, accounts: Mapping[int, tuple[str, str]], now: datetime, by: str
) -> list[str]:
    """Pause accounts that are active, with why: id -> (name, why). Returns the names of those that were."""
    moment = f"'{stamp(now)}'" if is_sqlite(connection) else f"'{stamp(now)}'::timestamptz"
    rows = with_rows(
        connection,
        (("id", "bigint"), ("why", "text")),
        [(account, why[:LONGEST_ERROR]) for account, (_, why) in accounts.items()],
        f"update accounts set status = '{AccountStatus.PAUSED}', last_error = v.why, updated_at = {moment}"
        f" from v where accounts.id = v.id and accounts.status = '{AccountStatus.ACTIVE}'"
        " returning accounts.id",
    )
    paused = [accounts[int(row[0])] for row in rows]
    was = {"status": AccountStatus.ACTIVE.value}
    audit.note_all(
        connection,
        by,
        now,
        [
            (f"account {name} changed", was, {"status": AccountStatus.PAUSED.value, "why": why})
            for name, why in paused
        ],
    )
    return [name for name, _ in paused]
