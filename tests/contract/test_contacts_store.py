"""Who a row of a list is, and what it changes: the rules of `store.contacts`, on both databases."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from carillon.addresses import identity, seed
from carillon.clock import ManualClock
from carillon.files.run import import_contacts
from carillon.store import contacts as store
from carillon.store.contact_lookup import BY_ADDRESS
from carillon.workspace import Workspace
from tests.contract.conftest import MakeWorkspace
from tests.contract.diary import signed
from tests.contract.lists import (
    bring_in,
    changes,
    execute,
    forget_changes,
    issues,
    outcome,
    people,
    person,
    query,
    write_list,
)

NEW, UPDATED, UNCHANGED, REJECTED = (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)
ANN = {"email": "Ann@example.com", "first_name": "Ann", "zip_code": "90210", "birth_date": "1950-04-01"}


def later(workspace: Workspace) -> None:
    assert isinstance(workspace.clock, ManualClock)
    workspace.clock.advance(timedelta(hours=1))


def test_a_new_contact_is_stored_as_the_list_says(workspace: Workspace) -> None:
    row = ANN | {"tags": "a, b", "shoe": "42", "sms_consent_at": "2024-05-01", "phone": "+15551234567"}
    assert outcome(bring_in(workspace, row)) == NEW
    assert person(workspace) == {
        "id": 1,
        "email": "Ann@example.com",
        "first_name": "Ann",
        "zip_code": "90210",
        "state": "CA",
        "birth_date": "1950-04-01",
        "phone_number": "+15551234567",
        "sms_consent_at": "2024-05-01T05:00:00Z",
        "tags": ["a", "b"],
        "attributes": {"shoe": "42"},
        "status": "active",
        "created_at": "2026-03-01T15:30:00Z",
        "updated_at": "2026-03-01T15:30:00Z",
        "seed": signed(seed(identity("ann@example.com"))),
    }


def test_the_same_list_again_changes_nothing_at_all(workspace: Workspace) -> None:
    rows = [ANN | {"tags": "a", "shoe": "42"}, {"email": "bob@example.com", "zip_code": "1"}]
    bring_in(workspace, *rows)
    before = people(workspace), query(workspace, "select * from contact_issues order by code, contact_id")
    forget_changes(workspace)
    later(workspace)
    assert outcome(bring_in(workspace, *rows)) == (0, 0, 2, 0)
    after = people(workspace), query(workspace, "select * from contact_issues order by code, contact_id")
    assert after == before
    assert changes(workspace) == []


def test_an_email_is_compared_ignoring_case(workspace: Workspace) -> None:
    bring_in(workspace, ANN)
    report = bring_in(workspace, {"email": "ANN@EXAMPLE.COM", "first_name": "Anna"})
    assert outcome(report) == UPDATED
    assert person(workspace)["first_name"] == "Anna"


def test_letters_beyond_ascii_are_compared_ignoring_case_too(workspace: Workspace) -> None:
    bring_in(workspace, {"email": "ÅSA@exämple.com", "first_name": "Åsa"})
    assert outcome(bring_in(workspace, {"email": "åsa@EXÄMPLE.com", "first_name": "Åsa"})) == UNCHANGED
    assert person(workspace)["email"] == "åsa@exämple.com"


def test_an_external_id_decides_before_the_email(workspace: Workspace) -> None:
    bring_in(workspace, ANN | {"external_id": "X1"})
    forget_changes(workspace)
    report = bring_in(workspace, {"external_id": "X1", "email": "new@example.com"})
    assert outcome(report) == UPDATED
    assert person(workspace)["email"] == "new@example.com"
    assert person(workspace)["seed"] == signed(seed("X1"))
    assert changes(workspace) == [1]


def test_an_external_id_is_compared_as_it_is_written(workspace: Workspace) -> None:
    bring_in(workspace, ANN | {"external_id": "x1"})
    assert outcome(bring_in(workspace, ANN | {"external_id": "X1"})) == NEW


def test_a_contact_known_by_email_takes_the_external_id_and_keeps_its_seed(workspace: Workspace) -> None:
    bring_in(workspace, ANN)
    assert outcome(bring_in(workspace, {"email": "ann@EXAMPLE.com", "external_id": "X1"})) == UPDATED
    assert person(workspace)["external_id"] == "X1"
    assert person(workspace)["seed"] == signed(seed("ann@example.com"))
    assert outcome(bring_in(workspace, {"email": "ann@example.com", "external_id": "X2"})) == NEW


def test_a_couple_shares_an_address(workspace: Workspace) -> None:
    couple = [ANN | {"external_id": "X1"}, ANN | {"external_id": "X2", "first_name": "Bert"}]
    assert outcome(bring_in(workspace, *couple)) == (2, 0, 0, 0)
    assert [each["first_name"] for each in people(workspace)] == ["Ann", "Bert"]
    assert outcome(bring_in(workspace, *couple)) == (0, 0, 2, 0)


def test_of_a_couple_the_first_takes_the_contact_there_is(workspace: Workspace) -> None:
    bring_in(workspace, ANN)
    couple = [ANN | {"external_id": "X1"}, ANN | {"external_id": "X2"}]
    assert outcome(bring_in(workspace, *couple)) == (1, 1, 0, 0)
    assert [each["external_id"] for each in people(workspace)] == ["X1", "X2"]


def test_without_an_external_id_the_only_one_with_the_address_is_meant(workspace: Workspace) -> None:
    bring_in(workspace, ANN | {"external_id": "X1"})
    assert outcome(bring_in(workspace, {"email": "ann@example.com", "last_name": "Lee"})) == UPDATED
    assert person(workspace)["last_name"] == "Lee"
    assert person(workspace)["external_id"] == "X1"


def test_without_an_external_id_nobody_of_two_is_meant(workspace: Workspace) -> None:
    bring_in(workspace, ANN | {"external_id": "X1"}, ANN | {"external_id": "X2"})
    before = people(workspace)
    report = bring_in(workspace, {"email": "ann@example.com", "last_name": "Lee"})
    assert outcome(report) == REJECTED
    assert people(workspace) == before
    ((kind, problem),) = report.problems
    assert kind == "rejected"
    assert tuple(problem) == (
        2,
        "email",
        "ann@example.com",
        "two contacts share this address: map external_id",
    )


def test_without_an_external_id_the_one_who_has_none_comes_first(workspace: Workspace) -> None:
    execute(
        workspace,
        "insert into contacts (email, external_id) values"
        " ('ann@example.com', 'X1'), ('ann@example.com', 'X2'), ('ann@example.com', null)",
    )
    assert outcome(bring_in(workspace, {"email": "ann@example.com", "last_name": "Lee"})) == UPDATED
    assert [each.get("last_name") for each in people(workspace)] == [None, None, "Lee"]


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("plain_first", [False, True])
def test_one_list_does_not_change_one_contact_twice(
    workspace: Workspace, stored: bool, plain_first: bool
) -> None:
    """The row with the external id says who it is; the other one, meaning the same, is told about."""
    if stored:
        bring_in(workspace, {"email": "ann@example.com", "title": "Dr"})
    rows = [ANN | {"external_id": "X1"}, ANN | {"external_id": "", "first_name": "Anna"}]
    for expected in ((not stored, stored, 0, 1), (0, 0, 1, 1)):
        report = bring_in(workspace, *(reversed(rows) if plain_first else rows))
        assert outcome(report) == expected
        assert "has an external id" in report.problems[0][1].reason
        assert report.problems[0][1].line == (2 if plain_first else 3)
        assert person(workspace)["first_name"] == "Ann"


def test_empty_cells_and_missing_columns_erase_nothing(workspace: Workspace) -> None:
    full = ANN | {"company": "Acme", "tags": "a", "shoe": "42", "timezone": "America/Denver"}
    bring_in(workspace, full)
    before = person(workspace)
    empty = dict.fromkeys(full, "") | {"email": "ann@example.com".replace("ann", "Ann")}
    assert outcome(bring_in(workspace, empty)) == UNCHANGED
    assert outcome(bring_in(workspace, {"email": "Ann@example.com"})) == UNCHANGED
    assert person(workspace) == before
    assert issues(workspace) == set()


def test_attributes_are_merged_key_by_key(workspace: Workspace) -> None:
    bring_in(workspace, {"email": "a@example.com", "attributes": '{"a": 1, "b": {"x": 1}, "c": null}'})
    report = bring_in(workspace, {"email": "a@example.com", "attributes": '{"b": {"y": [true]}, "d": "é"}'})
    assert outcome(report) == UPDATED
    assert person(workspace)["attributes"] == {"a": 1, "b": {"y": [True]}, "c": None, "d": "é"}
    assert outcome(bring_in(workspace, {"email": "a@example.com", "attributes": '{"a": 1}'})) == UNCHANGED
    assert outcome(bring_in(workspace, {"email": "a@example.com", "attributes": '{"a": true}'})) == UPDATED


def test_tags_are_united(workspace: Workspace) -> None:
    bring_in(workspace, {"email": "a@example.com", "tags": "x, y"})
    assert outcome(bring_in(workspace, {"email": "a@example.com", "tags": "z, y, w"})) == UPDATED
    assert person(workspace)["tags"] == ["x", "y", "z", "w"]
    assert outcome(bring_in(workspace, {"email": "a@example.com", "tags": "w, x"})) == UNCHANGED


@pytest.mark.parametrize("rubbish", ["[1]", '"text"', "{}"])
def test_json_of_other_programs_does_not_stop_an_import(workspace: Workspace, rubbish: str) -> None:
    execute(
        workspace,
        "insert into contacts (email, attributes, tags) values ('a@example.com', :rubbish, :rubbish)",
        rubbish=rubbish,
    )
    bring_in(workspace, {"email": "a@example.com", "attributes": '{"a": 1}', "tags": "x"})
    assert person(workspace)["attributes"] == {"a": 1}
    assert person(workspace)["tags"] == ([1, "x"] if rubbish == "[1]" else ["x"])


@pytest.mark.parametrize(
    ("row", "zip_code", "state"),
    [
        ({}, "90210", "CA"),
        ({"zip_code": "10001"}, "10001", "NY"),
        ({"zip_code": "10001", "state": "NV"}, "10001", "NY"),
        ({"state": "NV"}, "90210", "CA"),
        ({"zip_code": "", "state": "NV"}, "90210", "CA"),
        ({"zip_code": "00000"}, "00000", None),
        ({"zip_code": "00000", "state": "NV"}, "00000", "NV"),
    ],
)
def test_the_state_follows_the_zip(
    workspace: Workspace, row: dict[str, str], zip_code: str, state: str | None
) -> None:
    bring_in(workspace, ANN)
    for _ in range(2):
        bring_in(workspace, {"email": "ann@example.com"} | row)
        assert (person(workspace)["zip_code"], person(workspace).get("state")) == (zip_code, state)


def test_a_state_without_a_zip_is_kept_until_a_zip_comes(workspace: Workspace) -> None:
    bring_in(workspace, {"email": "a@example.com", "state": "Nevada"})
    assert person(workspace)["state"] == "NV"
    bring_in(workspace, {"email": "a@example.com", "zip_code": "90210"})
    assert person(workspace)["state"] == "CA"


def test_status_is_never_changed_by_an_import(workspace: Workspace) -> None:
    bring_in(workspace, ANN)
    execute(workspace, "update contacts set status = 'opted_out'")
    bring_in(workspace, ANN | {"first_name": "Anna", "status": "active"})
    assert person(workspace)["status"] == "opted_out"
    assert person(workspace)["attributes"] == {"status": "active"}


def test_moments_tell_what_happened_when(workspace: Workspace) -> None:
    bring_in(workspace, ANN, {"email": "bob@example.com"})
    later(workspace)
    bring_in(
        workspace, ANN | {"last_name": "Lee"}, {"email": "bob@example.com"}, {"email": "new@example.com"}
    )
    first, second = "2026-03-01T15:30:00Z", "2026-03-01T16:30:00Z"
    moments = [(each["created_at"], each["updated_at"]) for each in people(workspace)]
    assert moments == [(first, second), (first, first), (second, second)]


def test_issues_are_noted_and_replaced(workspace: Workspace) -> None:
    bring_in(
        workspace,
        {"email": "a@example.com", "zip_code": "00000", "birth_date": "soon", "effective_date": "2001-02-30"},
        {"email": "b@example.com", "zip_code": "", "birth_date": "", "effective_date": ""},
        {"email": "c@example.com", "zip_code": "90210", "birth_date": "2030-01-01", "effective_date": ""},
    )
    found = {(who, code) for who, code, _ in issues(workspace)}
    assert found == {
        (1, "invalid_zip"),
        (1, "invalid_birth_date"),
        (1, "invalid_effective_date"),
        (2, "missing_zip"),
        (3, "invalid_birth_date"),
    }
    runs = {row["run_id"] for row in query(workspace, "select run_id from contact_issues")}
    assert runs == {"import 2026-03-01T15:30:00Z"}

    later(workspace)
    bring_in(
        workspace,
        # Zip mended, birth date bad in another way, effective date not said again.
        {"email": "a@example.com", "zip_code": "90210", "birth_date": "never", "effective_date": ""},
        {"email": "b@example.com", "zip_code": "10001", "birth_date": "", "effective_date": ""},
        # An empty ZIP where there is one is none missing.
        {"email": "c@example.com", "zip_code": "", "birth_date": "1950-01-01", "effective_date": ""},
    )
    found = {(who, code) for who, code, _ in issues(workspace)}
    assert found == {(1, "invalid_birth_date"), (1, "invalid_effective_date")}
    runs = {row["code"]: row["run_id"] for row in query(workspace, "select * from contact_issues")}
    assert runs["invalid_birth_date"] == "import 2026-03-01T16:30:00Z"
    assert runs["invalid_effective_date"] == "import 2026-03-01T15:30:00Z"


def test_a_list_says_nothing_about_columns_it_does_not_have(workspace: Workspace) -> None:
    bring_in(workspace, {"email": "a@example.com", "zip_code": "00000", "birth_date": "soon"})
    before = issues(workspace)
    assert len(before) == 2
    bring_in(workspace, {"email": "a@example.com", "first_name": "Ann"})
    assert issues(workspace) == before


def test_what_the_planner_found_stays(workspace: Workspace) -> None:
    bring_in(workspace, ANN)
    execute(
        workspace,
        "insert into contact_issues (contact_id, code, detail, run_id)"
        " values (1, 'missing_anchor_date', '', 'run')",
    )
    bring_in(workspace, ANN | {"first_name": "Anna"})
    assert issues(workspace) == {(1, "missing_anchor_date", "")}


def test_a_differing_state_is_an_issue_with_and_without_a_zip_in_the_list(workspace: Workspace) -> None:
    bring_in(workspace, ANN | {"state": "NV"})
    assert issues(workspace) == {(1, "state_mismatch", "NV: the ZIP code lies in CA, which counts")}
    bring_in(workspace, ANN | {"state": "CA"})
    assert issues(workspace) == set()
    for _ in range(2):
        bring_in(workspace, {"email": "ann@example.com", "state": "TX"})
        assert issues(workspace) == {(1, "state_mismatch", "TX: the ZIP code lies in CA, which counts")}
    bring_in(workspace, {"email": "ann@example.com", "state": "CA"})
    assert issues(workspace) == set()


def test_a_list_into_an_empty_table_means_everybody(workspace: Workspace) -> None:
    forget_changes(workspace)
    bring_in(workspace, ANN, {"email": "bob@example.com"})
    assert changes(workspace) == [0]


def test_a_small_list_notes_whom_it_changed(workspace: Workspace) -> None:
    bring_in(workspace, ANN, {"email": "bob@example.com"}, {"email": "cy@example.com"})
    forget_changes(workspace)
    bring_in(
        workspace,
        {"email": "ann@example.com", "zip_code": "90211"},
        {"email": "bob@example.com", "last_name": "not for the planner"},
        {"email": "cy@example.com"},
        {"email": "new@example.com"},
    )
    assert sorted(changes(workspace)) == [1, 4]


def test_a_large_list_means_everybody(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BULK_ROWS", 2)
    crowd = [{"email": f"p{i}@example.com", "zip_code": "90210"} for i in range(5)]
    bring_in(workspace, *crowd)
    forget_changes(workspace)
    bring_in(workspace, *crowd[:2], *(row | {"zip_code": "10001"} for row in crowd[2:]))
    assert changes(workspace) == [0]
    forget_changes(workspace)
    bring_in(workspace, *crowd[:3], {"email": "new@example.com"})
    assert sorted(changes(workspace)) == [3, 6]


def test_everybody_is_noted_anew_even_if_it_was_before(workspace: Workspace) -> None:
    """The row that is there may be forgotten by a run that has already read the contacts."""
    before = changes(workspace)
    bring_in(workspace, ANN)
    assert changes(workspace) == [*before, 0]


@pytest.mark.parametrize("known", [0, 30])
def test_a_mixed_crowd_in_several_batches(
    workspace: Workspace, known: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows with and without external ids in any order, in small batches, against a plain Python upsert."""
    monkeypatch.setattr("carillon.files.run.BATCH_ROWS", 7)
    monkeypatch.setattr(store, "BULK_ROWS", 5)
    chance = random.Random(f"crowd {known}")

    def row(number: int) -> dict[str, str]:
        external = chance.choice(["", f"X{chance.randrange(40)}"])
        return {
            "email": f"p{chance.randrange(40)}@example.com",
            "external_id": external,
            "first_name": chance.choice(["", "Ann", "Bob"]),
            "zip_code": chance.choice(["", "90210", "10001", "0"]),
            "line": str(number),
        }

    model = Model()
    for size in (known, 60, 60, 20):
        rows = [row(number) for number in range(size)]
        expected = model.take(rows)
        if rows:
            assert outcome(bring_in(workspace, *rows)) == expected
        stored = [
            (each["email"], each.get("external_id", ""), each.get("first_name", ""), each.get("zip_code", ""))
            for each in people(workspace)
        ]
        assert sorted(stored) == sorted(model.stored())


class Model:
    """The identity rules, one row at a time."""

    def __init__(self) -> None:
        self.people: list[dict[str, str]] = []

    def stored(self) -> list[tuple[str, ...]]:
        return [
            tuple(each[name] for name in ("email", "external_id", "first_name", "zip_code"))
            for each in self.people
        ]

    def take(self, rows: list[dict[str, str]]) -> tuple[int, int, int, int]:
        seen, kept = set(), []
        for row in rows:
            if (who := row["external_id"] or row["email"]) not in seen:
                kept.append(row)
            seen.add(who)
        counts = [0, 0, 0, len(rows) - len(kept)]
        named = [row for row in kept if row["external_id"]]
        by_id = {each["external_id"] for each in self.people}
        told: list[dict[str, str]] = []
        for row in named:
            found = [each for each in self.people if each["external_id"] == row["external_id"]]
            if row["external_id"] not in by_id:
                found = [each for each in self._at(row) if not each["external_id"] and each not in told]
            counts[self._put(row, found[0] if found else None, told)] += 1
        for row in (row for row in kept if not row["external_id"]):
            plain = [each for each in self._at(row) if not each["external_id"]]
            shared = [each for each in self._at(row) if each["external_id"]]
            if plain or not shared:
                counts[self._put(row, plain[0] if plain else None, [])] += 1
            elif len(shared) > 1 or any(each is shared[0] for each in told):
                counts[3] += 1
            else:
                counts[self._put(row, shared[0], [])] += 1
        return counts[0], counts[1], counts[2], counts[3]

    def _at(self, row: dict[str, str]) -> list[dict[str, str]]:
        return [each for each in self.before(row) if each["email"] == row["email"]]

    def before(self, _row: dict[str, str]) -> list[dict[str, str]]:
        return self.people

    def _put(self, row: dict[str, str], who: dict[str, str] | None, told: list[dict[str, str]]) -> int:
        if who is None:
            self.people.append(dict(row))
            told.append(self.people[-1])
            return 0
        before = dict(who)
        who.update({name: value for name, value in row.items() if value})
        told.append(who)
        return 1 if who != before else 2


def test_new_ids_lie_above_all_that_history_knows(workspace: Workspace) -> None:
    """A contact that someone deleted leaves sent emails behind: they must not become another one's."""
    bring_in(workspace, ANN)
    execute(
        workspace,
        "insert into email_schedules (contact_id, email_type, scheduled_send_date, status)"
        " values (41, 'birthday', '2026-01-01', 'sent')",
    )
    execute(workspace, "delete from contacts")
    bring_in(workspace, ANN)
    assert person(workspace)["id"] == 42
    execute(workspace, "insert into contacts (email) values ('by-hand@example.com')")
    assert people(workspace)[1]["id"] == 43


def test_ids_given_by_others_are_not_given_again(workspace: Workspace) -> None:
    execute(workspace, "insert into contacts (id, email) values (5, 'a@example.com')")
    bring_in(workspace, {"email": "b@example.com"}, {"email": "c@example.com"})
    assert [each["id"] for each in people(workspace)] == [5, 6, 7]


@pytest.mark.parametrize("known", [False, True])
def test_a_failure_leaves_nothing_behind(
    workspace: Workspace, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if known:
        bring_in(workspace, {"email": "first@example.com"})
    before = people(workspace), changes(workspace)
    path = write_list(workspace.folder / "more.csv", [ANN, {"email": "bob@example.com"}])

    def fail(*_: object) -> None:
        raise OSError("the disk went away")

    with monkeypatch.context() as broken:
        broken.setattr("carillon.files.run.write_table", fail)
        broken.setattr("carillon.files.run._Store._write_report", fail)
        with pytest.raises(OSError, match="went away"):
            import_contacts(workspace, path, mapping={})
    assert (people(workspace), changes(workspace)) == before
    assert outcome(import_contacts(workspace, path, mapping={})) == (2, 0, 0, 0)
    indexes = query(workspace, "select count(*) as n from sqlite_master where tbl_name = 'contacts' and type"
                    " in ('index', 'trigger')") if workspace.database.is_sqlite else [{"n": 12}]  # fmt: skip
    assert indexes == [{"n": 12}]


def test_readers_see_the_old_contacts_meanwhile(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_in(workspace, ANN)
    seen = []

    def look(*_: object) -> None:
        seen.append([each["email"] for each in people(workspace)])

    monkeypatch.setattr("carillon.files.run._Store._write_report", look)
    bring_in(workspace, {"email": "bob@example.com"})
    assert seen == [["Ann@example.com"]]
    assert len(people(workspace)) == 2


@pytest.mark.parametrize("join", BY_ADDRESS)
def test_addresses_lead_to_contacts_by_index(make_workspace: MakeWorkspace, join: str) -> None:
    """Without it each reply would read all contacts. PostgreSQL chooses by size, and can use it as well."""
    with make_workspace("sqlite").database.snapshot() as connection:
        run = connection.exec_driver_sql
        run("create temp table temp_addresses (address text)")
        plan = [str(row[3]) for row in run(f"explain query plan select c.id from temp_addresses a {join}")]
    assert any(step.startswith("SEARCH c USING INDEX contacts_by_") for step in plan), plan
