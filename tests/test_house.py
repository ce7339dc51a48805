"""The house rules of `design.md` that a machine can check: who may import whom, and what a file must say."""

from __future__ import annotations

import ast
import sqlite3
from pathlib import Path

import pytest

import carillon
from carillon.store.engine import open_database
from carillon.words import Kind, SkipReason

HOME = Path(carillon.__file__).parent
FILES = sorted(HOME.rglob("*.py"))
ROOMS = {"plan", "files", "advance", "pace", "send", "listen", "watch"}
"""Verbs: they never import each other."""
DOORS = {"cli", "web", "jobs"}
"""They may import rooms."""
ONLY_IN = {
    "sqlalchemy": "store",
    "alembic": "store",
    "sqlite3": "store",
    "psycopg": "store",
    "filelock": "store",
    "typer": "cli",
    "fastapi": "web",
    "nicegui": "web",
}
CLOCK = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
}


def place_of(file: Path) -> str:
    """`plan`, `store`, `cli` ...; `workspace`; or `hall`."""
    parts = file.relative_to(HOME).parts
    if len(parts) > 1:
        return parts[0] if parts[0] != "data" else "hall"
    return {"workspace.py": "workspace", "__main__.py": "cli"}.get(parts[0], "hall")


def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def imports_of(file: Path) -> set[str]:
    """Dotted names of everything imported, also inside functions."""
    found = set()
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def own_places(file: Path) -> set[str]:
    """Places of this program that a file imports from."""
    found = set()
    for name in imports_of(file):
        parts = name.split(".")
        if parts[0] != "carillon" or len(parts) < 2:
            continue
        if (HOME / parts[1]).is_dir() and parts[1] != "data":
            found.add(parts[1])
        elif parts[1] == "workspace":
            found.add("workspace")
        else:
            found.add("hall")
    return found


def allowed(place: str) -> set[str]:
    """cli -> web -> jobs -> rooms -> workspace -> store -> hall."""
    if place == "hall":
        return {"hall"}
    if place == "store":
        return {"store", "hall"}
    if place == "workspace":
        return {"workspace", "store", "hall"}
    if place in ROOMS:
        return {place, "workspace", "store", "hall"}
    assert place in DOORS, f"carillon/{place} is a new room: say in this test what it may import"
    doors = {"cli": {"jobs", "web"}, "web": {"jobs"}, "jobs": set()}
    return {place, "workspace", "store", "hall", *ROOMS} | doors[place]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(HOME)))
def test_imports_go_one_way(file: Path) -> None:
    """The hall imports no room, rooms do not import each other, and some libraries have one home."""
    place = place_of(file)
    assert own_places(file) <= allowed(place)
    for name in imports_of(file):
        library = name.split(".")[0]
        assert ONLY_IN.get(library, place) == place, f"{library} belongs in carillon/{ONLY_IN[library]}"
        assert library != "random" or name == "random.Random", (
            "chance has a seed: `from random import Random`"
        )


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(HOME)))
def test_only_the_clock_knows_the_time(file: Path) -> None:
    """Everyone else is given a `Clock`."""
    if file.name == "clock.py":
        return
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = (
                owner.id
                if isinstance(owner, ast.Name)
                else owner.attr
                if isinstance(owner, ast.Attribute)
                else ""
            )
            assert (name, node.attr) not in CLOCK, f"line {node.lineno}: ask the clock"
            assert name != "random" or node.attr == "Random", f"line {node.lineno}: chance without a seed"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "Random":
            assert node.args, f"line {node.lineno}: chance without a seed"
    assert "time.time" not in imports_of(file)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(HOME)))
def test_every_module_says_what_it_is(file: Path) -> None:
    """In a docstring; a long one also says why it is long. Nothing is left for later in a comment."""
    text = file.read_text(encoding="utf-8")
    docstring = ast.get_docstring(tree_of(file))
    assert docstring
    assert "TO" + "DO" not in text
    if len(text.splitlines()) > 400:
        assert any(word in docstring for word in ("long", "lines", "one file", "400")), "over 400 lines: why?"


def test_the_tables_know_the_same_words(tmp_path: Path) -> None:
    """`skip_reasons` and `plan_kinds` as migrated are `SkipReason` and `Kind`."""
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}", tmp_path)
    database.migrate()
    database.close()
    connection = sqlite3.connect(tmp_path / "a.db")
    try:
        reasons = dict(connection.execute("select code, word from skip_reasons"))
        kinds = dict(
            connection.execute("select kind, email_type from plan_kinds where kind between 0 and 15")
        )
    finally:
        connection.close()
    assert reasons == {int(reason): reason.word for reason in SkipReason if reason}
    assert kinds == {int(kind): kind.email_type for kind in Kind}
