"""One contact added or edited: cleaned as a row of a list is, but nothing wrong with it is let pass.

Beside `run` one of the files of this room that touch the store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from carillon.errors import InputError
from carillon.files.consents import in_utc
from carillon.files.contacts import ContactBatch
from carillon.files.forget_run import revive
from carillon.files.records import read_records
from carillon.files.run import issue_frame
from carillon.store import audit, contact_edits, contact_search, contacts, people
from carillon.store.contact_search import Found
from carillon.store.engine import Connection
from carillon.workspace import Workspace

_NOBODY = "nobody@example.com"


class FieldFaults(InputError):
    """Values that a contact cannot have."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        said = "; ".join(f"{name}: {why}" for name, why in faults.items())
        super().__init__(f"{said}. Nothing was changed.")
        self.faults = dict(faults)
        """What is wrong, by field."""


def add_contact(workspace: Workspace, given: Mapping[str, str | None], by: str) -> Found:
    """Store a new contact, texts by the names of its columns. The next plan sees to it.

    Raises InputError, naming each field, for values that cannot be, and where the contact is known already.
    """
    now = workspace.clock.now()
    record = {name: value for name, value in given.items() if value}
    if "email" not in record:
        raise FieldFaults({"email": "a contact needs an address"})
    batch = _batch(workspace, record)
    columns = [name for name in contacts.COLUMNS if name in batch.frame.columns]
    values = batch.frame.select(columns).row(0, named=True)
    incoming = contacts.Incoming(
        frozenset(columns),
        1,
        1 if values.get("external_id") else 0,
        lambda: iter([(batch.frame, issue_frame(batch))]),
    )

    def work(connection: Connection) -> Found:
        contact_edits.refuse_another(connection, 0, values)
        revive(connection, workspace, [batch.frame])
        contacts.upsert(connection, incoming, now, lambda _rows: None)
        wanted = values.get("external_id") or values["email"]
        number = min(one.id for one in people.find(connection, str(wanted)))
        audit.note(connection, by, f"contact {number} added", now, None, {"fields": sorted(record)})
        found = contact_search.find(connection, number)
        assert found is not None
        return found

    return workspace.database.write(work)


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
        raise FieldFaults({"email": "a contact needs an address"})
    record: dict[str, str | None] = {name: value for name, value in given.items() if value is not None}
    record.setdefault("email", old.texts["email"] or _NOBODY)
    if "state" in record:
        record.setdefault("zip_code", given.get("zip_code", old.texts["zip_code"]))
    batch = _batch(workspace, {name: value for name, value in record.items() if value})
    found = batch.frame.drop("line", "identity", "seed").row(0, named=True)
    values = {name: found.get(name) if value is not None else None for name, value in given.items()}
    if given.get("zip_code"):
        values["state"] = found["state"]
    return values


def _batch(workspace: Workspace, record: Mapping[str, str | None]) -> ContactBatch:
    """One contact, cleaned. Raises InputError that names each field in which something is wrong."""
    (batch,) = read_records([record], workspace.today())
    problems = [*batch.rejected, *batch.warnings]
    if batch.rejected:
        # Of a row without an address nothing else is looked at.
        (rest,) = read_records([{**record, "email": _NOBODY}], workspace.today())
        problems += rest.warnings
    if problems:
        raise FieldFaults({one.column: one.reason for one in reversed(problems)})
    if "sms_consent_at" in batch.frame.columns:
        consents = in_utc(batch.frame["sms_consent_at"], workspace.settings.workspace.zone)
        batch.frame = batch.frame.with_columns(consents)
    return batch
