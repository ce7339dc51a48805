"""Contacts and schedules as people see them, read by ranges of contact ids for exports.

Columns are text (ids and small numbers of schedules: integers), null where there is nothing, dates and
moments in ISO form: the same on both databases. The base tables are read, never the view
`email_schedules`; what the view shows of them is repeated here, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from sqlalchemy import Connection, text

from carillon.keys import CONTACT_SHIFT, contact_of, event_of, followup_kind, is_followup, kind_of
from carillon.packing import unpack_state
from carillon.store.bulk import is_sqlite, read_integers
from carillon.store.engine import scalar
from carillon.store.frames import read_named
from carillon.words import FIRST_CAMPAIGN, Status

CONTACT_COLUMNS = (
    "id", "email", "first_name", "last_name", "phone_number", "zip_code", "state", "birth_date",
    "effective_date", "company", "industry", "title", "timezone", "external_id", "sms_consent_at",
    "attributes", "tags", "status", "created_at", "updated_at",
)  # fmt: skip
"""The contract's columns, in its order."""
_MOMENTS = ("sms_consent_at", "created_at", "updated_at")

SCHEDULE_COLUMNS = (
    "id", "contact_id", "email", "external_id", "email_type", "campaign_instance", "event_date",
    "scheduled_send_date", "scheduled_send_time", "original_send_date", "status", "skip_reason", "priority",
    "pinned", "email_template", "sms_template", "channel", "scheduler_run_id",
)  # fmt: skip

_INTEGERS = ("id", "contact_id", "priority", "pinned")

_LOWEST, _HIGHEST = -(1 << 31), (1 << 32) - 1
"""Beyond all contact ids there can be in keys of the plan, and in files of other programs."""
_OUTBOX = (
    "id", "contact_id", "email_type", "event", "scheduled_send_date", "scheduled_send_time",
    "original_send_date", "status", "skip_reason", "priority", "email_template", "sms_template", "channel",
    "campaign_instance_id", "run",
)  # fmt: skip
_NAMED_OTHERWISE = {
    "scheduled_send_date": "send",
    "scheduled_send_time": "send_time",
    "original_send_date": "ideal",
}


def count_contacts(connection: Connection) -> int:
    return int(scalar(connection, "select count(*) from contacts"))


def id_ranges(connection: Connection, size: int) -> Iterator[tuple[int, int]]:
    """Ranges [low, high) of contact ids that together hold every id, about `size` contacts in each."""
    low = _LOWEST
    statement = text("select id from contacts where id >= :low order by id limit 1 offset :size")
    while (high := connection.execute(statement, {"low": low, "size": size}).scalar()) is not None:
        yield low, high
        low = high
    yield low, _HIGHEST + 1


def contacts_between(connection: Connection, low: int, high: int) -> pl.DataFrame:
    """Contacts of an id range: `CONTACT_COLUMNS`, in no order."""
    columns = {name: name for name in CONTACT_COLUMNS}
    if not is_sqlite(connection):
        columns |= {name: _iso(name) for name in _MOMENTS}
    return read_named(connection, columns, f"from contacts where id >= {low} and id < {high}")


class ScheduleReader:
    """Reads `email_schedules` with addresses, on one snapshot."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        kinds = connection.execute(
            text("select kind, email_type, email_template, sms_template, send_time from plan_kinds")
        ).all()
        names = ("kind", "email_type", "email_template", "sms_template", "scheduled_send_time")
        self._kinds = pl.DataFrame(
            [tuple(row) for row in kinds],
            schema={name: pl.Int64 if name == "kind" else pl.String for name in names},
            orient="row",
        )
        reasons = connection.execute(text("select code, word from skip_reasons"))
        self._reasons = {int(code): str(word) for code, word in reasons}
        runs = connection.execute(text("select id, scheduler_run_id from scheduler_checkpoints"))
        instances = connection.execute(text("select id, instance_name from campaign_instances"))
        self._instances = {int(number): str(name) for number, name in instances}
        self._runs = {int(number): str(run) for number, run in runs}

    def between(self, low: int, high: int) -> pl.DataFrame:
        """Schedules of a range of contact ids: `SCHEDULE_COLUMNS`, in the order of contact and event."""
        pending, left = self._pending(low, high), self._left(low, high)
        rows = pl.concat([pending, left], how="diagonal")
        people = read_named(
            self._connection,
            {"contact_id": "id", "email": "email", "external_id": "external_id"},
            f"from contacts where id >= {low} and id < {high}",
        ).with_columns(pl.col("contact_id").cast(pl.Int64))
        found = rows.sort("contact_id", "event_date", "id").join(
            people, on="contact_id", how="left", maintain_order="left"
        )
        run = pl.col("run").replace_strict(self._runs, default=None, return_dtype=pl.String)
        instance = pl.col("campaign_instance_id").replace_strict(
            self._instances, default=None, return_dtype=pl.String
        )
        found = found.with_columns(run.alias("scheduler_run_id"), instance.alias("campaign_instance"))
        return found.select(
            pl.col(name).cast(pl.Int64 if name in _INTEGERS else pl.String) for name in SCHEDULE_COLUMNS
        )

    def _pending(self, low: int, high: int) -> pl.DataFrame:
        key, send, ideal, state, run = read_integers(
            self._connection,
            ("id", "send", "ideal", "state", "run"),
            f"from plan where id >= {max(low, 0) << CONTACT_SHIFT} and id < {high << CONTACT_SHIFT}",
        )
        reason, priority, pinned, tier = unpack_state(state.astype(np.int32))
        kind = kind_of(key).astype(np.int64)
        rows = pl.DataFrame(
            {
                "id": key,
                "contact_id": contact_of(key),
                "kind": np.where(is_followup(key), followup_kind(kind, tier), kind),
                "campaign_instance_id": np.where(kind >= FIRST_CAMPAIGN, kind - FIRST_CAMPAIGN, 0),
                "event_date": _dates(event_of(key)),
                "scheduled_send_date": _dates(send),
                "original_send_date": _dates(ideal),
                "reason": reason.astype(np.int64),
                "priority": priority.astype(np.int64),
                "pinned": pinned.astype(np.int64),
                "run": run,
            }
        )
        skipped = pl.col("reason") > 0
        return (
            rows.join(self._kinds, on="kind", how="left", maintain_order="left")
            .with_columns(
                pl.when(skipped)
                .then(pl.lit(Status.SKIPPED.value))
                .otherwise(pl.lit(Status.PRE_SCHEDULED.value))
                .alias("status"),
                pl.col("reason")
                .replace_strict(self._reasons, default=None, return_dtype=pl.String)
                .alias("skip_reason"),
                pl.lit("email").alias("channel"),
            )
            .drop("kind", "reason")
        )

    def _left(self, low: int, high: int) -> pl.DataFrame:
        columns = {name: _NAMED_OTHERWISE.get(name, name) for name in _OUTBOX}
        rows = read_named(
            self._connection, columns, f"from outbox where contact_id >= {low} and contact_id < {high}"
        )
        return rows.with_columns(
            *(
                pl.col(name).cast(pl.Int64)
                for name in ("id", "contact_id", "priority", "campaign_instance_id", "run")
            ),
            *(
                pl.col(name).cast(pl.Int32).cast(pl.Date)
                for name in ("scheduled_send_date", "original_send_date")
            ),
            pl.col("event").cast(pl.Int32).cast(pl.Date).alias("event_date"),
            pl.lit(0, pl.Int64).alias("pinned"),
        ).drop("event")


def _dates(days: np.ndarray) -> pl.Series:
    return pl.Series(days.astype(np.int32)).cast(pl.Date)


def _iso(column: str) -> str:
    """A moment of PostgreSQL as SQLite holds it: UTC, a fraction only where there is one."""
    utc = f"{column} at time zone 'UTC'"
    whole = f"to_char({utc}, 'YYYY-MM-DD\"T\"HH24:MI:SS')"
    fraction = f"rtrim(rtrim(to_char({utc}, '.US'), '0'), '.')"
    return f"{whole} || {fraction} || 'Z'"
