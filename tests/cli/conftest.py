"""The command line, called in this process (fast) or in one of its own (where that is what is tested)."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from carillon.cli import demo_weeks
from carillon.cli.app import main

NOW = "2026-03-10T09:00"
CONTACTS = """email,first_name,zip,state,birth_date,effective_date
maria@example.com,Maria,90210,CA,1960-06-18,2020-12-01
tom@example.com,Tom,75201,TX,1958-04-20,2019-07-01
ann@example.com,Ann,10001,NY,1955-05-05,
lee@example.com,Lee,33101,FL,,2021-05-15
"""


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CARILLON_")]:
        monkeypatch.delenv(name)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "NO_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call `main` with these words; `stdin` is what a pipe would give."""

    def call(*words: str | Path, stdin: bytes | None = None) -> Result:
        capsys.readouterr()
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Result(int(left.value.code or 0), out, err)

    return call


def command(*words: str | Path) -> Sequence[str]:
    """The command line of a process of its own."""
    return [sys.executable, "-m", "carillon", *map(str, words)]


def in_a_process(*words: str | Path, **environ: str) -> Result:
    """Run the command in a process of its own, with its output piped."""
    done = subprocess.run(
        command(*words), capture_output=True, text=True, env=os.environ | environ, timeout=60, check=False
    )
    return Result(done.returncode, done.stdout, done.stderr)


def do(*words: str | Path) -> None:
    """Call `main`; it must succeed."""
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    assert not left.value.code


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Workspaces to be copied: `empty`, and `planned` with four contacts and their plan of 2026-03-10."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "contacts.csv").write_text(CONTACTS)
    do("init", folder / "empty")
    shutil.copytree(folder / "empty", folder / "planned")
    do("-w", folder / "planned", "import", "contacts", folder / "contacts.csv")
    do("-w", folder / "planned", "--now", NOW, "plan")
    return folder


@pytest.fixture
def contacts(tmp_path: Path) -> Path:
    """A small clean list."""
    path = tmp_path / "contacts.csv"
    path.write_text(CONTACTS)
    return path


@pytest.fixture
def empty(tmp_path: Path, models: Path) -> Path:
    """A new workspace."""
    return Path(shutil.copytree(models / "empty", tmp_path / "ws"))


@pytest.fixture
def planned(tmp_path: Path, models: Path) -> Path:
    """A workspace with four contacts and their plan of 2026-03-10."""
    return Path(shutil.copytree(models / "planned", tmp_path / "planned"))


@contextmanager
def tmpfs(folder: Path, options: str) -> Iterator[Path]:
    """A small file system of its own at `folder`; the test is skipped where one may not be mounted."""
    folder.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder and all in it, not to be written to (a permission would not stop root)."""
    bound = subprocess.run(["mount", "--bind", folder, folder], capture_output=True, check=False)
    if bound.returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture
def quick_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo lets one day pass in the place of two weeks."""
    monkeypatch.setattr(demo_weeks, "DAYS", 1)
    monkeypatch.setattr(demo_weeks, "PLANNED", 1)
