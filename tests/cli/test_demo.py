"""The demo works out of the box, and never touches a folder that is something else."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from carillon.files.sample import SHARED, SHOWN, ZIPS, write_sample
from carillon.zips import state_of
from tests.cli.conftest import NOW, Run

pytestmark = pytest.mark.usefixtures("quick_demo")


def test_the_sample_is_the_same_every_time_and_harms_nobody(tmp_path: Path) -> None:
    write_sample(tmp_path / "one.csv", date(2026, 3, 10))
    write_sample(tmp_path / "two.csv", date(2026, 3, 10))
    text = (tmp_path / "one.csv").read_text()
    assert text == (tmp_path / "two.csv").read_text()
    assert {part.split(",")[0] for part in text.lower().split("@")[1:]} <= {"example.com", "example.com "}
    for state, (_, zips) in ZIPS.items():
        assert {state_of(zip_code) for zip_code in zips} == {state}


@pytest.mark.parametrize("now", [NOW, "2028-02-29T12:00", "2026-11-22T12:00"])
def test_the_demo_shows_what_carillon_does(run: Run, tmp_path: Path, now: str) -> None:
    folder = tmp_path / "demo"
    result = run("--now", now, "demo", folder)
    assert result.code == 0
    for words in (
        "3,000 made-up contacts",
        "Took 2,9",
        "Daily cap",
        " cap",
        "Maria Alvarez",
        "skipped: its day lies in the birthday window",
        "makes up for it",
        f"explain {SHARED}",
    ):
        assert words in result.out
    assert result.err == ""


def test_the_demo_is_made_anew_only_over_a_demo(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    first = run("--now", NOW, "demo", folder)
    (folder / "notes.txt").write_text("mine")
    second = run("--now", NOW, "demo", folder)
    assert second.code == 0
    assert (folder / "notes.txt").read_text() == "mine"
    told = [line for line in first.out.splitlines() if "Planned  " in line]
    assert told == [line for line in second.out.splitlines() if "Planned  " in line]
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.doc").write_text("mine")
    refused = run("demo", other)
    assert refused.code == 1
    assert "nothing was touched" in refused.err
    assert [path.name for path in other.iterdir()] == ["thesis.doc"]
    assert "2 contacts share" in run("-w", folder, "--now", NOW, "explain", SHARED).out
    assert run("-w", folder, "--now", NOW, "explain", SHOWN).code == 0
