"""Releasing a day: rows of the plan become rows of the outbox, set at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from sqlalchemy import Connection, text

from carillon.packing import REASON_MASK
from carillon.send_times import CHOICES
from carillon.store.advance import moment_from, stage_words
from carillon.store.bulk import is_sqlite, read_integers, read_strings, stage_arrays
from carillon.store.dispatch import WAITING
from carillon.store.intents import return_to_plan
from carillon.store.moments import stamp
from carillon.store.planning import Ints
from carillon.store.suppressions import applies
from carillon.words import SkipReason, Status

DUE_COLUMNS = ("id", "state", "ideal", "domain", "campaign_instance_id", "template", "seed")
_NEVER_LEFT = ", ".join(f"'{one}'" for one in (Status.CANCELLED, Status.FAILED, Status.SKIPPED))


def due(connection: Connection, day: int) -> pl.DataFrame:
    """Emails planned for a day, without those whose contact is suppressed; in no order.

    Id, state, ideal day, domain of the recipient, campaign and template of the kind ("" for none), seed.
    """
    domain = "lower(substr(c.email, instr(c.email, '@') + 1))"
    if not is_sqlite(connection):
        domain = "lower(split_part(c.email, '@', 2))"
    columns = ["p.id", "p.state", "p.ideal", domain, "k.campaign_instance_id", "k.email_template",
               "coalesce(c.seed, 0)"]  # fmt: skip
    # Where nobody is suppressed, no row need be asked.
    any_ = connection.exec_driver_sql("select 1 from suppressions limit 1").first()
    frame = read_strings(
        connection,
        columns,
        "from plan p join contacts c on c.id = p.id >> 31"
        f" left join plan_kinds k on k.kind = {shown_kind('p.id', 'p.state')}"
        f" where p.send = {day} and p.state & {REASON_MASK} = 0"
        + ("" if any_ is None else f" and not {applies('c', 'k')}"),
    )
    frame.columns = list(DUE_COLUMNS)
    return frame.with_columns(pl.col("id", "state", "ideal", "seed").cast(pl.Int64))


def last_accounts(connection: Connection, contacts: Ints) -> tuple[Ints, Ints]:
    """For contacts that were or will be written to, ascending: contact and the account of the last email."""
    if not len(contacts) or connection.exec_driver_sql("select 1 from outbox limit 1").first() is None:
        return contacts[:0], contacts[:0]
    stage_arrays(connection, "temp_receivers", ("id",), [contacts])
    # A day and an account in one number: the greatest is the last email's.
    contact, last = read_integers(
        connection,
        ("contact_id", "last"),
        "from (select o.contact_id, max(o.send * 4294967296 + o.account_id) as last"
        " from temp_receivers r join outbox o on o.contact_id = r.id where o.account_id is not null"
        f" and o.status not in ({_NEVER_LEFT}) group by o.contact_id) written",
    )
    order = np.argsort(contact)
    return contact[order], last[order] & 0xFFFFFFFF


def waiting(connection: Connection, day: int) -> dict[int, int]:
    """Emails of a day that accounts have been given or have sent: their limits count them."""
    rows = connection.execute(
        text(
            "select account_id, count(*) from outbox where account_id is not null and send = :day"
            f" and status not in ({_NEVER_LEFT}) group by account_id"
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


@dataclass(frozen=True)
class Going:
    """Emails that are released, columns of shape (n,)."""

    id: Ints
    account: Ints
    at: Ints
    """Milliseconds since 1970."""
    domain: pl.Series
    template: pl.Series
    choice: Ints
    """How each came by its hour: a place in `send_times.CHOICES`."""


def release(connection: Connection, going: Going, now: datetime) -> int:
    """Give emails of the plan an account and a minute. What has left the plan meanwhile is passed over.

    Returns how many were released.
    """
    if not len(going.id):
        return 0
    run = connection.exec_driver_sql
    # In the order of ids, in which the plan is read and the outbox is written fastest.
    order = np.argsort(going.id)
    words = pl.concat([going.domain, going.template]).unique(maintain_order=True)
    codes = pl.DataFrame({"word": words}).with_row_index("code")
    texts = (_coded(going.domain, codes), _coded(going.template, codes))
    columns = [going.id, going.account, going.at, *texts, going.choice]
    stage_arrays(
        connection,
        "temp_release",
        ("id", "account_id", "at", "domain", "template", "choice"),
        [column[order] for column in columns],
    )
    stage_words(connection, words.to_list())
    made = f"'{stamp(now)}'"
    choices = " ".join(f"when {place} then '{word}'" for place, word in enumerate(CHOICES))
    done = run(
        "insert into outbox (id, contact_id, kind, followup, email_type, event, send, ideal, send_time,"
        " status, priority, run, campaign_instance_id, email_template, sms_template, metadata, send_at,"
        " account_id, attempts, channel, parent_id, created_at, updated_at, domain,"
        " time_choice)"
        " select p.id, p.id >> 31, (p.id >> 16) & 16383, (p.id >> 30) & 1, k.email_type, p.id & 65535,"
        f" p.send, p.ideal, k.send_time, '{Status.SCHEDULED}', (p.state >> 8) & 255, p.run,"
        " case when (p.id >> 16) & 16383 >= 16 then ((p.id >> 16) & 16383) - 16 end,"
        f" t.word, k.sms_template, f.metadata, {moment_from(connection, 'r.at')}, r.account_id, 0,"
        " 'email', case when (p.id >> 30) & 1 = 1 then p.id - 1073741824 end,"
        f" {made}, {made}, d.word, case r.choice {choices} end"
        " from temp_release r join plan p on p.id = r.id"
        " join temp_words d on d.code = r.domain join temp_words t on t.code = r.template"
        " left join plan_followups f on f.id = p.id"
        f" left join plan_kinds k on k.kind = {shown_kind('p.id', 'p.state')}"
        f" where p.state & {REASON_MASK} = 0"
    ).rowcount
    run("insert into changes (contact_id) select distinct id >> 31 from temp_release")
    run("delete from plan where id in (select id from temp_release)")
    return int(done)


def _coded(words: pl.Series, codes: pl.DataFrame) -> Ints:
    """The place of each word among them."""
    found = pl.DataFrame({"word": words}).join(codes, "word", "left", maintain_order="left")
    return found["code"].cast(pl.Int64).to_numpy()


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
