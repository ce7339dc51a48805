"""One job, once: leases and occasions, on both databases."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest

from carillon.clock import ManualClock
from carillon.errors import WorkspaceError
from carillon.jobs import lease
from carillon.jobs.cadence import Daily, Every
from carillon.jobs.lease import Done, due, perform
from carillon.store import jobs as store
from carillon.workspace import Workspace
from tests.contract.lists import execute
from tests.jobs.conftest import MINUTE, Diary, states

OVER = "2000-01-01T00:00:00.000Z"


def taken(workspace: Workspace, me: str, occasion: datetime | None = None) -> bool:
    now = workspace.clock.now()
    return workspace.database.write(lambda c: store.take(c, "a", me, MINUTE, occasion, now))


def test_only_one_holds_a_lease(workspace: Workspace) -> None:
    assert taken(workspace, "me")
    assert not taken(workspace, "you")
    assert not taken(workspace, "me"), "not even the holder twice"
    workspace.database.write(lambda c: store.give_back(c, "you"))
    assert not taken(workspace, "you"), "nobody gives back what another holds"
    workspace.database.write(lambda c: store.give_back(c, "me"))
    assert taken(workspace, "you")


def test_a_lease_ends_by_the_clock_of_the_database(workspace: Workspace, clock: ManualClock) -> None:
    assert taken(workspace, "me")
    clock.advance(timedelta(days=30))
    assert not taken(workspace, "you"), "the workspace's clock has nothing to say about it"
    execute(workspace, "update jobs set lease_until = :over", over=OVER)
    assert not states(workspace)["a"].is_held
    assert taken(workspace, "you")
    workspace.database.write(lambda c: store.extend(c, "a", "me"))
    workspace.database.write(lambda c: store.complete(c, "a", "me", None, clock.now(), {"late": 1}))
    state = states(workspace)["a"]
    assert state.is_held
    assert state.report is None, "who has lost the lease has nothing to say any more"


def test_many_at_once_and_one_of_them_gets_it(workspace: Workspace) -> None:
    got: list[str] = []

    def run(me: str) -> None:
        if taken(workspace, me, workspace.clock.now()):
            got.append(me)

    threads = [threading.Thread(target=run, args=(f"n{n}",)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(got) == 1


def test_an_occasion_is_done_once(workspace: Workspace, clock: ManualClock, diary: Diary) -> None:
    job, occasion = diary.job("a"), clock.now()
    assert perform(workspace, job, "me", occasion) == Done("a", {"number": 1})
    assert perform(workspace, job, "you", occasion) is None
    assert perform(workspace, job, "you", occasion - MINUTE) is None, "nor the one before it"
    assert perform(workspace, job, "you", occasion + MINUTE) == Done("a", {"number": 2})
    assert perform(workspace, job, "you", None) == Done("a", {"number": 3}), "by hand it may always be done"
    state = states(workspace)["a"]
    assert (state.due_for, state.report, state.failures) == (occasion + MINUTE, {"number": 3}, 0)
    assert (state.started, state.completed, state.period) == (clock.now(), clock.now(), MINUTE)


def test_an_occasion_far_ahead_silences_nothing(
    workspace: Workspace, clock: ManualClock, diary: Diary
) -> None:
    """What `--now` or a wrong clock has left."""
    job = diary.job("a")
    perform(workspace, job, "me", clock.now() + timedelta(days=400))
    assert [one.name for one, _ in due([job], states(workspace), workspace)] == ["a"]
    assert perform(workspace, job, "me", clock.now()) is not None


def test_what_fails_is_noted_and_tried_again_after_a_growing_pause(
    workspace: Workspace, clock: ManualClock, diary: Diary
) -> None:
    job = diary.job("a", Daily((clock.now() - MINUTE).astimezone(workspace.settings.workspace.zone).time()))
    diary.trouble["a"] = WorkspaceError("the disk is full")
    tries = []
    for minute in range(60):
        for one, occasion in due([job], states(workspace), workspace):
            done = perform(workspace, one, "me", occasion)
            assert done is not None
            assert done.error == "the disk is full"
            tries.append(minute)
        clock.advance(MINUTE)
    assert tries == [0, 1, 3, 7, 15, 30, 45]
    state = states(workspace)["a"]
    assert (state.failures, state.last_error, state.completed) == (7, "the disk is full", None)
    assert not state.is_held
    del diary.trouble["a"]
    ((one, occasion),) = due([job], states(workspace), workspace)
    perform(workspace, one, "me", occasion)
    state = states(workspace)["a"]
    assert (state.failures, state.last_error, state.completed) == (0, None, clock.now())
    assert due([job], states(workspace), workspace) == []


def test_a_defect_is_told_as_one(workspace: Workspace, diary: Diary) -> None:
    diary.trouble["a"] = ZeroDivisionError("by nothing")
    done = perform(workspace, diary.job("a"), "me", None)
    assert done is not None
    assert done.error == "this is a defect in Carillon (ZeroDivisionError: by nothing)"


def test_a_killed_job_is_done_again_when_its_lease_is_over(
    workspace: Workspace, clock: ManualClock, diary: Diary
) -> None:
    class Killed(BaseException):
        pass

    def killed(_name: str) -> None:
        raise Killed

    job, diary.meanwhile = diary.job("a"), killed
    with pytest.raises(Killed):
        perform(workspace, job, "me", clock.now())
    assert due([job], states(workspace), workspace) == []
    execute(workspace, "update jobs set lease_until = :over", over=OVER)
    diary.meanwhile = lambda _name: None
    ((_, occasion),) = due([job], states(workspace), workspace)
    assert perform(workspace, job, "you", occasion) == Done("a", {"number": 1})


def test_a_lease_is_kept_while_the_job_runs(
    workspace: Workspace, diary: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.02)
    seen = []

    def wait(_name: str) -> None:
        execute(workspace, "update jobs set lease_until = :over", over=OVER)
        pause = threading.Event()
        for _ in range(200):
            pause.wait(0.02)
            if states(workspace)["a"].is_held:
                break
        seen.append(states(workspace)["a"].is_held)

    diary.meanwhile = wait
    perform(workspace, diary.job("a"), "me", None)
    assert seen == [True]


def test_a_job_waits_for_those_it_comes_after(workspace: Workspace, clock: ManualClock, diary: Diary) -> None:
    first, then, other = diary.job("first"), diary.job("then", after=("first",)), diary.job("other")
    jobs = [first, then, other]

    def ready() -> list[str]:
        return [one.name for one, _ in due(jobs, states(workspace), workspace)]

    assert ready() == ["first", "other"]
    workspace.database.write(lambda c: store.take(c, "first", "you", MINUTE, None, clock.now()))
    assert ready() == ["other"]
    workspace.database.write(lambda c: store.give_back(c, "you"))
    diary.trouble["first"] = WorkspaceError("no")
    perform(workspace, first, "me", clock.now())
    assert ready() == ["then", "other"], "one that has failed holds up nobody"


def test_what_was_missed_is_made_up_once(workspace: Workspace, clock: ManualClock, diary: Diary) -> None:
    job = diary.job("a", Every(timedelta(hours=1)))
    perform(workspace, job, "me", job.cadence.last(clock.now(), workspace.settings.workspace.zone))
    clock.advance(timedelta(days=9))
    ((_, occasion),) = due([job], states(workspace), workspace)
    assert clock.now() - occasion < timedelta(hours=1)
    perform(workspace, job, "me", occasion)
    assert due([job], states(workspace), workspace) == []
