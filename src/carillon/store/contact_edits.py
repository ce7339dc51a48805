"""One contact edited by hand: what is given is set, also to nothing. Lists are merged by `contacts`.

All writing happens in the caller's transaction. Triggers note what the planner has to look at. The audit log
says which fields were changed and not to what: whoever is to be forgotten stands in one place only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.errors import InputError
from carillon.store import audit
from carillon.store.bulk import is_sqlite
from carillon.store.contacts import COLUMNS
from carillon.store.engine import scalar
from carillon.store.moments import moment

_TYPES = {"sms_consent_at": "timestamptz", "tags": "jsonb", "attributes": "jsonb"}


def edit(
    connection: Connection, number: int, values: Mapping[str, str | None], now: datetime, by: str
) -> list[str]:
    """Set columns of a contact, given as texts. Returns those that are different now.

    Raises InputError where another contact is known by the address or the external id.
    """
    names = [name for name in COLUMNS if name in values]
    if not names:
        return []
    if not is_sqlite(connection):
        connection.execute(text("lock table contacts in share row exclusive mode"))
    marks = {name: _mark(connection, name) for name in names}
    differs = "is not" if is_sqlite(connection) else "is distinct from"
    row = connection.execute(
        text(
            f"select {', '.join(f'{name} {differs} {mark}' for name, mark in marks.items())}"
            " from contacts where id = :id"
        ),
        {**values, "id": number},
    ).one()
    changed = [name for name, yes in zip(names, row, strict=True) if yes]
    if not changed:
        return []
    refuse_another(connection, number, values)
    settings = ", ".join(f"{name} = {marks[name]}" for name in changed)
    now_mark = ":now" if is_sqlite(connection) else "cast(:now as timestamptz)"
    connection.execute(
        text(f"update contacts set {settings}, updated_at = {now_mark} where id = :id"),
        {**values, "id": number, "now": moment(now)},
    )
    audit.note(connection, by, f"contact {number} edited", now, None, {"fields": changed})
    return changed


def refuse_another(connection: Connection, number: int, values: Mapping[str, str | None]) -> None:
    """Raise InputError where another contact than this one is known by the address or external id.

    `number`: 0 for a contact that is to be added.
    """
    named = scalar(connection, "select external_id from contacts where id = :id", id=number)
    external = values.get("external_id", named)
    if external is not None:
        other = scalar(
            connection,
            "select id from contacts where external_id = :it and id <> :id",
            it=external,
            id=number,
        )
        if other is not None:
            raise InputError(f"the contact {other} has this external id already. Nothing was changed.")
        return
    email = values.get("email") or scalar(connection, "select email from contacts where id = :id", id=number)
    other = scalar(
        connection,
        "select id from contacts where lower(email) = lower(:it) and external_id is null and id <> :id",
        it=email,
        id=number,
    )
    if other is not None:
        raise InputError(
            f"the contact {other} has this address already. Couples who share one need external ids. "
            "Nothing was changed."
        )


def _mark(connection: Connection, name: str) -> str:
    return f":{name}" if is_sqlite(connection) else f"cast(:{name} as {_TYPES.get(name, 'text')})"
