"""What is written into the logs as work is done: counts and ids, never an address."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from carillon.accounts import Account
from carillon.clock import ManualClock
from carillon.days import day_number
from carillon.errors import WorkspaceError
from carillon.jobs import work
from carillon.jobs.lease import perform
from carillon.log import FOLDER
from carillon.send.run import dispatch
from carillon.store import accounts
from carillon.watch.logs import Line, Wanted, newest
from carillon.workspace import Workspace
from tests.contract.lists import bring_in, query
from tests.jobs.conftest import Diary


def lines(workspace: Workspace) -> list[Line]:
    return newest(workspace.folder, Wanted("debug"), 1000)


def test_a_day_leaves_its_lines_and_no_address(workspace: Workspace, clock: ManualClock) -> None:
    people = [
        {"email": f"p{one}@example.com", "zip": "75201", "birth_date": "1960-06-18"} for one in range(3)
    ]
    bring_in(workspace, *people)
    account = Account(0, "main", "us@example.com", "maildir", {"path": "mail"})
    workspace.database.write(lambda c: accounts.create(c, account, clock.now(), "ann"))
    work.plan(workspace)
    [first] = query(workspace, "select min(send) as day from plan where state % 16 = 0")
    clock.advance(timedelta(days=first["day"] - day_number(workspace.today())))
    work.release(workspace)
    clock.advance(timedelta(hours=9))
    asyncio.run(dispatch(workspace, asyncio.Event(), once=True, local_only=True))
    found = {one.event: one.details for one in lines(workspace)}
    assert found["contacts imported"]["created"] == 3
    assert found["plan completed"]["planned"]
    assert found["emails released"]["released"] == 1
    assert found["emails sent"] == {"account": "main", "sent": 1}
    assert "@" not in (workspace.folder / FOLDER / "app.log").read_text(encoding="utf-8")


def test_a_job_that_fails_leaves_a_line(workspace: Workspace, diary: Diary) -> None:
    diary.trouble["plan"] = WorkspaceError("ann@example.com stands in the way")
    perform(workspace, diary.job("plan"), "me", None)
    [line] = lines(workspace)
    assert (line.level, line.event) == ("error", "job failed")
    assert line.details == {"job": "plan", "kind": "WorkspaceError"}


def test_logs_are_put_away_once_a_day(workspace: Workspace, clock: ManualClock) -> None:
    workspace.log.info("first")
    clock.advance(timedelta(days=1))
    work.retention(workspace)
    names = sorted(Path(one).name for one in (workspace.folder / FOLDER).glob("*.log"))
    assert len(names) == 1
    assert names[0] != "app.log"
    assert [one.event for one in lines(workspace)] == ["first"]


@pytest.mark.parametrize("level", ["warning", "error"])
def test_less_is_written_where_less_is_wanted(workspace: Workspace, level: str) -> None:
    logging = workspace.settings.logging.model_copy(update={"level": level})
    settings = workspace.settings.model_copy(update={"logging": logging})
    quiet = Workspace(workspace.folder, settings, workspace.database, workspace.clock)
    work.plan(quiet)
    assert lines(workspace) == []
