"""The walks do what their pages say: every command is run, every line shown appears.

In a ```console block a line with `$ ` is a command (`> ` goes on with it), and what follows is its output:
all of it that is shown, in this order, with `...` for lines left out; how it is wrapped does not matter.
"""

from __future__ import annotations

import re
import shlex
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import Run

PAGES = Path(__file__).parents[2] / "docs" / "howto"
CLOCK = "alias carillon='carillon --now "


@dataclass
class Step:
    """A command and the output that the page shows of it."""

    command: str
    shown: str = ""


def steps(page: str) -> list[Step]:
    found: list[Step] = []
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Step(line[2:]))
            elif line.startswith("> "):
                found[-1].command += "\n" + line[2:]
            else:
                found[-1].shown += line + "\n"
    return found


def assert_shown(shown: str, out: str) -> None:
    rest = " ".join(out.split())
    for part in re.split(r"^\.\.\.$", shown, flags=re.MULTILINE):
        wanted = " ".join(part.split())
        assert wanted in rest
        rest = rest[rest.index(wanted) + len(wanted) :]


class Reader:
    """Somebody who types what the page says."""

    def __init__(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        self.run, self.monkeypatch = run, monkeypatch
        self.clock: list[str] = []

    def type(self, command: str) -> str:
        """What is printed. The command succeeds."""
        if command.startswith(CLOCK):
            self.clock = ["--now", command.removeprefix(CLOCK).removesuffix("'")]
            return ""
        # A double-quoted text is to the shell what it is to shlex: only \" and \\ are special in it here.
        words = shlex.split(command)
        if words[0] == "cd":
            self.monkeypatch.chdir(words[1])
            return ""
        if words[0] == "sqlite3":
            with closing(sqlite3.connect(words[1])) as connection, connection:
                connection.execute(words[2])
                assert connection.total_changes, "nothing was there to change"
            return ""
        if words[0] == "carillon":
            result = self.run(*self.clock, *words[1:])
            assert result.code == 0, result.err
            assert "Warning" not in result.err
            return result.out
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=True)
        return done.stdout


@pytest.mark.usefixtures("quick_demo")
@pytest.mark.parametrize("page", ["rate-increase", "sequences"])
def test_the_walk_on_a_page(page: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    reader = Reader(run, monkeypatch)
    walk = steps((PAGES / f"{page}.md").read_text(encoding="utf-8"))
    assert len(walk) > 25
    for step in walk:
        try:
            assert_shown(step.shown, reader.type(step.command))
        except AssertionError as error:
            error.add_note(f"$ {step.command}")
            raise


def test_a_line_that_is_not_printed_is_noticed() -> None:
    """Otherwise the test above proves little."""
    (step,) = steps("text\n\n```console\n$ say\n> more\none two\n...\nthree\n```\n")
    assert (step.command, step.shown) == ("say\nmore", "one two\n...\nthree\n")
    assert_shown(step.shown, "zero\none  two\nand\n three\n")
    for out in ("one\nthree", "three one two", "one two"):
        with pytest.raises(AssertionError):
            assert_shown(step.shown, out)
