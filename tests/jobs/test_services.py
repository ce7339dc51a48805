"""What goes on all the time: started again after a fault, begun anew with other settings, ended on demand."""

from __future__ import annotations

import asyncio

import pytest

from carillon.errors import Busy, WorkspaceError
from carillon.jobs import services
from carillon.jobs.current import Current
from carillon.jobs.lease import Done
from carillon.jobs.services import Service, keep
from carillon.workspace import Workspace
from tests.jobs.conftest import states


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "PAUSES", (0.01,))
    monkeypatch.setattr(services, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(services, "PULSE_SECONDS", 0.04)


def go(workspace: Workspace, *faults: Exception | None) -> tuple[list[Done], list[str]]:
    """A service that ends in these ways, and the last time when it is asked to; what was told and seen."""
    told: list[Done] = []
    zones: list[str] = []

    async def all_of_it() -> None:
        stop = asyncio.Event()
        left = list(faults)

        async def work(workspace: Workspace, over: asyncio.Event) -> None:
            zones.append(workspace.settings.workspace.timezone)
            if left and (fault := left.pop(0)) is not None:
                raise fault
            if len(zones) > len(faults):
                asyncio.get_running_loop().call_later(0.2, stop.set)
            await over.wait()

        current = Current(workspace, {}, lambda _text, _trouble: None)
        if None in faults:
            file = workspace.folder / "carillon.yaml"
            edited = file.read_text() + "workspace: {timezone: Asia/Tokyo}\n"
            asyncio.get_running_loop().call_later(0.1, file.write_text, edited)
        await asyncio.wait_for(keep(Service("a", work), current, stop, told.append), 20)

    asyncio.run(all_of_it())
    return told, zones


def test_a_fault_is_told_once_and_noted_until_it_is_over(workspace: Workspace) -> None:
    full = WorkspaceError("the disk is full")
    told, zones = go(workspace, full, full, ZeroDivisionError("by nothing"))
    assert [one.error for one in told] == [
        "the disk is full",
        "this is a defect in Carillon (ZeroDivisionError: by nothing)",
    ]
    assert len(zones) == 4
    state = states(workspace)["a"]
    assert (state.failures, state.last_error) == (0, None), "it lives, and the books know"
    assert state.completed is not None


def test_that_another_is_at_it_is_no_fault(workspace: Workspace) -> None:
    told, _ = go(workspace, *[Busy("another `listen` is under way")] * 5)
    assert len(told) == 1
    assert states(workspace)["a"].failures == 0


def test_other_settings_begin_it_anew(workspace: Workspace) -> None:
    _, zones = go(workspace, None)
    assert zones == ["America/Chicago", "Asia/Tokyo"]
