"""Statements that bring a database which went back up to what the sent journal knows (06-data).

What belongs here: statements. What the lines of the journal mean is said in `send.replay`. All writing
happens in the caller's transaction, set at a time: emails come as one frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl
from sqlalchemy import Connection, text

from carillon.keys import CONTACT_SHIFT, EVENT_MASK, FOLLOWUP_BIT, KIND_MASK, KIND_SHIFT
from carillon.packing import PRIORITY_SHIFT, REASON_MASK
from carillon.store.bulk import is_sqlite
from carillon.store.frames import insert_frame
from carillon.store.moments import database_now, moment_of, stamp
from carillon.store.planning import EVERYBODY
from carillon.store.release import shown_kind
from carillon.store.swap import BULK_ROWS, PlanWriter
from carillon.words import FIRST_CAMPAIGN, UNKNOWN_KIND, Status, Tier

UNSENT = "unsent"
"""In `Lines.became`: handed over, and certainly not accepted."""
SCHEMA = {
    "id": pl.Int64,
    "became": pl.String,
    "at": pl.String,
    "day": pl.Int64,
    "message_id": pl.String,
    "account_id": pl.Int64,
    "contact_id": pl.Int64,
    "enrollment_id": pl.Int64,
    "step_key": pl.String,
}
"""A row for each email in the journal: what became of it (a status, or `UNSENT`), when (as `stamp` writes
it), on which day of the workspace, under which name and from which account; for emails that the planner did
not make also whose they are. All but the first two may be null."""

_NO_ANSWER = "handed over after the backup, and the sent journal has no answer of the server"
_AT_WORK = "it was being sent when the backup was made, and the sent journal does not say what came of it"
_GAP = "due after the backup, and the sent journal of that time is not there"
_OPEN = f"o.status in ('{Status.SCHEDULED}', '{Status.PROCESSING}', '{Status.SKIPPED}')"


@dataclass(frozen=True)
class Doubtful:
    """An email in doubt of which the journal says nothing."""

    id: int
    message_id: str | None
    account_id: int | None


@dataclass
class Replayed:
    """What a replay changed; counts are emails."""

    counts: dict[str, int] = field(default_factory=dict)
    """By the status they have now."""
    strangers: int = 0
    """Of those, emails to contacts that the database does not know."""
    unexplained: list[Doubtful] = field(default_factory=list)


def newest_intent(connection: Connection) -> tuple[int, datetime] | None:
    """The email that was handed over last as far as the database knows, and when by its own clock."""
    row = connection.execute(
        text("select id, intent_at from outbox where intent_at is not null order by intent_at desc limit 1")
    ).one_or_none()
    moment = None if row is None else moment_of(row[1])
    return None if row is None or moment is None else (int(row[0]), moment)


def anyone_sends(connection: Connection) -> bool:
    """Whether a dispatcher holds emails."""
    now = database_now(connection)
    return (
        connection.execute(
            text(f"select 1 from outbox where status = '{Status.PROCESSING}' and lease_until > {now} limit 1")
        ).first()
        is not None
    )


def not_known_as_sent(connection: Connection, ids: Iterable[int]) -> set[int]:
    """Those of these emails that are still to be sent as far as the database knows."""
    wanted = {int(one) for one in ids}
    rows = connection.exec_driver_sql(
        f"select o.id from outbox o where o.id in ({', '.join(map(str, wanted)) or 'null'})"
        f" and (not {_OPEN} or o.intent_at is not null)"
    )
    return wanted - {int(row[0]) for row in rows}


def whose_emails(connection: Connection, ids: Iterable[int]) -> dict[int, dict[str, object]]:
    """For emails that the planner did not make: contact, enrollment and step, as the journal notes them."""
    rows = connection.exec_driver_sql(
        "select id, contact_id, enrollment_id, step_key from outbox"
        f" where id in ({', '.join(str(int(one)) for one in ids)})"
    )
    return {int(row[0]): {"contact_id": row[1], "enrollment_id": row[2], "step_key": row[3]} for row in rows}


def replay(
    connection: Connection, lines: pl.DataFrame, now: datetime, today: int, gap_in_doubt: bool
) -> Replayed:
    """Make the outbox say what the journal says. What the database knows to be over stays as it is.

    `lines`: columns as `SCHEMA`, ids once each; `today`: a day number. `gap_in_doubt`: the journal is not
    whole: whatever was due by now and is not in it is in doubt.
    """
    _stage(connection, lines)
    _add_unexplained(connection, now, today, gap_in_doubt)
    run = connection.exec_driver_sql
    run(
        f"delete from temp_journal where became = '{UNSENT}' or exists (select 1 from outbox o"
        " where o.id = temp_journal.id"
        f" and not ({_OPEN} or o.status = '{Status.IN_DOUBT}' and became <> '{Status.IN_DOUBT}'))"
        " or id < 0 and contact_id is null"
        " and not exists (select 1 from outbox o where o.id = temp_journal.id)"
    )
    done = Replayed(
        {str(row[0]): int(row[1]) for row in run("select became, count(*) from temp_journal group by became")}
    )
    done.strangers = int(
        run(
            f"select count(*) from temp_journal t where t.id >= 0"
            f" and not exists (select 1 from contacts c where c.id = t.id >> {CONTACT_SHIFT})"
        ).scalar_one()
    )
    _settle_outbox(connection, now)
    _move_plan(connection, now, today)
    run(
        f"update outbox set status = '{Status.SCHEDULED}', claim_token = null, lease_until = null,"
        " intent_at = null, attempts = case when attempts > 0 then attempts - 1 else 0 end"
        f" where status = '{Status.PROCESSING}'"
    )
    rows = run(
        "select o.id, o.message_id, o.account_id from temp_journal t join outbox o on o.id = t.id"
        " where t.is_told = 0 order by o.id"
    )
    done.unexplained = [Doubtful(int(row[0]), row[1], row[2]) for row in rows]
    run("drop table temp_journal")
    return done


def begin_anew(connection: Connection, now: datetime, paused_by: str) -> int:
    """A new epoch, all mail paused, and everybody planned anew. Returns the epoch."""
    connection.execute(
        text("update workspace_state set epoch = epoch + 1, paused_at = :now, paused_by = :by"),
        {"now": stamp(now), "by": paused_by},
    )
    connection.execute(text("insert into changes (contact_id) values (:all)"), {"all": EVERYBODY})
    return int(connection.execute(text("select epoch from workspace_state")).scalar_one())


def reserve_ids(connection: Connection, lines: pl.DataFrame) -> None:
    """Numbers that the journal has seen are given to nothing else: what was lost with the gap had them."""
    kinds = lines.filter(pl.col("id") >= 0)["id"] // (1 << KIND_SHIFT) % (KIND_MASK + 1)
    instances = kinds.filter((kinds >= FIRST_CAMPAIGN) & (kinds < UNKNOWN_KIND)) - FIRST_CAMPAIGN
    for table, numbers in (
        ("campaign_instances", instances),
        ("accounts", lines["account_id"]),
        ("sequence_enrollments", lines["enrollment_id"]),
    ):
        last = numbers.max()
        if isinstance(last, int):
            _reserve(connection, table, last)


def count_rates(connection: Connection, sent: Mapping[int, tuple[int, int]]) -> None:
    """By account: its day, and how many emails left on it; its daily limit counts them."""
    larger = "max" if is_sqlite(connection) else "greatest"
    for account, (day, emails) in sent.items():
        connection.execute(
            text(
                "insert into rate_state (account_id, domain, earliest, day, sent)"
                " values (:account, '', 0, :day, :sent) on conflict (account_id, domain) do update set"
                f" sent = case when rate_state.day = excluded.day then {larger}(rate_state.sent,"
                " excluded.sent) else excluded.sent end, day = excluded.day"
            ),
            {"account": account, "day": day, "sent": emails},
        )


def _stage(connection: Connection, lines: pl.DataFrame) -> None:
    types = {"id": "integer primary key" if is_sqlite(connection) else "bigint primary key"}
    layout = ", ".join(
        f"{name} {types.get(name, 'text' if kind == pl.String else 'bigint')}"
        for name, kind in SCHEMA.items()
    )
    connection.exec_driver_sql("drop table if exists temp_journal")
    connection.exec_driver_sql(
        f"create temp table temp_journal ({layout}, why text, is_told integer default 1)"
    )
    given = [name for name in SCHEMA if lines[name].null_count() < lines.height]
    insert_frame(connection, "temp_journal", lines.select(given))
    if not is_sqlite(connection):
        connection.exec_driver_sql("analyze temp_journal")


def _add_unexplained(connection: Connection, now: datetime, today: int, gap_in_doubt: bool) -> None:
    """Emails that may have been handed over and of which the journal says nothing."""
    values: dict[str, object] = {"why": _AT_WORK}
    head = (
        "insert into temp_journal (id, became, why, is_told)"
        f" select o.id, '{Status.IN_DOUBT}', cast(:why as text), 0"
    )
    absent = "not exists (select 1 from temp_journal t where t.id = o.id)"
    connection.execute(
        text(
            f"{head} from outbox o where o.status = '{Status.PROCESSING}' and o.intent_at is not null"
            f" and {absent}"
        ),
        values,
    )
    if not gap_in_doubt:
        return
    connection.exec_driver_sql(f"delete from temp_journal where became = '{UNSENT}'")
    moment = ":now" if is_sqlite(connection) else "cast(:now as timestamptz)"
    values = {"why": _GAP, "today": today}
    connection.execute(
        text(
            f"{head} from outbox o where o.status in ('{Status.SCHEDULED}', '{Status.PROCESSING}')"
            f" and (o.send < :today or o.send_at <= {moment}) and {absent}"
        ),
        values | {"now": stamp(now)},
    )
    connection.execute(
        text(f"{head} from plan o where o.state & {REASON_MASK} = 0 and o.send <= :today and {absent}"),
        values,
    )


def _settle_outbox(connection: Connection, now: datetime) -> None:
    at = "t.at" if is_sqlite(connection) else "cast(t.at as timestamptz)"
    connection.execute(
        text(
            "update outbox set status = t.became, send = coalesce(t.day, outbox.send),"
            " message_id = coalesce(t.message_id, outbox.message_id),"
            " account_id = coalesce(t.account_id, outbox.account_id), skip_reason = null,"
            f" actual_send_datetime = case when t.became = '{Status.SENT}' then coalesce({at}, :now)"
            "  else outbox.actual_send_datetime end,"
            f" intent_at = case when t.became = '{Status.IN_DOUBT}'"
            f"  then coalesce(outbox.intent_at, {database_now(connection)}) else outbox.intent_at end,"
            f" last_error = case when t.became = '{Status.IN_DOUBT}' then coalesce(t.why, :no_answer) end,"
            " attempts = case when outbox.attempts < 1 then 1 else outbox.attempts end,"
            " claim_token = null, lease_until = null, updated_at = :now"
            " from temp_journal t where outbox.id = t.id"
        ),
        {"now": stamp(now), "no_answer": _NO_ANSWER},
    )


def _move_plan(connection: Connection, now: datetime, today: int) -> None:
    """What the backup still has as planned, or does not know at all, was released since."""
    run = connection.exec_driver_sql
    known = "select id from plan where id in (select id from temp_journal)"
    moving = int(run(f"select count(*) from ({known}) found").scalar_one())
    sqlite = is_sqlite(connection)
    at, made = ("t.at", ":now") if sqlite else ("cast(t.at as timestamptz)", "cast(:now as timestamptz)")
    planned = "t.id >= 0"
    kind = f"(t.id >> {KIND_SHIFT}) & {KIND_MASK}"
    followup = f"(t.id & {FOLLOWUP_BIT}) <> 0"
    doubt = f"t.became = '{Status.IN_DOUBT}'"
    values = {
        "id": "t.id",
        "contact_id": f"case when {planned} then t.id >> {CONTACT_SHIFT} else t.contact_id end",
        "kind": f"case when {planned} then {kind} else {UNKNOWN_KIND} end",
        "followup": f"case when {planned} and {followup} then 1 else 0 end",
        "email_type": f"coalesce(k.email_type, case when {planned} and {followup}"
        f" then '{Tier.COLD.email_type}' else 'unknown' end)",
        "event": f"case when {planned} then t.id & {EVENT_MASK} end",
        "send": "coalesce(t.day, p.send, :today)",
        "ideal": "p.ideal",
        "send_time": "k.send_time",
        "status": "t.became",
        "priority": f"(p.state >> {PRIORITY_SHIFT}) & 255",
        "run": "p.run",
        "campaign_instance_id": f"case when {planned} and {kind} >= {FIRST_CAMPAIGN}"
        f" then ({kind}) - {FIRST_CAMPAIGN} end",
        "email_template": "k.email_template",
        "metadata": "f.metadata",
        "account_id": "t.account_id",
        "enrollment_id": "t.enrollment_id",
        "step_key": "t.step_key",
        "attempts": "1",
        "channel": "'email'",
        "parent_id": f"case when {planned} and {followup} then t.id - {FOLLOWUP_BIT} end",
        "message_id": "t.message_id",
        "actual_send_datetime": f"case when t.became = '{Status.SENT}' then coalesce({at}, {made}) end",
        "intent_at": f"case when {doubt} then {database_now(connection)} end",
        "last_error": f"case when {doubt} then coalesce(t.why, :no_answer) end",
        "created_at": made,
        "updated_at": made,
    }
    connection.execute(
        text(
            f"insert into outbox ({', '.join(values)}) select {', '.join(values.values())}"
            " from temp_journal t left join plan p on p.id = t.id left join plan_followups f on f.id = t.id"
            f" left join plan_kinds k on k.kind = {shown_kind('t.id', 'coalesce(p.state, 0)')}"
            f" and {planned} where not exists (select 1 from outbox o where o.id = t.id)"
        ),
        {"now": stamp(now), "no_answer": _NO_ANSWER, "today": today},
    )
    writer = PlanWriter(connection)
    with writer.in_bulk(None) if moving > BULK_ROWS else nullcontext():
        run("delete from plan where id in (select id from temp_journal)")


def _reserve(connection: Connection, table: str, last: int) -> None:
    run = connection.execute
    if is_sqlite(connection):
        values = {"name": table, "last": last}
        done = run(text("update sqlite_sequence set seq = max(seq, :last) where name = :name"), values)
        if not done.rowcount:
            run(text("insert into sqlite_sequence (name, seq) values (:name, :last)"), values)
        return
    sequence = f"pg_get_serial_sequence('{table}', 'id')"
    if int(run(text(f"select nextval({sequence})")).scalar_one()) < last:
        run(text(f"select setval({sequence}, :last)"), {"last": last})
