"""Sequences and outreach campaigns that are through, on both databases."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from carillon.advance.run import advance
from carillon.advance.written import read
from carillon.store import completion, enrolling, outreach, sequence_edits, sequence_starts, sequences
from carillon.store.engine import Connection
from carillon.store.enrolling import Enrolled
from carillon.store.enrollments import stop
from carillon.store.outreach import Outreach
from carillon.words import ExitReason, SequenceStatus
from carillon.workspace import Workspace
from tests.contract.conftest import NOW
from tests.contract.outbox import account, contacts, execute, query
from tests.contract.sequence_world import end_emails, later

ZONE = ZoneInfo("America/Chicago")
TEXT = """
name: {name}
campaign: outreach
settings: {settings}
steps:
  - {{key: hello, type: email, template: one}}
"""


@pytest.fixture
def workspace(workspace: Workspace) -> Workspace:
    """Four contacts, an account and an outreach campaign with the sequence `spring`, which is not started."""
    account(workspace)
    contacts(workspace, 1, 2, 3, 4)
    workspace.database.write(lambda c: outreach.create(c, Outreach("outreach"), NOW, "ann"))
    make(workspace, "spring")
    return workspace


def make(workspace: Workspace, name: str, settings: str = "{}") -> None:
    wanted = read(TEXT.format(name=name, settings=settings), "spring.yaml").complete(None)
    workspace.database.write(lambda c: sequence_edits.apply(c, wanted, workspace.clock.now(), "ann"))


def enroll_in(connection: Connection, workspace: Workspace, name: str, *people: int) -> Enrolled:
    frame = pl.DataFrame({"line": range(len(people)), "contact": people}).with_columns(
        pl.lit(None, pl.String).alias(one) for one in ("external_id", "email")
    )
    found = sequences.find(connection, name, to_change=True)
    return enrolling.enroll(connection, found, [frame], workspace.clock.now(), "ann", ZONE)


def enroll(workspace: Workspace, *people: int, name: str = "spring") -> Enrolled:
    return workspace.database.write(lambda c: enroll_in(c, workspace, name, *people))


def start(workspace: Workspace, name: str = "spring", **more: Any) -> None:
    now = workspace.clock.now()
    workspace.database.write(lambda c: sequence_starts.start(c, name, now, "ann", ZONE, **more))


def statuses(workspace: Workspace) -> dict[str, str]:
    return dict(
        query(
            workspace,
            "select name, status from sequences union all select name, status from outreach_campaigns",
        )  # type: ignore[arg-type]
    )


def see_through(workspace: Workspace) -> None:
    """Everybody's email is made, is sent, and is noticed."""
    later(workspace, minutes=1)
    end_emails(workspace, "sent", workspace.clock.now())
    later(workspace, minutes=1)


def test_through_when_the_last_is(workspace: Workspace) -> None:
    enroll(workspace, 1, 2)
    start(workspace)
    later(workspace, minutes=1)
    end_emails(workspace, "sent", workspace.clock.now(), "contact_id = 1")
    assert later(workspace, minutes=1).sequences_completed == 0
    assert statuses(workspace) == {"spring": "active", "outreach": "active"}
    end_emails(workspace, "sent", workspace.clock.now())
    report = later(workspace, minutes=1)
    assert (report.sequences_completed, report.campaigns_completed) == (1, 1)
    assert statuses(workspace) == {"spring": "completed", "outreach": "completed"}
    again = advance(workspace)
    assert (again.sequences_completed, again.campaigns_completed) == (0, 0)


def test_stopped_by_what_came_back_it_is_through_with_the_next_pass(workspace: Workspace) -> None:
    enroll(workspace, 1)
    start(workspace)
    ((number,),) = query(workspace, "select id from sequence_enrollments")
    workspace.database.write(lambda c: stop(c, [number], ExitReason.REPLIED, workspace.clock.now()))
    assert advance(workspace).sequences_completed == 1


def test_nobody_was_enrolled_yet_or_all_left_before_the_start(workspace: Workspace) -> None:
    start(workspace)
    later(workspace, days=3)
    assert statuses(workspace)["spring"] == "active"
    make(workspace, "other")
    enroll(workspace, 1, name="other")
    execute(workspace, "update sequence_enrollments set status = 'exited', ended_at = enrolled_at")
    workspace.clock.advance(timedelta(days=1))  # type: ignore[attr-defined]
    start(workspace, "other")
    later(workspace, minutes=1)
    assert statuses(workspace)["other"] == "active"


@pytest.mark.parametrize("held", ["paused", "archived", "draft"])
def test_what_a_person_has_decided_stays(workspace: Workspace, held: str) -> None:
    enroll(workspace, 1)
    start(workspace)
    see_through_but(workspace, held)
    assert statuses(workspace)["spring"] == held


def see_through_but(workspace: Workspace, held: str) -> None:
    """Everybody is through, and before the pass that would tell a person gives it another status."""
    ((number,),) = query(workspace, "select id from sequence_enrollments")
    workspace.database.write(lambda c: stop(c, [number], ExitReason.MANUAL, workspace.clock.now()))
    execute(workspace, f"update sequences set status = '{held}'")
    later(workspace, minutes=1)


def test_a_drip_runs_until_the_last_has_begun_and_ended(workspace: Workspace) -> None:
    make(workspace, "dripped", "{drip_per_day: 1}")
    enroll(workspace, 1, 2, 3, name="dripped")
    start(workspace, "dripped")
    for _ in range(2):
        see_through(workspace)
        assert statuses(workspace)["dripped"] == "active"
        workspace.clock.advance(timedelta(days=1))  # type: ignore[attr-defined]
    see_through(workspace)
    assert statuses(workspace)["dripped"] == "completed"


def test_enrolling_runs_it_again_at_once_and_its_campaign_with_it(workspace: Workspace) -> None:
    enroll(workspace, 1)
    start(workspace)
    see_through(workspace)
    assert statuses(workspace)["spring"] == "completed"
    assert enroll(workspace, 3).sequence.status is SequenceStatus.ACTIVE
    assert statuses(workspace) == {"spring": "active", "outreach": "active"}
    assert later(workspace, minutes=1).done == {("email", "queued"): 1}
    end_emails(workspace, "sent", workspace.clock.now())
    assert later(workspace, minutes=1).sequences_completed == 1


def test_who_cannot_be_enrolled_does_not_run_it_again(workspace: Workspace) -> None:
    contacts(workspace, 9, status="opted_out")
    enroll(workspace, 1)
    start(workspace)
    see_through(workspace)
    assert enroll(workspace, 9).enrolled == 0
    assert statuses(workspace)["spring"] == "completed"


def test_started_again_it_stays_open_until_somebody_was_through(workspace: Workspace) -> None:
    enroll(workspace, 1)
    start(workspace)
    see_through(workspace)
    workspace.clock.advance(timedelta(minutes=5))  # type: ignore[attr-defined]
    start(workspace)
    assert statuses(workspace) == {"spring": "active", "outreach": "active"}
    assert later(workspace, days=3).sequences_completed == 0
    enroll(workspace, 2)
    see_through(workspace)
    assert statuses(workspace)["spring"] == "completed"


def test_a_campaign_waits_for_all_its_sequences_but_the_archived(workspace: Workspace) -> None:
    make(workspace, "put-away")
    workspace.database.write(lambda c: sequences.archive(c, "put-away", NOW, "ann"))
    enroll(workspace, 1)
    start(workspace)
    see_through(workspace)
    assert statuses(workspace)["outreach"] == "completed"
    make(workspace, "more")
    later(workspace, minutes=1)
    assert statuses(workspace)["outreach"] == "active"


def test_who_is_enrolled_at_the_same_moment_is_not_left_behind(workspace: Workspace) -> None:
    if workspace.database.is_sqlite:
        pytest.skip("there is one writer at a time")
    enroll(workspace, 1)
    start(workspace)
    later(workspace, minutes=1)
    end_emails(workspace, "sent", workspace.clock.now())
    # All is through but not told so yet; somebody enrolls and takes a moment to commit.
    execute(workspace, "update sequence_enrollments set status = 'completed', ended_at = now()")
    inside, go = threading.Event(), threading.Event()

    def slowly(connection: Connection) -> None:
        enroll_in(connection, workspace, "spring", 2)
        inside.set()
        assert go.wait(20)

    enrolling_one = threading.Thread(target=lambda: workspace.database.write(slowly))
    enrolling_one.start()
    assert inside.wait(20)
    found: list[tuple[int, int]] = []
    completing = threading.Thread(
        target=lambda: found.append(
            workspace.database.write(lambda c: completion.complete(c, workspace.clock.now()))
        )
    )
    completing.start()
    completing.join(0.5)
    assert not found, "it waits for whoever enrolls"
    go.set()
    completing.join(20)
    enrolling_one.join(20)
    assert found == [(0, 0)]
    assert statuses(workspace)["spring"] == "active"
