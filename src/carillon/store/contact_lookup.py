"""Contacts by what other programs call them: ids, external ids, addresses, phone numbers. Many at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import BigInteger, Connection, String, bindparam, text

from carillon.addresses import normalise

Ids = dict[str, list[int]]
"""By what was asked for: contacts, ascending."""
MOST_ID = (1 << 63) - 1
_NOT_IN_A_NUMBER = " -.()/"
BY_ADDRESS = tuple(
    f"join contacts c on lower(c.email) = a.address || '' and c.external_id is {given}"
    for given in ("null", "not null")
)
"""The contacts of the addresses of a table that the statement calls `a`: two joins, so that each of the
partial indexes serves. `|| ''`: SQLite looks into the index of an expression only for what has no type."""


def by_id(connection: Connection, ids: Collection[int]) -> set[int]:
    """Those of these contacts that there are."""
    values = {"ids": [one for one in ids if 0 < one <= MOST_ID]}
    statement = text("select id from contacts where id in :ids")
    found = connection.execute(
        statement.bindparams(bindparam("ids", type_=BigInteger, expanding=True)), values
    ).scalars()
    return {int(one) for one in found}


def addresses(connection: Connection, ids: Collection[int]) -> dict[int, str]:
    """The addresses of contacts, of those who have one."""
    rows = connection.execute(
        text("select id, email from contacts where id in :ids and email is not null").bindparams(
            bindparam("ids", expanding=True)
        ),
        {"ids": sorted(ids)},
    )
    return {int(row.id): row.email for row in rows}


def by_external_id(connection: Connection, names: Iterable[str]) -> Ids:
    """Contacts by the id another program gave them."""
    return _found(connection, "select external_id, id from contacts where external_id in :wanted", names)


def by_email(connection: Connection, addresses: Iterable[str]) -> Ids:
    """Contacts by address, which is to be given as `addresses.normalise` writes it; couples share one."""
    # Said apart so that each of the partial indexes serves.
    statement = " union all ".join(
        f"select lower(email), id from contacts where lower(email) in :wanted and external_id is {given}"
        for given in ("null", "not null")
    )
    return _found(connection, statement, (normalise(one) for one in addresses))


def by_phone(connection: Connection, numbers: Iterable[str]) -> Ids:
    """Contacts by number, written like +15551234567; stored ones may have blanks, dots and dashes in them."""
    column = "phone_number"
    for sign in _NOT_IN_A_NUMBER:
        column = f"replace({column}, '{sign}', '')"
    return _found(
        connection,
        f"select {column}, id from contacts where phone_number is not null and {column} in :wanted",
        numbers,
    )


def addresses_of(connection: Connection, ids: Collection[int]) -> dict[int, str]:
    """The addresses of contacts, of those that have one."""
    statement = text("select id, email from contacts where id in :ids and email is not null")
    rows = connection.execute(
        statement.bindparams(bindparam("ids", type_=BigInteger, expanding=True)), {"ids": list(ids)}
    )
    return {int(number): str(email) for number, email in rows}


def _found(connection: Connection, statement: str, wanted: Iterable[str]) -> Ids:
    names = sorted({one for one in wanted if one and "\0" not in one})
    if not names:
        return {}
    rows = connection.execute(
        text(statement).bindparams(bindparam("wanted", type_=String, expanding=True)), {"wanted": names}
    )
    found: Ids = {}
    for name, contact in rows:
        found.setdefault(str(name), []).append(int(contact))
    return {name: sorted(ids) for name, ids in found.items()}
