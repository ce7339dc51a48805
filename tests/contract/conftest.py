"""Workspaces on real databases: every test that asks for `workspace` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from carillon.clock import ManualClock
from carillon.workspace import Workspace, at
from tests.contract.databases import drop, postgres_url, sqlite_url

NOW = datetime(2026, 3, 1, 15, 30, tzinfo=UTC)
"""What every workspace's clock shows at first: 9:30 in Chicago."""

MakeWorkspace = Callable[[str], Workspace]


@pytest.fixture
def make_workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeWorkspace]:
    """Makes workspaces, each with a fresh migrated database: `make_workspace("sqlite" or "postgresql")`."""
    made: list[Workspace] = []

    def make(kind: str) -> Workspace:
        folder = tmp_path / f"workspace{len(made)}"
        folder.mkdir()
        url = sqlite_url(folder) if kind == "sqlite" else postgres_url(request.getfixturevalue("server"))
        (folder / "carillon.yaml").write_text(
            f"database: {{url: '{url}'}}\nprocessing: {{max_retry_attempts: 0, retry_delay: 0}}\n",
            encoding="utf-8",
        )
        made.append(at(folder, {}, ManualClock(NOW)))
        return made[-1]

    yield make
    for workspace in made:
        workspace.close()
        if not workspace.database.is_sqlite:
            drop(request.getfixturevalue("server"), workspace.database.engine.url.database or "")


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which database it is."""
    return str(request.param)


@pytest.fixture
def workspace(make_workspace: MakeWorkspace, kind: str) -> Workspace:
    """A fresh, empty workspace."""
    return make_workspace(kind)
