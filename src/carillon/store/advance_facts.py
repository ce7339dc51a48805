"""What a page of enrollments asks about its contacts: who they are, what they did, what was sent to them.

Each question is one statement for the whole page, which is staged once (`stage_page`). Answers name rows by
their place in the page. Moments are milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from sqlalchemy import Connection, text

from carillon.store import suppressions
from carillon.store.advance import milliseconds
from carillon.store.bulk import is_sqlite, read_strings, stage_arrays
from carillon.store.frames import read_named
from carillon.store.json_values import by_a_program
from carillon.store.planning import Ints
from carillon.store.recipients import FIELDS
from carillon.words import SEQUENCE_EMAIL, Sign, Status

GONE = f"'{Status.SENT}', '{Status.DELIVERED}', '{Status.BOUNCED}', '{Status.IN_DOUBT}'"
"""Emails that have left, or may have."""
PEOPLE = (
    "email", "zip_code", "birth_date", "effective_date", "timezone", "status", "seed", "external_id",
    "industry",
)  # fmt: skip
COMPARED = (*FIELDS, "status", "tags", "attributes")
"""Columns that conditions compare."""


@dataclass(frozen=True)
class Campaign:
    """What an outreach campaign gives to its sequences' emails."""

    name: str
    sender_name: str | None
    default_subject: str | None


def stage_page(connection: Connection, enrollments: Ints, contacts: Ints, places: Ints) -> None:
    """The page that the questions below are about."""
    stage_arrays(connection, "temp_page", ("place", "enrollment", "contact"), [places, enrollments, contacts])


def people(connection: Connection) -> pl.DataFrame:
    """Contacts: `place`, `PEOPLE` as text (null for none), and `suppressed` ("1"); who is gone is missing."""
    email = f"(select '{SEQUENCE_EMAIL}' as email_type, cast(null as bigint) as campaign_instance_id)"
    suppressed = f"case when {suppressions.applies('c', 'e')} then '1' end"
    columns = {"place": "p.place"} | {name: f"c.{name}" for name in PEOPLE} | {"suppressed": suppressed}
    frame = read_named(
        connection,
        columns,
        f"from temp_page p cross join contacts c cross join {email} e where c.id = p.contact",
    )
    return frame.with_columns(pl.col("place").cast(pl.Int64))


def fields(connection: Connection, wanted: Sequence[str]) -> pl.DataFrame:
    """Columns of contacts, of `COMPARED`: `place` and each as text, null for none."""
    columns = {"place": "p.place"} | {name: f"c.{name}" for name in wanted}
    frame = read_named(connection, columns, "from temp_page p join contacts c on c.id = p.contact")
    return frame.with_columns(pl.col("place").cast(pl.Int64))


def signs(connection: Connection) -> pl.DataFrame:
    """What came back: `place`, `sign`, `name`, and `at`, when it did last.

    The name is the link of a click and the word of an event; every event is one by its own word, too.
    What scanners and proxies did is left out.
    """
    events = _latest(
        connection,
        f"'{Sign.EVENT}'",
        "e.event_type",
        "e.created_at",
        "join contact_events e on e.contact_id = p.contact",
        f"not ({by_a_program(is_sqlite(connection), 'e.event_data')})",
    )
    clicks = _latest(
        connection,
        f"'{Sign.CLICKED}'",
        "coalesce(t.url, '')",
        "t.clicked_at",
        "join tracking_clicks t on t.contact_id = p.contact",
        "true",
    )
    bounces = _latest(
        connection,
        f"'{Sign.BOUNCED}'",
        "''",
        "coalesce(o.actual_send_datetime, o.send_at)",
        "join outbox o on o.enrollment_id = p.enrollment",
        f"o.status = '{Status.BOUNCED}'",
    )
    return pl.concat([events, clicks, bounces])


def happened(connection: Connection) -> pl.DataFrame:
    """When each step of the enrollments happened last: `place`, `step` and `at`."""
    at = f"max({milliseconds(connection, 'x.executed_at')})"
    frame = read_strings(
        connection,
        ["place", "step", "at"],
        f"from (select p.place, x.step_key as step, {at} as at from temp_page p"
        " join sequence_step_executions x on x.enrollment_id = p.enrollment group by p.place, x.step_key) h",
    )
    return frame.with_columns(pl.col("place", "at").cast(pl.Int64))


def last_emails(connection: Connection) -> tuple[Ints, Ints]:
    """Places of enrollments that were written to, and the email of theirs that left last."""
    frame = read_strings(
        connection,
        ["place", "id"],
        "from (select p.place, min(o.id) as id from temp_page p"
        f" join outbox o on o.enrollment_id = p.enrollment where o.status in ({GONE}) group by p.place) l",
    ).cast(pl.Int64)
    return frame["place"].to_numpy(), frame["id"].to_numpy()


def campaigns_of(connection: Connection, sequences: Sequence[int]) -> dict[int, Campaign]:
    """The outreach campaigns of sequences, by the sequence's id."""
    listed = ", ".join(str(int(one)) for one in sequences) or "0"
    rows = connection.execute(
        text(
            "select s.id, c.name, c.sender_name, c.default_subject from sequences s"
            f" join outreach_campaigns c on c.id = s.outreach_campaign_id where s.id in ({listed})"
        )
    )
    return {int(row[0]): Campaign(*row[1:]) for row in rows}


def _latest(connection: Connection, sign: str, name: str, at: str, join: str, where: str) -> pl.DataFrame:
    """Of each contact, sign and name the last."""
    latest = f"max({milliseconds(connection, at)})"
    frame = read_strings(
        connection,
        ["place", "sign", "name", "at"],
        f"from (select p.place, {sign} as sign, {name} as name, {latest} as at"
        f" from temp_page p {join} where {where} group by 1, 3) s",
    )
    return frame.with_columns(pl.col("place", "at").cast(pl.Int64))
