"""Types, instances, targets and the log of changes, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import polars as pl
import pytest
from sqlalchemy import Connection

from carillon.campaigns import CampaignType, Instance
from carillon.clock import ManualClock
from carillon.errors import InputError
from carillon.files.target_run import TargetReport, import_targets
from carillon.settings import CampaignType as TypeInSettings
from carillon.store import campaign_log as log
from carillon.store import campaign_targets as targets
from carillon.store import campaigns as store
from carillon.words import LAST_INSTANCE
from carillon.workspace import Workspace
from tests.contract.conftest import NOW
from tests.contract.lists import bring_in, changes, execute, forget_changes, query, write_list

T = TypeVar("T")
DEFAULTS = {
    "initial_blast": (False, False, 0, True, 10),
    "policy_update": (True, True, 5, True, 3),
    "rate_increase": (True, True, 14, False, 1),
    "regulatory_notice": (False, False, 0, False, 1),
    "seasonal_promo": (True, True, 7, False, 5),
}
SPRING = Instance(0, "rate_increase", "spring", email_template="rate_v1", start=date(2026, 4, 1))
MAY = "2026-05-01"


def read(workspace: Workspace, work: Callable[[Connection], T]) -> T:
    with workspace.database.snapshot() as connection:
        return work(connection)


def make(workspace: Workspace, instance: Instance = SPRING) -> Instance:
    return workspace.database.write(lambda c: store.create(c, instance, NOW, "ann"))


def edited(workspace: Workspace, name: str, **fields: object) -> list[log.Change]:
    def edit(old: Instance) -> Instance:
        return replace(old, **fields)  # type: ignore[arg-type]

    return workspace.database.write(lambda c: store.change(c, name, edit, NOW, "bob"))[1]


def logged(workspace: Workspace) -> list[tuple[str, str | None, str | None, bool, str]]:
    """(field, old, new, requires_rescheduling, by) of all changes but creations, oldest first."""
    rows = query(workspace, "select * from campaign_change_log order by id")
    return [
        (
            row["field_changed"],
            row["old_value"],
            row["new_value"],
            bool(row["requires_rescheduling"]),
            row["changed_by"],
        )
        for row in rows
        if row["field_changed"] != log.CREATED
    ]


def people(workspace: Workspace, n: int = 3) -> None:
    bring_in(workspace, *({"email": f"p{i}@example.com", "zip_code": "90210"} for i in range(1, n + 1)))
    forget_changes(workspace)


def stored(workspace: Workspace) -> list[tuple[int, str]]:
    rows = query(workspace, "select * from contact_campaigns order by contact_id, trigger_date")
    return [(row["contact_id"], row["trigger_date"]) for row in rows]


def listed(workspace: Workspace, *rows: dict[str, object], **options: object) -> TargetReport:
    """A target list, whose first row stands on line 2."""
    path = write_list(workspace.folder / "targets.csv", rows)
    report = import_targets(workspace, "spring", path, **options)  # type: ignore[arg-type]
    assert options.get("remove") or report.read == report.changed + report.unchanged + report.rejected
    return report


# ---- types ----


def test_the_default_types_are_there(workspace: Workspace) -> None:
    found = read(workspace, store.types)
    assert found == {name: CampaignType(name, *fields) for name, fields in DEFAULTS.items()}


def test_a_type_is_made_and_changed_and_both_are_logged(workspace: Workspace) -> None:
    gift = CampaignType("gift", days_before_event=3)
    made = workspace.database.write(lambda c: store.put_type(c, gift, NOW, "ann"))
    assert [one.field for one in made] == [log.CREATED]
    assert read(workspace, store.types)["gift"] == gift
    better = replace(gift, days_before_event=-4, enable_followups=False)
    workspace.database.write(lambda c: store.put_type(c, better, NOW, "bob"))
    assert read(workspace, store.types)["gift"] == better
    assert logged(workspace) == [
        ("enable_followups", "true", "false", True, "bob"),
        ("days_before_event", "3", "-4", True, "bob"),
    ]
    assert workspace.database.write(lambda c: store.put_type(c, better, NOW, "bob")) == []
    (newest, *_) = read(workspace, lambda c: log.newest(c, 10))
    assert (newest.about, newest.is_type, newest.at, newest.by) == ("gift", True, NOW, "bob")


def test_a_type_that_cannot_be_is_refused(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="priority must be"):
        workspace.database.write(lambda c: store.put_type(c, CampaignType("x", priority=100), NOW, "ann"))
    assert "x" not in read(workspace, store.types)


def test_types_of_the_settings_are_stored_as_they_are_there(workspace: Workspace) -> None:
    settings = {"rate_increase": TypeInSettings(priority=2, days_before_event=14), "own": TypeInSettings()}
    assert read(workspace, lambda c: store.types(c, settings))["own"] == CampaignType("own")
    assert "own" not in read(workspace, store.types)
    for _ in range(2):
        workspace.database.write(lambda c: store.sync_types(c, settings, NOW))
    found = read(workspace, store.types)
    assert found["own"] == CampaignType("own")
    assert found["rate_increase"].priority == 2
    assert logged(workspace) == [("priority", "1", "2", True, "carillon.yaml")]


def test_a_type_another_program_stored_can_be_read(workspace: Workspace) -> None:
    execute(
        workspace,
        "insert into campaign_types values ('odd', true, true, 1000, false, 999, false, null, null)",
    )
    assert read(workspace, store.types)["odd"] == CampaignType("odd", days_before_event=1000, active=False)


# ---- instances ----


def test_an_instance_is_stored_as_it_was_wanted(workspace: Workspace) -> None:
    wanted = replace(SPRING, sms_template="s_v1", end=date(2026, 6, 1), metadata={"priority": 2, "é": [1]})
    made = make(workspace, wanted)
    assert made == replace(wanted, id=1, created=NOW)
    assert read(workspace, store.instances) == [made]
    assert read(workspace, lambda c: store.find(c, "spring")) == made
    (one,) = query(workspace, "select * from campaign_change_log")
    assert (one["campaign_instance_id"], one["field_changed"], one["changed_by"]) == (1, "created", "ann")
    assert bool(one["requires_rescheduling"])


def test_several_instances_of_one_type_run_at_once(workspace: Workspace) -> None:
    make(workspace)
    make(workspace, replace(SPRING, name="Spring 2", metadata={"active": False}))
    found = read(workspace, store.campaigns)
    assert [(one.instance.id, one.instance.name, one.is_open) for one in found] == [
        (1, "spring", True),
        (2, "Spring 2", False),
    ]


@pytest.mark.parametrize(
    ("instance", "said"),
    [
        (SPRING, "already"),
        (replace(SPRING, name="b", campaign_type="rate_incraese"), 'Did you mean "rate_increase"'),
        (replace(SPRING, name="b", end=date(2026, 3, 1)), "before the start date"),
        (replace(SPRING, name="b", metadata={"variants": 1}), "variants"),
    ],
)
def test_what_cannot_be_made_is_refused(workspace: Workspace, instance: Instance, said: str) -> None:
    make(workspace)
    with pytest.raises(InputError, match=said):
        make(workspace, instance)
    assert len(read(workspace, store.instances)) == 1


def test_the_last_possible_id_is_the_last(workspace: Workspace) -> None:
    make(workspace)
    execute(workspace, "update campaign_instances set id = :n", n=LAST_INSTANCE)
    if workspace.database.is_sqlite:
        execute(
            workspace,
            "update sqlite_sequence set seq = :n where name = 'campaign_instances'",
            n=LAST_INSTANCE,
        )
    else:
        execute(workspace, "select setval('campaign_instances_id_seq', :n)", n=LAST_INSTANCE)
    with pytest.raises(InputError, match="all have been made"):
        make(workspace, replace(SPRING, name="one too many"))
    assert len(read(workspace, store.instances)) == 1


def test_a_change_is_logged_field_by_field(workspace: Workspace) -> None:
    make(workspace, replace(SPRING, metadata={"mine": 1, "priority": 3}))
    found = edited(
        workspace,
        "spring",
        start=None,
        end=date(2026, 7, 1),
        email_template="rate_v2",
        status="paused",
        metadata={"mine": {"a": "b"}, "days_before_event": 7},
    )
    wanted = [
        ("email_template", "rate_v1", "rate_v2", False, "bob"),
        ("status", "active", "paused", True, "bob"),
        ("active_start_date", "2026-04-01", None, True, "bob"),
        ("active_end_date", None, "2026-07-01", True, "bob"),
        ("metadata.mine", "1", '{"a": "b"}', False, "bob"),
        ("metadata.priority", "3", None, True, "bob"),
        ("metadata.days_before_event", None, "7", True, "bob"),
    ]
    assert logged(workspace) == wanted
    assert [(one.field, one.old, one.new, one.reschedules) for one in found] == [row[:4] for row in wanted]
    (now,) = read(workspace, store.instances)
    assert (now.status, now.start, now.metadata["days_before_event"]) == ("paused", None, 7)
    assert edited(workspace, "spring", status="paused") == []


def test_a_refused_change_leaves_no_trace(workspace: Workspace) -> None:
    made = make(workspace)
    with pytest.raises(InputError, match="before the start date"):
        edited(workspace, "spring", end=date(2026, 3, 1), status="paused")
    assert read(workspace, store.instances) == [made]
    assert logged(workspace) == []


def test_what_another_program_stored_is_not_in_the_way(workspace: Workspace) -> None:
    execute(
        workspace,
        "insert into campaign_instances (campaign_type, instance_name, email_template, metadata)"
        " values ('gone', 'spring', 'no plain name', '{\"priority\": \"high\"}')",
    )
    assert [one.field for one in edited(workspace, "spring", status="paused")] == ["status"]
    (found,) = read(workspace, store.campaigns)
    assert (found.priority, found.is_open, found.instance.created is None) == (10, False, False)
    with pytest.raises(InputError, match="plain name"):
        edited(workspace, "spring", sms_template="nor is this")


def test_the_nearest_name_is_told(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="campaign create"):
        read(workspace, lambda c: store.find(c, "sprung"))
    make(workspace)
    with pytest.raises(InputError, match='Did you mean "spring"'):
        read(workspace, lambda c: store.find(c, "Sprung"))


# ---- targets ----


def test_a_list_names_targets_by_address_external_id_and_id(workspace: Workspace) -> None:
    people(workspace, 2)
    bring_in(workspace, {"email": "x@example.com", "external_id": "X1"})
    forget_changes(workspace)
    make(workspace)
    report = listed(
        workspace,
        {"email": "P1@Example.com", "trigger_date": "5/1/2026"},
        {"contact_id": "2", "trigger_date": "2026-05-02"},
        {"external_id": "X1"},
        {"email": "x@example.com", "trigger_date": "May 3, 2026"},
        {"email": "p1@example.com", "external_id": "Y9", "trigger_date": "2026-05-04"},
    )
    assert (report.read, report.changed, report.rejected) == (5, 5, 0)
    assert stored(workspace) == [
        (1, MAY),
        (1, "2026-05-04"),
        (2, "2026-05-02"),
        (3, "2026-04-15"),  # start date and 14 days
        (3, "2026-05-03"),
    ]
    assert sorted(set(changes(workspace))) == [1, 2, 3]
    (row, *_) = query(workspace, "select * from contact_campaigns")
    assert (row["status"], row["created_at"]) == ("pending", "2026-03-01T15:30:00Z")


def test_what_is_there_already_is_counted_and_left_alone(workspace: Workspace) -> None:
    people(workspace)
    make(workspace)
    row = {"email": "p1@example.com", "trigger_date": MAY}
    listed(workspace, row)
    execute(workspace, "update contact_campaigns set status = 'sent'")
    forget_changes(workspace)
    assert isinstance(workspace.clock, ManualClock)
    workspace.clock.advance(timedelta(days=1))
    report = listed(workspace, row, row, row | {"email": "p2@example.com"})
    assert (report.changed, report.unchanged, report.by_date) == (1, 2, {MAY: 1})
    assert changes(workspace) == [2]
    first, second = query(workspace, "select * from contact_campaigns order by contact_id")
    assert (first["status"], first["created_at"]) == ("sent", "2026-03-01T15:30:00Z")
    assert second["created_at"] == "2026-03-02T15:30:00Z"


def test_rows_that_mean_nobody_or_several_are_told(workspace: Workspace) -> None:
    couple = {"email": "both@example.com"}
    bring_in(
        workspace, couple | {"external_id": "A"}, couple | {"external_id": "B"}, {"email": "paul@example.com"}
    )
    make(workspace)
    report = listed(
        workspace,
        {"email": "both@example.com"},
        {"email": "pual@example.com"},
        {"external_id": "C"},
        {"contact_id": "99"},
        {"external_id": "B"},
    )
    assert (report.changed, report.rejected) == (1, 4)
    told = [(one.line, one.column, one.value, one.reason) for _, one in report.problems]
    assert told == [
        (
            2,
            "email",
            "both@example.com",
            "2 contacts share this address: give their external_id or contact_id",
        ),
        (3, "email", "pual@example.com", "no contact has it; did you mean paul@example.com?"),
        (4, "external_id", "C", "no contact has it"),
        (5, "contact_id", "99", "no contact has it"),
    ]
    assert report.report is not None
    assert pl.read_csv(report.report).sort("line")["line"].to_list() == [2, 3, 4, 5]


def test_a_dry_run_stores_nothing_and_says_the_same(workspace: Workspace) -> None:
    people(workspace)
    make(workspace)
    rows = [{"email": "p1@example.com"}, {"email": "nobody@example.com"}]
    dry = listed(workspace, *rows, dry_run=True)
    assert (stored(workspace), changes(workspace), dry.report) == ([], [], None)
    real = listed(workspace, *rows)
    assert (dry.by_date, dry.rejected, dry.problems) == (real.by_date, real.rejected, real.problems)


def test_targets_are_taken_away_by_list(workspace: Workspace) -> None:
    people(workspace)
    make(workspace)
    listed(
        workspace,
        *({"email": f"p{i}@example.com", "trigger_date": day} for i in (1, 2) for day in (MAY, "2026-06-01")),
    )
    forget_changes(workspace)
    report = listed(
        workspace,
        {"email": "p1@example.com"},
        {"email": "p2@example.com", "trigger_date": "2026-06-01"},
        {"email": "p3@example.com"},
        remove=True,
    )
    assert (report.by_date, report.unchanged) == ({MAY: 1, "2026-06-01": 2}, 1)
    assert stored(workspace) == [(2, MAY)]
    assert set(changes(workspace)) == {1, 2}


def test_a_long_list_notes_everybody_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "BULK_ROWS", 2)
    people(workspace, 5)
    make(workspace)
    rows = [{"email": f"p{i}@example.com"} for i in range(1, 6)]
    listed(workspace, *rows)
    assert changes(workspace) == [0]
    forget_changes(workspace)
    listed(workspace, *rows, remove=True)
    assert changes(workspace) == [0]
    assert stored(workspace) == []


def test_everybody_is_named_by_one_statement(workspace: Workspace) -> None:
    people(workspace)
    number = make(workspace).id
    listed(workspace, {"email": "p2@example.com", "trigger_date": MAY})
    forget_changes(workspace)
    day = date(2026, 5, 1)
    assert workspace.database.write(lambda c: targets.add_everybody(c, number, day, NOW)) == (2, 1)
    assert stored(workspace) == [(1, MAY), (2, MAY), (3, MAY)]
    assert changes(workspace) == [0]
    assert read(workspace, store.target_counts) == {1: {"pending": 3}}
    execute(workspace, "update contact_campaigns set status = 'sent' where contact_id = 2")
    assert list(read(workspace, store.target_counts)[1].items()) == [("pending", 2), ("sent", 1)]
    assert workspace.database.write(lambda c: targets.remove_everybody(c, number, date(2026, 5, 2))) == 0
    assert workspace.database.write(lambda c: targets.remove_everybody(c, number, None)) == 3


def test_targets_of_another_campaign_stay(workspace: Workspace) -> None:
    people(workspace)
    other = make(workspace, replace(SPRING, name="other")).id
    number = make(workspace).id
    day = date(2026, 5, 1)
    workspace.database.write(lambda c: targets.add_everybody(c, other, day, NOW))
    listed(workspace, {"email": "p1@example.com", "trigger_date": MAY})
    listed(workspace, {"email": "p1@example.com"}, remove=True)
    workspace.database.write(lambda c: targets.remove_everybody(c, number, None))
    assert read(workspace, store.target_counts) == {other: {"pending": 3}}


def test_a_campaign_that_is_not_there_takes_no_targets(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no campaign"):
        import_targets(workspace, "spring", tmp_path / "none.csv")


def test_a_moment_without_a_zone_is_utc(workspace: Workspace) -> None:
    moment = "2026-01-02 03:04:05" if workspace.database.is_sqlite else "2026-01-02 03:04:05+00"
    execute(
        workspace,
        "insert into campaign_instances (campaign_type, instance_name, created_at)"
        f" values ('rate_increase', 'a', '{moment}')",
    )
    (found,) = read(workspace, store.instances)
    assert found.created == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
