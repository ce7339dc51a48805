"""What is not adopted, and the workspace around what is."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from carillon.clock import ManualClock
from carillon.errors import Busy, CarillonError, InputError, WorkspaceError
from carillon.files.adopt.place import settings_for, use_database
from carillon.store import engine
from carillon.workspace import at
from tests.store.old_scheduler import build, dump
from tests.store.test_adopt import NOON, digest, take


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "old.db"


# -- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "named", "remedy"),
    [
        ("create view v_due as select * from contacts", "view v_due", 'drop view "v_due"'),
        (
            "create trigger spy after insert on agents begin select 1; end",
            "trigger spy on agents",
            'drop trigger "spy"',
        ),
    ],
)
def test_programs_of_others_are_refused(file: Path, statement: str, named: str, remedy: str) -> None:
    build(file, 3)
    with closing(sqlite3.connect(file)) as old:
        old.execute(statement)
    before = digest(file)
    with pytest.raises(InputError) as told:
        take(file)
    assert named in str(told.value)
    assert remedy in str(told.value)
    assert digest(file) == before
    assert not (file.parent / "backups").exists()


def test_what_is_no_old_scheduler_is_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        take(file)
    with pytest.raises(InputError, match="is a folder"):
        take(tmp_path)
    file.write_text("email,zip\na@example.com,75201\n")
    with pytest.raises(InputError, match=r"not an SQLite database.*import contacts"):
        take(file)
    file.unlink()
    for statement, said in (
        (
            "create table contacts (id integer primary key, mail text)",
            "no table email_schedules|no column email",
        ),
        ("create table email_schedules (contact_id, email_type, status)", "no column email"),
        ("alter table contacts rename column mail to email", ""),
    ):
        with closing(sqlite3.connect(file)) as old:
            old.execute(statement)
        if said:
            with pytest.raises(InputError, match=said):
                take(file)
    assert take(file).contacts == 0


@pytest.mark.parametrize("number", ["'abc'", "0", "4294967296", "null"])
def test_ids_that_cannot_stay_are_refused(file: Path, number: str) -> None:
    with closing(sqlite3.connect(file)) as old:
        old.executescript(
            "create table contacts (id, email);"
            "create table email_schedules (contact_id, email_type, status);"
            f"insert into contacts values (1, 'a@example.com'), ({number}, 'b@example.com')"
        )
    before = dump(file)
    with pytest.raises(InputError, match=r"contacts\.id must be a whole number"):
        take(file)
    with closing(sqlite3.connect(file)) as old:
        old.executescript("update contacts set id = 1")
    with pytest.raises(InputError, match="the id 1 more than once"):
        take(file)
    assert dump(file) != before


def test_a_database_in_use_is_left_alone(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(file, 3)
    monkeypatch.setattr(engine, "FOREIGN_BUSY_SECONDS", 0)
    with closing(sqlite3.connect(file)) as old:
        old.execute("begin immediate")
        with pytest.raises(Busy, match="in use by another process"):
            take(file)


def test_a_damaged_database_is_left_alone(file: Path) -> None:
    build(file, 60)
    content = bytearray(file.read_bytes())
    for page in range(30, len(content) // 4096, 2):
        content[page * 4096 : page * 4096 + 64] = os.urandom(64)
    file.write_bytes(content)
    with pytest.raises(CarillonError, match="damaged"):
        take(file)
    assert file.read_bytes() == bytes(content)


# -- the workspace around it -------------------------------------------------------------------------


def test_adopting_twice_changes_nothing(file: Path) -> None:
    build(file, 5)
    take(file)
    before = dump(file)
    assert take(file).already
    assert dump(file) == before


def test_settings_name_the_file(tmp_path: Path) -> None:
    folder, file = tmp_path / "ws", tmp_path / "ws" / "legacy 1.db"
    folder.mkdir()
    build(file, 3)
    assert use_database(folder, file, "insurance") == folder / "carillon.yaml"
    workspace = at(folder, {}, ManualClock(NOON))
    assert workspace.settings.database.url == "sqlite:///legacy 1.db"
    workspace.close()
    assert use_database(folder, file, "insurance") is None

    yaml = folder / "carillon.yaml"
    yaml.write_text("# ours\naep_config:\n  default_dates: ['10-15']\n")
    other = tmp_path / "other.db"
    build(other, 3)
    assert settings_for(folder, other, {}).aep_config.month_days == ((10, 15),)
    use_database(folder, other, "insurance")
    assert yaml.read_text().startswith("# ours\naep_config:\n  default_dates: ['10-15']\n")
    assert f"url: {json.dumps('sqlite:///' + str(other))}" in yaml.read_text()


def test_a_workspace_with_contacts_is_left_alone(file: Path, tmp_path: Path) -> None:
    build(file, 3)
    take(file)
    use_database(file.parent, file, "insurance")
    other = tmp_path / "elsewhere" / "other.db"
    other.parent.mkdir()
    build(other, 3)
    with pytest.raises(WorkspaceError, match="a database of its own"):
        settings_for(file.parent, other, {})
    with pytest.raises(WorkspaceError, match="CARILLON_DATABASE__URL"):
        settings_for(other.parent, other, {"CARILLON_DATABASE__URL": "sqlite:///x.db"})
