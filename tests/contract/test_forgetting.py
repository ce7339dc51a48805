"""One person forgotten: nothing of it is left but a keyed hash, by which a later list finds it again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from carillon.errors import InputError
from carillon.files.edit_run import FieldFaults, add_contact, edit_contact
from carillon.files.forget_run import export_contact, forget_contact
from carillon.files.run import import_contacts, import_records
from carillon.store import contact_search, suppressions
from carillon.store.contact_search import Wanted
from carillon.workspace import Workspace
from tests.contract.lists import execute, query

SECRET = "zoe.secret@example.com"
TABLES = (
    "contacts", "contact_issues", "contact_events", "contact_campaigns", "outbox", "suppressions",
    "forgotten", "tracking_clicks", "raw_messages", "sequence_enrollments", "sequence_step_executions",
    "changes",
)  # fmt: skip


@pytest.fixture
def zoe(workspace: Workspace) -> int:
    """A contact with a history."""
    given = {"email": SECRET, "first_name": "Zoe", "zip_code": "90210", "tags": "secret", "company": "Secret"}
    number = add_contact(workspace, given, "ann").id
    execute(
        workspace,
        "insert into outbox (id, contact_id, kind, email_type, send, status, last_error) values"
        f" (5, {number}, 0, 'birthday', 20000, 'scheduled', '550 no {SECRET}'),"
        f" (6, {number}, 0, 'birthday', 19000, 'sent', null)",
    )
    execute(
        workspace,
        "insert into contact_events (contact_id, event_type, event_data, source, raw_id) values"
        f" ({number}, 'replied', '{{\"snippet\": \"secret\"}}', 'imap', 1)",
    )
    execute(
        workspace,
        "insert into raw_messages (id, source, received_at, content)"
        " values (1, 'imap', '2026-01-01T00:00:00Z', cast('secret' as "
        + ("blob))" if workspace.database.is_sqlite else "bytea))"),
    )
    execute(
        workspace,
        f"insert into tracking_clicks (contact_id, url, ip_address) values ({number}, 'https://x', 'secret')",
    )
    return number


def rows(workspace: Workspace, statement: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in query(workspace, statement)]


def everything(workspace: Workspace) -> str:
    return json.dumps([rows(workspace, f"select * from {table}") for table in TABLES], default=str).lower()


def test_nothing_is_left(workspace: Workspace, zoe: int) -> None:
    assert "secret" in everything(workspace)
    handed_out = json.dumps(export_contact(workspace, zoe))
    assert SECRET in handed_out
    assert "snippet" in handed_out
    assert forget_contact(workspace, zoe, "ann") == 1
    assert "secret" not in everything(workspace).replace(repr(b"secret"), "secret")
    assert rows(workspace, "select status from outbox order by id") == [("cancelled",), ("sent",)]
    assert rows(workspace, f"select status, email from contacts where id = {zoe}") == [("deleted", None)]
    with pytest.raises(InputError, match="forgotten already"):
        forget_contact(workspace, zoe, "ann")
    with pytest.raises(InputError, match="no contact 99"):
        forget_contact(workspace, 99, "ann")


@pytest.mark.parametrize("road", ["file", "records", "by hand"])
def test_a_later_list_revives_it(workspace: Workspace, zoe: int, road: str, tmp_path: Path) -> None:
    """The same id, in whichever letters its address is written; it stays suppressed."""
    now = workspace.clock.now()
    workspace.database.write(lambda c: suppressions.suppress(c, SECRET, "aep", "asked", now))
    seed = rows(workspace, f"select seed from contacts where id = {zoe}")
    forget_contact(workspace, zoe, "ann")
    if road == "file":
        file = tmp_path / "list.csv"
        file.write_text(f"email,first_name\nother@example.com,Bo\n{SECRET.upper()},Zoe\n", encoding="utf-8")
        import_contacts(workspace, file, mapping={}, dry_run=True)
        assert rows(workspace, "select count(*) from forgotten") == [(1,)]
        import_contacts(workspace, file, mapping={})
    elif road == "records":
        import_records(workspace, [{"email": SECRET, "first_name": "Zoe"}])
    else:
        assert add_contact(workspace, {"email": SECRET, "first_name": "Zoe"}, "ann").id == zoe
    row = rows(workspace, f"select lower(email), first_name, status from contacts where id = {zoe}")
    assert row == [(SECRET, "Zoe", "active")]
    assert rows(workspace, f"select seed from contacts where id = {zoe}") == seed
    scopes = rows(workspace, f"select scope from suppressions where address = '{SECRET}' order by scope")
    assert scopes == [("aep",), ("all",)]
    assert rows(workspace, "select count(*) from forgotten") == [(0,)]


def test_who_shares_the_address_stays(workspace: Workspace) -> None:
    people = [{"email": SECRET, "external_id": name} for name in ("a", "b")]
    import_records(workspace, people)
    first, second = (int(row[0]) for row in rows(workspace, "select id from contacts order by id"))
    forget_contact(workspace, first, "ann")
    assert rows(workspace, "select count(*) from suppressions") == [(0,)]
    assert rows(workspace, f"select email, status from contacts where id = {second}") == [(SECRET, "active")]


def test_one_added(workspace: Workspace) -> None:
    found = add_contact(workspace, {"email": "Ann@Example.com", "zip_code": "10001", "tags": "a, b"}, "ann")
    assert (found.texts["state"], found.tags) == ("NY", ["a", "b"])
    with pytest.raises(InputError, match="has this address already"):
        add_contact(workspace, {"email": "ann@example.com"}, "ann")
    with pytest.raises(FieldFaults) as error:
        add_contact(workspace, {"email": "no", "zip_code": "1"}, "ann")
    assert set(error.value.faults) == {"email", "zip_code"}
    with pytest.raises(FieldFaults) as error:
        edit_contact(workspace, found.id, {"zip_code": "1", "birth_date": "soon"}, "ann")
    assert set(error.value.faults) == {"zip_code", "birth_date"}


def test_suppressed_contacts_are_listed(workspace: Workspace) -> None:
    """The latest first, also who shares an address, each once, a page at a time."""
    people = [{"email": f"p{n}@example.com", "zip_code": "90210"} for n in range(5)]
    people += [{"email": "pair@example.com", "external_id": name} for name in ("a", "b")]
    import_records(workspace, people)
    now = workspace.clock.now()
    for address, scope in (("p3", "all"), ("pair", "all"), ("p1", "all"), ("p3", "aep"), ("gone", "all")):
        workspace.database.write(
            lambda c, to=address, what=scope: suppressions.suppress(c, f"{to}@example.com", what, "", now)
        )
    for limit in (1, 2, 50):
        found, before = [], None
        while True:
            with workspace.database.snapshot() as connection:
                page = contact_search.suppressed(connection, Wanted(suppressed=True), before, limit)
            found += [one.texts["email"] for one in page.items]
            if page.last is None:
                break
            before = (int(page.last[0]), int(page.last[1]))
        assert found == ["p3@example.com", "p1@example.com", "pair@example.com", "pair@example.com"]
    with workspace.database.snapshot() as connection:
        some = contact_search.suppressed(connection, Wanted(state="CA"), None, 50)
    assert [one.texts["email"] for one in some.items] == ["p3@example.com", "p1@example.com"]
