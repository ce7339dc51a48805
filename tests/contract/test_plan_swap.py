"""What one run of the planner writes, it writes whole: the check of all rules, and notes of fingerprints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from carillon.errors import PlanBreach
from carillon.plan import prints
from carillon.plan.prints import Prints
from carillon.store.engine import Database, open_database
from carillon.store.planning import PlanReader
from tests.contract.databases import drop, postgres_url, sqlite_url
from tests.contract.diary import Diary, crowd

TODAY = date(2025, 9, 1)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        database = open_database(sqlite_url(tmp_path), tmp_path)
        yield database
        database.close()
        return
    server = request.getfixturevalue("server")
    database = open_database(postgres_url(server), tmp_path)
    yield database
    database.close()
    drop(server, database.engine.url.database or "")


@pytest.mark.parametrize("bulk_rows", [0, 5_000])
def test_a_plan_that_breaks_its_rules_is_not_stored(
    database: Database, monkeypatch: pytest.MonkeyPatch, bulk_rows: int
) -> None:
    """The check runs while rows are written already; all that stays is the log of a failed run."""
    monkeypatch.setattr("carillon.plan.run.BULK_ROWS", bulk_rows)
    diary, world = Diary(database), crowd(200, TODAY)
    diary.load(world)

    def misplace(ledger, *_):  # type: ignore[no-untyped-def]
        """In the place of balancing: everything goes out yesterday."""
        ledger.send[:] = ledger.rows.send.min() - 400
        return False

    before = diary.dump()
    with monkeypatch.context() as broken:
        broken.setattr("carillon.plan.settle.balance", misplace)
        for dry_run in (True, False):
            with pytest.raises(PlanBreach, match="was not stored"):
                diary.plan(world, dry_run=dry_run)
    after = diary.dump()
    assert [row for row in after.pop("scheduler_checkpoints") if "failed" in row] != []
    del before["scheduler_checkpoints"]
    # The run had begun: it is noted that whoever changes from now on is looked at again.
    del before["changes"], after["changes"]
    assert after == before
    assert diary.plan(world).added > 100


def values_of(database: Database) -> dict[int, tuple[object, ...]]:
    """Everyone's fingerprints, however they are stored."""
    with database.snapshot() as connection:
        book = Prints.load(PlanReader(connection).blocks())
    ids = book.known()
    return {int(one): value.item() for one, value in zip(ids, book.of(ids), strict=True)}


def test_nights_in_notes_are_nights_in_blocks(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes pile up, are verified, and go when blocks are written anew."""
    monkeypatch.setattr(prints, "FEW_BLOCKS", 0)
    diary, world = Diary(database), crowd(200, TODAY)
    diary.load(world)
    diary.plan(world)
    for night in range(4):
        some = ", ".join(map(str, range(1 + night, 200, 9)))
        diary.execute(
            f"update contacts set birth_date = '1977-07-07' where id in ({some})",
            f"delete from contacts where id = {100 + night}",
        )
        world = replace(world, today=TODAY + timedelta(days=night))
        assert diary.plan(world).mode == "changes"
        numbers = [number for (number,) in diary.query("select block from plan_blocks order by block")]
        assert numbers == [*range(-1 - night, 1)]
        noted = values_of(database)
        diary.plan(world, verify=True, dry_run=True)
    diary.plan(world, verify=True)
    assert diary.query("select block from plan_blocks") == [(0,)]
    assert values_of(database) == noted
    monkeypatch.setattr(prints, "NOTED_SHARE", 0)
    diary.execute("update contacts set birth_date = '1966-06-16' where id = 5")
    assert diary.plan(world).mode == "changes"
    assert diary.query("select block from plan_blocks") == [(0,)]
