"""What stands on one day, and what becomes of one campaign: counts, and who is skipped.

The counts come from `plan_days`, a few thousand rows however many contacts there are, and from the outbox by
its index of days. Skipped emails are found by the days on which there are any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from carillon.keys import CONTACT_SHIFT, KIND_MASK, KIND_SHIFT
from carillon.packing import REASON_MASK
from carillon.store.left_days import FOLLOWUP
from carillon.store.paging import Slice, sliced
from carillon.words import FIRST_CAMPAIGN, SkipReason, Status

_FOLLOWUPS = KIND_MASK + 1
"""`plan_days.kind` of a kind's follow-ups is so much more."""


@dataclass(frozen=True)
class Cell:
    """Emails of one day that are alike. `reason`: why they are skipped; empty: they are not."""

    email_type: str
    campaign: str | None
    """The name of the instance, also of a follow-up's."""
    status: str
    reason: str
    n: int


@dataclass(frozen=True)
class Skipped:
    """One email of a campaign that does not go. Days are day numbers."""

    id: int
    contact_id: int
    day: int
    """When it was to go."""
    reason: str
    email: str | None
    followup: bool


@dataclass(frozen=True)
class Receiver:
    """Whom an email goes to."""

    email: str | None
    name: str
    timezone: str | None


def on_day(connection: Connection, day: int) -> list[Cell]:
    """All emails of a day, planned, skipped and left; those of sequences as type `sequence`."""
    rows = connection.execute(
        text(
            f"select case when d.kind >= {_FOLLOWUPS} then '{FOLLOWUP}' else coalesce(k.email_type,"
            f" 'campaign') end, i.instance_name, case when d.reason = 0 then '{Status.PRE_SCHEDULED}' else"
            f" '{Status.SKIPPED}' end, coalesce(r.word, ''), sum(d.n) from plan_days d"
            f" left join plan_kinds k on k.kind = d.kind % {_FOLLOWUPS}"
            " left join campaign_instances i on i.id = k.campaign_instance_id"
            " left join skip_reasons r on r.code = d.reason and d.reason > 0"
            " where d.day = :day and d.n > 0 group by 1, 2, 3, 4"
            f" union all select case when o.enrollment_id is not null then 'sequence' when o.followup <> 0"
            f" then '{FOLLOWUP}' else o.email_type end, i.instance_name, o.status,"
            " coalesce(o.skip_reason, ''), count(*) from outbox o"
            " left join campaign_instances i on i.id = o.campaign_instance_id"
            " where o.send = :day and o.channel = 'email' group by 1, 2, 3, 4"
        ),
        {"day": day},
    )
    found = [Cell(row[0], row[1], row[2], row[3], int(row[4])) for row in rows]
    return sorted(found, key=lambda one: (-one.n, one.email_type, one.status, one.reason))


def receivers(connection: Connection, contacts: Sequence[int]) -> dict[int, Receiver]:
    """Whom the contacts with these ids are, as far as they are still there. For a page of them."""
    if not contacts:
        return {}
    listed = ", ".join(str(int(one)) for one in contacts)
    rows = connection.execute(
        text(f"select id, email, first_name, last_name, timezone from contacts where id in ({listed})")
    )
    return {
        int(number): Receiver(email, " ".join(one for one in (first, last) if one), zone)
        for number, email, first, last, zone in rows
    }


def skips_of(connection: Connection, instance: int) -> dict[str, int]:
    """Emails of a campaign (its follow-ups too) that are skipped, by reason, the most frequent first."""
    rows = connection.execute(
        text(
            "select r.word, sum(d.n) from plan_days d join skip_reasons r on r.code = d.reason"
            f" where d.kind % {_FOLLOWUPS} = :kind and d.reason > 0 and d.n > 0 group by r.word"
            " order by 2 desc, 1"
        ),
        {"kind": FIRST_CAMPAIGN + instance},
    )
    return {word: int(n) for word, n in rows}


def skipped_of(
    connection: Connection, instance: int, reason: str | None, after: tuple[int, int] | None, limit: int
) -> Slice[Skipped]:
    """Those emails, ascending by day and id; `after`: the last day and id. `reason`: None for all."""
    code = None if reason is None else SkipReason[reason.upper()].value
    kind, day, number = FIRST_CAMPAIGN + instance, *(after or (-1, 0))
    days = connection.execute(
        text(
            f"select distinct day from plan_days where kind % {_FOLLOWUPS} = :kind and n > 0 and day >= :day"
            f" and reason {'> 0' if code is None else f'= {code}'} order by day"
        ),
        {"kind": kind, "day": day},
    ).scalars()
    listed = ", ".join(str(int(one)) for one in days)
    if not listed:
        return Slice([], None)
    why = f"p.state & {REASON_MASK}"
    rows = connection.execute(
        text(
            f"select p.id, p.id >> {CONTACT_SHIFT}, p.send, {why}, c.email, (p.id >> 30) & 1 from plan p"
            f" left join contacts c on c.id = p.id >> {CONTACT_SHIFT}"
            f" where p.send in ({listed}) and (p.send > :day or p.id > :id)"
            f" and (p.id >> {KIND_SHIFT}) & {KIND_MASK} = :kind"
            f" and {why} {'> 0' if code is None else f'= {code}'} order by p.send, p.id limit :limit"
        ),
        {"kind": kind, "day": day, "id": number, "limit": limit + 1},
    ).all()
    return sliced(
        rows,
        limit,
        lambda row: Skipped(
            int(row[0]), int(row[1]), int(row[2]), SkipReason(int(row[3])).word, row[4], bool(row[5])
        ),
        lambda row: (int(row[2]), int(row[0])),
    )
