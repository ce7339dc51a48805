"""Mailboxes read to the end, on a real server and both databases: nothing is lost, nothing counts twice."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from carillon.accounts import Account
from carillon.clock import ManualClock
from carillon.errors import Busy
from carillon.listen import run as listening
from carillon.listen.run import ListenReport, listen
from carillon.store import accounts, inboxes
from carillon.store.inboxes import Folder
from carillon.store.moments import stamp
from carillon.store.replies import mark_read, replies
from carillon.tokens import Purpose, Ticket, open_keys
from carillon.vault import SecretText, Vault
from carillon.workspace import Workspace
from tests.contract.conftest import NOW
from tests.contract.outbox import account, contacts, email, query
from tests.doubles.imap_server import PASSWORD, Cutter, ImapServer, imap_server

ACCOUNT = 1


@pytest.fixture
def dovecot() -> Iterator[ImapServer]:
    with imap_server(folders={"Bulk": "\\Junk"}) as found:
        yield found


class Office:
    """A workspace whose account 1 has written to people, and their answers."""

    def __init__(self, workspace: Workspace, server: ImapServer) -> None:
        self.workspace, self.server = workspace, server
        self.emails: dict[int, int] = {}
        self._keys = open_keys(workspace.folder, os.environ)

    def add(self, name: str = "main", user: str = "ann", port: int = 0, password: str = PASSWORD) -> Account:
        inbox = {"source": "imap", "host": "127.0.0.1", "port": port or self.server.port, "username": user}
        secret = Vault(self.workspace.folder, os.environ).encrypt(SecretText(password))
        return account(self.workspace, name, inbox=inbox, inbox_secret=secret)

    def wrote_to(self, *people: int) -> None:
        contacts(self.workspace, *people)
        sent = {"status": "sent", "actual_send_datetime": stamp(NOW - timedelta(hours=1))}
        self.emails |= {one: email(self.workspace, one, **sent) for one in people}

    def message_id(self, person: int) -> str:
        return f"<{self._keys.mark(self.emails[person])}@agency.example>"

    def token(self, person: int) -> str:
        return self._keys.sign(Purpose.UNSUBSCRIBE, Ticket(person, self.emails[person]))

    def answer(self, person: int, text: str = "Yes, please call me.", n: int = 0) -> bytes:
        return letter(
            f"person{person}@example.com",
            text,
            f"Message-ID: <answer{person}.{n}@example.com>",
            f"In-Reply-To: {self.message_id(person)}",
        )

    def listen(self) -> ListenReport:
        return listen(self.workspace, threading.Event(), True)

    def events(self) -> list[tuple[int, str]]:
        """Of every event, whom it is about and what it is."""
        return sorted(query(self.workspace, "select contact_id, event_type from contact_events"))  # type: ignore[arg-type]

    def folders(self, number: int = ACCOUNT) -> dict[str, Folder]:
        with self.workspace.database.snapshot() as connection:
            return {one.name: one for one in inboxes.folders(connection).get(number, [])}

    def read_until(self) -> dict[int, Any]:
        with self.workspace.database.snapshot() as connection:
            return dict(inboxes.read_until(connection))


@pytest.fixture
def office(workspace: Workspace, dovecot: ImapServer) -> Office:
    return Office(workspace, dovecot)


def letter(sender: str, text: str, *headers: str, subject: str = "Re: Happy birthday") -> bytes:
    lines = [f"From: {sender}", "To: main@agency.example", f"Subject: {subject}", *headers, "", text, ""]
    return "\r\n".join(lines).encode()


def until(condition: Callable[[], bool], seconds: float = 15) -> float:
    """Wait for it; how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "it does not happen"
        time.sleep(0.02)
    return time.monotonic() - began


def mark_as_read(office: Office, number: int) -> int:
    return office.workspace.database.write(lambda connection: mark_read(connection, [number], NOW))


# ---- once ----


def test_what_arrived_becomes_events(office: Office) -> None:
    office.add()
    office.wrote_to(1, 2, 3, 4)
    deliver = office.server.deliver
    deliver(office.answer(1))
    deliver(office.answer(2, "Please remove me from your list."))
    deliver(letter("person3@example.com", "", "Message-ID: <u@x>", subject=f"unsubscribe {office.token(3)}"))
    deliver(letter("shop@example.net", "Buy!", "Message-ID: <n@x>", "List-Id: <shop.example.net>"))
    deliver(letter("main@agency.example", "Our own.", f"Message-ID: {office.message_id(4)}"))
    report = office.listen()
    assert report.faults == {}
    assert report.messages["main"].total() == 5
    assert office.events() == [(1, "replied"), (2, "opted_out"), (3, "unsubscribed")]
    assert report.events == {"replied": 1, "opted_out": 1, "unsubscribed": 1}
    suppressed = query(office.workspace, "select address from suppressions order by 1")
    assert suppressed == [("person2@example.com",), ("person3@example.com",)]
    assert office.server.flags() == [""] * 5

    (folder,) = office.folders().values()
    assert (folder.name, folder.last_uid, folder.read_at, folder.last_error) == ("INBOX", 5, NOW, None)
    with office.workspace.database.snapshot() as connection:
        found = replies(connection, NOW - timedelta(days=1), 10)
    said = {(one.email, one.kind, one.text, one.account) for one in found}
    assert ("person1@example.com", "replied", "Yes, please call me.", "main") in said
    assert mark_as_read(office, found[0].id) == 1
    assert mark_as_read(office, found[0].id) == 0
    with office.workspace.database.snapshot() as connection:
        assert [one.id for one in replies(connection, None, 10, unread=True)] == [found[1].id]

    clock = office.workspace.clock
    assert isinstance(clock, ManualClock)
    clock.advance(timedelta(minutes=5))
    again = office.listen()
    assert (again.messages, again.events, again.repeated) == ({}, {}, 0)
    assert office.read_until() == {ACCOUNT: NOW + timedelta(minutes=5)}


def test_one_answer_in_two_folders_and_numbered_anew(office: Office) -> None:
    yaml = office.workspace.folder / "carillon.yaml"
    yaml.write_text(yaml.read_text() + "listening: {folders: [INBOX, Spam, Nowhere]}\n")
    from carillon.workspace import at

    office.workspace = at(office.workspace.folder, {}, office.workspace.clock)
    office.add()
    office.wrote_to(1, 2)
    moved = office.server.deliver(office.answer(1))
    office.server.deliver(office.answer(2), "Bulk")
    assert office.listen().events == {"replied": 2}
    assert set(office.folders()) == {"INBOX", "Bulk"}

    office.server.deliver(moved.read_bytes(), "Bulk")
    report = office.listen()
    assert (report.events, report.repeated) == ({}, 1)

    office.server.renumber()
    report = office.listen()
    assert (report.events, report.repeated) == ({}, 1)
    assert office.events() == [(1, "replied"), (2, "replied")]
    office.workspace.close()


def test_the_mark_is_stored_with_the_events_or_not_at_all(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.add()
    office.wrote_to(1)
    office.server.deliver(office.answer(1))

    def fails(*_: object) -> None:
        raise Busy("the disk is away")

    with monkeypatch.context() as patched:
        patched.setattr(inboxes, "note_mark", fails)
        assert "the disk is away" in office.listen().faults["main"]
    assert office.events() == []
    assert office.folders()["INBOX"].last_uid == 0
    assert office.read_until() == {ACCOUNT: None}
    assert office.listen().events == {"replied": 1}
    assert office.folders()["INBOX"].last_error is None


def test_a_refused_login_pauses_the_reading_and_not_the_sending(office: Office) -> None:
    main = office.add(password="wrong")
    office.add("other", user="bob")
    office.wrote_to(1)
    office.server.deliver(office.answer(1), user="bob")
    report = office.listen()
    assert "refuses the login of ann" in report.faults["main"]
    assert report.messages["other"].total() == 1
    folder = office.folders()["INBOX"]
    assert "refuses the login of ann" in (folder.last_error or "")
    assert folder.retry_at == NOW + timedelta(hours=1)
    assert office.read_until() == {main.id: None, main.id + 1: NOW}
    (status,) = query(office.workspace, "select status from accounts where name = 'main'")
    assert status == ("active",)

    attempts = office.server.log().count("auth failed")
    assert "refuses the login" in office.listen().faults["main"]
    assert office.server.log().count("auth failed") == attempts == 1

    right = Vault(office.workspace.folder, os.environ).encrypt(SecretText(PASSWORD))
    office.workspace.database.write(
        lambda c: accounts.change(c, "main", lambda one: replace(one, inbox_secret=right), NOW, "test")
    )
    assert office.listen().faults == {}
    assert office.read_until() == {main.id: NOW, main.id + 1: NOW}


def test_a_connection_that_breaks_is_made_again(office: Office) -> None:
    people = range(1, 301)
    office.wrote_to(*people)
    for one in people:
        office.server.deliver(office.answer(one, "Yes. " + "x" * 500))
    cutter = Cutter(office.server.port)
    cutter.after = 100_000
    office.add(port=cutter.port)
    tries = 0
    try:
        while office.read_until() != {ACCOUNT: NOW}:
            office.listen()
            tries += 1
            assert tries < 10
        assert cutter.connections > 2
        assert office.events() == [(one, "replied") for one in people]
        assert query(office.workspace, "select count(*) from raw_messages") == [(300,)]
    finally:
        cutter.close()


def test_accounts_without_a_mailbox_and_those_that_lose_it(office: Office) -> None:
    account(office.workspace, "mute")
    office.add()
    office.listen()
    assert office.read_until() == {2: NOW}

    def without(one: Account) -> Account:
        return replace(one, inbox=None, inbox_secret=None)

    office.workspace.database.write(lambda c: accounts.change(c, "main", without, NOW, "test"))
    assert query(office.workspace, "select count(*) from inbox_folders") == [(0,)]
    assert (office.read_until(), office.listen().faults) == ({}, {})


# ---- on and on ----


@contextmanager
def at_work(office: Office) -> Iterator[list[tuple[str, str]]]:
    """A listener in a thread; what it tells. At the end it has to stop within seconds."""
    stop, told, reports = threading.Event(), [], []

    def tell(name: str, what: str) -> None:
        told.append((name, what))

    thread = threading.Thread(target=lambda: reports.append(listen(office.workspace, stop, False, tell)))
    thread.start()
    try:
        yield told
    finally:
        stop.set()
        began = time.monotonic()
        thread.join(20)
        assert time.monotonic() - began < 5
        assert reports


def test_news_arrives_within_seconds(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "ROUND_SECONDS", 0.1)
    cutter = Cutter(office.server.port)
    office.add(port=cutter.port)
    office.wrote_to(1, 2, 3)
    with at_work(office) as told:
        until(lambda: office.read_until() == {ACCOUNT: NOW})
        office.server.deliver(office.answer(1))
        assert until(lambda: office.events() == [(1, "replied")]) < 20
        until(lambda: told == [("main", "1 replied")])

        cutter.cut()
        until(lambda: cutter.connections == 2)
        office.server.deliver(office.answer(2))
        until(lambda: len(office.events()) == 2)
        until(lambda: told == [("main", "1 replied")] * 2)

        office.add("second", user="bob")
        office.server.deliver(office.answer(3), user="bob")
        until(lambda: len(office.events()) == 3)
        with pytest.raises(Busy, match="another `listen` is under way"):
            office.listen()
    cutter.close()


def test_a_dead_connection_does_not_keep_it_from_stopping(office: Office) -> None:
    cutter = Cutter(office.server.port)
    office.add(port=cutter.port)
    with at_work(office):
        until(lambda: office.read_until() == {ACCOUNT: NOW})
        cutter.silent = True
    cutter.close()


def test_a_maildir_is_a_mailbox(workspace: Workspace, tmp_path: Path) -> None:
    office = Office(workspace, None)  # type: ignore[arg-type]
    account(workspace, inbox={"source": "maildir", "path": str(tmp_path / "in")})
    assert "there is no Maildir" in office.listen().faults["main"]
    (tmp_path / "in" / "new").mkdir(parents=True)
    office.wrote_to(1)
    (tmp_path / "in" / "new" / "1.test").write_bytes(office.answer(1))
    assert office.listen().events == {"replied": 1}
    assert office.listen().messages == {}
    assert office.read_until() == {ACCOUNT: NOW}
    assert [file.name for file in (tmp_path / "in" / "cur").iterdir()] == ["1.test:2,"]
