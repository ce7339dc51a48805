"""Versions of the settings and the audit log, on both databases."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from carillon.clock import ManualClock
from carillon.store import audit, versions
from carillon.store.engine import open_database
from carillon.workspace import Workspace, open_workspace
from tests.contract.conftest import NOW

VALUES: dict[str, object] = {
    "load_balancing.period_days": 14,
    "load_balancing.daily_send_percentage_cap": "0.07",
    "state_rules.birthday_windows": {"CA": {"window_before_days": 30, "window_after_days": 60}},
    "email_templates.aep.sms": None,
    "features.sms": True,
    "aep_config.default_dates": ["09-15"],
    "workspace.name": 'Ünï "quoted"',
}


def record(workspace: Workspace, values: dict[str, object], by: str = "ann") -> bool:
    now = workspace.clock.now()
    return workspace.database.write(lambda c: versions.record(c, values, {"features.sms": "VAR"}, by, now))


def every(workspace: Workspace) -> list[versions.Version]:
    with workspace.database.snapshot() as connection:
        return versions.every(connection)


def test_a_version_is_made_of_each_difference_and_keeps_its_values(workspace: Workspace) -> None:
    assert isinstance(workspace.clock, ManualClock)
    with workspace.database.snapshot() as connection:
        assert versions.newest(connection) is None
    assert record(workspace, VALUES)
    assert not record(workspace, dict(reversed(VALUES.items())), "bob")
    workspace.clock.advance(timedelta(days=1))
    other = {**VALUES, "load_balancing.period_days": 7}
    assert record(workspace, other, "bob")
    workspace.clock.advance(timedelta(days=1))
    assert record(workspace, VALUES, "ann")
    first, second, third = every(workspace)
    assert (first.values, second.values, third.values) == (VALUES, other, VALUES)
    assert first.environment == {"features.sms": "VAR"}
    assert (first.valid_from, first.valid_to) == (NOW, NOW + timedelta(days=1))
    assert (second.valid_to, third.valid_from, third.valid_to) == (NOW + timedelta(days=2),) * 2 + (None,)
    assert [one.created_by for one in (first, second, third)] == ["ann", "bob", "ann"]
    with workspace.database.snapshot() as connection:
        assert versions.newest(connection) == third


def test_two_who_notice_the_same_change_make_one_version(workspace: Workspace) -> None:
    url, folder = workspace.settings.database.url, workspace.folder
    gate = threading.Barrier(4)

    def notice() -> None:
        database = open_database(url, folder, attempts=5, delay=0.01)
        gate.wait()
        database.write(lambda c: versions.record(c, VALUES, {}, "ann", NOW))
        database.close()

    threads = [threading.Thread(target=notice) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(every(workspace)) == 1


def opened(workspace: Workspace, **environ: str) -> Workspace:
    return open_workspace(workspace.folder, environ, workspace.clock)


def doing(workspace: Workspace, work: Callable[[Workspace], object], **environ: str) -> None:
    there = opened(workspace, **environ)
    try:
        work(there)
    finally:
        there.close()


def write(workspace: Workspace) -> None:
    workspace.database.write(lambda connection: connection.execute(text("select 1")))


def read(workspace: Workspace) -> None:
    with workspace.database.snapshot() as connection:
        connection.execute(text("select 1"))


def test_the_first_command_that_writes_notes_an_edited_file(workspace: Workspace) -> None:
    file = workspace.folder / "carillon.yaml"
    doing(workspace, read)
    assert every(workspace) == []
    doing(workspace, write)
    doing(workspace, write)
    file.write_text(file.read_text() + "load_balancing: {period_days: 7}\n")
    doing(workspace, read)
    assert len(every(workspace)) == 1
    doing(workspace, write)
    file.write_text(file.read_text() + "# a comment is no difference\n")
    doing(workspace, write)
    first, second = every(workspace)
    assert second.created_by.endswith(": carillon.yaml edited")
    assert (first.values["load_balancing.period_days"], second.values["load_balancing.period_days"]) == (
        14,
        7,
    )
    assert set(first.values) == set(workspace.settings.paths())


def test_a_transaction_that_fails_leaves_no_version_and_the_next_one_makes_it(workspace: Workspace) -> None:
    there = opened(workspace)

    def fail(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        there.database.write(fail)
    assert every(workspace) == []
    write(there)
    there.close()
    assert len(every(workspace)) == 1


def test_what_the_environment_gives_is_part_of_a_version_and_named(workspace: Workspace) -> None:
    variable = "CARILLON_LOAD_BALANCING__PERIOD_DAYS"
    doing(workspace, write, **{variable: "21"})
    (one,) = every(workspace)
    assert one.values["load_balancing.period_days"] == 21
    assert one.environment == {"load_balancing.period_days": variable}


def test_no_version_holds_a_password(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "carillon.yaml").write_text("database: {url: 'postgresql://me:geheim@h/n?password=geheim'}")
    from carillon.workspace import at

    with_password = at(tmp_path, {}, workspace.clock)
    workspace.database.write(with_password.note_version)
    with_password.close()
    (one,) = every(workspace)
    assert one.values["database.url"] == "postgresql://me:***@h/n?password=***"
    with workspace.database.snapshot() as connection:
        (data,) = connection.execute(text("select data from config_versions")).scalars()
    assert "geheim" not in (data if isinstance(data, str) else json.dumps(data))


def test_a_deed_is_noted_with_what_was_before_and_after(workspace: Workspace) -> None:
    workspace.database.write(lambda c: audit.note(c, "ann", "config rollback", NOW, {"a": [1]}, {"a": "ü"}))
    workspace.database.write(lambda c: audit.note(c, "bob", "nothing", NOW, None, None))
    with workspace.database.snapshot() as connection:
        rows = connection.execute(
            text('select who, what, "before", "after" from audit_log order by id')
        ).all()
    loaded = [
        tuple(json.loads(cell) if isinstance(cell, str) and cell[:1] == "{" else cell for cell in row)
        for row in rows
    ]
    assert loaded == [("ann", "config rollback", {"a": [1]}, {"a": "ü"}), ("bob", "nothing", None, None)]
