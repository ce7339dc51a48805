"""Global options, help, and how errors become words."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from carillon.cli import plan
from carillon.cli.app import app
from tests.cli.conftest import Run, command

READING = [
    ("forecast",),
    ("explain", "maria@example.com"),
    ("issues",),
    ("health",),
    ("replies",),
    ("timing", "report"),
    ("timing", "show"),
    ("listen", "--once"),
    ("config", "show"),
    ("sequence", "report"),
    ("plan", "--dry-run"),
]


def all_commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []

    def walk(group: object, path: tuple[str, ...]) -> None:
        below = getattr(group, "commands", None)
        if below is None:
            found.append(path)
            return
        for name, one in below.items():
            walk(one, (*path, name))

    walk(get_command(app), ())
    return found


@pytest.mark.parametrize("path", all_commands(), ids=" ".join)
def test_help_tells_every_option(run: Run, path: tuple[str, ...]) -> None:
    result = run(*path, "--help")
    assert result.code == 0
    found = get_command(app)
    for name in path:
        found = found.commands[name]  # type: ignore[attr-defined]
    assert found.help
    for parameter in found.params:
        for option in parameter.opts:
            if option.startswith("-"):
                assert option in result.out
        if parameter.opts[0].startswith("-") and parameter.name != "help":
            assert getattr(parameter, "help", None), f"{parameter.name} has no help"


def test_without_words_it_shows_help_and_fails(run: Run) -> None:
    result = run()
    assert result.code == 2
    assert "Usage: carillon" in result.err


def test_version(run: Run) -> None:
    assert run("--version").out.startswith("carillon 0")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("plna",), "Did you mean 'plan'"),
        (("plan", "--todai", "2026-01-01"), "--today"),
        (("plan", "--today", "tomorrow"), "write it like 2026-03-01"),
        (("forecast", "--from", "2026-02-30"), "write it like 2026-03-01"),
        (("forecast", "--by", "year"), "'day', 'week', 'month', 'type'"),
        (("forecast", "--from", "2026-03-01", "--to", "2026-02-01"), "before the first day"),
        (("--now", "soon", "plan"), "2026-03-01T08:30"),
        (("issues", "--code", "nonsense"), "missing_zip"),
        (("import", "contacts", "x.csv", "--map", "nonsense"), "SOURCE=TARGET"),
        (("explain",), "CONTACT"),
        (("run", "--json"), "--json needs --once"),
    ],
)
def test_misuse_leaves_with_2_and_a_hint(empty: Path, run: Run, words: tuple[str, ...], hint: str) -> None:
    result = run("-w", empty, *words)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("Error: ")
    assert hint in result.err
    assert "Traceback" not in result.err


def test_no_workspace_says_how_to_make_one(run: Run, tmp_path: Path) -> None:
    result = run("-w", tmp_path, "plan")
    assert result.code == 1
    assert f"carillon init {tmp_path}" in result.err


def test_the_workspace_comes_from_option_variable_or_folder(
    planned: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run("health", "-w", planned).code == 0, "global options may stand behind the command"
    monkeypatch.chdir(planned)
    assert run("health").code == 0
    monkeypatch.chdir(tmp_path)
    assert run("health").code == 1
    monkeypatch.setenv("CARILLON_WORKSPACE", str(planned))
    assert run("health").code == 0
    assert run(f"--workspace={tmp_path}", "health").code == 1


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_json_is_one_document_and_text_has_no_colour(planned: Path, run: Run, words: tuple[str, ...]) -> None:
    result = run("-w", planned, "--now", "2026-03-10T09:00", *words, "--json")
    assert result.code == 0
    assert json.loads(result.out) is not None
    text = run("-w", planned, "--now", "2026-03-10T09:00", *words).out
    assert text
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_poor_terminal_gets_ascii(
    planned: Path, run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    result = run("-w", planned, *words)
    written = stream.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert result.code == 0
    assert result.err == ""
    assert written
    assert "?" not in written, "nothing had to be replaced"


def test_now_without_offset_is_in_the_workspaces_zone(planned: Path, run: Run) -> None:
    def first_day(now: str) -> object:
        return json.loads(run("-w", planned, "--now", now, "forecast", "--json").out)["from"]

    assert first_day("2026-03-10T00:30") == "2026-03-10"
    assert first_day("2026-03-10T00:30+00:00") == "2026-03-09", "in Chicago it is still the day before"
    assert first_day("2026-03-10") == "2026-03-10"


def test_a_defect_says_so_and_debug_shows_it(
    planned: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(plan, "run_planner", broken)
    result = run("-w", planned, "plan", "--dry-run")
    assert result.code == 1
    assert "This is a defect in Carillon (ZeroDivisionError: by nothing)" in result.err
    assert "--debug" in result.err
    assert "Traceback" not in result.err
    assert "Traceback" in run("-w", planned, "plan", "--dry-run", "--debug").err


def test_an_error_shows_its_traceback_only_on_demand(run: Run, tmp_path: Path) -> None:
    assert "Traceback" not in run("-w", tmp_path, "plan").err
    assert "Traceback" in run("-w", tmp_path, "--debug", "plan").err


def test_interrupted(planned: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(plan, "run_planner", interrupted)
    result = run("-w", planned, "plan", "--dry-run")
    assert result.code == 130
    assert result.err.strip() == "Interrupted."


def test_a_reader_that_leaves_is_no_error(planned: Path) -> None:
    with subprocess.Popen(
        command("-w", planned, "config", "show"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_help_needs_none_of_the_heavy_libraries() -> None:
    script = (
        "import sys; from carillon.cli.app import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'polars', 'numpy', 'sqlalchemy', 'pydantic', 'zipcodes', 'pyarrow', 'alembic'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "forecast" in done.stdout


def test_the_reference_in_the_docs_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).parents[2]
    spec = importlib.util.spec_from_file_location("generate", root / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    monkeypatch.setattr(sys, "argv", ["generate", "--check"])
    generate.main()
