"""What is wrong with contacts' data, as the last run of the planner found it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class ContactIssue:
    """One row of `contact_issues` with the address it is about."""

    contact_id: int
    email: str | None
    code: str
    detail: str | None


def counts(connection: Connection) -> dict[str, int]:
    """How many contacts have each issue."""
    rows = connection.execute(text("select code, count(*) from contact_issues group by code order by code"))
    return {code: int(n) for code, n in rows}


def listing(connection: Connection, code: str | None, limit: int) -> list[ContactIssue]:
    """The first `limit` issues (of one code), ascending by contact."""
    only = "" if code is None else " where i.code = :code"
    rows = connection.execute(
        text(
            "select i.contact_id, c.email, i.code, i.detail from contact_issues i"
            f" left join contacts c on c.id = i.contact_id{only} order by i.contact_id, i.code limit :limit"
        ),
        {"limit": limit} if code is None else {"limit": limit, "code": code},
    )
    return [ContactIssue(int(row[0]), row[1], row[2], row[3] or None) for row in rows]


def of(connection: Connection, contact: int) -> list[ContactIssue]:
    """What is wrong with one contact."""
    rows = connection.execute(
        text(
            "select i.contact_id, c.email, i.code, i.detail from contact_issues i"
            " join contacts c on c.id = i.contact_id where i.contact_id = :id order by i.code"
        ),
        {"id": contact},
    )
    return [ContactIssue(int(row[0]), row[1], row[2], row[3] or None) for row in rows]
