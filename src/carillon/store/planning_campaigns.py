"""What the planner reads and writes of campaigns and of what receivers did, set at a time.

Lives on the planner's snapshot beside `planning.PlanReader`. Which contacts: a range of ids [low, high),
or none for those staged in `temp_wanted` by the reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import polars as pl
from sqlalchemy import Connection, text

from carillon.store.bulk import insert_rows, read_integers, read_strings, stage_arrays
from carillon.store.planning import Ints
from carillon.words import FIRST_CAMPAIGN, EventKind

TARGET_COLUMNS = ("contact_id", "campaign_instance_id", "trigger_date", "created_at", "status")
ANSWER_COLUMNS = ("contact_id", "created_at", "event_data")

Span = tuple[int, int] | None


def targets(connection: Connection, span: Span) -> pl.DataFrame:
    """Named targets: `TARGET_COLUMNS` as text."""
    return _read(connection, TARGET_COLUMNS, "contact_campaigns", span)


def clicks(connection: Connection, span: Span, since: int) -> Ints:
    """Ids of the emails that were clicked in, one a click, of emails due on `since` or later."""
    late = f"exists (select 1 from outbox o where o.id = t.email_schedule_id and o.send >= {since})"
    rest = f"{_of('tracking_clicks', span)} and {late}"
    return read_integers(connection, ("t.email_schedule_id",), rest)[0]


def answers(connection: Connection, span: Span) -> pl.DataFrame:
    """Answers to the health questions: `ANSWER_COLUMNS` as text."""
    where = f"t.event_type = '{EventKind.ELIGIBILITY_ANSWERED}'"
    return _read(connection, ANSWER_COLUMNS, "contact_events", span, where)


def planned_with(connection: Connection) -> dict[int, tuple[str, bool]]:
    """By instance id: fingerprint and whether it targeted all, as the stored plan was made."""
    rows = connection.execute(text("select campaign_instance_id, print, targets_all from plan_campaigns"))
    return {int(row[0]): (str(row[1]), bool(row[2])) for row in rows}


def concerned(connection: Connection, instances: Sequence[int], since: int) -> Ints:
    """Contacts that instances target by name, or wrote to on `since` or later."""
    ids = ", ".join(map(str, instances))
    kinds = ", ".join(str(FIRST_CAMPAIGN + one) for one in instances)
    return read_integers(
        connection,
        ("contact_id",),
        "from (select contact_id from contact_campaigns"
        f" where campaign_instance_id in ({ids}) union select contact_id from outbox"
        f" where send >= {since} and kind in ({kinds})) c",
    )[0]


def store_campaigns(connection: Connection, made_with: Mapping[int, tuple[str, bool]]) -> None:
    """Replace what the plan was made with; as `planned_with`."""
    connection.execute(text("delete from plan_campaigns"))
    rows = [(number, mark, everyone) for number, (mark, everyone) in made_with.items()]
    insert_rows(connection, "plan_campaigns", ("campaign_instance_id", "print", "targets_all"), rows)


def store_statuses(connection: Connection, rows: Sequence[tuple[int, int, str, str]]) -> None:
    """Statuses of named targets: contact id, instance id, trigger date, status."""
    if not rows:
        return
    connection.exec_driver_sql("drop table if exists temp_statuses")
    connection.exec_driver_sql(
        "create temp table temp_statuses"
        " (contact_id bigint, campaign_instance_id bigint, trigger_date text, status text)"
    )
    columns = ("contact_id", "campaign_instance_id", "trigger_date", "status")
    insert_rows(connection, "temp_statuses", columns, rows)
    connection.exec_driver_sql(
        "update contact_campaigns set status = t.status from temp_statuses t"
        " where contact_campaigns.contact_id = t.contact_id"
        " and contact_campaigns.campaign_instance_id = t.campaign_instance_id"
        " and contact_campaigns.trigger_date = t.trigger_date"
    )


def store_followups(connection: Connection, ids: Ints, metadata: Sequence[str]) -> None:
    """Metadata of follow-ups, whatever was stored of them before; that of rows that are gone goes."""
    stage_arrays(connection, "temp_followups", ("id",), [ids])
    connection.exec_driver_sql(
        "delete from plan_followups where id in (select id from temp_followups)"
        " or not exists (select 1 from plan p where p.id = plan_followups.id)"
    )
    rows = list(zip(ids.tolist(), metadata, strict=True))
    insert_rows(connection, "plan_followups", ("id", "metadata"), rows)


def log_followups(
    connection: Connection, run_id: str, now: datetime, rows: Iterable[tuple[int, int, str, str]]
) -> None:
    """Note what was decided: initial email, contact, follow-up type, behaviour (JSON)."""
    columns = ("scheduler_run_id", "processed_at", "initial_email_id", "contact_id", "followup_type",
               "behavior_analysis")  # fmt: skip
    moment = now.isoformat()
    insert_rows(connection, "followup_processing_log", columns, [(run_id, moment, *row) for row in rows])


def _read(
    connection: Connection, columns: Sequence[str], table: str, span: Span, where: str = "true"
) -> pl.DataFrame:
    named = [f"t.{column}" for column in columns]
    frame = read_strings(connection, named, f"{_of(table, span)} and {where}")
    return frame.rename(dict(zip(named, columns, strict=True)))


def _of(table: str, span: Span) -> str:
    if span is None:
        return f"from temp_wanted w join {table} t on t.contact_id = w.id where true"
    return f"from {table} t where t.contact_id >= {span[0]} and t.contact_id < {span[1]}"
