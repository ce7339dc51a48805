"""What a list of contacts shows beside each: the day of its next email, and whether it is suppressed.

For a page of contacts at a time, with one statement for all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from sqlalchemy import Connection, String, bindparam, text

from carillon.addresses import normalise
from carillon.days import date_of
from carillon.keys import CONTACT_SHIFT
from carillon.packing import REASON_MASK
from carillon.words import Status


def next_days(connection: Connection, ids: Collection[int], today: int) -> dict[int, date]:
    """By contact the day of its next email from `today` on; whoever has none is not there."""
    if not ids:
        return {}
    listed = ", ".join(str(int(one)) for one in sorted(ids))
    # Each contact's rows for themselves: of many ranges in one condition SQLite would read all of the table.
    planned = " union all ".join(
        f"select {one} as contact, send from plan where id >= {one << CONTACT_SHIFT}"
        f" and id < {(one + 1) << CONTACT_SHIFT} and state & {REASON_MASK} = 0"
        for one in sorted(ids)
    )
    rows = connection.execute(
        text(
            f"select contact, min(send) from ({planned} union all"
            f" select contact_id, send from outbox where contact_id in ({listed})"
            f" and status in ('{Status.SCHEDULED}', '{Status.PROCESSING}')) ahead"
            " where send >= :today group by contact"
        ),
        {"today": today},
    )
    return {int(contact): date_of(int(day)) for contact, day in rows}


def suppressed(connection: Connection, emails: Mapping[int, str | None]) -> set[int]:
    """Which of these contacts, given with their addresses, are suppressed in any scope, also by domain."""
    places = {number: normalise(email) for number, email in emails.items() if email}
    wanted = {place for one in places.values() for place in (one, _domain(one))}
    if not wanted:
        return set()
    statement = text("select distinct address from suppressions where address in :wanted")
    found = set(
        connection.execute(
            statement.bindparams(bindparam("wanted", type_=String, expanding=True)),
            {"wanted": sorted(wanted)},
        ).scalars()
    )
    return {number for number, one in places.items() if one in found or _domain(one) in found}


def _domain(address: str) -> str:
    return address[address.find("@") :]


def domains(connection: Connection) -> int:
    """How many domains are suppressed as a whole."""
    low, high = "@", "A"
    found = connection.execute(
        text("select count(*) from suppressions where address >= :low and address < :high"),
        {"low": low, "high": high},
    )
    return int(found.scalar_one())
