"""Workspaces on both databases, and jobs that write down when they were done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from carillon.clock import ManualClock
from carillon.jobs.cadence import Cadence, Every
from carillon.jobs.table import Job
from carillon.store import jobs as store
from carillon.workspace import Workspace
from tests.contract.conftest import kind, make_workspace, workspace

__all__ = ["kind", "make_workspace", "workspace"]

MINUTE = timedelta(minutes=1)


@dataclass
class Diary:
    """What jobs did, and what they are told to do."""

    done: list[tuple[str, datetime]] = field(default_factory=list)
    trouble: dict[str, Exception] = field(default_factory=dict)
    meanwhile: Callable[[str], None] = lambda _name: None

    def job(self, name: str, cadence: Cadence | None = None, after: tuple[str, ...] = ()) -> Job:
        def work(workspace: Workspace) -> Mapping[str, object]:
            self.meanwhile(name)
            if name in self.trouble:
                raise self.trouble[name]
            self.done.append((name, workspace.clock.now()))
            return {"number": len(self.done)}

        return Job(name, cadence or Every(MINUTE), work, after)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.done]


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def clock(workspace: Workspace) -> ManualClock:
    assert isinstance(workspace.clock, ManualClock)
    return workspace.clock


def states(workspace: Workspace) -> dict[str, store.JobState]:
    with workspace.database.snapshot() as connection:
        return store.states(connection)
