"""The logs: what is written can be read again, newest first, filtered, and put away by the day."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.clock import ManualClock
from carillon.log import APP, LEVELS, open_log, put_away
from carillon.settings import Logging
from carillon.watch import logs
from carillon.watch.logs import Wanted, newest

START = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


def test_lines_have_ids_and_come_back_newest_first(tmp_path: Path, clock: ManualClock) -> None:
    log = open_log(tmp_path, Logging(), clock)
    log.info("released", day=date(2026, 3, 1), emails=12)
    clock.advance(timedelta(minutes=1))
    log.warning("email failed", email_id=5, why="550 no such user\nhere")
    log.debug("not written")
    first, second = (tmp_path / "logs" / APP).read_text(encoding="utf-8").splitlines()
    assert json.loads(first) == {
        "timestamp": "2026-03-01T09:00:00.000+00:00",
        "level": "info",
        "event": "released",
        "day": "2026-03-01",
        "emails": 12,
    }
    found = newest(tmp_path, Wanted(), 10)
    assert [(one.level, one.event) for one in found] == [("warning", "email failed"), ("info", "released")]
    assert found[0].details == {"email_id": 5, "why": "550 no such user\nhere"}
    assert json.loads(second)["email_id"] == 5


def test_lines_for_people_are_read_as_well(tmp_path: Path, clock: ManualClock) -> None:
    open_log(tmp_path, Logging(format="console"), clock).error("job failed", job="plan", why="a b=c\nd")
    text = (tmp_path / "logs" / APP).read_text(encoding="utf-8")
    assert text == "2026-03-01T09:00:00.000+00:00 error    job failed job=plan why='a b=c\\nd'\n"
    (line,) = newest(tmp_path, Wanted(level="error"), 10)
    assert (line.level, line.event) == ("error", "job failed job=plan why='a b=c\\nd'")


def test_a_campaign_has_a_file_of_its_own_inside_the_folder(tmp_path: Path, clock: ManualClock) -> None:
    log = open_log(tmp_path, Logging(), clock)
    log.info("released", campaign="../../escape", emails=1)
    log.info("released", emails=2)
    assert {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*.log")} == {
        "logs/app.log",
        "logs/campaigns/.._.._escape.log",
    }
    assert [one.details["emails"] for one in newest(tmp_path, Wanted(campaign="../../escape"), 9)] == [1]
    assert logs.campaigns(tmp_path) == [".._.._escape"]


def test_logs_are_put_away_by_the_day_and_removed_when_old(tmp_path: Path, clock: ManualClock) -> None:
    for day in range(5):
        # The day's first deed, as `retention` does it.
        put_away(tmp_path, clock.now().date(), 2)
        put_away(tmp_path, clock.now().date(), 2)
        open_log(tmp_path, Logging(), clock).info("planned", n=day, campaign="one")
        clock.advance(timedelta(days=1))
    names = sorted(file.name for file in (tmp_path / "logs").glob("*.log"))
    assert names == ["app.2026-03-03.log", "app.2026-03-04.log", "app.log"]
    assert [one.details["n"] for one in newest(tmp_path, Wanted(), 9)] == [4, 3, 2]
    assert [one.details["n"] for one in newest(tmp_path, Wanted(day=date(2026, 3, 3)), 9)] == [2]
    assert [one.details["n"] for one in newest(tmp_path, Wanted(campaign="one"), 9)] == [4, 3, 2]


LINES = st.lists(
    st.tuples(st.sampled_from(sorted(LEVELS)), st.text(max_size=30), st.integers(0, 3)), max_size=30
)


@given(LINES, st.sampled_from(sorted(LEVELS)), st.text(max_size=2), st.integers(1, 8), st.integers(1, 9))
def test_a_look_is_the_lines_that_fit(
    tmp_path_factory: pytest.TempPathFactory,
    written: list[tuple[str, str, int]],
    level: str,
    text: str,
    limit: int,
    block: int,
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    log = open_log(folder, Logging(level="debug"), ManualClock(START))
    for kind, event, n in written:
        getattr(log, kind)(event, n=n)
    raw = (folder / "logs" / APP).read_bytes().decode().split("\n")[:-1] if written else []
    fitting = [
        (kind, event, {"n": n})
        for (kind, event, n), line in zip(written, raw, strict=True)
        if LEVELS[kind] >= LEVELS[level] and text.casefold() in line.casefold()
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "BLOCK", block)
        found = newest(folder, Wanted(level, text=text), limit)
    assert [(one.level, one.event, one.details) for one in found] == fitting[::-1][:limit]


WRITER = """
import sys
from pathlib import Path
from carillon.clock import SystemClock
from carillon.log import open_log
from carillon.settings import Logging
log = open_log(Path(sys.argv[1]), Logging(), SystemClock())
for n in range(300):
    log.info("line", who=sys.argv[2], n=n, padding="x" * 500)
"""


def test_several_processes_write_whole_lines(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), who]) for who in ("a", "b", "c")
    ]
    assert [one.wait(60) for one in writers] == [0, 0, 0]
    found = newest(tmp_path, Wanted(), 10_000)
    seen = [(one.details["who"], one.details["n"]) for one in found]
    assert sorted(seen) == [(who, n) for who in "abc" for n in range(300)]


def test_a_disk_that_is_full_keeps_nothing_from_going_on(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "logs").write_text("no folder")
    open_log(tmp_path, Logging(), clock).error("nobody reads this")
    assert newest(tmp_path, Wanted(), 5) == []
