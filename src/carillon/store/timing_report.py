"""Sends on record and their answers, added up for the report on send times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.errors import InputError
from carillon.store import sequences
from carillon.store.campaigns import did_you_mean
from carillon.store.moments import as_moment
from carillon.store.outcomes import COLUMNS


@dataclass(frozen=True)
class Part:
    """Emails of one campaign that left in one weekday and hour and were given it in one way."""

    campaign: str
    weekday: int
    hour: int
    chosen: str | None
    emails: int
    answers: int
    replies: int
    hours: float
    """To their replies, all together."""
    least: float | None
    most: float | None


@dataclass(frozen=True)
class Only:
    """Which sends are looked at; ids, None: all."""

    instance: int | None = None
    outreach: int | None = None
    sequence: int | None = None


def only(connection: Connection, campaign: str | None, sequence: str | None) -> Only:
    """A campaign (of the planner or of outreach) and a sequence by their names.

    Raises InputError, with the nearest name there is, where there is none.
    """
    wanted = None if sequence is None else sequences.find(connection, sequence).id
    if campaign is None:
        return Only(sequence=wanted)
    name = {"name": campaign}
    instance = connection.execute(
        text("select id from campaign_instances where instance_name = :name"), name
    ).scalar()
    outreach = connection.execute(text("select id from outreach_campaigns where name = :name"), name).scalar()
    if instance is None and outreach is None:
        names = connection.execute(
            text("select instance_name from campaign_instances union select name from outreach_campaigns")
        ).scalars()
        raise InputError(
            f"there is no campaign {campaign!r}.{did_you_mean(campaign, list(names))}"
            " `carillon campaign list` and `carillon outreach list` show them."
        )
    return Only(instance, outreach, wanted)


def parts(connection: Connection, since: datetime, outcome: str, which: Only) -> list[Part]:
    """What left since a moment. `outcome`: of `smart_scheduling`, what counts as an answer."""
    where = [f"o.sent_at >= {as_moment(connection, since)}"]
    either = [
        f"o.{column} = {int(value)}"
        for column, value in (
            ("campaign_instance_id", which.instance),
            ("outreach_campaign_id", which.outreach),
        )
        if value is not None
    ]
    if either:
        where.append(f"({' or '.join(either)})")
    if which.sequence is not None:
        where.append(f"o.sequence_id = {which.sequence}")
    rows = connection.execute(
        text(
            "select coalesce(i.instance_name, c.name, s.name, ''), t.weekday, t.hour, t.chosen,"
            " sum(t.emails), sum(t.answers), sum(t.replies), sum(t.hours), min(t.least), max(t.most) from ("
            " select o.campaign_instance_id as instance, o.outreach_campaign_id as outreach,"
            " o.sequence_id as sequence, o.weekday, o.hour, o.chosen, count(*) as emails,"
            f" count(o.{COLUMNS[outcome]}_at) as answers, count(o.replied_at) as replies,"
            " coalesce(sum(o.hours_to_reply), 0) as hours, min(o.hours_to_reply) as least,"
            " max(o.hours_to_reply) as most"
            f" from send_outcomes o where {' and '.join(where)} group by 1, 2, 3, 4, 5, 6) t"
            " left join campaign_instances i on i.id = t.instance"
            " left join outreach_campaigns c on c.id = t.outreach left join sequences s on s.id = t.sequence"
            " group by 1, 2, 3, 4"
        )
    )
    return [
        Part(name, int(day), int(hour), chosen, int(emails), int(answers), int(replies), float(hours), *ends)
        for name, day, hour, chosen, emails, answers, replies, hours, *ends in rows
    ]
