"""What sends led to: every email that left, by the clock of its reader, and the first answer to it.

Sends are recorded set at a time, some while after they left, so that the dispatcher has nothing to do with it
(`record`). Answers are noted where events are applied (`answer`); one that was there before its email was
recorded is found when that is. Each may come twice and in any order: the earliest holds. What the choice of
times reads is added up now and then (`learn`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from sqlalchemy import Connection, text

from carillon.besttime import Seen
from carillon.contact_texts import zones_of
from carillon.days import date_of, day_number
from carillon.events import Event
from carillon.local_time import DAY, MINUTE, on_the_wall
from carillon.store.advance import milliseconds
from carillon.store.bulk import is_sqlite, with_rows
from carillon.store.engine import Database, scalar
from carillon.store.frames import insert_frame, read_named
from carillon.store.json_values import by_a_program
from carillon.store.moments import as_moment, moment_of, stamp
from carillon.words import EventKind, Status

BATCH = 20_000
"""Sends recorded in one transaction: others want to write, too."""
LATELY_DAYS, ALL_DAYS = 1, 40
"""How many days before today emails were due on that are looked at usually, and by the night's sweep."""
OVERLAP = timedelta(hours=1)
"""By so much what is looked at begins before the newest send on record: commits come in any order."""
AGAIN_DAYS = 14
"""Days whose sends are counted anew: answers go on coming."""
ANSWER_DAYS = 3
"""Emails that left within so many days may still be answered: nothing is learnt from them yet."""
COUNT_AGE = timedelta(hours=6)
"""From this age on counts are made anew."""
FORGET_BATCH = 20_000
BROUGHT = {
    "contact_id": pl.Int64, "timezone": pl.String, "sent_at": pl.String, "weekday": pl.Int64,
    "hour": pl.Int64, "opened_at": pl.String, "clicked_at": pl.String, "replied_at": pl.String,
    "hours_to_reply": pl.Float64,
}  # fmt: skip
"""What is known of sends of another program: moments as `stamp` writes them, weekday and hour by the clock of
the contact's zone."""
COLUMNS = {"reply": "replied", "open": "opened", "click": "clicked"}
"""`smart_scheduling.outcome` and what its moment is called."""
_KINDS: dict[str, str] = {EventKind.REPLIED: "reply", EventKind.OPENED: "open", EventKind.CLICKED: "click"}
_ANSWER = (
    ("schedule", "bigint"), ("reply", "timestamptz"), ("open", "timestamptz"), ("click", "timestamptz"),
)  # fmt: skip
_LEFT = f"'{Status.SENT}', '{Status.DELIVERED}', '{Status.BOUNCED}'"

ZoneFor = Callable[[int | None, int | None, int | None], ZoneInfo]
"""The zone of contacts of whom none is known: of account, campaign instance and sequence."""


def record(
    database: Database, zone_for: ZoneFor, now: datetime, sweep: bool = False, kept_days: int = ALL_DAYS
) -> int:
    """Put emails that left on record, and what is known of answers to them. Returns how many.

    `sweep`: look at everything of the last weeks, such as doubts that were settled late; `kept_days`: but at
    nothing that `forget` would take away again.
    """
    recorded = 0
    while True:
        with database.snapshot() as connection:
            frame = _unrecorded(connection, now, sweep, kept_days)
        if not frame.height:
            return recorded
        by_clock = _by_the_clock(frame, zone_for)
        recorded += database.write(partial(_store, rows=by_clock))
        if frame.height < BATCH:
            return recorded


def answer(connection: Connection, events: Iterable[Event]) -> None:
    """Note first answers of people to emails that are on record. Programs' do not count."""
    first: dict[int, list[str | None]] = {}
    for event in events:
        kind = _KINDS.get(event.kind)
        if kind is None or event.schedule is None or event.automatic:
            continue
        at, place = stamp(event.happened_at), list(COLUMNS).index(kind)
        known = first.setdefault(event.schedule, [None, None, None])
        known[place] = min(known[place] or at, at)
    _note(connection, [(schedule, *moments) for schedule, moments in sorted(first.items())])


def learn(database: Database, now: datetime) -> bool:
    """Add up what was seen, unless that was done lately. Returns whether it was."""
    today = day_number(now.date())
    with database.snapshot() as connection:
        newest = moment_of(scalar(connection, "select max(counted_at) from send_time_counts"))
        if newest is not None and timedelta(0) <= now - newest < COUNT_AGE:
            return False
        since = 0 if newest is None else today - AGAIN_DAYS
        day = _day_of("sent_at", is_sqlite(connection))
        counts = read_named(
            connection,
            {name: name for name in ("day", "industry", "weekday", "hour", "sent", *COLUMNS.values())},
            f"from (select {day} as day, coalesce(industry, '') as industry, weekday, hour,"
            " count(*) as sent, count(replied_at) as replied, count(opened_at) as opened,"
            " count(clicked_at) as clicked"
            f" from send_outcomes where sent_at >= {as_moment(connection, _midnight(since))}"
            " group by 1, 2, 3, 4) t",
        )
    # An unknown industry is empty, which is read as nothing.
    counts = counts.with_columns(pl.col("industry").fill_null(""), counted_at=pl.lit(stamp(now)))

    def store(connection: Connection) -> None:
        connection.execute(text("delete from send_time_counts where day >= :since"), {"since": since})
        insert_frame(connection, "send_time_counts", counts)

    database.write(store)
    return True


def bring_in(connection: Connection, rows: pl.DataFrame) -> int:
    """Store sends of another program, of which we have no email: columns `BROUGHT`. Returns how many."""
    insert_frame(connection, "send_outcomes", rows)
    forget_counts(connection)
    return rows.height


def forget_counts(connection: Connection) -> None:
    """History was brought in from elsewhere: `learn` adds everything up anew."""
    connection.execute(text("delete from send_time_counts"))


def seen(connection: Connection, outcome: str, window_days: int, now: datetime) -> dict[str, Seen]:
    """What is known of emails that had the time to be answered: by industry, and of all of them as ""."""
    today = day_number(now.date())
    rows = connection.execute(
        text(
            f"select industry, weekday, hour, sum(sent), sum({COLUMNS[outcome]}) from send_time_counts"
            " where day between :since and :until group by industry, weekday, hour"
        ),
        {"since": today - window_days, "until": today - ANSWER_DAYS},
    ).all()
    found = {"": Seen.nothing()}
    for industry, weekday, hour, sent, answered in rows:
        for name in {"", industry}:
            one = found.setdefault(name, Seen.nothing())
            one.sent[weekday, hour] += int(sent)
            one.answered[weekday, hour] += int(answered)
    return found


def forget(connection: Connection, before: datetime) -> int:
    """Delete some of the outcomes from before a moment, and their counts. Returns how many."""
    day = day_number(before.date())
    connection.execute(text("delete from send_time_counts where day < :day"), {"day": day})
    return connection.execute(
        text(
            "delete from send_outcomes where id in"
            " (select id from send_outcomes where sent_at < :before order by sent_at limit :batch)"
        ),
        {"before": stamp(before), "batch": FORGET_BATCH},
    ).rowcount


def _unrecorded(connection: Connection, now: datetime, sweep: bool, kept_days: int) -> pl.DataFrame:
    """Emails that left and are not on record, the oldest days first."""
    since = day_number(now.date()) - (ALL_DAYS if sweep else LATELY_DAYS)
    where = f"o.send >= {since} and o.status in ({_LEFT}) and o.channel = 'email'"
    newest = None if sweep else moment_of(scalar(connection, "select max(sent_at) from send_outcomes"))
    begins = now - timedelta(days=min(kept_days, ALL_DAYS) if sweep else ALL_DAYS)
    if newest is not None:
        begins = min(newest, now) - OVERLAP
    where += f" and o.actual_send_datetime >= {as_moment(connection, begins)}"
    return read_named(
        connection,
        {
            "schedule_id": "o.id",
            "contact_id": "o.contact_id",
            "account_id": "o.account_id",
            "campaign_instance_id": "o.campaign_instance_id",
            "outreach_campaign_id": "s.outreach_campaign_id",
            "sequence_id": "e.sequence_id",
            "industry": "lower(trim(c.industry))",
            "at": milliseconds(connection, "o.actual_send_datetime"),
            "chosen": "o.time_choice",
            "timezone": "c.timezone",
            "zip_code": "c.zip_code",
        },
        "from (select o.* from outbox o"
        f" where {where} and not exists (select 1 from send_outcomes x where x.schedule_id = o.id)"
        " and exists (select 1 from contacts c where c.id = o.contact_id)"
        f" limit {BATCH}) o join contacts c on c.id = o.contact_id"
        " left join sequence_enrollments e on e.id = o.enrollment_id"
        " left join sequences s on s.id = e.sequence_id",
    )


def _by_the_clock(frame: pl.DataFrame, zone_for: ZoneFor) -> pl.DataFrame:
    """Sends as they are stored: with the weekday and hour that the contact's clock showed."""
    numbers = ("schedule_id", "contact_id", "account_id", "campaign_instance_id", "outreach_campaign_id")
    frame = frame.with_columns(pl.col(*numbers, "sequence_id", "at").cast(pl.Int64))
    texts = frame.with_columns(pl.col("timezone", "zip_code").fill_null(""))
    zones: list[ZoneInfo] = [ZoneInfo("UTC")] * frame.height
    groups = texts.with_row_index("row").group_by("account_id", "campaign_instance_id", "sequence_id")
    for key, mine in groups:
        account, instance, sequence = (None if one is None else int(str(one)) for one in key)
        lives = zones_of(mine, zone_for(account, instance, sequence))
        for row, zone in zip(mine["row"].to_list(), lives, strict=True):
            zones[row] = zone
    names, at = np.array([str(zone) for zone in zones]), frame["at"].to_numpy()
    wall = np.empty(len(at), np.int64)
    for zone in set(zones):
        mine_ = np.flatnonzero(names == str(zone))
        wall[mine_] = on_the_wall(at[mine_], zone)
    return frame.drop("at", "zip_code").with_columns(
        timezone=pl.Series(names.tolist(), dtype=pl.String),
        # 1970 began on a Thursday.
        weekday=pl.Series((wall // DAY + 3) % 7),
        hour=pl.Series(wall % DAY // (60 * MINUTE)),
        sent_at=_stamps(at),
    )


def _store(connection: Connection, rows: pl.DataFrame) -> int:
    """Store sends that nobody stored meanwhile, and the answers to them that are there already."""
    run = connection.exec_driver_sql
    if not is_sqlite(connection):
        # An answer that is being applied just now finds its email on record, or is found here.
        run("lock table send_outcomes in share row exclusive mode")
    run("drop table if exists temp_sent")
    run("create temp table temp_sent as select * from send_outcomes where false")
    insert_frame(connection, "temp_sent", rows)
    columns = ", ".join(rows.columns)
    stored = run(
        f"insert into send_outcomes ({columns}) select {columns} from temp_sent t"
        " where not exists (select 1 from send_outcomes x where x.schedule_id = t.schedule_id)"
    ).rowcount
    kinds = ", ".join(f"'{kind}'" for kind in _KINDS)
    first = ", ".join(f"min(case when e.event_type = '{kind}' then e.created_at end)" for kind in _KINDS)
    known = run(
        f"select t.schedule_id, {first} from temp_sent t join contact_events e"
        " on e.contact_id = t.contact_id and e.email_schedule_id = t.schedule_id"
        f" where e.event_type in ({kinds})"
        f" and not ({by_a_program(is_sqlite(connection), 'e.event_data')}) group by t.schedule_id"
    ).all()
    _note(connection, [(int(row[0]), *map(_stamped, row[1:])) for row in known])
    return int(stored)


def _note(connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """First answers: email, reply, open and click. An earlier one takes the place of a later one."""
    if not rows:
        return
    sqlite = is_sqlite(connection)

    def first(word: str, column: str) -> str:
        return (
            f"case when v.{word} < {column} or {column} is null then coalesce(v.{word}, {column})"
            f" else {column} end"
        )

    reply = first("reply", "replied_at")
    hours = f"(julianday({reply}) - julianday(sent_at)) * 24"
    if not sqlite:
        hours = f"extract(epoch from ({reply} - sent_at)) / 3600"
    least = "max" if sqlite else "greatest"
    with_rows(
        connection,
        _ANSWER,
        rows,
        f"update send_outcomes set replied_at = {reply}, opened_at = {first('open', 'opened_at')},"
        f" clicked_at = {first('click', 'clicked_at')},"
        f" hours_to_reply = case when {reply} is not null then {least}(0, {hours}) end"
        " from v where send_outcomes.schedule_id = v.schedule",
    )


def _stamps(moments: np.ndarray) -> pl.Series:
    """Milliseconds since 1970 as they are stored."""
    return pl.Series(moments).cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")


def _stamped(value: str | datetime | None) -> str | None:
    found = moment_of(value)
    return None if found is None else stamp(found)


def _day_of(column: str, sqlite: bool) -> str:
    """The day, since 1970-01-01, of a moment in UTC."""
    if sqlite:
        return f"cast(julianday(substr({column}, 1, 10)) - 2440587.5 as integer)"
    return f"({column} at time zone 'UTC')::date - date '1970-01-01'"


def _midnight(day: int) -> datetime:
    return datetime.combine(date_of(day), time(0), UTC)
