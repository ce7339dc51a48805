"""`email_schedules` by plain SQL, as people and other programs use it, on both databases."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from carillon.errors import CarillonError
from carillon.keys import pack
from carillon.plan.run import Request, run
from carillon.workspace import Workspace
from tests.contract.lists import Row, bring_in, changes, execute, forget_changes, query

TODAY = date(2026, 3, 1)
MEMBER = {"zip_code": "33101", "birth_date": "1950-08-20", "effective_date": "2020-11-11"}
"""Florida: no windows at all."""


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    """Three planned contacts; the third, of New York, is kept out all year."""
    bring_in(
        workspace,
        MEMBER | {"email": "ann@example.com"},
        MEMBER | {"email": "bob@example.com", "birth_date": "1951-10-20"},
        MEMBER | {"email": "cy@example.com", "zip_code": "10001"},
    )
    plan(workspace)
    assert changes(workspace) == []
    return workspace


def plan(workspace: Workspace, today: date = TODAY) -> None:
    run(workspace, Request(today), lambda *_: None, lambda _: None)


def schedule(workspace: Workspace, who: int = 1, what: str = "birthday") -> Row:
    (row,) = query(
        workspace,
        "select * from email_schedules where contact_id = :who and email_type = :what",
        who=who,
        what=what,
    )
    return plain(row)


def plain(row: Row) -> Row:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}


def count(workspace: Workspace, table: str) -> int:
    return int(query(workspace, f"select count(*) as n from {table}")[0]["n"])


def assert_counted(workspace: Workspace) -> None:
    """`plan_days` and `plan_smoothing` hold what is in `plan`."""
    counted = query(
        workspace,
        "select send as day, (id >> 16) & 32767 as kind, state & 15 as reason, count(*) as n"
        " from plan group by 1, 2, 3 order by 1, 2, 3",
    )
    stored = query(workspace, "select * from plan_days where n <> 0 order by day, kind, reason")
    assert [tuple(row.values()) for row in stored] == [tuple(row.values()) for row in counted]
    counted = query(
        workspace,
        "select ideal as day, count(*) as n from plan"
        " where (id >> 16) & 32767 = 1 and state & 15 in (0, 7, 8) group by 1 order by 1",
    )
    stored = query(workspace, "select day, n from plan_smoothing where n <> 0 order by day")
    assert [tuple(row.values()) for row in stored] == [tuple(row.values()) for row in counted]


def key(who: int, kind: int, event: date) -> int:
    import numpy as np

    return int(pack(np.array([who]), kind, np.array([(event - date(1970, 1, 1)).days]))[0])


def test_a_pending_row_reads_as_the_contract_says(workspace: Workspace) -> None:
    (run_of,) = query(workspace, "select scheduler_run_id from scheduler_checkpoints")
    row = schedule(workspace)
    assert row["id"] == key(1, 0, date(2026, 8, 20))
    moments = {name: row.pop(name) for name in ("created_at", "updated_at")}
    assert set(moments.values()) != {None}
    assert {name: value for name, value in row.items() if value is not None} == {
        "id": row["id"],
        "contact_id": 1,
        "email_type": "birthday",
        "scheduled_send_date": "2026-08-06",
        "scheduled_send_time": "08:30",
        "status": "pre-scheduled",
        "priority": 5,
        "email_template": "birthday_standard_v1",
        "sms_template": "birthday_sms_v1",
        "scheduler_run_id": run_of["scheduler_run_id"],
        "event_year": 2026,
        "event_month": 8,
        "event_day": 20,
        "original_send_date": "2026-08-06",
        "attempts": 0,
        "channel": "email",
        "pinned": 0,
    }
    skipped = schedule(workspace, 3)
    assert (skipped["status"], skipped["skip_reason"]) == ("skipped", "year_round_exclusion")


@pytest.mark.parametrize(
    "status",
    ["scheduled", "processing", "sent", "delivered", "bounced", "failed", "cancelled", "in_doubt"],
)
def test_a_status_of_the_dispatcher_moves_a_row_out_of_the_plan(workspace: Workspace, status: str) -> None:
    before, planned = schedule(workspace), count(workspace, "plan")
    execute(
        workspace,
        "update email_schedules set status = :status, account_id = 7, send_at = '2026-08-06T13:30:00Z',"
        ' metadata = \'{"why": "test"}\' where id = :id',
        status=status,
        id=before["id"],
    )
    assert (count(workspace, "plan"), count(workspace, "outbox")) == (planned - 1, 1)
    assert changes(workspace) == [1]
    assert_counted(workspace)
    after = schedule(workspace)
    assert after.pop("updated_at")
    expected = before | {
        "status": status,
        "account_id": 7,
        "send_at": "2026-08-06T13:30:00Z",
        "metadata": {"why": "test"},
    }
    del expected["updated_at"]
    assert after == expected

    plan(workspace, TODAY + timedelta(days=1))
    again = schedule(workspace)
    assert (again["id"], again["status"]) == (before["id"], status)


def test_many_rows_move_in_one_statement(workspace: Workspace) -> None:
    execute(workspace, "update email_schedules set status = 'scheduled' where email_type = 'aep'")
    assert count(workspace, "outbox") == 3
    assert sorted(changes(workspace)) == [1, 2, 3]
    assert_counted(workspace)


def test_what_has_left_is_recorded_where_it_is(workspace: Workspace) -> None:
    who = schedule(workspace)["id"]
    execute(workspace, "update email_schedules set status = 'scheduled' where id = :id", id=who)
    forget_changes(workspace)
    execute(
        workspace,
        "update email_schedules set status = 'sent', attempts = attempts + 1,"
        " actual_send_datetime = '2026-08-06T13:31:00Z' where id = :id",
        id=who,
    )
    row = schedule(workspace)
    assert (row["status"], row["attempts"]) == ("sent", 1)
    assert row["actual_send_datetime"] == "2026-08-06T13:31:00Z"
    assert changes(workspace) == [1]


def test_a_row_may_come_back_into_the_plan(workspace: Workspace) -> None:
    before = schedule(workspace)
    for status in ("scheduled", "pre-scheduled"):
        execute(
            workspace,
            "update email_schedules set status = :status where id = :id",
            status=status,
            id=before["id"],
        )
    assert count(workspace, "outbox") == 0
    assert schedule(workspace) == before
    assert_counted(workspace)
    execute(workspace, "update email_schedules set status = 'scheduled' where id = :id", id=before["id"])
    execute(
        workspace,
        "update email_schedules set status = 'skipped', skip_reason = 'frequency_limit' where id = :id",
        id=before["id"],
    )
    row = schedule(workspace)
    assert (row["status"], row["skip_reason"]) == ("skipped", "frequency_limit")
    assert_counted(workspace)


def test_only_what_the_planner_made_may_come_back(workspace: Workspace) -> None:
    execute(
        workspace,
        "insert into email_schedules (contact_id, email_type, scheduled_send_date, status)"
        " values (1, 'newsletter', '2026-01-05', 'sent')",
    )
    with pytest.raises(CarillonError, match="only emails made by the planner"):
        execute(workspace, "update email_schedules set status = 'pre-scheduled' where status = 'sent'")
    assert count(workspace, "outbox") == 1


def test_a_row_moved_by_hand_is_pinned_and_stays(workspace: Workspace) -> None:
    before = schedule(workspace)
    execute(
        workspace,
        "update email_schedules set scheduled_send_date = '2026-07-15' where id = :id",
        id=before["id"],
    )
    after = schedule(workspace)
    assert after == before | {"scheduled_send_date": "2026-07-15", "pinned": 1}
    assert changes(workspace) == [1]
    assert_counted(workspace)
    plan(workspace, TODAY + timedelta(days=1))
    assert (schedule(workspace)["scheduled_send_date"], schedule(workspace)["pinned"]) == ("2026-07-15", 1)

    execute(workspace, "update email_schedules set pinned = 0 where id = :id", id=before["id"])
    assert schedule(workspace)["pinned"] == 0


def test_a_row_changed_otherwise_is_not_pinned(workspace: Workspace) -> None:
    who = schedule(workspace)["id"]
    execute(workspace, "update email_schedules set priority = 2 where id = :id", id=who)
    row = schedule(workspace)
    assert (row["priority"], row["pinned"]) == (2, 0)
    execute(
        workspace,
        "update email_schedules set status = 'skipped', skip_reason = 'missed' where id = :id",
        id=who,
    )
    row = schedule(workspace)
    assert (row["status"], row["skip_reason"], row["pinned"]) == ("skipped", "missed", 0)
    assert_counted(workspace)


def test_rows_are_deleted_wherever_they_are(workspace: Workspace) -> None:
    execute(
        workspace,
        "update email_schedules set status = 'sent' where contact_id = 1 and email_type = 'aep'",
    )
    forget_changes(workspace)
    rows = count(workspace, "email_schedules where contact_id = 1")
    execute(workspace, "delete from email_schedules where contact_id = 1")
    assert count(workspace, "email_schedules where contact_id = 1") == 0
    assert count(workspace, "outbox") == 0
    assert changes(workspace) == [1] * rows
    assert_counted(workspace)


def test_a_pending_row_can_be_added(workspace: Workspace) -> None:
    before = schedule(workspace)
    execute(workspace, "delete from email_schedules where id = :id", id=before["id"])
    forget_changes(workspace)
    execute(
        workspace,
        "insert into email_schedules (contact_id, email_type, event_year, event_month, event_day,"
        " scheduled_send_date, priority) values (1, 'birthday', 2026, 8, 20, '2026-08-06', 5)",
    )
    row = schedule(workspace)
    ours = ("id", "status", "scheduled_send_date", "original_send_date", "priority", "email_template")
    assert {name: row[name] for name in ours} == {name: before[name] for name in ours}
    assert changes(workspace) == [1]
    assert_counted(workspace)


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("email_type", "'birthday'"),
        ("email_type, event_year, event_month, event_day", "'newsletter', 2026, 8, 20"),
        ("email_type, event_year, event_month", "'birthday', 2026, 8"),
    ],
)
def test_a_pending_row_without_identity_is_refused(workspace: Workspace, columns: str, values: str) -> None:
    before = count(workspace, "plan")
    with pytest.raises(CarillonError, match="a pending email needs a known email_type and event_year"):
        execute(
            workspace,
            f"insert into email_schedules (contact_id, status, scheduled_send_date, {columns})"
            f" values (2, 'pre-scheduled', '2026-08-06', {values})",
        )
    assert count(workspace, "plan") == before
    assert changes(workspace) == []


def test_an_email_is_there_once(workspace: Workspace) -> None:
    with pytest.raises(CarillonError, match=r"(?i)unique"):
        execute(
            workspace,
            "insert into email_schedules (contact_id, email_type, event_year, event_month, event_day,"
            " scheduled_send_date) values (1, 'birthday', 2026, 8, 20, '2026-08-06')",
        )
    assert_counted(workspace)


def test_history_with_an_event_has_the_identity_of_the_planned_email(workspace: Workspace) -> None:
    """A birthday email sent by another program is not sent again."""
    before = schedule(workspace)
    execute(workspace, "delete from email_schedules where contact_id = 1")
    forget_changes(workspace)
    execute(
        workspace,
        "insert into email_schedules (contact_id, email_type, event_year, event_month, event_day,"
        " scheduled_send_date, status) values (1, 'birthday', 2026, 8, 20, '2026-02-01', 'sent')",
    )
    assert schedule(workspace)["id"] == before["id"]
    assert changes(workspace) == [1]
    plan(workspace, TODAY + timedelta(days=1))
    assert schedule(workspace)["status"] == "sent"


def test_history_without_an_event_has_an_id_of_its_own(workspace: Workspace) -> None:
    for day in ("2026-01-05", "2026-01-06"):
        execute(
            workspace,
            "insert into email_schedules (contact_id, email_type, scheduled_send_date, status)"
            " values (2, 'newsletter', :day, 'delivered')",
            day=day,
        )
    rows = query(workspace, "select * from email_schedules where email_type = 'newsletter' order by id desc")
    assert [row["id"] for row in rows] == [-1, -2]
    assert [(row["event_year"], row["channel"], row["attempts"]) for row in rows] == [(None, "email", 0)] * 2
    assert plain(rows[0])["scheduled_send_date"] == "2026-01-05"
    assert changes(workspace) == [2, 2]
    plan(workspace, TODAY + timedelta(days=1))
    assert count(workspace, "outbox") == 2


def test_a_row_of_a_sequence_never_takes_the_planners_identity(workspace: Workspace) -> None:
    execute(
        workspace,
        "insert into email_schedules (contact_id, email_type, event_year, event_month, event_day,"
        " scheduled_send_date, status, enrollment_id)"
        " values (1, 'birthday', 2026, 8, 20, '2026-08-06', 'scheduled', 3)",
    )
    (row,) = query(workspace, "select id, enrollment_id from email_schedules where enrollment_id is not null")
    assert row == {"id": -1, "enrollment_id": 3}


def test_a_date_that_is_none_is_refused(workspace: Workspace) -> None:
    with pytest.raises(CarillonError):
        execute(
            workspace,
            "update email_schedules set scheduled_send_date = 'soon' where contact_id = 1",
        )
    assert_counted(workspace)
    assert schedule(workspace)["pinned"] == 0


def test_the_planner_and_the_rest_never_meet(workspace: Workspace) -> None:
    """No id is both in the plan and in the outbox, whatever is written."""
    for statement in (
        "update email_schedules set status = 'scheduled' where contact_id = 1",
        "update email_schedules set status = 'pre-scheduled' where contact_id = 1 and email_type = 'aep'",
        "update email_schedules set status = 'sent' where contact_id <= 2",
        "update email_schedules set scheduled_send_date = '2026-10-01' where contact_id = 3",
    ):
        execute(workspace, statement)
        assert query(workspace, "select p.id from plan p join outbox o on o.id = p.id") == []
        assert_counted(workspace)
    assert count(workspace, "email_schedules") == count(workspace, "plan") + count(workspace, "outbox")
