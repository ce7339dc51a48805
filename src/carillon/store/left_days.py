"""How much mail has left the planner on which day.

By type and campaign nearly all of it is counted within the index of days, without a look at the rows. The few
that do not count, or are not what their type says, have an index of their own.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain

from sqlalchemy import Connection, text

from carillon.store.bulk import is_sqlite
from carillon.store.people import INSTANCE
from carillon.words import FIRST_CAMPAIGN, SEQUENCE_EMAIL, UNKNOWN_KIND, Status

FOLLOWUP = "followup"
"""What follow-ups of any tier are called in a forecast."""
_UNSENT = f"status in ('{Status.FAILED}', '{Status.CANCELLED}')"
_LOST = f"({_UNSENT} or channel <> 'email')"
ODD = f"({_LOST} or (enrollment_id is null) = (email_type = '{SEQUENCE_EMAIL}'))"
"""The condition of `outbox_odd`."""
_SORT = "send, email_type, followup, campaign_instance_id, kind"

Left = tuple[int, str, str | None, str | None, int]
"""Day number, type, campaign (its instance's name), state, and how many."""


def left(connection: Connection, first: int, last: int) -> list[Left]:
    """Cap-counted emails of the days `first` to `last` (both included), without their states."""
    days = {"first": first, "last": last}
    regular = f"send between :first and :last and email_type <> '{SEQUENCE_EMAIL}' group by {_SORT}"
    # SQLite has no figures to see that few rows are odd.
    rows = "outbox indexed by outbox_odd" if is_sqlite(connection) else "outbox"
    odd = f"{rows} where {ODD} and send between :first and :last group by {_SORT}, 6"
    counts = f"case when {_LOST} or enrollment_id is not null then 0 else 1 end"
    names = {
        int(number): name
        for number, name in connection.execute(text("select id, instance_name from campaign_instances"))
    }
    first_count = connection.execute(text(f"select {_SORT}, count(*) from outbox where {regular}"), days)
    looked_at = connection.execute(text(f"select {_SORT}, {counts}, count(*) from {odd}"), days)
    corrections = ((*row, n * (does_count - (row[1] != SEQUENCE_EMAIL))) for *row, does_count, n in looked_at)
    found: Counter[tuple[int, str, str | None]] = Counter()
    for day, word, followup, instance, kind, n in chain(first_count, corrections):
        of = kind - FIRST_CAMPAIGN if instance is None and kind != UNKNOWN_KIND else instance
        found[int(day), FOLLOWUP if followup else word, names.get(of)] += int(n)
    return [(day, word, campaign, None, n) for (day, word, campaign), n in found.items() if n]


def left_by_state(connection: Connection, first: int, last: int) -> list[Left]:
    """The same by state, for which every row is looked at, and its contact's."""
    word = "case when o.followup <> 0 then :followup else o.email_type end"
    rows = connection.execute(
        text(
            f"select o.send, {word}, i.instance_name, c.state, count(*) from outbox o"
            f" left join campaign_instances i on i.id = {INSTANCE}"
            " left join contacts c on c.id = o.contact_id"
            " where o.send between :first and :last and o.enrollment_id is null and o.channel = 'email'"
            f" and not o.{_UNSENT} group by 1, 2, 3, 4"
        ),
        {"first": first, "last": last, "followup": FOLLOWUP},
    )
    return [(int(day), kind, campaign, where, int(n)) for day, kind, campaign, where, n in rows]
