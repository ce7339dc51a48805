"""Tests of accounts and templates are written down, apart from real mail."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from tests.cli.conftest import Run


def rows(folder: Path, statement: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(folder / "carillon.db") as connection:
        found = connection.execute(statement).fetchall()
    connection.close()
    return found


def test_tests_are_in_the_books_and_in_no_plan(run: Run, planned: Path, tmp_path: Path) -> None:
    made = ("--transport", "maildir", "--from", "desk@example.com", "--path", tmp_path / "mail")
    assert run("-w", planned, "account", "add", "desk", *made).code == 0
    before = rows(planned, "select count(*) from email_schedules")
    assert run("-w", planned, "account", "test", "desk", "--to", "me@example.com").code == 0
    sent = run(
        "-w", planned, "template", "send-test", "birthday_standard_v1", "--to", "me@example.com",
        "--account", "desk",
    )  # fmt: skip
    assert sent.code == 0, sent.err

    found = rows(
        planned,
        "select purpose, account_id, to_address, subject, status, sent_at is not null, body"
        " from warmup_messages order by id",
    )
    assert [one[0] for one in found] == ["test", "send_test"]
    assert {one[1:3] for one in found} == {(1, "me@example.com")}
    assert found[0][3] == "Test of the account desk"
    assert {one[4:] for one in found} == {("sent", 1, None)}
    deeds = rows(planned, 'select what, "after" from audit_log order by id desc limit 2')
    assert [what for what, _ in deeds] == [
        "template birthday_standard_v1 version 1 sent as a test",
        "account desk tested",
    ]
    told = {"to": "me@example.com", "account": "desk", "status": "sent"}
    assert [json.loads(str(after)) for _, after in deeds] == [told, told]
    assert rows(planned, "select count(*) from email_schedules") == before
    assert rows(planned, "select count(*) from outbox") == [(0,)]


def test_a_test_that_fails_is_written_down_as_well(run: Run, planned: Path, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("no folder", encoding="utf-8")
    made = ("--transport", "maildir", "--from", "desk@example.com", "--path", in_the_way)
    assert run("-w", planned, "account", "add", "desk", *made).code == 0
    assert run("-w", planned, "account", "test", "desk").code == 1
    ((status, error),) = rows(planned, "select status, last_error from warmup_messages")
    assert status == "failed"
    assert "cannot be written to" in str(error)
    (after,) = rows(planned, 'select "after" from audit_log order by id desc limit 1')[0]
    assert json.loads(str(after))["status"] == "failed"


def test_warm_up_mail_is_shown_apart(run: Run, planned: Path, tmp_path: Path) -> None:
    made = ("--transport", "maildir", "--from", "desk@example.com", "--path", tmp_path / "mail")
    assert run("-w", planned, "account", "add", "desk", *made).code == 0
    assert "Warm-up mail" not in run("-w", planned, "account", "show", "desk").out
    with sqlite3.connect(planned / "carillon.db") as connection:
        for number, (sender, receiver, rescued) in enumerate(
            [(1, 2, None), (2, 1, "2026-03-09T10:00:00.000Z")]
        ):
            connection.execute(
                "insert into warmup_messages (purpose, account_id, to_account_id, to_address, subject,"
                " message_id, status, send_at, rescued_at, created_at)"
                " values ('warmup', ?, ?, 'x@example.com', 's', ?, 'received', '2026-03-09T10:00Z', ?, '')",
                (sender, receiver, f"<{number}@x>", rescued),
            )
    connection.close()
    said = run("-w", planned, "--now", "2026-03-10T09:00", "account", "show", "desk").out
    assert "1 sent, of which 1 arrived; 1 received, 1 of them out of the spam folder" in " ".join(
        said.split()
    )
    shown = json.loads(
        run("-w", planned, "--now", "2026-03-10T09:00", "account", "show", "desk", "--json").out
    )
    assert shown["warmup_mail"] == {"sent": 1, "arrived": 1, "received": 1, "rescued": 1}
    assert shown["emails"] == {}
