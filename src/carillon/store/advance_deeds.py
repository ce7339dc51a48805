"""What steps do: emails put into the outbox, tags and attributes, notes, and calls to other people's servers.

In the transaction that moves the enrollments, so that a deed and the step it belongs to are there together or
not at all. Texts are places among `temp_words` (`advance.stage_words`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection, text

from carillon.store import webhooks
from carillon.store.advance import moment_from
from carillon.store.bulk import Arrays, insert_rows, is_sqlite, stage_arrays
from carillon.store.moments import moment, stamp
from carillon.store.planning import Ints
from carillon.words import SEQUENCE_EMAIL, UNKNOWN_KIND, ActionKind, Status

EMAILS = (
    "id", "enrollment", "contact", "step", "send", "ideal", "at", "account", "parent", "template", "metadata",
    "choice",
)  # fmt: skip
NOTES = ("enrollment", "contact", "visit", "data", "at")
CALLS = ("enrollment", "visit", "url", "body")


@dataclass(frozen=True)
class Call:
    """What a webhook step posts."""

    id: int
    enrollment: int
    visit: int
    url: str
    body: str
    """JSON."""
    attempts: int
    """With this one."""


def add_emails(connection: Connection, arrays: Arrays, now: datetime) -> None:
    """Emails that are to leave: `EMAILS`. An id that is there already is an error: nothing happens twice."""
    if not len(arrays[0]):
        return
    stage_arrays(connection, "temp_emails", EMAILS, arrays)
    domain = "lower(substr(c.email, instr(c.email, '@') + 1))"
    metadata = "m.word"
    if not is_sqlite(connection):
        domain, metadata = "lower(split_part(c.email, '@', 2))", "m.word::jsonb"
    connection.exec_driver_sql(
        "insert into outbox (id, contact_id, kind, followup, email_type, send, ideal, status, email_template,"
        " metadata, send_at, account_id, enrollment_id, step_key, attempts, channel, parent_id, domain,"
        " created_at, updated_at, time_choice)"
        f" select e.id, e.contact, {UNKNOWN_KIND}, 0, '{SEQUENCE_EMAIL}', e.send, e.ideal,"
        f" '{Status.SCHEDULED}', t.word, {metadata}, {moment_from(connection, 'e.at')}, e.account,"
        f" e.enrollment, k.word, 0, 'email', nullif(e.parent, 0), {domain},"
        f" '{stamp(now)}', '{stamp(now)}', h.word"
        " from temp_emails e join contacts c on c.id = e.contact"
        " join temp_words k on k.code = e.step join temp_words t on t.code = e.template"
        " left join temp_words m on m.code = e.metadata left join temp_words h on h.code = e.choice"
        # After `restore` an email that had left is there before its step comes round.
        " where true on conflict (id) do nothing"
    )


def note_changes(connection: Connection, contacts: Ints) -> None:
    """The planner looks at these contacts again: emails of sequences count for it."""
    insert_rows(connection, "changes", ("contact_id",), [(one,) for one in np.unique(contacts).tolist()])


def put_off(connection: Connection, keys: Ints, days: Ints, at: Ints, now: datetime) -> None:
    """Emails that were skipped leave on another day."""
    if not len(keys):
        return
    stage_arrays(connection, "temp_put_off", ("id", "send", "at"), [keys, days, at])
    connection.exec_driver_sql(
        f"update outbox set status = '{Status.SCHEDULED}', skip_reason = null, send = p.send,"
        f" send_at = {moment_from(connection, 'p.at')}, updated_at = '{stamp(now)}'"
        f" from temp_put_off p where p.id = outbox.id and outbox.status = '{Status.SKIPPED}'"
    )


def change_contacts(
    connection: Connection, contacts: Ints, kind: ActionKind, name: str, value: str, now: datetime
) -> None:
    """Give contacts a tag, take it away, or set one of their attributes. `name`: the tag or attribute."""
    stage_arrays(connection, "temp_acting", ("id",), [contacts])
    column, new, differs = _change(is_sqlite(connection), kind)
    connection.execute(
        text(
            f"update contacts set {column} = {new}, updated_at = :now"
            f" where id in (select id from temp_acting) and {differs}"
        ),
        {"name": name, "now": moment(now)} | ({"value": value} if ":value" in new + differs else {}),
    )


def add_notes(connection: Connection, arrays: Arrays, now: datetime) -> None:
    """Events `notified`, for whoever watches: `NOTES`; `data` is JSON."""
    stage_arrays(connection, "temp_notes", NOTES, arrays)
    data = "w.word" if is_sqlite(connection) else "w.word::jsonb"
    new = connection.exec_driver_sql(
        "insert into contact_events (contact_id, event_type, event_data, created_at, source, dedupe_key)"
        f" select n.contact, 'notified', {data}, {moment_from(connection, 'n.at')}, 'sequence',"
        " 'enrollment ' || n.enrollment || ' visit ' || n.visit"
        " from temp_notes n join temp_words w on w.code = n.data where true returning id"
    )
    webhooks.note(connection, [int(one) for one in new.scalars()], now)


def add_calls(connection: Connection, arrays: Arrays, now: datetime) -> None:
    """Calls to be made once the transaction holds: `CALLS`; `body` is JSON."""
    stage_arrays(connection, "temp_calls", CALLS, arrays)
    body = "b.word" if is_sqlite(connection) else "b.word::jsonb"
    connection.exec_driver_sql(
        "insert into sequence_calls (enrollment_id, visit, url, body, due_at, created_at)"
        f" select c.enrollment, c.visit, u.word, {body}, '{stamp(now)}', '{stamp(now)}' from temp_calls c"
        " join temp_words u on u.code = c.url join temp_words b on b.code = c.body"
    )


def claim_calls(connection: Connection, now: datetime, again: datetime, limit: int) -> list[Call]:
    """Calls that are due, each one worker's until `again`."""
    lock = "" if is_sqlite(connection) else " for update skip locked"
    body = "body" if is_sqlite(connection) else "body::text"
    rows = connection.execute(
        text(
            "update sequence_calls set attempts = attempts + 1, due_at = :again where id in ("
            " select id from sequence_calls where status = 'waiting' and due_at <= :now"
            f" order by due_at, id limit :limit{lock})"
            f" returning id, enrollment_id, visit, url, {body}, attempts"
        ),
        {"now": stamp(now), "again": stamp(again), "limit": limit},
    )
    return sorted((Call(*row) for row in rows), key=lambda one: one.id)


def end_call(
    connection: Connection, call: Call, now: datetime, error: str | None, again: datetime | None
) -> None:
    """What became of a call: it was taken, it is tried `again`, or nobody tries any more."""
    status = "done" if error is None else "waiting" if again else "failed"
    connection.execute(
        text(
            "update sequence_calls set status = :status, last_error = :error,"
            " due_at = coalesce(:again, due_at), ended_at = :ended where id = :id and attempts = :attempts"
        ),
        {
            "status": status,
            "error": error,
            "again": stamp(again) if again else None,
            "ended": None if status == "waiting" else stamp(now),
            "id": call.id,
            "attempts": call.attempts,
        },
    )


def _change(sqlite: bool, kind: ActionKind) -> tuple[str, str, str]:
    """The column, its new value, and whom that makes a difference to; `:name` and `:value` are given."""
    if kind is ActionKind.SET_ATTRIBUTE:
        if sqlite:
            was = "coalesce(case when json_valid(attributes) then attributes end, '{}')"
            new = f"json_patch({was}, json_object(:name, :value))"
        else:
            was = "coalesce(attributes, cast('{}' as jsonb))"
            new = f"{was} || jsonb_build_object(cast(:name as text), cast(:value as text))"
        return "attributes", new, "true"
    if sqlite:
        was = "coalesce(case when json_valid(tags) then tags end, '[]')"
        has = f"exists (select 1 from json_each({was}) where value = :name)"
        added = f"json_insert({was}, '$[#]', :name)"
        taken = f"(select json_group_array(value) from json_each({was}) where value <> :name)"
    else:
        was = "coalesce(tags, cast('[]' as jsonb))"
        has = "jsonb_exists(coalesce(tags, cast('[]' as jsonb)), cast(:name as text))"
        added = f"{was} || to_jsonb(cast(:name as text))"
        taken = f"{was} - cast(:name as text)"
    if kind is ActionKind.ADD_TAG:
        return "tags", added, f"not {has}"
    return "tags", taken, has
