"""What was written to whom lately: for replies that name none of our emails."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from carillon.addresses import normalise
from carillon.store.bulk import insert_rows
from carillon.store.clean import clean
from carillon.store.contact_lookup import BY_ADDRESS
from carillon.store.json_values import object_of
from carillon.store.moments import as_moment, moment_of
from carillon.words import Status


@dataclass(frozen=True)
class Written:
    """One email that was sent."""

    schedule: int
    sent_at: datetime
    subjects: tuple[str, ...]
    """What its template has or had for a subject: sources, with their tags."""


def correspondence(
    connection: Connection, account: int, addresses: Iterable[str], since: datetime
) -> dict[str, list[Written]]:
    """By address in lower case: emails the account sent there since then, the newest first."""
    rows = [(one,) for one in sorted({normalise(clean(one)) for one in addresses})]
    if not rows:
        return {}
    run = connection.exec_driver_sql
    run("drop table if exists temp_addresses")
    run("create temp table temp_addresses (address text)")
    insert_rows(connection, "temp_addresses", ("address",), rows)
    parts = (
        "select a.address, o.id, o.actual_send_datetime, o.email_template, s.settings from temp_addresses a"
        f" {join}"
        " join outbox o on o.contact_id = c.id"
        " left join sequence_enrollments e on e.id = o.enrollment_id"
        " left join sequence_steps s on s.sequence_id = e.sequence_id and s.step_key = o.step_key"
        f" where o.account_id = {account:d} and o.channel = 'email'"
        f" and o.status in ('{Status.SENT}', '{Status.DELIVERED}', '{Status.IN_DOUBT}', '{Status.BOUNCED}')"
        f" and coalesce(o.actual_send_datetime, o.intent_at) >= {as_moment(connection, since)}"
        for join in BY_ADDRESS
    )
    sent = run(" union all ".join(parts)).all()
    templates: dict[str, set[str]] = defaultdict(set)
    for name, subject in run("select name, subject from templates where subject is not null"):
        templates[str(name)].add(str(subject))
    found: dict[str, list[Written]] = defaultdict(list)
    for address, number, at, template, step in sent:
        subjects = {own} if (own := _subject(step)) else templates.get(template or "", set())
        found[address].append(Written(int(number), moment_of(at) or since, tuple(sorted(subjects))))
    for some in found.values():
        some.sort(key=lambda one: (one.sent_at, one.schedule), reverse=True)
    return dict(found)


def _subject(step: object) -> str | None:
    """The subject that a sequence's step gives its emails in place of the template's."""
    subject = (object_of(step) or {}).get("subject")
    return subject if isinstance(subject, str) else None
