"""Statements that move enrollments: which are taken, and what a page of them leaves behind.

A page is many enrollments that are moved in one transaction by a constant number of statements, whatever
their number. All that goes in and out are arrays of integers: moments are milliseconds since 1970 (`NONE`:
there is none), texts are places in a list of words that is staged once. What a page reads of contacts and of
what came back: `advance_facts`; emails, tags and calls: `advance_deeds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from sqlalchemy import Connection, text

from carillon.keys import FIRST_OF_SEQUENCES, MOST_VISITS, VISIT_BITS
from carillon.store.bulk import Arrays, insert_rows, is_sqlite, read_strings, stage_arrays
from carillon.store.moments import stamp
from carillon.store.planning import Ints
from carillon.words import EnrollmentStatus, OutreachStatus, SequenceStatus, Status

NONE = -1
"""No moment, no account, no word."""
_DUE = "e.status in ('scheduled', 'active')"
"""The condition of the index `sequence_enrollments_due`: SQLite uses it only for the same words."""
_UNNOTICED = (
    "o.enrollment_id is not null and o.noticed_at is null and o.status in ('sent', 'delivered', 'bounced',"
    " 'failed', 'cancelled', 'in_doubt', 'skipped')"
)
"""That of `outbox_unnoticed`."""
_KEY = f"({FIRST_OF_SEQUENCES} - ((e.id << {VISIT_BITS}) | e.visits))"
"""The id of the email that an enrollment has begun last, if that was one: `keys.sequence_key`."""
_WAITS = (
    f"e.status in ('{EnrollmentStatus.ACTIVE}', '{EnrollmentStatus.PAUSED}')"
    f" and o.id = {_KEY} and o.step_key = e.current_step"
)
"""Whether an enrollment `e` is waiting for the email `o`."""
_AHEAD = f"(e.ended_at is null and o.id < {_KEY})"
"""After `restore`: the email `o` left, and its enrollment is yet to come to it once more."""
_NUMBERS = (
    "id", "sequence_id", "contact_id", "next_action_at", "stepped_at", "visits", "account_id", "enrolled_at",
)  # fmt: skip
_MOMENTS = ("next_action_at", "stepped_at", "enrolled_at")
MOVED = ("id", "step", "due", "stepped", "visits", "account", "status", "reason", "ended")
DONE = ("enrollment", "step", "visit", "outcome", "detail", "at")


@dataclass(frozen=True)
class Mark:
    """How far the due enrollments of a sequence have been gone through."""

    due: int = NONE
    id: int = 0


def activate(connection: Connection, now: datetime) -> tuple[int, int]:
    """Sequences and enrollments whose time has come. Returns how many of each became active."""
    values = {"now": stamp(now)}
    begun = connection.execute(
        text(
            f"update sequences set status = '{SequenceStatus.ACTIVE}', updated_at = :now"
            f" where status = '{SequenceStatus.SCHEDULED}' and scheduled_start_at <= :now"
        ),
        values,
    ).rowcount
    enrolled = connection.execute(
        text(
            f"update sequence_enrollments as e set status = '{EnrollmentStatus.ACTIVE}'"
            f" where {_DUE} and e.status = '{EnrollmentStatus.SCHEDULED}' and e.next_action_at <= :now"
            f" and e.sequence_id in (select id from sequences where status = '{SequenceStatus.ACTIVE}')"
        ),
        values,
    ).rowcount
    return begun, enrolled


def moving(connection: Connection) -> set[int]:
    """Sequences that nobody holds up."""
    rows = connection.exec_driver_sql(
        "select s.id from sequences s left join outreach_campaigns c on c.id = s.outreach_campaign_id"
        f" where s.status = '{SequenceStatus.ACTIVE}'"
        f" and (c.id is null or c.status = '{OutreachStatus.ACTIVE}')"
    )
    return {int(one) for one in rows.scalars()}


def due_sequences(connection: Connection, now: datetime) -> list[int]:
    """Of those, the ones with enrollments that are due."""
    rows = connection.execute(
        text(
            "select s.id from sequences s where exists (select 1 from sequence_enrollments e"
            f" where e.sequence_id = s.id and {_DUE} and e.status = '{EnrollmentStatus.ACTIVE}'"
            " and e.next_action_at <= :now) order by s.id"
        ),
        {"now": stamp(now)},
    )
    open_ = moving(connection)
    return [int(one) for one in rows.scalars() if int(one) in open_]


def ended_sequences(connection: Connection) -> list[int]:
    """Sequences with emails that have ended and are not noticed yet."""
    rows = connection.exec_driver_sql(
        "select distinct e.sequence_id from outbox o join sequence_enrollments e on e.id = o.enrollment_id"
        f" where {_UNNOTICED} and not ({_doubt()}) and not {_AHEAD} order by e.sequence_id"
    )
    return [int(one) for one in rows.scalars()]


def hold_definitions(connection: Connection, sequences: Iterable[int]) -> None:
    """Nobody edits these sequences until the transaction ends."""
    if not is_sqlite(connection):
        listed = ", ".join(str(one) for one in sorted(sequences))
        connection.exec_driver_sql(
            f"select id from sequences where id in ({listed}) order by id for share"
        ).all()


def take_due(connection: Connection, sequence: int, now: datetime, after: Mark, limit: int) -> pl.DataFrame:
    """Due enrollments of a sequence, behind `after` by their moments; they stay locked.

    Columns: `_NUMBERS` as integers, `current_step`, and of the email it is waiting for `mail`, its status,
    and `mail_at`, when it was to leave. Who is being moved by another worker is passed over.
    """
    behind, send_at = "", milliseconds(connection, "o.send_at")
    if after.id:
        moment = moment_from(connection, str(after.due))
        behind = f" and (e.next_action_at, e.id) > ({moment}, {after.id})"
    taken = (
        "select e.* from sequence_enrollments e"
        f" where e.sequence_id = {int(sequence)} and {_DUE} and e.status = '{EnrollmentStatus.ACTIVE}'"
        f" and e.next_action_at <= '{stamp(now)}'{behind}"
        f" order by e.next_action_at, e.id limit {limit}{_locking(connection, 'e')}"
    )
    frame = read_strings(
        connection,
        [*_numbers(connection), "e.current_step", "o.status", f"coalesce({send_at}, {NONE})"],
        f"from ({taken}) e left join outbox o on o.noticed_at is null and {_WAITS}",
    )
    frame.columns = [*_NUMBERS, "current_step", "mail", "mail_at"]
    return _as_numbers(frame).with_columns(pl.col("mail_at").cast(pl.Int64))


def take_ended(connection: Connection, sequences: Iterable[int], after: int, limit: int) -> pl.DataFrame:
    """Emails that have ended and are not noticed, of enrollments above `after`; both stay locked.

    Columns as `take_due`, with `mail` the email's status, and: `key`, its id; `at`, when it was sent or
    ended; `why`; `key_step`, its step; `waits`, whether the enrollment is waiting for it (1); `status`, the
    enrollment's.
    """
    listed = ", ".join(str(one) for one in sorted(sequences))
    sent = milliseconds(connection, "o.actual_send_datetime")
    ended, send_at = milliseconds(connection, "o.updated_at"), milliseconds(connection, "o.send_at")
    out = f"o.status in ('{Status.SENT}', '{Status.DELIVERED}', '{Status.BOUNCED}', '{Status.IN_DOUBT}')"
    columns = {
        "current_step": "e.current_step",
        "mail": "o.status",
        "key": "o.id",
        "at": f"coalesce({sent}, case when {out} then {send_at} else {ended} end, {ended}, 0)",
        "why": "coalesce(o.skip_reason, substr(o.last_error, 1, 300), '')",
        "key_step": "coalesce(o.step_key, '')",
        "waits": f"case when {_WAITS} then 1 else 0 end",
        "status": "e.status",
    }
    numbers = dict(zip(_NUMBERS, _numbers(connection), strict=True))
    chosen = ", ".join(f"{expression} as {name}" for name, expression in (numbers | columns).items())
    frame = read_strings(
        connection,
        list(numbers | columns),
        f"from (select {chosen} from outbox o join sequence_enrollments e on e.id = o.enrollment_id"
        f" where {_UNNOTICED} and not ({_doubt()}) and not {_AHEAD} and e.sequence_id in ({listed})"
        f" and o.enrollment_id > {after} order by o.enrollment_id limit {limit}"
        f"{_locking(connection, 'o, e')}) x",
    )
    return _as_numbers(frame).with_columns(pl.col("key", "at", "waits").cast(pl.Int64))


def stage_words(connection: Connection, words: Sequence[str]) -> None:
    """The texts of a page; everything else names them by their places."""
    run = connection.exec_driver_sql
    run("drop table if exists temp_words")
    run("create temp table temp_words (code integer primary key, word text)")
    insert_rows(connection, "temp_words", ("code", "word"), list(enumerate(words)))


def move(connection: Connection, arrays: Arrays) -> None:
    """Where enrollments stand now: `MOVED`."""
    if not len(arrays[0]):
        return
    stage_arrays(connection, "temp_moves", MOVED, arrays)
    connection.exec_driver_sql(
        "update sequence_enrollments set current_step = case when m.step < 0 then current_step else"
        "  (select word from temp_words where code = m.step) end,"
        # Who is away may have said so before it was known here that the email has left.
        f" next_action_at = case when away_until > {moment_from(connection, 'm.due')} then away_until"
        f"  else {moment_from(connection, 'm.due')} end,"
        f" stepped_at = {moment_from(connection, 'm.stepped')}, visits = m.visits,"
        f" account_id = nullif(m.account, {NONE}),"
        " status = case when m.status < 0 then sequence_enrollments.status else"
        "  (select word from temp_words where code = m.status) end,"
        " exit_reason = (select word from temp_words where code = m.reason),"
        f" ended_at = {moment_from(connection, 'm.ended')}"
        " from temp_moves m where m.id = sequence_enrollments.id"
    )


def note_done(connection: Connection, arrays: Arrays, again: bool = False) -> None:
    """Steps that were done: `DONE`. `again`: one that is noted already is left as it is."""
    if not len(arrays[0]):
        return
    # A row of an enrollment and a visit: the first column of a staged table is its key.
    stage_arrays(connection, "temp_done", ("place", *DONE), [_places(arrays), *arrays])
    harmless = " on conflict (enrollment_id, visit) do nothing" if again else ""
    connection.exec_driver_sql(
        "insert into sequence_step_executions"
        " (enrollment_id, step_key, visit, outcome, detail, executed_at)"
        " select d.enrollment, s.word, d.visit, o.word, t.word,"
        f" {moment_from(connection, 'd.at')} from temp_done d join temp_words s on s.code = d.step"
        " join temp_words o on o.code = d.outcome left join temp_words t on t.code = d.detail"
        f" where true order by d.place{harmless}"
    )


def notice(connection: Connection, keys: Ints, now: datetime) -> None:
    """These emails' ends are known to their enrollments."""
    if not len(keys):
        return
    stage_arrays(connection, "temp_noticed", ("id",), [keys])
    connection.exec_driver_sql(
        f"update outbox set noticed_at = '{stamp(now)}' where id in (select id from temp_noticed)"
    )


def milliseconds(connection: Connection, column: str) -> str:
    """An expression for a stored moment in milliseconds since 1970."""
    if is_sqlite(connection):
        return f"cast(round((julianday({column}) - 2440587.5) * 86400000) as integer)"
    return f"round(extract(epoch from {column}) * 1000)::bigint"


def moment_from(connection: Connection, expression: str) -> str:
    """The other way round; no moment for `NONE`."""
    if is_sqlite(connection):
        return f"strftime('%Y-%m-%dT%H:%M:%fZ', nullif({expression}, {NONE}) / 1000.0, 'unixepoch')"
    return f"to_timestamp(nullif({expression}, {NONE}) / 1000.0)"


def visit_of(keys: Ints) -> Ints:
    """Which of the enrollment's steps an email belongs to."""
    return (FIRST_OF_SEQUENCES - keys) & MOST_VISITS


def _doubt() -> str:
    """In doubt, and its enrollment knows until when it waits."""
    return f"o.status = '{Status.IN_DOUBT}' and e.next_action_at is not null and {_WAITS}"


def _numbers(connection: Connection) -> list[str]:
    return [
        f"coalesce({milliseconds(connection, f'e.{name}') if name in _MOMENTS else f'e.{name}'}, {NONE})"
        for name in _NUMBERS
    ]


def _as_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col(_NUMBERS).cast(pl.Int64))


def _locking(connection: Connection, of: str) -> str:
    return "" if is_sqlite(connection) else f" for update of {of} skip locked"


def _places(arrays: Arrays) -> Ints:
    return np.arange(len(arrays[0]))
