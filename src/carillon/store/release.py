"""Releasing a day: rows of the plan become rows of the outbox, set at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl
from sqlalchemy import Connection, text

from carillon.packing import REASON_MASK
from carillon.store.bulk import insert_rows, is_sqlite, read_strings, stage_arrays
from carillon.store.dispatch import WAITING
from carillon.store.intents import return_to_plan
from carillon.store.moments import stamp
from carillon.store.planning import Ints
from carillon.store.suppressions import applies
from carillon.words import SkipReason, Status

DUE_COLUMNS = ("id", "state", "ideal", "domain", "campaign_instance_id", "template", "seed")


def due(connection: Connection, day: int) -> pl.DataFrame:
    """Emails planned for a day, without those whose contact is suppressed; in no order.

    Id, state, ideal day, domain of the recipient, campaign and template of the kind ("" for none), seed.
    """
    domain = "lower(substr(c.email, instr(c.email, '@') + 1))"
    if not is_sqlite(connection):
        domain = "lower(split_part(c.email, '@', 2))"
    columns = ["p.id", "p.state", "p.ideal", domain, "k.campaign_instance_id", "k.email_template",
               "coalesce(c.seed, 0)"]  # fmt: skip
    frame = read_strings(
        connection,
        columns,
        "from plan p join contacts c on c.id = p.id >> 31"
        f" left join plan_kinds k on k.kind = {shown_kind('p.id', 'p.state')}"
        f" where p.send = {day} and p.state & {REASON_MASK} = 0 and not {applies('c', 'k')}",
    )
    frame.columns = list(DUE_COLUMNS)
    return frame.with_columns(pl.col("id", "state", "ideal", "seed").cast(pl.Int64))


def last_accounts(connection: Connection, contacts: Ints) -> tuple[Ints, Ints]:
    """For contacts that were written to: contact and the account of the last email."""
    stage_arrays(connection, "temp_receivers", ("id",), [contacts])
    rows = read_strings(
        connection,
        ("o.contact_id", "o.account_id", "o.send"),
        "from temp_receivers r join outbox o on o.contact_id = r.id where o.account_id is not null",
    ).cast(pl.Int64)
    rows.columns = ["contact", "account", "send"]
    last = rows.sort("contact", "send").group_by("contact", maintain_order=True).last()
    return last["contact"].to_numpy(), last["account"].to_numpy()


def waiting(connection: Connection, day: int) -> dict[int, int]:
    """Emails of a day that accounts have been given or have sent: their limits count them."""
    rows = connection.execute(
        text(
            "select account_id, count(*) from outbox where account_id is not null and send = :day"
            f" and status not in ('{Status.CANCELLED}', '{Status.FAILED}') group by account_id"
        ),
        {"day": day},
    )
    return {int(account): int(n) for account, n in rows}


def take_back(connection: Connection, before: int) -> int:
    """Return what was released for an earlier day and never tried: the planner catches it up."""
    return return_to_plan(
        connection,
        f"{WAITING} and status = '{Status.SCHEDULED}' and send < :before and intent_at is null and id >= 0"
        " and enrollment_id is null and channel = 'email'",
        SkipReason.NONE,
        {"before": before},
    )


def release(
    connection: Connection,
    ids: Ints,
    accounts: Ints,
    send_at: Sequence[str],
    domains: Sequence[str],
    templates: Sequence[str],
    now: datetime,
) -> int:
    """Give emails of the plan an account and a minute. What has left the plan meanwhile is passed over.

    Returns how many were released.
    """
    run = connection.exec_driver_sql
    run("drop table if exists temp_release")
    run(
        "create temp table temp_release (id bigint primary key, account_id bigint, send_at text, domain text,"
        " template text)"
    )
    rows = zip(ids.tolist(), accounts.tolist(), send_at, domains, templates, strict=True)
    insert_rows(connection, "temp_release", ("id", "account_id", "send_at", "domain", "template"), rows)
    moment = "r.send_at" if is_sqlite(connection) else "r.send_at::timestamptz"
    made = f"'{stamp(now)}'"
    done = run(
        "insert into outbox (id, contact_id, kind, followup, email_type, event, send, ideal, send_time,"
        " status, priority, run, campaign_instance_id, email_template, sms_template, metadata, send_at,"
        " account_id, attempts, channel, parent_id, created_at, updated_at, domain)"
        " select p.id, p.id >> 31, (p.id >> 16) & 16383, (p.id >> 30) & 1, k.email_type, p.id & 65535,"
        f" p.send, p.ideal, k.send_time, '{Status.SCHEDULED}', (p.state >> 8) & 255, p.run,"
        " case when (p.id >> 16) & 16383 >= 16 then ((p.id >> 16) & 16383) - 16 end,"
        f" r.template, k.sms_template, f.metadata, {moment}, r.account_id, 0,"
        " 'email', case when (p.id >> 30) & 1 = 1 then p.id - 1073741824 end,"
        f" {made}, {made}, r.domain"
        " from temp_release r join plan p on p.id = r.id"
        " left join plan_followups f on f.id = p.id"
        f" left join plan_kinds k on k.kind = {shown_kind('p.id', 'p.state')}"
        f" where p.state & {REASON_MASK} = 0"
    ).rowcount
    run("insert into changes (contact_id) select distinct id >> 31 from temp_release")
    run("delete from plan where id in (select id from temp_release)")
    return int(done)


def shown_kind(key: str, state: str) -> str:
    """The row of `plan_kinds` that tells what an email of this id and plan state is, in SQL."""
    return (
        f"case when ({key} >> 30) & 1 = 0 then ({key} >> 16) & 16383"
        f" when ({key} >> 16) & 16383 < 16 then -1 - (({state} >> 5) & 3)"
        f" else -1 - (({state} >> 5) & 3) - 4 * (({key} >> 16) & 16383) end"
    )


def receivers(ids: Ints) -> Ints:
    """The contacts of emails, each once."""
    return np.unique(ids >> 31)
