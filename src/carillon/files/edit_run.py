"""One contact edited: cleaned as a row of a list is, but nothing that is wrong with it is let pass.

Beside `run` one of the files of this room that touch the store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

from carillon.errors import InputError
from carillon.files.consents import in_utc
from carillon.files.records import cleaned
from carillon.store import contact_edits, contact_search
from carillon.store.contact_search import Found
from carillon.store.engine import Connection
from carillon.workspace import Workspace


def edit_contact(
    workspace: Workspace,
    number: int,
    given: Mapping[str, str | None],
    by: str,
    check: Callable[[Found], None] = lambda _found: None,
) -> Found | None:
    """Give a contact other values, texts by the names of its columns; None takes one away.

    `check` is asked in the transaction, with the contact as it was. Returns it as it is; None where there is
    no such contact. Raises InputError, naming each field, for values that cannot be.
    """
    now = workspace.clock.now()

    def work(connection: Connection) -> Found | None:
        old = contact_search.find(connection, number)
        if old is None:
            return None
        check(old)
        contact_edits.edit(connection, number, _values(workspace, old, given), now, by)
        return contact_search.find(connection, number)

    return workspace.database.write(work)


def _values(workspace: Workspace, old: Found, given: Mapping[str, str | None]) -> dict[str, str | None]:
    """What is to be stored. A ZIP code brings its state along; a state has to be that of the ZIP code."""
    if "email" in given and not given["email"]:
        raise InputError("email: a contact needs an address. Nothing was changed.")
    record: dict[str, str | None] = {name: value for name, value in given.items() if value is not None}
    record.setdefault("email", old.texts["email"] or "nobody@example.com")
    if "state" in record:
        record.setdefault("zip_code", given.get("zip_code", old.texts["zip_code"]))
    found, problems = cleaned({name: value for name, value in record.items() if value}, workspace.today())
    if problems:
        said = "; ".join(f"{one.column}: {one.reason}" for one in problems)
        raise InputError(f"{said}. Nothing was changed.")
    if found.get("sms_consent_at") is not None:
        consent = pl.Series("sms_consent_at", [found["sms_consent_at"]])
        found["sms_consent_at"] = in_utc(consent, workspace.settings.workspace.zone)[0]
    values = {name: found.get(name) if value is not None else None for name, value in given.items()}
    if given.get("zip_code"):
        values["state"] = found["state"]
    return values
