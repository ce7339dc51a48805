"""Forecasts, explanations, issues and health are the same on every database."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from carillon.days import day_number
from carillon.files.run import import_contacts
from carillon.files.sample import SHARED, SHOWN, write_sample
from carillon.plan.inquire import explain, forecast
from carillon.plan.run import Request, run
from carillon.store import issues, status
from carillon.words import By
from carillon.workspace import Workspace
from tests.contract.conftest import MakeWorkspace


def answers(workspace: Workspace, tmp_path: Path) -> list[object]:
    """Everything that can be asked of a workspace with some plan and some history."""
    today = workspace.today()
    write_sample(tmp_path / "list.csv", today, contacts=300)
    import_contacts(workspace, tmp_path / "list.csv", mapping={"Policy ID": "external_id"})
    run(workspace, Request(today), lambda *_: None, lambda _: None)
    workspace.database.write(
        lambda connection: connection.execute(
            text(
                "update email_schedules set status = 'sent'"
                " where status = 'pre-scheduled' and contact_id < 40"
            )
        )
    )
    run(workspace, Request(today), lambda *_: None, lambda _: None)
    told: list[object] = []
    for by in By:
        told.append(forecast(workspace, today, today + timedelta(days=364), by).as_json())
    for wanted in (SHOWN, SHARED, "5", "P-10150"):
        told.append([one.as_json() for one in explain(workspace, wanted)])
    with workspace.database.snapshot() as connection:
        told.append(issues.counts(connection))
        told.append(issues.listing(connection, "invalid_zip", 5))
        since = workspace.clock.now() - timedelta(hours=24)
        told.append(status.read(connection, day_number(today), since))
    return told


def test_answers_are_the_same(make_workspace: MakeWorkspace, tmp_path: Path) -> None:
    one, other = (answers(make_workspace(kind), tmp_path) for kind in ("sqlite", "postgresql"))
    assert one == other
    assert one[0]["total"]  # type: ignore[index]
