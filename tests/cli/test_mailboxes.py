"""Mailboxes on the command line: set up, tried out, read, and what people wrote."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from carillon.clock import SystemClock
from carillon.tokens import open_keys
from carillon.workspace import at
from tests.cli.conftest import Run
from tests.cli.test_accounts import Accounts
from tests.contract.outbox import contacts, email
from tests.contract.test_mailboxes import letter
from tests.doubles.imap_server import PASSWORD, WITHOUT_IDLE, ImapServer, imap_server


@pytest.fixture
def account(run: Run, empty: Path) -> Accounts:
    return Accounts(run, empty)


@pytest.fixture
def dovecot() -> Iterator[ImapServer]:
    with imap_server(capability=WITHOUT_IDLE) as server:
        yield server


def box(account: Accounts) -> tuple[str, ...]:
    """An account that sends into a folder of the workspace."""
    folder = str(account.folder / "out")
    return ("add", "main", "--transport", "maildir", "--path", folder, "--from", "ann@agency.example")


def imap(server: ImapServer) -> tuple[str, ...]:
    return ("--imap-host", "127.0.0.1", "--imap-port", str(server.port), "--imap-username", "ann")


def test_a_mailbox_is_set_up_tried_out_and_changed(
    account: Accounts, dovecot: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "password of the mailbox is missing" in account.refused(*box(account), *imap(dovecot), code=2)
    monkeypatch.setenv("BOX_PASSWORD", "wrong")
    account.ok(*box(account), *imap(dovecot), "--imap-password-env", "BOX_PASSWORD")
    result = account("test", "main")
    assert result.code == 1
    assert "main can send" in result.out
    assert "refuses the login of ann" in result.err
    assert "main cannot be read" in account.run("-w", account.folder, "listen", "--once").out
    assert "refuses the login" in account.ok("show", "main") + account("show", "main").err
    assert "has not been read yet: " in account.run("-w", account.folder, "health").out

    said = account.ok("set", "main", "--imap-password-stdin", stdin=f"{PASSWORD}\n".encode())
    assert "password_env" in said
    assert PASSWORD not in said
    assert PASSWORD not in str(account.rows("select inbox, inbox_secret from accounts"))
    assert "can be read: INBOX at 127.0.0.1" in account.ok("test", "main")
    assert "asked every 5 minutes" in account.ok("test", "main")
    assert account.run("-w", account.folder, "listen", "--once").code == 0
    assert "has not been read" not in account.run("-w", account.folder, "health").out
    shown = account.json("show", "main")
    assert shown["mailbox"] == {
        "source": "imap",
        "host": "127.0.0.1",
        "port": dovecot.port,
        "username": "ann",
    }
    assert [one["name"] for one in shown["folders"]] == ["INBOX"]

    account.ok("set", "main", "--imap-host", "")
    assert account.json("show", "main")["mailbox"] is None
    assert account.rows("select inbox, inbox_secret from accounts") == [(None, None)]
    assert account.rows("select count(*) from inbox_folders") == [(0,)]


def test_what_does_not_go_together_is_refused(account: Accounts) -> None:
    remote = ("--imap-host", "imap.example.com", "--imap-password-env", "VAR")
    assert "could be read on its way" in account.refused(*box(account), *remote, "--imap-security", "none")
    assert "there is no setting" in account.refused(*box(account), *remote, "--set", "imap_colour=red")
    assert "one way" in account.refused(*box(account), *remote, "--imap-password-stdin", code=2)
    assert "in one place" in account.refused(*box(account), *remote, "--inbox-path", "in", code=2)
    account.ok(*box(account), *remote, "--set", "imap_answer_timeout=5", "--imap-security", "tls")
    assert account.json("show", "main")["mailbox"]["answer_timeout"] == 5
    account.ok("set", "main", "--inbox-path", account.folder / "in")
    assert account.json("show", "main")["mailbox"] == {"source": "maildir", "path": "in"}


def test_replies_are_shown_without_what_a_terminal_would_obey(account: Accounts) -> None:
    account.ok(*box(account), "--inbox-path", account.folder / "in")
    (account.folder / "in" / "new").mkdir(parents=True)
    workspace = at(account.folder, {}, SystemClock())
    contacts(workspace, 1, first_name="Maria")
    number = email(workspace, 1, status="sent", actual_send_datetime="2026-01-01T10:00:00.000Z")
    mark = open_keys(account.folder, os.environ).mark(number)
    workspace.close()
    raw = letter(
        "Maria <person1@example.com>",
        "Call me\x1b[31m [bold]now[/].\x07\r\n\r\nMaria",
        "Message-ID: <a@example.com>",
        f"In-Reply-To: <{mark}@agency.example>",
        subject="Re: \x1b]0;owned\x07Hello",
    )
    (account.folder / "in" / "new" / f"{time.time_ns()}.test").write_bytes(raw)
    listen = account.run("-w", account.folder, "listen", "--once", "--json")
    assert json.loads(listen.out)["events"] == {"replied": 1}
    shown = account.run("-w", account.folder, "replies")
    assert "\x1b" not in shown.out
    assert "\x07" not in shown.out
    assert "Maria <person1@example.com>" in shown.out
    assert "[bold]now[/]." in shown.out
    (found,) = json.loads(account.run("-w", account.folder, "replies", "--json").out)["replies"]
    assert (found["email"], found["kind"], found["account"]) == ("person1@example.com", "replied", "main")
    assert "\x1b" not in found["text"]
    assert found["read_at"] is None
    new = account.run("-w", account.folder, "replies", "--unread", "--mark-read")
    assert "1 new reply" in new.out
    assert "Marked 1 reply as read." in new.out
    assert account.run("-w", account.folder, "replies", "--unread").out == "Nothing new.\n"
    (found,) = json.loads(account.run("-w", account.folder, "replies", "--json").out)["replies"]
    assert found["read_at"] is not None
    nobody = account.run("-w", account.folder, "replies", "--since", "2100-01-01")
    assert "Nobody has written" in nobody.out
