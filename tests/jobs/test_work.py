"""What single jobs do, and what health makes of the books."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from carillon.accounts import Account
from carillon.clock import ManualClock
from carillon.days import day_number
from carillon.errors import WorkspaceError
from carillon.jobs import work
from carillon.jobs.lease import perform
from carillon.jobs.table import JOBS
from carillon.store import accounts
from carillon.store.moments import stamp
from carillon.watch.health import LATE, Health, check
from carillon.workspace import Workspace
from tests.contract.lists import bring_in, execute, query
from tests.jobs.conftest import Diary


def receive(workspace: Workspace, days_ago: int, messages: int = 1) -> None:
    at = stamp(workspace.clock.now() - timedelta(days=days_ago))
    for _ in range(messages):
        execute(
            workspace,
            "insert into raw_messages (source, received_at, content) values ('imap', :at, :content)",
            at=at,
            content=b"From: x",
        )


def test_what_is_old_goes(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carillon.store.retention.BATCH", 2)
    receive(workspace, 91, 5)
    receive(workspace, 89, 3)
    for raw in (1, 8):
        execute(
            workspace,
            "insert into contact_events (contact_id, event_type, raw_id) values (1, 'replied', :raw)",
            raw=raw,
        )
    assert work.retention(workspace) == {"received_messages": 5}
    assert [row["id"] for row in query(workspace, "select id from raw_messages order by id")] == [6, 7, 8]
    assert [row["raw_id"] for row in query(workspace, "select raw_id from contact_events order by id")] == [
        None,
        8,
    ]
    assert work.retention(workspace) == {}


def test_a_plan_is_made_once_and_again_only_after_changes(workspace: Workspace) -> None:
    bring_in(workspace, {"email": "a@example.com", "zip": "75201", "birth_date": "1960-06-18"})
    assert work.plan_changes(workspace)["planned"] == 2
    assert work.plan_changes(workspace) == {}
    assert work.plan(workspace)["added"] == 0
    execute(workspace, "update contacts set birth_date = '1960-07-18'")
    assert work.plan_changes(workspace)["removed"]
    assert work.plan_changes(workspace) == {}


def test_how_accounts_are_doing(workspace: Workspace) -> None:
    assert work.status(workspace) == {}
    account = Account(0, "main", "us@example.com", "maildir", daily_limit=50)
    workspace.database.write(lambda c: accounts.create(c, account, workspace.clock.now(), "ann"))
    today = day_number(workspace.today())
    for number, (day, status) in enumerate(
        [
            (today, "sent"),
            (today, "bounced"),
            (today, "scheduled"),
            (today - 6, "delivered"),
            (today - 7, "bounced"),
        ]
    ):
        execute(
            workspace,
            "insert into outbox (id, contact_id, kind, email_type, send, status, account_id)"
            " values (:id, 1, 0, 'birthday', :day, :status, 1)",
            id=number + 1,
            day=day,
            status=status,
        )
    (report,) = work.status(workspace)["accounts"]  # type: ignore[misc]
    assert report == {
        "account": "main", "status": "active", "timezone": "America/Chicago", "daily_limit": 50,
        "warmup_day": None, "limit": 50, "slots": None,
        "today": {"bounced": 1, "scheduled": 1, "sent": 1}, "bounce_rate": 0.3333, "last_error": None,
        "warmup_mail": None,
    }  # fmt: skip


def test_backups_are_made_once_a_day_and_shared_with_the_plan(workspace: Workspace) -> None:
    report = work.backup(workspace)
    assert bool(report) == workspace.database.is_sqlite
    assert work.backup(workspace) == {}
    assert len(list(workspace.folder.glob("backups/*.db"))) == bool(report)


def test_health_tells_what_failed_and_what_is_late(
    workspace: Workspace, clock: ManualClock, diary: Diary
) -> None:
    def issues() -> list[str]:
        report = check(workspace.folder, clock)
        assert report.status == Health.DEGRADED
        json.dumps(report.as_json())
        return [one for one in report.issues if "plan has been made" not in one]

    assert check(workspace.folder, clock).jobs == {}
    jobs = [diary.job(name, job.cadence) for job in JOBS for name in [job.name]]
    for job in jobs:
        perform(workspace, job, "me", None)
    assert issues() == []
    assert check(workspace.folder, clock).jobs == {job.name: 0.0 for job in JOBS}

    def late_after(age: timedelta) -> str:
        return ", ".join(sorted(job.name for job in JOBS if age > max(LATE, 2 * job.cadence.period)))

    clock.advance(timedelta(minutes=20))
    assert late_after(timedelta(minutes=20)).startswith("advance, ")
    assert issues() == [
        f"{late_after(timedelta(minutes=20))}: not done for up to 20 minutes; start `carillon run`"
    ]
    clock.advance(timedelta(hours=3))
    assert issues() == [
        f"{late_after(timedelta(minutes=200))}: not done for up to 3 hours; start `carillon run`"
    ]
    clock.advance(timedelta(days=3))
    (late,) = [one for one in issues() if "not done" in one]
    assert late.count(",") == len(JOBS) - 1
    assert "up to 3 days" in late
    diary.trouble["advance"] = WorkspaceError("the disk is full")
    for job in jobs:
        perform(workspace, job, "me", None)
        if job.name == "advance":
            perform(workspace, job, "me", None)
    assert issues() == ["advance failed 2 times in a row: the disk is full"]
