"""The sent journal and the home of a workspace, on both databases: what has left is known again."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from carillon.errors import Busy, WorkspaceError
from carillon.keys import CONTACT_SHIFT, FOLLOWUP_BIT, KIND_SHIFT
from carillon.pace.run import release
from carillon.send.journal import Journal
from carillon.send.outcomes import Deferred, Delivered, Rejected, Unknown
from carillon.send.replay import last_sent, read
from carillon.send.restore import RestoreReport, admit, replay
from carillon.send.run import dispatch
from carillon.store.home import home_of, take_over
from carillon.store.moments import stamp
from carillon.words import FIRST_CAMPAIGN
from carillon.workspace import Workspace
from tests.contract.conftest import NOW, MakeWorkspace
from tests.contract.outbox import (
    TODAY,
    account,
    ask,
    books_of,
    contacts,
    due,
    email,
    execute,
    prepared,
    query,
    states,
)

EVENT = TODAY + 15
BEFORE = "2026-03-01T15:00:00.000Z"


def key(contact: int, kind: int = 0, followup: int = 0) -> int:
    return (contact << CONTACT_SHIFT) | followup | (kind << KIND_SHIFT) | EVENT


def line(schedule: int, outcome: str, **more: Any) -> dict[str, object]:
    made = {"schedule_id": schedule, "message_id": f"<{schedule}@x>", "account_id": 1, "at": BEFORE}
    return made | {"outcome": outcome} | more


def noted(workspace: Workspace, *lines: dict[str, object]) -> None:
    Journal(workspace.folder).begin()
    Journal(workspace.folder).note(NOW, lines)


def planned(workspace: Workspace, *ids: int, send: int = TODAY, state: int = 5 << 8) -> None:
    for one in ids:
        execute(
            workspace,
            f"insert into plan (id, send, ideal, state, run) values ({one}, {send}, {TODAY}, {state}, 7)",
        )


def caught_up(workspace: Workspace, gap_in_doubt: bool = False) -> RestoreReport:
    return replay(workspace, gap_in_doubt)


def facts(workspace: Workspace, number: int, columns: str) -> tuple[Any, ...]:
    return query(workspace, f"select {columns} from outbox where id = {number}")[0]


# -- what the journal says becomes what the outbox says ----------------------------------------------


def test_what_was_sent_since_is_sent(workspace: Workspace) -> None:
    """Still planned, released, claimed, in doubt or not there at all: each is known as sent again."""
    account(workspace)
    contacts(workspace, 1, 2, 3, 4, 5)
    planned(workspace, key(1))
    email(workspace, 2)
    email(workspace, 3, status="processing", claim_token="x" * 40, lease_until=stamp(NOW))
    email(workspace, 4, status="in_doubt", intent_at=stamp(NOW))
    ids = [key(one) for one in range(1, 6)]
    noted(workspace, *(line(one, "intent") for one in ids), *(line(one, "sent") for one in ids))
    execute(workspace, "delete from changes")
    report = caught_up(workspace)
    assert report.counts == {"sent": 5}
    assert states(workspace) == dict.fromkeys(ids, "sent")
    assert query(workspace, "select count(*) from plan") == [(0,)]
    assert query(workspace, "select coalesce(sum(n), 0) from plan_days") == [(0,)]
    for one in ids:
        at, name, sender, day, contact, event = facts(
            workspace, one, "actual_send_datetime, message_id, account_id, send, contact_id, event"
        )
        assert str(at).replace(" ", "T")[:19] == BEFORE[:19]
        assert (name, sender, day) == (f"<{one}@x>", 1, TODAY)
        assert (contact, event) == (one >> CONTACT_SHIFT, EVENT)
    assert facts(workspace, ids[0], "email_type, ideal, run, priority, kind") == ("birthday", TODAY, 7, 5, 0)
    assert facts(workspace, ids[4], "email_type") == ("birthday",)
    assert query(workspace, "select count(*) from changes where contact_id = 0") == [(1,)]


def test_a_replay_twice_changes_nothing_more(workspace: Workspace) -> None:
    account(workspace)
    contacts(workspace, 1, 2)
    planned(workspace, key(1))
    email(workspace, 2)
    noted(workspace, line(key(1), "sent"), line(key(2), "in_doubt"))
    caught_up(workspace)
    everything = "select id, status, send, message_id, actual_send_datetime from outbox order by id"
    before = query(workspace, everything)
    assert caught_up(workspace).counts == {}
    assert query(workspace, everything) == before


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("intent",), "in_doubt"),
        (("intent", "in_doubt"), "in_doubt"),
        (("intent", "in_doubt", "sent"), "sent"),
        (("intent", "sent", "in_doubt"), "sent"),
        (("intent", "scheduled"), "scheduled"),
        (("intent", "scheduled", "intent"), "in_doubt"),
        (("intent", "scheduled", "intent", "sent"), "sent"),
        (("intent", "bounced"), "bounced"),
        (("intent", "in_doubt", "scheduled"), "scheduled"),
    ],
)
def test_the_last_line_counts_and_sent_stays(
    workspace: Workspace, words: tuple[str, ...], status: str
) -> None:
    (one,) = due(workspace, 1)
    noted(workspace, *(line(one, word) for word in words))
    caught_up(workspace)
    assert states(workspace)[one] == status


@pytest.mark.parametrize("status", ["sent", "delivered", "bounced", "failed", "cancelled"])
def test_what_is_over_stays_as_it_is(workspace: Workspace, status: str) -> None:
    account(workspace)
    contacts(workspace, 1, 2)
    one, two = email(workspace, 1, status=status), email(workspace, 2, status=status)
    noted(workspace, line(one, "sent"), line(two, "intent"))
    caught_up(workspace)
    assert states(workspace) == {one: status, two: status}


def test_claims_of_the_time_of_the_backup_end(workspace: Workspace) -> None:
    """With an intent and no word of it: in doubt. Without one, or told not to have left: to be sent."""
    account(workspace)
    contacts(workspace, 1, 2, 3)
    claimed = {"status": "processing", "claim_token": "x" * 40, "lease_until": BEFORE, "attempts": 1}
    doubtful = email(workspace, 1, **claimed, intent_at=BEFORE, message_id="<one@x>")
    unsent = email(workspace, 2, **claimed, intent_at=stamp(NOW))
    waiting = email(workspace, 3, **claimed)
    noted(workspace, line(unsent, "intent"), line(unsent, "scheduled"))
    report = caught_up(workspace)
    assert states(workspace) == {doubtful: "in_doubt", unsent: "scheduled", waiting: "scheduled"}
    assert report.unexplained == 1
    # The journal knows it from here on, with the name it was sent under.
    lines = read(workspace.folder, None, workspace.settings.workspace.zone).lines
    assert lines.filter(lines["id"] == doubtful)["message_id"].to_list() == ["<one@x>"]
    assert "being sent when the backup was made" in facts(workspace, doubtful, "last_error")[0]


def test_without_its_journal_the_gap_is_in_doubt(workspace: Workspace) -> None:
    """The newest intent the database knows is not in the journal: so is nothing that came after it."""
    account(workspace)
    contacts(workspace, *range(1, 8))
    known = email(workspace, 1, status="sent", intent_at=BEFORE)
    released = email(workspace, 2)
    later = email(workspace, 3, send_at=stamp(NOW + timedelta(hours=3)))
    planned(workspace, key(4), key(5, 0))
    planned(workspace, key(6), send=TODAY + 1)
    planned(workspace, key(7), state=(5 << 8) | 8)
    report = caught_up(workspace)
    assert not report.journal_is_whole
    assert states(workspace) == {
        known: "sent", released: "in_doubt", later: "scheduled", key(4): "in_doubt", key(5): "in_doubt",
    }  # fmt: skip
    assert query(workspace, "select id from plan order by id") == [(key(6),), (key(7),)]
    assert report.unexplained == 3
    # Next time the journal reaches back.
    execute(workspace, f"update outbox set status = 'sent' where id = {released}")
    assert caught_up(workspace).journal_is_whole


def test_a_whole_journal_explains_what_it_does_not_name(workspace: Workspace) -> None:
    account(workspace)
    contacts(workspace, 1, 2, 3)
    known = email(workspace, 1, status="sent", intent_at=BEFORE)
    released = email(workspace, 2)
    planned(workspace, key(3))
    noted(workspace, line(known, "intent"), line(known, "sent"))
    assert caught_up(workspace).journal_is_whole
    assert states(workspace) == {known: "sent", released: "scheduled"}
    assert query(workspace, "select id from plan") == [(key(3),)]
    # Unless somebody knows better.
    assert caught_up(workspace, gap_in_doubt=True).unexplained == 2
    assert states(workspace) == {known: "sent", released: "in_doubt", key(3): "in_doubt"}


def test_campaigns_follow_ups_and_mail_of_sequences(workspace: Workspace) -> None:
    account(workspace)
    contacts(workspace, 1, 2, 3)
    campaign, followup = key(1, FIRST_CAMPAIGN + 9), key(2, 0, FOLLOWUP_BIT)
    noted(
        workspace,
        line(campaign, "sent"),
        line(followup, "sent"),
        line(-5, "intent", contact_id=3, enrollment_id=40, step_key="initial"),
        line(-5, "sent"),
        line(-6, "sent"),
        line(key(99), "sent"),
    )
    report = caught_up(workspace)
    assert report.counts == {"sent": 4}
    assert report.strangers == 1
    assert facts(workspace, campaign, "campaign_instance_id, kind") == (9, FIRST_CAMPAIGN + 9)
    assert facts(workspace, followup, "followup, parent_id, email_type") == (1, key(2), "followup_1_cold")
    assert facts(workspace, -5, "contact_id, enrollment_id, step_key, event") == (3, 40, "initial", None)
    # What was lost with the gap had these numbers: nothing else gets them.
    execute(
        workspace,
        "insert into campaign_instances (campaign_type, instance_name, created_at)"
        " values ('custom', 'new', '2026-03-01T00:00:00Z')",
    )
    assert query(workspace, "select id > 9 from campaign_instances") in ([(1,)], [(True,)])


def test_days_limits_count_what_the_journal_saw(workspace: Workspace) -> None:
    account(workspace, daily_limit=10)
    contacts(workspace, 1, 2, 3)
    ids = [email(workspace, one) for one in (1, 2, 3)]
    yesterday = "2026-02-28T15:00:00.000Z"
    noted(workspace, line(ids[0], "sent", at=yesterday), line(ids[1], "sent"), line(ids[2], "intent"))
    caught_up(workspace)
    assert query(workspace, "select day, sent from rate_state where domain = ''") == [(TODAY, 2)]
    assert facts(workspace, ids[0], "send") == (TODAY - 1,)


def test_everything_starts_anew_and_paused(workspace: Workspace) -> None:
    due(workspace, 1)
    first, second = caught_up(workspace), caught_up(workspace)
    assert (first.epoch, second.epoch) == (1, 2)
    ((paused_at, paused_by),) = query(workspace, "select paused_at, paused_by from workspace_state")
    assert paused_at is not None
    assert paused_by.endswith(", restore")
    assert query(workspace, "select what from audit_log where what = 'restore'") == [("restore",)] * 2
    assert release(workspace).paused


def test_it_waits_for_nobody(workspace: Workspace) -> None:
    books = books_of(workspace, account(workspace))
    contacts(workspace, 1)
    email(workspace, 1)
    assert len(prepared(books)) == 1
    if workspace.database.is_sqlite:
        from carillon.store.lease import only_one

        with only_one(workspace.database, "send", 0, lambda _: None), pytest.raises(Busy, match="`send`"):
            caught_up(workspace)
    else:
        with pytest.raises(Busy, match="dispatcher is at work"):
            caught_up(workspace)


# -- the dispatcher's side of the journal ------------------------------------------------------------


def test_the_dispatcher_notes_intents_before_and_outcomes_after(workspace: Workspace) -> None:
    ids = due(workspace, 4)
    email(workspace, 1, id=-3, enrollment_id=None, step_key="initial")
    books = books_of(workspace, account(workspace, "other") and _main(workspace))
    ready = {one.row.id: one for one in prepared(books)}
    assert ask(books, *ready.values()) == {*ids, -3}
    assert {one["outcome"] for one in journal_of(workspace)} == {"intent"}
    (of_sequence,) = (one for one in journal_of(workspace) if one["schedule_id"] == -3)
    assert (of_sequence["contact_id"], of_sequence["step_key"]) == (1, "initial")
    answers = [Delivered("Q"), Unknown("gone"), Rejected("no", "550", False, False), Deferred("later")]
    books.commit([books.settle(ready[one], say) for one, say in zip(ids, answers, strict=True)], [])
    last = {one["schedule_id"]: one["outcome"] for one in journal_of(workspace)}
    assert last == dict(zip(ids, ("sent", "in_doubt", "bounced", "scheduled"), strict=True)) | {-3: "intent"}
    assert last_sent(workspace.folder) == {ids[0]}


def _main(workspace: Workspace) -> Any:
    from carillon.store.accounts import accounts

    with workspace.database.snapshot() as connection:
        return next(one for one in accounts(connection) if one.name == "main")


def journal_of(workspace: Workspace) -> list[dict[str, Any]]:
    files = sorted((workspace.folder / "sent").glob("*.jsonl"))
    return [json.loads(one) for file in files for one in file.read_text().splitlines()]


def test_a_database_that_went_back_is_noticed(workspace: Workspace) -> None:
    ids = due(workspace, 3)
    books = books_of(workspace, _main(workspace))
    ready = prepared(books)
    ask(books, *ready)
    books.commit([books.settle(one, Delivered("Q")) for one in ready], [])
    admit(workspace)
    execute(workspace, f"update outbox set status = 'scheduled', intent_at = null where id = {ids[-1]}")
    with pytest.raises(WorkspaceError, match=rf"email {ids[-1]} has left.*restore --replay"):
        sent_now(workspace)
    execute(workspace, f"delete from outbox where id = {ids[-1]}")
    planned(workspace, ids[-1])
    with pytest.raises(WorkspaceError, match="an older database"):
        admit(workspace)
    caught_up(workspace)
    admit(workspace)
    assert Counter(states(workspace).values()) == {"sent": 3}


def sent_now(workspace: Workspace) -> None:
    asyncio.run(dispatch(workspace, asyncio.Event(), once=True, local_only=True))


# -- torn and foreign lines --------------------------------------------------------------------------


def test_a_torn_line_is_told_and_loses_nothing_else(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace("sqlite")
    ids = due(workspace, 4)
    whole = [json.dumps(line(one, "sent")) for one in ids]
    file = workspace.folder / "sent" / "2026-03-01.jsonl"
    file.parent.mkdir()
    zone = workspace.settings.workspace.zone
    for text, known, damaged in (
        ("\n".join(whole[:3]) + "\n" + whole[3][:40], ids[:3], 1),
        (whole[0][:40] + whole[1] + "\n" + whole[2] + "\n" + whole[3], ids[1:], 1),
        (whole[0] + whole[1] + "\n", ids[:2], 0),
        ("\0" * 50 + "\n" + whole[2] + "\n", ids[2:3], 1),
        ("\n\n" + whole[2] + "\n[1]\n7\n", ids[2:3], 2),
        (whole[0] + "\n" + whole[1].replace("<", "<{"), ids[:2], 0),
        ("\xff", [], 1),
        ("", [], 0),
    ):
        file.write_text(text, encoding="latin-1")
        journal = read(workspace.folder, None, zone)
        assert sorted(journal.lines["id"].to_list()) == known, text
        assert journal.damaged == ({file.name: damaged} if damaged else {}), text
    file.write_text("\n".join(whole[:3]) + "\n" + whole[3][:40])
    assert last_sent(workspace.folder) == {ids[2]}
    report = caught_up(workspace)
    assert report.damaged == {file.name: 1}
    assert states(workspace) == dict.fromkeys(ids[:3], "sent") | {ids[3]: "scheduled"}


def test_files_of_long_before_the_backup_are_not_read(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace("sqlite")
    noted(workspace, line(1, "sent"))
    zone, file = workspace.settings.workspace.zone, workspace.folder / "sent" / "2026-03-01.jsonl"
    os.utime(file, (NOW.timestamp(), NOW.timestamp()))
    assert read(workspace.folder, NOW + timedelta(hours=23), zone).files == 1
    assert read(workspace.folder, NOW + timedelta(hours=25), zone).files == 0
    assert read(workspace.folder, None, zone).files == 1


def test_an_unreadable_journal_stops_it(make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace("sqlite")
    (workspace.folder / "sent" / "2026-03-01.jsonl").mkdir(parents=True)
    with pytest.raises(WorkspaceError, match="cannot be read"):
        caught_up(workspace)


# -- home --------------------------------------------------------------------------------------------


def test_the_first_who_sends_is_at_home_and_others_are_refused(workspace: Workspace) -> None:
    due(workspace, 1)
    release(workspace)
    assert home(workspace) is None
    sent_now(workspace)
    assert home(workspace) is not None
    release(workspace)
    sent_now(workspace)
    if workspace.database.is_sqlite:
        move = workspace.folder.rename(workspace.folder.with_name("moved"))
        workspace = _in(workspace, move)
    else:
        # As if the dump had been read into another server.
        other = 'replace(home, \'"machine": "\', \'"machine": "9\')'
        execute(workspace, f"update workspace_state set home = {other}")
    for job in (release, sent_now):
        with pytest.raises(WorkspaceError, match=r"copied or moved.*and this is.*--take-over"):
            job(workspace)
    assert take(workspace)
    assert not take(workspace)
    release(workspace)
    sent_now(workspace)
    ((who, before, after),) = query(
        workspace, 'select who, "before", "after" from audit_log where what = \'take-over\''
    )
    assert who == "ann"
    assert before != after
    workspace.database.close()


def _in(workspace: Workspace, folder: Path) -> Workspace:
    from dataclasses import replace

    from carillon.store.engine import open_database

    file = workspace.database.file
    assert file is not None
    workspace.database.close()
    return replace(workspace, folder=folder, database=open_database(f"sqlite:///{file.name}", folder))


def home(workspace: Workspace) -> str | None:
    with workspace.database.snapshot() as connection:
        found = home_of(connection)
    return None if found is None else str(found)


def take(workspace: Workspace) -> bool:
    return workspace.database.write(lambda c: take_over(c, workspace.folder, "ann", NOW)) is not None
