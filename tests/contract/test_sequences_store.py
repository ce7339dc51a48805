"""Sequences applied, edited, started, entered and left, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from sqlalchemy import Connection

from carillon.advance.written import read as read_file
from carillon.errors import InputError
from carillon.files.enroll_run import EnrollReport, enroll_file
from carillon.sequences import (
    DelaySettings,
    EmailSettings,
    ExitSettings,
    Sequence,
    SequenceSettings,
    Step,
)
from carillon.sequences_short import ShortForm
from carillon.store import (
    enrolling,
    enrollments,
    outreach,
    sequence_edits,
    sequence_starts,
    sequence_status,
    sequences,
    suppressions,
)
from carillon.store.moments import stamp
from carillon.words import DelayUnit, ExitReason, OutreachStatus, SequenceStatus
from carillon.workspace import Workspace
from tests.advance.definitions import Maker
from tests.contract.conftest import NOW
from tests.contract.lists import bring_in, changes, execute, forget_changes, query, write_list

T = TypeVar("T")
ZONE = ZoneInfo("America/Chicago")
MAIL, WAIT = EmailSettings(template="t"), DelaySettings(amount=2, unit=DelayUnit.DAYS)
STEPS = (Step("first", MAIL, "wait"), Step("wait", WAIT, "second"), Step("second", MAIL))
PLAIN = Sequence("spring", STEPS)
AT = stamp(NOW)


def write(workspace: Workspace, work: Callable[[Connection], T]) -> T:
    return workspace.database.write(work)


def apply(workspace: Workspace, wanted: Sequence = PLAIN) -> sequence_edits.Applied:
    return write(workspace, lambda c: sequence_edits.apply(c, wanted, NOW, "ann"))


def find(workspace: Workspace, name: str = "spring") -> Sequence:
    with workspace.database.snapshot() as connection:
        return sequences.find(connection, name)


def people(workspace: Workspace, n: int = 3) -> None:
    bring_in(workspace, *({"email": f"p{i}@example.com", "zip_code": "90210"} for i in range(1, n + 1)))
    forget_changes(workspace)


def enroll(workspace: Workspace, contacts: list[int], now: datetime = NOW) -> enrolling.Enrolled:
    rows = [(line, contact, None, None) for line, contact in enumerate(contacts, 1)]
    schema = {"line": pl.Int64, "contact": pl.Int64, "external_id": pl.String, "email": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")

    def work(connection: Connection) -> enrolling.Enrolled:
        found = sequences.find(connection, "spring", to_change=True)
        return enrolling.enroll(connection, found, [frame], now, "ann", ZONE)

    return write(workspace, work)


def start(workspace: Workspace, now: datetime = NOW, at: datetime | None = None) -> sequence_starts.Start:
    return write(workspace, lambda c: sequence_starts.start(c, "spring", now, "ann", ZONE, at))


def stored(workspace: Workspace) -> list[dict[str, Any]]:
    return query(workspace, "select * from sequence_enrollments order by id")


def starts(workspace: Workspace) -> list[tuple[int, str, str | None]]:
    """Contact, status, and the start as the workspace's clocks show it."""

    def local(moment: str | None) -> str | None:
        return moment and f"{datetime.fromisoformat(moment).astimezone(ZONE):%m-%d %H:%M}"

    return [(row["contact_id"], row["status"], local(row["next_action_at"])) for row in stored(workspace)]


def stand_at(workspace: Workspace, step: str, *contacts: int) -> None:
    """As if the engine had brought them to a step an hour ago."""
    for contact in contacts:
        execute(
            workspace,
            "update sequence_enrollments set current_step = :step, status = 'active', visits = 1,"
            " stepped_at = :at, next_action_at = null where contact_id = :contact",
            step=step,
            contact=contact,
            at=stamp(NOW - timedelta(hours=1)),
        )


def email(workspace: Workspace, enrollment: int, step: str, status: str, number: int = 0) -> None:
    """An email of a sequence, as the engine makes it."""
    execute(
        workspace,
        "insert into outbox (id, contact_id, kind, email_type, send, status, enrollment_id, step_key,"
        " actual_send_datetime, created_at) select :id, contact_id, 16383, 'sequence', 20000, :status, id,"
        " :step, :sent, :at from sequence_enrollments where id = :enrollment",
        id=-(1 << 62) - 10 * enrollment - number,
        status=status,
        step=step,
        enrollment=enrollment,
        at=AT,
        sent=stamp(NOW + timedelta(hours=number)) if status in ("sent", "delivered", "bounced") else None,
    )


def history(workspace: Workspace) -> list[tuple[int, str, int, str, str | None]]:
    rows = query(workspace, "select * from sequence_step_executions order by id")
    return [
        (row["enrollment_id"], row["step_key"], row["visit"], row["outcome"], row["detail"]) for row in rows
    ]


# ---- made and edited ----


def test_what_is_applied_is_stored_without_a_loss(workspace: Workspace) -> None:
    for seed in range(30):
        wanted = replace(Maker(seed).sequence(), name=f"Number {seed}")
        if wanted.campaign is not None:
            wanted = replace(wanted, campaign=f"{wanted.campaign} {seed}")
            made = outreach.Outreach(wanted.campaign or "")
            write(workspace, lambda c, new=made: outreach.create(c, new, NOW, "ann"))  # type: ignore[misc]
        done = apply(workspace, wanted)
        assert done.made
        assert done.sequence.same_definition(wanted)
        assert find(workspace, wanted.name) == done.sequence
        assert apply(workspace, wanted) == sequence_edits.Applied(done.sequence, made=False)


def test_an_edit_is_a_new_version_and_says_what_changed(workspace: Workspace) -> None:
    apply(workspace)
    longer = replace(STEPS[1], settings=DelaySettings(amount=5, unit=DelayUnit.DAYS))
    wanted = replace(PLAIN, steps=(STEPS[0], longer, STEPS[2]), settings=SequenceSettings(company_stop=True))
    done = apply(workspace, wanted)
    assert (done.made, done.changed, done.sequence.version) == (False, ("settings", "wait"), 2)
    assert apply(workspace, replace(wanted, source="# the same\n")).sequence.version == 2
    assert find(workspace).source == "# the same\n"
    log = query(workspace, "select * from audit_log order by id")
    assert [row["what"] for row in log] == ["sequence spring made", "sequence spring edited"]


def test_who_waits_at_a_step_that_is_gone_goes_on_to_its_successor(workspace: Workspace) -> None:
    people(workspace, 4)
    apply(workspace)
    enroll(workspace, [1, 2, 3, 4])
    start(workspace)
    stand_at(workspace, "first", 1)
    stand_at(workspace, "wait", 2)
    stand_at(workspace, "second", 3)
    email(workspace, 1, "first", "scheduled")
    email(workspace, 3, "second", "scheduled")
    done = apply(workspace, replace(PLAIN, steps=(replace(STEPS[2], next="new"), Step("new", WAIT))))
    assert (done.moved, done.changed) == (2, ("second", "new", "first", "wait"))
    rows = stored(workspace)
    assert [row["current_step"] for row in rows] == ["second", "second", "second", None]
    # Delays count from the step that was done last; who has not begun begins where the new one does.
    hour_ago = stamp(NOW - timedelta(hours=1))
    moments = [row["next_action_at"] and row["next_action_at"][:19] for row in rows]
    assert moments == [hour_ago[:19], hour_ago[:19], None, AT[:19]]
    assert [row["stepped_at"] is None for row in rows] == [True, True, False, True]
    assert history(workspace) == [(1, "first", 2, "moved", "second"), (2, "wait", 2, "moved", "second")]
    mail = query(workspace, "select status, skip_reason, noticed_at from outbox order by id desc")
    assert [(row["status"], row["skip_reason"]) for row in mail] == [
        ("cancelled", "step_removed"),
        ("scheduled", None),
    ]
    assert mail[0]["noticed_at"] is not None
    assert changes(workspace) == [1]


def test_with_nothing_left_behind_it_the_sequence_is_completed(workspace: Workspace) -> None:
    people(workspace, 2)
    apply(workspace)
    enroll(workspace, [1, 2])
    start(workspace)
    stand_at(workspace, "second", 1)
    stand_at(workspace, "wait", 2)
    assert apply(workspace, replace(PLAIN, steps=(Step("first", MAIL),))).moved == 2
    rows = stored(workspace)
    assert {(row["status"], row["exit_reason"]) for row in rows} == {("completed", "completed")}


@pytest.mark.parametrize("seed", range(20))
def test_a_successor_is_the_first_behind_that_is_still_there(seed: int) -> None:
    sequence = Maker(seed).sequence()
    kept = {step.key for step in sequence.steps if (seed * 7 + len(step.key)) % 3}
    for step in sequence.steps:
        at: str | None = step.key
        while at is not None and at not in kept:
            found = sequence.step(at)
            assert found is not None
            at = found.next
        assert sequence_edits.successor(sequence, step.key, kept) == at


def test_an_archived_sequence_is_not_edited(workspace: Workspace) -> None:
    apply(workspace)
    write(workspace, lambda c: sequences.archive(c, "spring", NOW, "ann"))
    with pytest.raises(InputError, match="is archived"):
        apply(workspace)
    with pytest.raises(InputError, match="is archived"):
        start(workspace)
    with pytest.raises(InputError, match='Did you mean "spring"'):
        find(workspace, "sprin")


# ---- enrolled ----


def test_who_cannot_be_enrolled_is_named_with_the_reason(workspace: Workspace) -> None:
    people(workspace, 8)
    execute(workspace, "update contacts set email = null where id = 2")
    execute(workspace, "update contacts set status = 'opted_out' where id = 3")
    execute(workspace, "update contacts set status = 'bounced' where id = 4")
    for address, scope in (("p5@example.com", "all"), ("p6@example.com", "marketing")):
        write(workspace, lambda c, a=address, s=scope: suppressions.suppress(c, a, s, None, NOW))  # type: ignore[misc]
    execute(workspace, "insert into suppressions (address, scope) values ('p7@example.com', 'rate_increase')")
    apply(workspace)
    assert enroll(workspace, [8]).enrolled == 1
    done = enroll(workspace, [1, 2, 3, 4, 5, 6, 7, 8, 1])
    assert done.enrolled == 2
    assert dict(done.refused.select("line", "reason").iter_rows()) == {
        "2": "without_address",
        "3": "opted_out",
        "4": "bounced",
        "5": "suppressed",
        "6": "suppressed",
        "8": "already_enrolled",
        "9": "twice_in_the_list",
    }
    assert [row["contact_id"] for row in stored(workspace)] == [8, 1, 7]


def test_who_is_through_may_be_enrolled_again(workspace: Workspace) -> None:
    people(workspace, 1)
    apply(workspace)
    enroll(workspace, [1])
    assert enroll(workspace, [1]).enrolled == 0
    write(workspace, lambda c: enrollments.stop(c, [1], ExitReason.MANUAL, NOW))
    assert enroll(workspace, [1]).enrolled == 1


def test_a_list_is_enrolled_and_what_is_wrong_with_it_is_reported(workspace: Workspace) -> None:
    people(workspace, 3)
    apply(workspace)
    rows: list[dict[str, object]] = [
        {"email": "P1@example.com"},
        {"email": "p2@example.com"},
        {"email": "nobody@example.org"},
        {"email": "p2@example.com"},
        {"email": "nothing"},
        {"email": "p4@example.com"},
    ]
    path = write_list(workspace.folder / "people.csv", rows)
    report: EnrollReport = enroll_file(workspace, "spring", path)
    assert (report.read, report.enrolled, report.rejected) == (6, 2, 3)
    assert report.refused == {"twice_in_the_list": 1}
    assert [one.line for _, one in report.problems] == [4, 5, 6, 7]
    assert "did you mean p" in report.problems[3][1].reason
    assert report.report is not None
    assert report.report.read_text(encoding="utf-8").count("\n") == 5
    with pytest.raises(InputError, match="no sequence"):
        enroll_file(workspace, "autumn", path)


# ---- started, dripped, held up ----


def test_a_start_begins_with_everybody_and_again_does_no_harm(workspace: Workspace) -> None:
    people(workspace, 3)
    apply(workspace)
    enroll(workspace, [1, 2])
    assert starts(workspace) == [(1, "scheduled", None), (2, "scheduled", None)]
    done = start(workspace)
    assert (done.enrolled, done.days, done.first) == (2, {"2026-03-01": 2}, NOW)
    assert starts(workspace) == [(1, "active", "03-01 09:30"), (2, "active", "03-01 09:30")]
    later = NOW + timedelta(hours=1)
    assert start(workspace, later).sequence.scheduled_start_at == NOW
    enroll(workspace, [3], later)
    assert starts(workspace)[:2] == [(1, "active", "03-01 09:30"), (2, "active", "03-01 09:30")]
    assert starts(workspace)[2] == (3, "active", "03-01 10:30")


def test_a_start_may_lie_ahead_and_be_moved(workspace: Workspace) -> None:
    people(workspace, 2)
    apply(workspace)
    enroll(workspace, [1])
    done = start(workspace, at=NOW + timedelta(days=1))
    assert done.sequence.status is SequenceStatus.SCHEDULED
    enroll(workspace, [2])
    assert starts(workspace) == [(1, "scheduled", "03-02 09:30"), (2, "scheduled", "03-02 09:30")]
    start(workspace, at=NOW + timedelta(days=2))
    assert starts(workspace) == [(1, "scheduled", "03-03 09:30"), (2, "scheduled", "03-03 09:30")]
    start(workspace)
    assert starts(workspace) == [(1, "active", "03-01 09:30"), (2, "active", "03-01 09:30")]
    assert find(workspace).scheduled_start_at == NOW
    with pytest.raises(InputError, match="runs already"):
        start(workspace, at=NOW + timedelta(days=2))


def test_a_drip_lets_so_many_begin_a_day_over_the_change_of_clocks(workspace: Workspace) -> None:
    people(workspace, 9)
    apply(workspace, replace(PLAIN, settings=SequenceSettings(drip_per_day=2)))
    enroll(workspace, [1, 2, 3, 4, 5])
    # On 8 March the clocks of Chicago go forward.
    begin = datetime(2026, 3, 7, 9, 30, tzinfo=ZONE)
    start(workspace, at=begin)
    days = ["03-07 09:30"] * 2 + ["03-08 09:30"] * 2 + ["03-09 09:30"]
    assert [at for _, _, at in starts(workspace)] == days
    enroll(workspace, [6, 7])
    days += ["03-09 09:30", "03-10 09:30"]
    assert [at for _, _, at in starts(workspace)] == days
    # Whoever comes later takes the next free place; of today from now on.
    write(workspace, lambda c: enrollments.stop(c, [7], ExitReason.MANUAL, NOW))
    enroll(workspace, [8], datetime(2026, 3, 10, 15, 0, tzinfo=ZONE))
    enroll(workspace, [9], datetime(2026, 3, 12, 15, 0, tzinfo=ZONE))
    assert starts(workspace)[7:] == [(8, "active", "03-10 15:00"), (9, "active", "03-12 15:00")]


def test_a_drip_of_many_is_dealt_out_as_by_hand(workspace: Workspace) -> None:
    people(workspace, 40)
    apply(workspace, replace(PLAIN, settings=SequenceSettings(drip_per_day=7)))
    now, used = NOW, dict[str, int]()
    start(workspace)
    for first, last, hours in ((1, 3, 2), (4, 20, 30), (21, 22, 300), (23, 40, 1)):
        enroll(workspace, list(range(first, last + 1)), now)
        for contact in range(first, last + 1):
            day = max([now.astimezone(ZONE).date(), *(datetime.fromisoformat(one).date() for one in used)])
            while used.get(day.isoformat(), 0) == 7:
                day += timedelta(1)
            used[day.isoformat()] = used.get(day.isoformat(), 0) + 1
            row = next(row for row in stored(workspace) if row["contact_id"] == contact)
            begins = datetime.fromisoformat(row["scheduled_start_at"]).astimezone(ZONE)
            assert begins.date() == day
            if begins > now:
                assert begins.time() == time(9, 30)
            else:
                assert (begins, row["status"]) == (now, "active")
        now += timedelta(hours=hours)


def test_a_drip_without_an_end_is_refused(workspace: Workspace) -> None:
    apply(workspace, replace(PLAIN, settings=SequenceSettings(drip_per_day=2)))
    found = start(workspace).sequence
    write(workspace, lambda c: sequence_starts.stage_starts(c, found, 7320, NOW, ZONE))
    with pytest.raises(InputError, match="3,661 days"):
        write(workspace, lambda c: sequence_starts.stage_starts(c, found, 7321, NOW, ZONE))


def test_what_should_have_begun_during_a_pause_is_dripped_after_it(workspace: Workspace) -> None:
    people(workspace, 5)
    apply(workspace, replace(PLAIN, settings=SequenceSettings(drip_per_day=1)))
    enroll(workspace, [1, 2, 3, 4, 5])
    start(workspace)
    write(workspace, lambda c: sequences.pause(c, "spring", NOW, "ann"))
    apply(workspace, replace(PLAIN, name="other"))
    with pytest.raises(InputError, match="nothing to hold up"):
        write(workspace, lambda c: sequences.pause(c, "other", NOW, "ann"))
    later = NOW + timedelta(days=3, hours=1)
    found = write(workspace, lambda c: sequence_starts.resume(c, "spring", later, "ann", ZONE))
    assert found.status is SequenceStatus.ACTIVE
    assert [at for _, _, at in starts(workspace)] == [
        "03-01 09:30", "03-04 10:30", "03-05 09:30", "03-06 09:30", "03-07 09:30"
    ]  # fmt: skip
    with pytest.raises(InputError, match="sequence start"):
        write(workspace, lambda c: sequence_starts.resume(c, "other", later, "ann", ZONE))


def test_a_pause_before_the_start_keeps_it(workspace: Workspace) -> None:
    people(workspace, 1)
    apply(workspace)
    enroll(workspace, [1])
    start(workspace, at=NOW + timedelta(days=1))
    write(workspace, lambda c: sequences.pause(c, "spring", NOW, "ann"))
    found = write(workspace, lambda c: sequence_starts.resume(c, "spring", NOW, "ann", ZONE))
    assert found.status is SequenceStatus.SCHEDULED
    assert starts(workspace) == [(1, "scheduled", "03-02 09:30")]


# ---- ended ----


def test_a_stop_ends_what_is_open_and_cancels_its_emails(workspace: Workspace) -> None:
    people(workspace, 3)
    apply(workspace)
    enroll(workspace, [1, 2, 3])
    start(workspace)
    stand_at(workspace, "first", 1, 2)
    email(workspace, 1, "first", "scheduled")
    email(workspace, 2, "first", "processing")
    email(workspace, 1, "old", "sent", 1)
    done = write(workspace, lambda c: enrollments.stop(c, [2, 1, 1, 99], ExitReason.REPLIED, NOW, "hello"))
    assert done == 2
    assert write(workspace, lambda c: enrollments.stop(c, [1, 2], ExitReason.BOUNCED, NOW)) == 0
    rows = stored(workspace)
    assert [(row["status"], row["exit_reason"], row["next_action_at"]) for row in rows[:2]] == [
        ("exited", "replied", None)
    ] * 2
    assert rows[2]["status"] == "active"
    assert history(workspace) == [
        (1, "first", 2, "exited", "replied: hello"),
        (2, "first", 2, "exited", "replied: hello"),
    ]
    mail = query(workspace, "select enrollment_id, status, skip_reason from outbox order by id desc")
    assert [(row["enrollment_id"], row["status"], row["skip_reason"]) for row in mail] == [
        (1, "cancelled", "enrollment_ended"),
        (1, "sent", None),
        (2, "processing", None),
    ]
    assert changes(workspace) == [1]


def test_a_stop_of_many_takes_few_statements(workspace: Workspace) -> None:
    n = enrollments.AT_A_TIME + 7
    people(workspace, 1)
    apply(workspace)
    series = "with recursive r (n) as (select 1 union all select n + 1 from r where n < :n)"
    execute(
        workspace,
        f"{series} insert into sequence_enrollments (sequence_id, contact_id, status, enrolled_at)"
        f" select 1, n, 'scheduled', '{AT}' from r"
        if workspace.database.is_sqlite
        else "insert into sequence_enrollments (sequence_id, contact_id, status, enrolled_at)"
        f" select 1, n, 'scheduled', '{AT}' from generate_series(1, :n) n",
        n=n,
    )
    assert write(workspace, lambda c: sequences.archive(c, "spring", NOW, "ann")) == n
    assert {row["exit_reason"] for row in stored(workspace)} == {"sequence_archived"}
    assert len(history(workspace)) == n


# ---- how they stand ----


def test_counters_are_those_that_one_counts_by_hand(workspace: Workspace) -> None:
    people(workspace, 12)
    apply(workspace)
    apply(workspace, replace(PLAIN, name="empty"))
    enroll(workspace, list(range(1, 12)))
    sent = {2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 1, 8: 1, 9: 2, 10: 1}
    for enrollment, n in sent.items():
        for number in range(n):
            email(workspace, enrollment, "first", "bounced" if enrollment == 8 else "delivered", number)
    email(workspace, 1, "first", "scheduled")
    for enrollment, reason in {7: "replied", 8: "bounced", 9: "complained", 10: "completed"}.items():
        write(workspace, lambda c, e=enrollment, r=reason: enrollments.stop(c, [e], r, NOW))  # type: ignore[misc]
    # A reply that stopped nothing.
    execute(
        workspace,
        "insert into contact_events (contact_id, event_type, created_at, email_schedule_id)"
        " select 3, 'replied', :at, max(id) from outbox where enrollment_id = 3",
        at=stamp(NOW + timedelta(days=2)),
    )
    execute(
        workspace,
        "insert into contact_events (contact_id, event_type, created_at, email_schedule_id)"
        " select 4, 'replied', :at, max(id) from outbox where enrollment_id = 5",
        at=AT,
    )
    with workspace.database.snapshot() as connection:
        found = sequence_status.counts(connection)
        latest = sequence_status.people(connection, 1, 3)
    assert found[2] == sequence_status.Counts()
    assert found[1].as_json() == {
        "total": 11,
        "by_status": {
            "pending": 1,
            "scheduled": 1,
            "sent": 1,
            "followup_2": 1,
            "followup_3": 2,
            "replied": 2,
            "bounced": 1,
            "opted_out": 1,
            "completed": 1,
        },
        "sent": sum(sent.values()),
        "replies": 2,
        "reply_rate": round(2 / 9, 4),
        "last_activity": (NOW + timedelta(days=2)).isoformat(),
    }
    both = sequence_status.total(found.values())
    assert both == found[1]
    assert [(one.contact_id, one.state, one.sent) for one in latest] == [
        (11, "pending", 0),
        (10, "completed", 1),
        (9, "opted_out", 2),
    ]


def test_the_way_of_a_contact_can_be_read_back(workspace: Workspace) -> None:
    people(workspace, 2)
    apply(workspace)
    enroll(workspace, [1, 2])
    write(workspace, lambda c: enrollments.stop(c, [1, 2], ExitReason.MANUAL, NOW, "by ann"))
    with workspace.database.snapshot() as connection:
        (only,) = sequence_status.history(connection, 1, 2, 10)
        assert len(sequence_status.history(connection, 1, None, 10)) == 2
        assert len(sequence_status.history(connection, 1, None, 1)) == 1
    assert (only.email, only.outcome, only.detail) == ("p2@example.com", "exited", "manual: by ann")
    assert only.executed_at == NOW


# ---- outreach campaigns ----


def test_an_outreach_campaign_says_what_its_sequences_do_not(workspace: Workspace) -> None:
    defaults = ShortForm(subject="Hello", templates={"initial": "a", "followup_1": "b"}, max_followups=1)
    wanted = outreach.Outreach("spring", "of this year", "Ann", defaults)
    made = write(workspace, lambda c: outreach.create(c, wanted, NOW, "ann"))
    assert replace(made, id=0, created=None) == wanted
    with pytest.raises(InputError, match="already"):
        write(workspace, lambda c: outreach.create(c, wanted, NOW, "ann"))
    written = read_file("name: mine\ncampaign: spring\nfollowup_delays: [5]\n", "x.yaml")
    done = apply(workspace, written.complete(made.defaults))
    assert [step.key for step in done.sequence.steps] == [
        "initial", "wait_1", "unanswered_1", "followup_1", "answered"
    ]  # fmt: skip
    first, wait = (step.settings for step in done.sequence.steps[:2])
    assert isinstance(first, EmailSettings)
    assert isinstance(wait, DelaySettings)
    assert (first.subject, wait.amount) == ("Hello", 5)
    assert done.sequence.campaign == "spring"
    for status in (OutreachStatus.ARCHIVED, OutreachStatus.ARCHIVED):
        found = write(workspace, lambda c, s=status: outreach.set_status(c, "spring", s, NOW, "ann"))  # type: ignore[misc]
        assert found.status is status
    with pytest.raises(InputError, match="archived"):
        apply(workspace, replace(PLAIN, campaign="spring"))
    with pytest.raises(InputError, match='Did you mean "spring"'):
        apply(workspace, replace(PLAIN, campaign="sping"))
    log = query(workspace, 'select what, "after" from audit_log order by id')
    assert [row["what"] for row in log] == [
        "outreach campaign spring made", "sequence mine made", "outreach campaign spring"
    ]  # fmt: skip
    after = log[2]["after"]
    assert (json.loads(after) if isinstance(after, str) else after) == {"status": "archived"}


def test_stored_steps_that_make_no_sense_are_told(workspace: Workspace) -> None:
    apply(workspace, replace(PLAIN, steps=(Step("only", ExitSettings()),)))
    execute(workspace, "update sequence_steps set type = 'dance'")
    with pytest.raises(InputError, match="the stored step 'only'"):
        find(workspace)
