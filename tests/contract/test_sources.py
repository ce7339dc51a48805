"""What the listener relies on, of every source. A new one adds a line to `DRIVERS`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from threading import Event, Timer
from typing import Any, Protocol

import pytest

from carillon.accounts import Account
from carillon.errors import InputError
from carillon.listen.sources import SOURCE, SOURCES, Mailbox, checked_inbox, open_mailbox
from carillon.listen.sources.mail import BATCH, MOST_BYTES, Arrived, Batch, Mark
from carillon.vault import Vault
from tests.doubles.imap_server import PASSWORD, ImapServer, imap_server

LONG_AGO = date(2020, 1, 1)


class Driver(Protocol):
    """The other side of a source."""

    settings: dict[str, Any]

    def deliver(self, raw: bytes) -> None:
        """As other people's mail arrives."""
        ...

    def unread(self) -> int:
        """Messages that no mail program would show as read."""
        ...


class ImapDriver:
    """A real server."""

    def __init__(self, server: ImapServer) -> None:
        self._server = server
        self.settings = {"host": "127.0.0.1", "port": server.port, "username": "ann", "password_env": "PW"}

    def deliver(self, raw: bytes) -> None:
        self._server.deliver(raw)

    def unread(self) -> int:
        return sum("S" not in flags for flags in self._server.flags())


class MaildirDriver:
    """Writes the files."""

    def __init__(self, folder: Path) -> None:
        self.settings = {"path": "inbox"}
        self._folder, self._count = folder / "inbox", 0
        for part in ("tmp", "new", "cur"):
            (self._folder / part).mkdir(parents=True)

    def deliver(self, raw: bytes) -> None:
        self._count += 1
        draft = self._folder / "tmp" / f"{self._count:05d}.test"
        draft.write_bytes(raw)
        draft.rename(self._folder / "new" / draft.name)

    def unread(self) -> int:
        return sum(not file.name.endswith("S") for file in self._folder.rglob("*.test*"))


@contextmanager
def imap(_folder: Path) -> Iterator[Driver]:
    with imap_server() as server:
        yield ImapDriver(server)


@contextmanager
def maildir(folder: Path) -> Iterator[Driver]:
    yield MaildirDriver(folder)


DRIVERS = {"imap": imap, "maildir": maildir}


@pytest.fixture(params=sorted(SOURCES))
def name(request: pytest.FixtureRequest) -> str:
    """A source."""
    return str(request.param)


@pytest.fixture
def driver(name: str, tmp_path: Path) -> Iterator[Driver]:
    with DRIVERS[name](tmp_path) as found:
        yield found


@pytest.fixture
def mailbox(name: str, driver: Driver, tmp_path: Path) -> Iterator[Mailbox]:
    account = Account(1, "main", "ann@example.com", "maildir", inbox={SOURCE: name, **driver.settings})
    found = open_mailbox(account, tmp_path, Vault(tmp_path, {"PW": PASSWORD}))
    yield found
    found.close()
    found.close()


def letter(n: int, text: str = "Yes, please.") -> bytes:
    return f"From: bob@example.org\r\nMessage-ID: <{n}@example.org>\r\n\r\n{text}\r\n".encode()


def news(mailbox: Mailbox, mark: Mark, store: bool = True) -> tuple[list[Arrived], Mark]:
    """Everything after the mark, and the mark then."""
    (folder,) = mailbox.folders(("INBOX",))
    found: list[Arrived] = []
    for batch in mailbox.news(folder, mark, LONG_AGO):
        assert isinstance(batch, Batch)
        assert len(batch.messages) <= BATCH
        found += batch.messages
        if store:
            mailbox.stored(batch)
            mark = batch.mark
    return found, mark


def test_everything_comes_once_and_in_order(mailbox: Mailbox, driver: Driver) -> None:
    assert news(mailbox, Mark())[0] == []
    letters = [letter(n) for n in range(2 * BATCH + 7)]
    for one in letters:
        driver.deliver(one)
    found, mark = news(mailbox, Mark())
    assert [one.raw for one in found] == letters
    assert news(mailbox, mark)[0] == []
    driver.deliver(letter(1000))
    assert [one.raw for one in news(mailbox, mark)[0]] == [letter(1000)]
    assert driver.unread() == len(letters) + 1


def test_what_was_not_stored_comes_again(mailbox: Mailbox, driver: Driver) -> None:
    for n in range(3):
        driver.deliver(letter(n))
    first, mark = news(mailbox, Mark(), store=False)
    again, _ = news(mailbox, mark)
    assert [one.raw for one in again] == [one.raw for one in first] == [letter(n) for n in range(3)]


def test_a_large_message_is_read_in_part(mailbox: Mailbox, driver: Driver) -> None:
    driver.deliver(letter(1, "x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 40_000))
    (found,), _ = news(mailbox, Mark())
    assert len(found.raw) == MOST_BYTES
    assert found.raw.startswith(letter(1, "x")[:-2])


def test_when_it_arrived_is_told(mailbox: Mailbox, driver: Driver) -> None:
    driver.deliver(letter(1))
    (found,), _ = news(mailbox, Mark())
    assert found.arrived is not None
    assert abs(found.arrived.timestamp() - time.time()) < timedelta(minutes=1).total_seconds()


def test_waiting_ends_with_news_and_when_it_is_to_stop(mailbox: Mailbox, driver: Driver) -> None:
    assert mailbox.pushes
    _, mark = news(mailbox, Mark())
    began = time.monotonic()
    mailbox.wait(0.2, Event())
    assert 0.1 < time.monotonic() - began < 2

    Timer(0.3, driver.deliver, (letter(1),)).start()
    began = time.monotonic()
    mailbox.wait(30, Event())
    assert 0.2 < time.monotonic() - began < 5
    found, mark = news(mailbox, mark)
    assert [one.raw for one in found] == [letter(1)]

    stop = Event()
    Timer(0.3, stop.set).start()
    began = time.monotonic()
    mailbox.wait(30, stop)
    assert time.monotonic() - began < 2
    assert news(mailbox, mark)[0] == []


def test_settings_that_are_not_known_are_refused(name: str, driver: Driver) -> None:
    with pytest.raises(InputError, match=rf"the mailbox \({name}\) cannot be set up like this: .*colour"):
        checked_inbox({SOURCE: name, **driver.settings, "colour": "red"})
    assert checked_inbox({SOURCE: name, **driver.settings}).place


def test_a_source_that_is_not_there() -> None:
    with pytest.raises(InputError, match='did you mean "imap"'):
        checked_inbox({SOURCE: "imp"})
