"""`carillon init --adopt` from the command line."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Run, read_only
from tests.store.old_scheduler import build

NOW = "2026-03-10T12:00"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    file = tmp_path / "home" / "scheduler.db"
    file.parent.mkdir()
    build(file, 20)
    return file


def test_adopt_then_plan(run: Run, old: Path) -> None:
    """The folder of the file becomes the workspace; a dry run first leaves no trace."""
    looked = run("--now", NOW, "init", "--adopt", old, "--dry-run")
    assert looked.code == 0, looked.err
    assert "Would adopt 20 contacts" in looked.out
    assert [path.name for path in old.parent.iterdir()] == ["scheduler.db"]

    done = run("--now", NOW, "init", "--adopt", old)
    assert done.code == 0, done.err
    for words in (
        "Adopted 20 contacts",
        "Backup of the file",
        "adopted_email_schedules",
        "agents",
        "newsletter",
    ):
        assert words in done.out, words
    assert 'url: "sqlite:///scheduler.db"' in (old.parent / "carillon.yaml").read_text()
    planned = run("-w", old.parent, "--now", NOW, "plan")
    assert planned.code == 0, planned.err
    assert run("-w", old.parent, "--now", NOW, "health").code == 0

    again = run("--now", NOW, "init", "--adopt", old)
    assert again.code == 0
    assert "already" in again.out


def test_adopt_as_json_into_another_folder(run: Run, old: Path, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "ws"
    done = run("--now", NOW, "init", folder, "--adopt", old, "--json", "--for", "product")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert (document["contacts"], document["dry_run"], document["already"]) == (20, False, False)
    assert document["history"]["birthday"] > 50
    assert f"sqlite:///{old}" in (folder / "carillon.yaml").read_text()
    assert list((folder / "backups").iterdir()) == [Path(document["backup"])]
    assert run("-w", folder, "issues").code == 0
    (row,) = (json.loads(run("-w", folder, "config", "show", "--json").out)["database.url"],)
    assert "scheduler.db" in str(row)


def test_what_stands_in_the_way_is_told(run: Run, old: Path, planned: Path, tmp_path: Path) -> None:
    assert run("init", tmp_path / "x", "--dry-run").code == 2
    missing = run("init", "--adopt", tmp_path / "nothing.db")
    assert missing.code == 1
    assert "does not exist" in missing.err
    taken = run("init", planned, "--adopt", old)
    assert taken.code == 1
    assert "a database of its own" in taken.err
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("create view due as select 1")
    refused = run("init", "--adopt", old)
    assert refused.code == 1
    assert "view due" in refused.err
    assert not (old.parent / "carillon.yaml").exists()


def test_a_file_that_cannot_be_written_to(run: Run, old: Path, tmp_path: Path) -> None:
    before = old.read_bytes()
    with read_only(old.parent):
        refused = run("init", tmp_path / "ws", "--adopt", old)
        assert refused.code == 1
        assert "read-only" in refused.err or "cannot be" in refused.err
        assert run("init", tmp_path / "ws", "--adopt", old, "--dry-run").code == 0
    assert old.read_bytes() == before
