"""What `carillon restore` says, asks and refuses."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.conftest import Run


def test_it_lists_what_there_is(empty: Path, run: Run) -> None:
    assert "There is no backup" in run("-w", empty, "restore").out
    run("-w", empty, "backup")
    said = run("-w", empty, "restore")
    (backup,) = (empty / "backups").iterdir()
    assert said.code == 0
    assert backup.name in said.out
    assert "carillon restore BACKUP" in said.out
    (listed,) = json.loads(run("-w", empty, "restore", "--list", "--json").out)["backups"]
    assert listed["bytes"] == backup.stat().st_size
    assert listed["path"] == str(backup)


def test_back_to_a_backup(empty: Path, run: Run) -> None:
    run("-w", empty, "backup")
    (backup,) = (empty / "backups").iterdir()
    said = run("-w", empty, "restore", backup.name, "--yes")
    assert said.code == 0, said.err
    assert "Restored" in said.out
    assert "is kept:" in said.out
    assert "All mail is paused." in said.out
    document = json.loads(run("-w", empty, "restore", backup, "--yes", "--json").out)
    assert (document["epoch"], document["journal_is_whole"], document["counts"]) == (1, True, {})
    assert len(list(empty.glob("*-before-restore-*.db"))) == 2
    replayed = json.loads(run("-w", empty, "restore", "--replay", "--yes", "--json").out)
    assert (replayed["epoch"], replayed["backup"]) == (2, None)
    with closing(sqlite3.connect(empty / "carillon.db")) as database:
        (by,) = database.execute("select paused_by from workspace_state").fetchone()
    assert by.endswith(", restore")


def test_nobody_is_asked_where_nobody_is(empty: Path, run: Run) -> None:
    run("-w", empty, "backup")
    (backup,) = (empty / "backups").iterdir()
    for words in ((backup.name,), ("--replay",)):
        said = run("-w", empty, "restore", *words, stdin=b"")
        assert said.code == 2
        assert "--yes" in said.err
    assert not list(empty.glob("*-before-restore-*"))


def test_what_cannot_be_gone_back_to(empty: Path, run: Run, tmp_path: Path) -> None:
    run("-w", empty, "backup")
    (backup,) = (empty / "backups").iterdir()
    database = (empty / "carillon.db").read_bytes()

    def told(file: Path | str) -> str:
        said = run("-w", empty, "restore", file, "--yes")
        assert said.code == 1
        assert "Traceback" not in said.err
        assert (empty / "carillon.db").read_bytes() == database
        return said.err

    assert "there is no backup nothing.db" in told("nothing.db")
    assert "is the workspace's database itself" in told(empty / "carillon.db")
    bad = tmp_path / "bad.db"
    bad.write_bytes(b"not a database" * 1000)
    assert "not an SQLite database" in told(bad)
    content = bytearray(backup.read_bytes())
    content[8 * 4096 : 9 * 4096] = b"\xff" * 4096
    bad.write_bytes(content)
    assert "is damaged" in told(bad)
    bad.unlink()
    with closing(sqlite3.connect(bad)) as other:
        other.execute("create table t (a)")
    assert "holds no Carillon workspace" in told(bad)
    shutil.copy(backup, bad)
    with closing(sqlite3.connect(bad)) as newer:
        newer.execute("update alembic_version set version_num = '9999'")
        newer.commit()
    assert "newer Carillon" in told(bad)
    assert run("-w", tmp_path / "nowhere", "restore").code == 1
    assert run("-w", empty, "restore", backup, "--replay").code == 2


def test_an_older_backup_is_brought_up_to_date(empty: Path, run: Run, tmp_path: Path) -> None:
    from carillon.store.engine import open_database
    from carillon.store.schema import newest_version, upgrade

    old = open_database("sqlite:///old.db", tmp_path)
    old.write(lambda connection: upgrade(connection, "0003"))
    old.close()
    said = run("-w", empty, "restore", tmp_path / "old.db", "--yes")
    assert said.code == 0, said.err
    with closing(sqlite3.connect(empty / "carillon.db")) as database:
        assert database.execute("select version_num from alembic_version").fetchone() == (newest_version(),)
    with closing(sqlite3.connect(tmp_path / "old.db")) as untouched:
        assert untouched.execute("select version_num from alembic_version").fetchone() == ("0003",)
