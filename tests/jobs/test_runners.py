"""What every runner does, on both databases: the embedded one on the computer's clock, the simulated one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from threading import Event

import pytest

from carillon.clock import ManualClock
from carillon.errors import WorkspaceError
from carillon.jobs.current import Current
from carillon.jobs.embedded import EmbeddedRunner
from carillon.jobs.lease import Done, holder, perform
from carillon.jobs.simulated import SimulatedRunner
from carillon.jobs.table import JOBS, Job
from carillon.store import jobs as store
from carillon.workspace import Workspace
from tests.jobs.conftest import MINUTE, Diary, states

Settle = Callable[[], None]


class Simulated:
    def __init__(self, workspace: Workspace, jobs: Sequence[Job], told: list[Done]) -> None:
        assert isinstance(workspace.clock, ManualClock)
        self._runner, self._told = SimulatedRunner(workspace, workspace.clock, jobs), told

    def settle(self) -> None:
        self._told += self._runner.settle()

    def stop(self) -> None:
        pass


class Embedded:
    def __init__(self, workspace: Workspace, jobs: Sequence[Job], told: list[Done]) -> None:
        current = Current(workspace, {}, lambda _text, _trouble: None)
        self.runner = EmbeddedRunner(current, told.append, jobs, look_seconds=0.05)
        self._workspace, self._jobs = workspace, jobs
        self.runner.start()

    def settle(self) -> None:
        """Until nothing is due or under way."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found = states(self._workspace)
            now, zone = self._workspace.clock.now(), self._workspace.settings.workspace.zone
            if all(
                (state := found.get(job.name)) is not None
                and not state.is_held
                and (state.has_seen(job.cadence.last(now, zone), now) or state.failures)
                for job in self._jobs
            ):
                return
            time.sleep(0.02)
        raise AssertionError("the runner does not settle")

    def stop(self) -> None:
        assert self.runner.stop(10) == []


@pytest.fixture(params=[Simulated, Embedded])
def begin(
    request: pytest.FixtureRequest, workspace: Workspace
) -> Iterator[Callable[..., tuple[Settle, list[Done]]]]:
    """Begins a runner with these jobs."""
    begun = []

    def go(*jobs: Job) -> tuple[Settle, list[Done]]:
        told: list[Done] = []
        begun.append(request.param(workspace, jobs, told))
        return begun[-1].settle, told

    yield go
    for one in begun:
        one.stop()


Begin = Callable[..., tuple[Settle, list[Done]]]


def test_each_occasion_once(begin: Begin, clock: ManualClock, diary: Diary) -> None:
    settle, told = begin(diary.job("a"), diary.job("b"))
    for _ in range(5):
        settle()
        clock.advance(MINUTE)
    assert sorted(diary.names) == ["a"] * 5 + ["b"] * 5
    assert sorted(one.name for one in told) == sorted(diary.names)
    assert len(set(diary.done)) == 10


def test_missed_occasions_are_made_up_once(begin: Begin, clock: ManualClock, diary: Diary) -> None:
    settle, _ = begin(diary.job("a"))
    settle()
    clock.advance(timedelta(days=40))
    settle()
    settle()
    assert len(diary.done) == 2


def test_a_job_that_fails_stops_no_other(begin: Begin, clock: ManualClock, diary: Diary) -> None:
    diary.trouble["a"] = WorkspaceError("the disk is full")
    settle, told = begin(diary.job("a"), diary.job("b", after=("a",)))
    for _ in range(2):
        settle()
        clock.advance(MINUTE)
    settle()
    assert diary.names == ["b", "b", "b"]
    assert {one.error for one in told if one.name == "a"} == {"the disk is full"}


def test_two_runners_share_the_occasions(begin: Begin, clock: ManualClock, diary: Diary) -> None:
    jobs = [diary.job(name) for name in "abcd"]
    one, _ = begin(*jobs)
    two, _ = begin(*jobs)
    for _ in range(4):
        one()
        two()
        clock.advance(MINUTE)
    assert sorted(diary.names) == sorted("abcd" * 4)


def test_a_stop_waits_and_gives_leases_back(workspace: Workspace, diary: Diary) -> None:
    begun, go_on = Event(), Event()

    def slow(_name: str) -> None:
        begun.set()
        go_on.wait(20)

    diary.meanwhile = slow
    told: list[Done] = []
    runner = Embedded(workspace, [diary.job("a")], told).runner
    assert begun.wait(10)
    assert runner.stop(0.2) == ["a"], "it says what it leaves behind"
    assert not states(workspace)["a"].is_held
    go_on.set()
    deadline = time.monotonic() + 10
    while not told and time.monotonic() < deadline:
        time.sleep(0.01)
    assert states(workspace)["a"].due_for is None, "what came too late is done again"

    diary.meanwhile = lambda _name: time.sleep(0.3)
    begun.clear()
    runner = Embedded(workspace, [diary.job("a")], told).runner
    time.sleep(0.15)
    assert runner.stop(10) == []
    assert not states(workspace)["a"].is_held
    assert states(workspace)["a"].completed is not None


def test_edited_settings_hold_for_the_next_job(workspace: Workspace) -> None:
    told: list[tuple[str, bool]] = []
    current = Current(workspace, {}, lambda text, trouble: told.append((text, trouble)))
    assert current.get() is workspace
    file = workspace.folder / "carillon.yaml"
    good = file.read_text()
    file.write_text(good + "workspace: {timezone: Asia/Tokyo}\n")
    assert current.get().settings.workspace.timezone == "Asia/Tokyo"
    assert current.get() is current.get()
    assert told == [("carillon.yaml has changed: it holds from now on", False)]
    file.write_text(good + "workspace: {timezone: Nowhere}\n")
    assert current.get().settings.workspace.timezone == "Asia/Tokyo"
    assert current.get().settings.workspace.timezone == "Asia/Tokyo"
    assert len(told) == 2
    assert told[1][1]
    assert "Nowhere" in told[1][0]


def test_a_day_of_all_jobs(workspace: Workspace, clock: ManualClock) -> None:
    """The real table, over two days: everything runs as often as it should, and nothing fails."""
    runner = SimulatedRunner(workspace, clock, [job for job in JOBS if job.name != "advance"])
    done = runner.run_until(clock.now() + timedelta(days=2), step=timedelta(minutes=10))
    assert [one for one in done if one.error] == []
    counts = {name: sum(one.name == name for one in done) for name in {one.name for one in done}}
    assert counts == {
        "backup": 3, "plan": 3, "plan_changes": 193, "release": 49, "status": 9, "retention": 3, "slots": 49,
        "warmup": 289, "warmup_mail": 49, "outcomes": 289, "brakes": 193, "webhooks": 289,
    }  # fmt: skip


def test_a_simulated_day_leaves_the_books_in_order(
    workspace: Workspace, clock: ManualClock, diary: Diary
) -> None:
    runner = SimulatedRunner(workspace, clock, [diary.job("a")])
    assert len(runner.run_until(clock.now() + timedelta(minutes=30))) == 31
    me = holder()
    assert perform(workspace, diary.job("a"), me, clock.now()) is None
    assert not states(workspace)["a"].is_held
    workspace.database.write(store.forget_holders)
