"""Files in and out: what an import reports, what exports hold, and that one reads what the other wrote."""

from __future__ import annotations

import csv
import io
import json
import random
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from carillon.errors import InputError, WorkspaceError
from carillon.files import run as files
from carillon.files.run import export_contacts, export_plan, import_contacts
from carillon.plan.run import Request
from carillon.plan.run import run as plan
from carillon.store.exports import CONTACT_COLUMNS, SCHEDULE_COLUMNS
from carillon.workspace import Workspace
from tests.contract.conftest import MakeWorkspace
from tests.contract.lists import (
    Row,
    bring_in,
    changes,
    execute,
    issues,
    outcome,
    people,
    query,
    write_list,
)

TODAY = date(2026, 3, 1)
MESSY = [
    {"Mail": "ann@example.com", "ZIP": "90210", "DOB": "4/1/1950", "Colour": "blue"},
    {"Mail": "no address", "ZIP": "90210", "DOB": "4/1/1950", "Colour": ""},
    {"Mail": "bob@example.com", "ZIP": "0", "DOB": "13/1/1950", "Colour": ""},
    {"Mail": "ANN@example.com", "ZIP": "90210", "DOB": "", "Colour": ""},
    {"Mail": "=cmd@example.com", "ZIP": "90210", "DOB": "", "Colour": "=1+1"},
]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def plan_today(workspace: Workspace) -> None:
    plan(workspace, Request(TODAY), lambda *_: None, lambda _: None)


# -- imports -----------------------------------------------------------------------------------------


def test_a_report_tells_what_became_of_every_row(workspace: Workspace) -> None:
    report = bring_in(workspace, *MESSY)
    assert (report.read, *outcome(report)) == (5, 3, 0, 0, 2)
    assert report.columns == {
        "Mail": "email",
        "ZIP": "zip_code",
        "DOB": "birth_date",
        "Colour": "attributes.Colour",
    }
    assert report.report == workspace.folder / "imports" / "20260301T153000Z-list-problems.csv"
    assert report.report is not None
    told = read_csv(report.report)
    assert [(row["kind"], row["line"], row["column"]) for row in told] == [
        ("rejected", "3", "Mail"),
        ("warning", "4", "DOB"),
        ("warning", "4", "ZIP"),
        ("rejected", "5", "Mail"),
    ]
    assert report.warnings == 2
    assert told[3]["value"] == "ANN@example.com"
    assert told[3]["reason"] == "duplicate of line 2"
    assert [(kind, str(problem.line)) for kind, problem in report.problems] == [
        (row["kind"], row["line"]) for row in told
    ]


def test_a_report_is_never_overwritten_and_none_is_made_without_problems(workspace: Workspace) -> None:
    first, second = (bring_in(workspace, *MESSY).report for _ in range(2))
    assert first
    assert second
    assert second.name == "20260301T153000Z-list-problems-2.csv"
    assert bring_in(workspace, {"email": "fine@example.com"}).report is None
    assert sorted((workspace.folder / "imports").iterdir()) == sorted([first, second])


def test_a_dry_run_tells_the_same_and_changes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    bring_in(workspace, MESSY[0])
    execute(workspace, "update contacts set last_name = 'Lee', updated_at = null")
    before = people(workspace), changes(workspace), issues(workspace)
    rows = [*MESSY, {"Mail": "new@example.com", "DOB": "1/1/1950"}]
    dry = bring_in(workspace, *rows, dry_run=True)
    assert (people(workspace), changes(workspace), issues(workspace)) == before
    assert dry.dry_run
    assert dry.report is None
    assert not (workspace.folder / "imports").exists()

    told = bring_in(workspace, *rows, dry_run=True, report_to=tmp_path / "told.csv")
    assert told.report == tmp_path / "told.csv"
    real = bring_in(workspace, *rows)
    assert outcome(real) == outcome(dry) == outcome(told)
    assert real.problems == dry.problems
    assert real.report
    assert real.report.read_bytes() == (tmp_path / "told.csv").read_bytes()


def test_a_dry_run_into_an_empty_workspace_leaves_it_empty(workspace: Workspace) -> None:
    assert outcome(bring_in(workspace, *MESSY, dry_run=True)) == (3, 0, 0, 2)
    assert people(workspace) == []
    assert outcome(bring_in(workspace, *MESSY)) == (3, 0, 0, 2)


def test_more_problems_than_fit_on_a_screen_all_stand_in_the_file(workspace: Workspace) -> None:
    report = bring_in(workspace, *({"email": f"nobody {i}"} for i in range(60)))
    assert outcome(report) == (0, 0, 0, 60)
    assert len(report.problems) == files.SHOWN
    assert report.report
    assert len(read_csv(report.report)) == 60


def test_standard_input_is_read(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"email\na@example.com\nbad\n")))
    report = import_contacts(workspace, "-", mapping={})
    assert outcome(report) == (1, 0, 0, 1)
    assert report.report
    assert report.report.name == "20260301T153000Z-stdin-problems.csv"


def test_a_list_of_nothing_but_a_header_is_fine(workspace: Workspace) -> None:
    (workspace.folder / "empty.csv").write_text("email,zip\n", encoding="utf-8")
    assert outcome(import_contacts(workspace, workspace.folder / "empty.csv", mapping={})) == (0, 0, 0, 0)


def test_progress_goes_from_nothing_to_all(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BATCH_ROWS", 2)
    told: list[tuple[int, int]] = []
    bring_in(workspace, *MESSY, progress=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1]
    assert len({total for _, total in told}) == 1


def test_a_damaged_file_changes_nothing(workspace: Workspace) -> None:
    path = workspace.folder / "bad.xlsx"
    path.write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(InputError, match="damaged"):
        import_contacts(workspace, path, mapping={})
    assert people(workspace) == []


def test_a_report_that_cannot_be_written_stops_the_import(workspace: Workspace) -> None:
    """Contacts are not taken if what was left out cannot be told."""
    with pytest.raises(WorkspaceError, match="does not exist"):
        bring_in(workspace, *MESSY, report_to=workspace.folder / "nowhere" / "report.csv")
    assert people(workspace) == []
    (workspace.folder / "imports").write_text("in the way", encoding="utf-8")
    with pytest.raises(WorkspaceError, match="imports"):
        bring_in(workspace, *MESSY)
    assert people(workspace) == []


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("2024-05-01", "2024-05-01T05:00:00Z"),
        ("5/1/2024", "2024-05-01T05:00:00Z"),
        ("2024-01-01 10:30", "2024-01-01T16:30:00Z"),
        ("2024-01-01T10:30:15.25", "2024-01-01T16:30:15Z"),
        ("2024-01-01T10:30:15Z", "2024-01-01T10:30:15Z"),
        ("2024-01-01T10:30:15+02:00", "2024-01-01T08:30:15Z"),
        ("2024-01-01 10:30:15 -0530", "2024-01-01T16:00:15Z"),
        ("2024-03-10T02:30", "2024-03-10T06:00:00Z"),  # skipped by the clocks of that night
        ("2024-11-03T01:30", "2024-11-03T06:30:00Z"),  # twice that night: the first
        ("2024-01-01 10:30 in the morning", "2024-01-01T06:00:00Z"),
        ("yes", None),
    ],
)
def test_a_consent_is_a_moment(make_workspace: MakeWorkspace, given: str, stored: str | None) -> None:
    workspace = make_workspace("sqlite")
    bring_in(workspace, {"email": "a@example.com", "sms_consent_at": given})
    assert people(workspace)[0].get("sms_consent_at") == stored


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("tags", r'["\u0000"]'),
        ("tags", r'["\ud800"]'),
        ("attributes", r'{"a": "\u0000"}'),
        ("attributes", r'{"a": "\ud800"}'),
        ("attributes", '{"a": 1e400}'),
        ("attributes", '{"a": NaN}'),
        ("attributes", '{"a": ' + "[" * 5000 + "]" * 5000 + "}"),
    ],
)
def test_one_odd_value_never_stops_a_list(workspace: Workspace, column: str, value: str) -> None:
    report = bring_in(workspace, {"email": "a@example.com", column: value}, {"email": "b@example.com"})
    assert (*outcome(report), report.warnings) == (2, 0, 0, 0, 1)
    assert column not in people(workspace)[0]


@pytest.mark.parametrize(
    "value",
    [
        "\\.",
        "\\N",
        "a\n\\.\nb",
        "'",
        '"',
        "a,b",
        "a\x1eb",
        "a\x1f|\x1eb",
        "=1+1",
        "a\u2028b",
        "\U0001f514",
        ":now",
    ],
)
def test_any_text_is_kept_as_it_is(workspace: Workspace, value: str) -> None:
    """Also what means something to COPY, to spreadsheets, or to our own way of reading."""
    for known in (False, True):
        bring_in(workspace, {"email": f"p{known}@example.com", "note": value, "state": "NV"})
    assert [each["attributes"]["note"] for each in people(workspace)] == [value] * 2
    export_contacts(workspace, workspace.folder / "out.parquet")
    out = pl.read_parquet(workspace.folder / "out.parquet")
    assert [json.loads(each)["note"] for each in out["attributes"]] == [value] * 2


def test_postgresql_takes_every_consent_that_sqlite_takes(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace("postgresql")
    given = ["2024-05-01", "2024-01-01 10:30 in the morning", "2024-01-01T10:30:15+02:00", "yes", ""]
    bring_in(workspace, *({"email": f"p{i}@example.com", "sms_consent_at": g} for i, g in enumerate(given)))
    stored = [each.get("sms_consent_at") for each in people(workspace)]
    assert stored == ["2024-05-01T05:00:00Z", "2024-01-01T06:00:00Z", "2024-01-01T08:30:15Z", None, None]


# -- contacts out ------------------------------------------------------------------------------------


def test_contacts_are_exported_in_order_with_all_their_columns(workspace: Workspace) -> None:
    bring_in(
        workspace,
        {"email": "zoe@example.com"},
        {"email": "Bob@example.com", "external_id": "B2", "tags": "x", "first_name": "=Bob"},
        {"email": "bob@example.com", "external_id": "B1", "phone": "+15551234567"},
        {"email": "ann@example.com", "shoe": "42"},
    )
    path = workspace.folder / "out.csv"
    told: list[tuple[int, int]] = []
    assert export_contacts(workspace, path, lambda done, total: told.append((done, total))) == 4
    rows = read_csv(path)
    assert list(rows[0]) == list(CONTACT_COLUMNS)
    assert [(row["email"], row["external_id"]) for row in rows] == [
        ("ann@example.com", ""),
        ("Bob@example.com", "B2"),
        ("bob@example.com", "B1"),
        ("zoe@example.com", ""),
    ]
    assert json.loads(rows[0]["attributes"]) == {"shoe": "42"}
    assert rows[1]["first_name"] == "'=Bob"
    assert rows[2]["phone_number"] == "+15551234567"
    assert rows[3]["created_at"] == "2026-03-01T15:30:00Z"
    assert told[-1][0] == told[-1][1]


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_an_empty_workspace_exports_a_header(make_workspace: MakeWorkspace, ending: str) -> None:
    workspace = make_workspace("sqlite")
    for export in (export_contacts, export_plan):
        path = workspace.folder / f"{export.__name__}.{ending}"
        assert export(workspace, path) == 0
        assert path.stat().st_size > 0
    assert export_plan(workspace, path, canonical=True) == 0


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_an_export_can_be_imported_again(
    make_workspace: MakeWorkspace, kind: str, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BATCH_ROWS", 2)
    here, there = make_workspace(kind), make_workspace(kind)
    bring_in(
        here,
        {"email": "ann@example.com", "ZIP": "02101", "title": "-", "shoe": "=42", "tags": "x,y"},
        {"email": "bob@example.com", "ZIP": "90210-1234", "company": "A, B & \"C\"", "birth_date": "soon"},
        {"email": "cy@example.com", "phone": "+15551234567", "sms_consent_at": "2024-05-01 10:00"},
        {"email": "dee@example.com", "external_id": "0012", "timezone": "America/Denver", "state": "NV"},
    )  # fmt: skip
    execute(here, "update contacts set status = 'bounced' where email = 'bob@example.com'")
    path = here.folder / f"out.{ending}"
    export_contacts(here, path)
    assert outcome(import_contacts(here, path, mapping={})) == (0, 0, 4, 0)
    report = import_contacts(there, path, mapping={})
    assert outcome(report) == (4, 0, 0, 0)
    assert {name for name, target in report.columns.items() if not target} == {
        "id",
        "status",
        "created_at",
        "updated_at",
    }

    def told(workspace: Workspace) -> list[Row]:
        return [
            each | {"status": "", "id": 0} for each in sorted(people(workspace), key=lambda p: p["email"])
        ]

    assert told(here) == told(there)


def test_someone_elses_id_and_status_are_kept_as_attributes(workspace: Workspace) -> None:
    bring_in(workspace, {"email": "a@example.com", "id": "7", "status": "gold"})
    assert people(workspace)[0]["attributes"] == {"id": "7", "status": "gold"}


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
LISTS = st.lists(
    st.fixed_dictionaries(
        {
            "email": st.from_regex(r"[a-cA-C]{1,2}@example\.com", fullmatch=True),
            "external_id": st.sampled_from(["", "1", "2"]),
        },
        optional={
            "first_name": TEXT,
            "company": TEXT,
            "zip_code": st.sampled_from(["", "90210", "7302", "x"]),
            "birth_date": st.sampled_from(["", "1/2/1950", "1950-02-30", "2/30/1950"]),
            "tags": st.sampled_from(["", "a", "b, a", '["c, d"]']),
            "attributes": st.dictionaries(
                st.sampled_from("xyz"), st.one_of(TEXT, st.integers(), st.none(), st.booleans())
            ).map(json.dumps),
            "note": TEXT,
        },
    ),
    min_size=1,
    max_size=6,
)  # fmt: skip


def emptied(workspace: Workspace) -> Workspace:
    for table in ("contacts", "contact_issues", "changes"):
        execute(workspace, f"delete from {table}")
    return workspace


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(rows=LISTS, more=LISTS)
def test_lists_are_taken_once_and_come_out_whole(
    make_workspace: MakeWorkspace, rows: list[Row], more: list[Row]
) -> None:
    """Import is idempotent; both databases agree; an export, imported elsewhere, is the same contacts."""
    here, there = (emptied(workspace) for workspace in kept_workspaces(make_workspace))
    for part in (rows, more):
        first = [outcome(bring_in(workspace, *part)) for workspace in (here, there)]
        assert first[0] == first[1]
        again = outcome(bring_in(here, *part))
        assert again == (0, 0, sum(first[0]) - first[0][3], first[0][3])
        assert without_ids(here) == without_ids(there)
        assert {each[1:] for each in issues(here)} == {each[1:] for each in issues(there)}
    path = here.folder / "out.csv"
    export_contacts(here, path)
    # Someone without an external id who shares an address with someone who has one is told about instead.
    before = without_ids(here)
    named = {each["email"].lower() for each in before if "external_id" in each}
    before = [each for each in before if "external_id" in each or each["email"].lower() not in named]
    report = import_contacts(emptied(there), path, mapping={})
    assert report.created == len(before)
    assert [each | {"seed": 0} for each in without_ids(there)] == [each | {"seed": 0} for each in before]


_kept: dict[Callable[..., Workspace], list[Workspace]] = {}


def kept_workspaces(make_workspace: MakeWorkspace) -> list[Workspace]:
    """One of each kind for all examples of a test."""
    if make_workspace not in _kept:
        _kept.clear()
        _kept[make_workspace] = [make_workspace("sqlite"), make_workspace("postgresql")]
    return _kept[make_workspace]


def without_ids(workspace: Workspace) -> list[Row]:
    rows = [{name: value for name, value in each.items() if name != "id"} for each in people(workspace)]
    return sorted(rows, key=lambda row: (row["email"].lower(), row.get("external_id", "")))


# -- the plan out ------------------------------------------------------------------------------------


def crowd(size: int) -> list[dict[str, str]]:
    """Contacts of all kinds: with and without dates, in states with and without windows, some bad."""
    chance = random.Random(size)
    zips = ["90210", "10001", "63101", "33101", "89101", "83702", "0"]
    return [
        {
            "email": f"{chance.choice('aAbBcC')}person{i}@example.com",
            "external_id": f"X{i}" if i % 3 == 0 else "",
            "zip_code": zips[i % len(zips)],
            "birth_date": f"19{chance.randint(30, 60)}-{chance.randint(1, 12):02d}-17",
            "effective_date": ""
            if i % 4 == 0
            else f"20{chance.randint(10, 24)}-{chance.randint(1, 12):02d}-11",
        }
        for i in range(size)
    ]


def move_on(workspace: Workspace) -> None:
    """Emails leave the plan in every way, chosen by who they are for, not by their ids."""
    pick = "select s.id from email_schedules s join contacts c on c.id = s.contact_id where c.email = :email"
    emails = query(
        workspace,
        "select distinct c.email from email_schedules s join contacts c on c.id = s.contact_id"
        " where s.email_type in ('aep', 'birthday')",
    )
    emails = sorted(row["email"] for row in emails)
    steps = [
        ("sent", emails[1]),
        ("scheduled", emails[2]),
        ("bounced", emails[3]),
        ("skipped", emails[4]),
        ("pre-scheduled", emails[5]),
    ]
    for status, email in steps:
        more = ", skip_reason = 'missed'" if status == "skipped" else ""
        if status == "pre-scheduled":
            more = ", scheduled_send_date = '2026-12-24', skip_reason = null"
        execute(
            workspace,
            f"update email_schedules set status = :status{more} where id in ({pick})"
            " and email_type in ('aep', 'birthday')",
            status=status,
            email=email,
        )
    execute(
        workspace,
        "insert into email_schedules (contact_id, email_type, scheduled_send_date, status, channel)"
        " select id, 'newsletter', '2025-01-01', 'delivered', 'sms' from contacts where email = :email",
        email=emails[6],
    )


def planned(workspace: Workspace, rows: list[dict[str, str]]) -> Workspace:
    bring_in(workspace, *rows)
    plan_today(workspace)
    move_on(workspace)
    return workspace


def test_canonical_plans_are_equal_byte_for_byte(
    make_workspace: MakeWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On both databases, and whatever ids the contacts have: seeds hang on who they are."""
    monkeypatch.setattr(files, "BATCH_ROWS", 13)
    rows = crowd(60)
    shuffled = random.Random(1).sample(rows, len(rows))
    there = make_workspace("sqlite")
    execute(there, "insert into contacts (id, email, status) values (700, 'gone@example.com', 'opted_out')")
    written = []
    for workspace, order in (
        (make_workspace("sqlite"), rows),
        (make_workspace("postgresql"), rows),
        (there, shuffled),
    ):
        path = planned(workspace, order).folder / "plan.csv"
        assert export_plan(workspace, path, canonical=True) > 100
        written.append(path.read_bytes())
    assert written[0] == written[1] == written[2]
    found = read_csv(path)
    assert [*found[0]] == [
        "email", "external_id", "email_type", "campaign_instance", "event_date", "scheduled_send_date",
        "scheduled_send_time", "original_send_date", "status", "skip_reason", "priority", "pinned",
        "email_template", "sms_template", "channel",
    ]  # fmt: skip
    order = [(row["email"].lower(), row["email_type"], row["event_date"]) for row in found]
    assert order == sorted(order)
    assert {row["status"] for row in found} >= {"sent", "scheduled", "bounced", "skipped", "pre-scheduled"}
    assert {row["pinned"] for row in found} == {"0", "1"}


def test_an_exported_plan_is_what_the_view_shows(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BATCH_ROWS", 7)
    planned(workspace, crowd(40))
    execute(
        workspace,
        "insert into email_schedules (contact_id, email_type, scheduled_send_date, status)"
        " values (9999, 'birthday', '2025-01-01', 'sent')",
    )
    path = workspace.folder / "plan.parquet"
    exported = export_plan(workspace, path)
    view = query(workspace, "select s.*, c.email, c.external_id from email_schedules s"
                            " left join contacts c on c.id = s.contact_id")  # fmt: skip
    assert exported == len(view)

    def text(value: object) -> object:
        return value if value is None or isinstance(value, int) else str(value)

    def as_exported(row: Row) -> tuple[object, ...]:
        event = None
        if row["event_year"] is not None:
            event = date(row["event_year"], row["event_month"], row["event_day"]).isoformat()
        row = row | {"event_date": event, "campaign_instance": None}
        return tuple(text(row[name]) for name in SCHEDULE_COLUMNS)

    found = pl.read_parquet(path).select(SCHEDULE_COLUMNS).rows()
    assert sorted(found) == sorted(as_exported(row) for row in view)
    assert [row[1] for row in found] == sorted(row[1] for row in found)


def test_exports_say_what_is_wrong_with_their_place(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace("sqlite")
    for export in (export_contacts, export_plan):
        with pytest.raises(WorkspaceError, match="does not exist"):
            export(workspace, workspace.folder / "nowhere" / "out.csv")
        with pytest.raises(InputError, match="format"):
            export(workspace, workspace.folder / "out.doc")
    with pytest.raises(WorkspaceError, match="does not exist"):
        export_plan(workspace, workspace.folder / "nowhere" / "out.csv", canonical=True)


def test_a_list_from_a_path_with_odd_letters_has_a_plain_report_name(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace("sqlite")
    path = write_list(workspace.folder / "März list (2).csv", [{"email": "bad"}])
    report = import_contacts(workspace, path, mapping={}).report
    assert report
    assert report.name == "20260301T153000Z-März-list-2--problems.csv"
