"""What the dispatcher relies on, of every transport. A new one adds a line to `DRIVERS`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any, Protocol

import pytest

from carillon.accounts import Account
from carillon.errors import InputError, SettingsError
from carillon.send.outcomes import Deferred, Delivered, Envelope, Outcome
from carillon.send.transports import TRANSPORTS, Connection, checked_settings, open_transport
from carillon.vault import Vault
from tests.doubles.smtp_server import SmtpServer, in_a_thread
from tests.send.smtp_letters import letter, soon


class Driver(Protocol):
    """The other side of a transport."""

    settings: dict[str, Any]

    def received(self) -> dict[str, bytes]:
        """Message-ID -> what arrived."""
        ...


class MaildirDriver:
    """Reads the files."""

    def __init__(self, folder: Path) -> None:
        self.settings = {"path": "mail"}
        self._new = folder / "mail" / "new"

    def received(self) -> dict[str, bytes]:
        files = [file.read_bytes() for file in self._new.glob("*")]
        return {str(message_from_bytes(data)["Message-ID"]): data for data in files}


class SmtpDriver:
    """Asks the server."""

    def __init__(self, server: SmtpServer) -> None:
        self.settings = {"host": "127.0.0.1", "port": server.port}
        self._server = server

    def received(self) -> dict[str, bytes]:
        return {one.message_id: one.data for one in self._server.accepted}


@contextmanager
def maildir(folder: Path) -> Iterator[Driver]:
    yield MaildirDriver(folder)


@contextmanager
def smtp(_folder: Path) -> Iterator[Driver]:
    with in_a_thread(SmtpServer()) as server:
        yield SmtpDriver(server)


DRIVERS = {"maildir": maildir, "smtp": smtp}


@pytest.fixture(params=sorted(TRANSPORTS))
def name(request: pytest.FixtureRequest) -> str:
    """A transport."""
    return str(request.param)


@pytest.fixture
def driver(name: str, tmp_path: Path) -> Iterator[Driver]:
    with DRIVERS[name](tmp_path) as found:
        yield found


Work = Callable[[Connection], Awaitable[Outcome]]


def do(name: str, driver: Driver, folder: Path, work: Work) -> Outcome:
    """`work` with a connection of the transport."""
    account = Account(1, "main", "ann@example.com", name, driver.settings)
    transport = open_transport(account, folder, Vault(folder, {}))
    assert transport.connections >= 1
    assert transport.is_local

    async def run() -> Outcome:
        connection = transport.connection()
        try:
            return await work(connection)
        finally:
            await connection.close()
            await connection.close()

    return asyncio.run(run())


def test_the_same_bytes_arrive(name: str, driver: Driver, tmp_path: Path) -> None:
    letters = [letter(n, f".{n}\n\n..\nGrüße\n.\n") for n in range(5)]

    async def work(connection: Connection) -> Outcome:
        found = [await connection.deliver(one, soon()) for one in letters]
        assert all(isinstance(one, Delivered) and one.provider_id for one in found)
        return found[0]

    do(name, driver, tmp_path, work)
    assert driver.received() == {one.message_id: one.data for one in letters}


def test_a_deadline_that_has_passed_means_not_sent(name: str, driver: Driver, tmp_path: Path) -> None:
    outcome = do(name, driver, tmp_path, lambda connection: connection.deliver(letter(), soon(-1)))
    assert isinstance(outcome, Deferred)
    assert outcome.why.startswith("not sent:")
    assert (outcome.account, driver.received()) == (False, {})


def test_a_closed_connection_can_be_used_again(name: str, driver: Driver, tmp_path: Path) -> None:
    async def work(connection: Connection) -> Outcome:
        await connection.deliver(letter(1), soon())
        await connection.close()
        return await connection.deliver(letter(2), soon())

    assert isinstance(do(name, driver, tmp_path, work), Delivered)
    assert len(driver.received()) == 2


def test_settings_that_are_not_known_are_refused(name: str, driver: Driver, tmp_path: Path) -> None:
    account = Account(1, "main", "ann@example.com", name, driver.settings | {"colour": "red"})
    with pytest.raises(InputError, match=r"account main: .*colour"):
        open_transport(account, tmp_path, Vault(tmp_path, {}))
    assert checked_settings(name, driver.settings).place


def test_a_transport_that_is_not_there() -> None:
    with pytest.raises(InputError, match='did you mean "smtp"'):
        checked_settings("smpt", {})


# ---- the message itself ----


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": "bob@example.org>\r\nRCPT TO:<eve@example.org"},
        {"recipient": "bob example.org"},
        {"sender": "<ann@example.com>"},
        {"data": b"Subject: x\n\nbare\n"},
        {"data": b"Subject: x\r\n\r\nsmuggled\n.\r\nMAIL FROM:<x@y>\r\n"},
        {"data": b"Subject: x\r\n\r\nsmuggled\r.\r\n"},
        {"data": b"Subject: x\r\n\r\nno end"},
    ],
)
def test_an_envelope_is_one_message_to_one_address(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"envelope|CRLF"):
        letter(1, **changes)


# ---- what only a Maildir does ----


def deliver(folder: Path, one: Envelope) -> Outcome:
    driver = MaildirDriver(folder)
    return do("maildir", driver, folder, lambda connection: connection.deliver(one, soon()))


def test_the_same_message_is_one_file(tmp_path: Path) -> None:
    first, again = deliver(tmp_path, letter(1)), deliver(tmp_path, letter(1))
    assert isinstance(first, Delivered)
    assert first == again
    file = Path(str(first.provider_id))
    assert file.suffix == ".eml"
    assert list((tmp_path / "mail").rglob("*.*")) == [file]
    read = file.rename(tmp_path / "mail" / "cur" / f"{file.name}:2,S")
    assert deliver(tmp_path, letter(1)) == Delivered(str(read))
    assert list((tmp_path / "mail").rglob("*.*")) == [read]


def test_a_place_that_cannot_be_written_to_is_the_accounts_fault(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")
    outcome = deliver(tmp_path, letter(1))
    assert isinstance(outcome, Deferred)
    assert (outcome.account, "cannot be written to" in outcome.why) == (True, True)


def test_a_missing_password_names_the_account(tmp_path: Path) -> None:
    values = {"host": "127.0.0.1", "username": "ann"}
    with pytest.raises(SettingsError, match="account main: its password is missing"):
        open_transport(Account(1, "main", "a@example.com", "smtp", values), tmp_path, Vault(tmp_path, {}))
    account = Account(1, "main", "a@example.com", "smtp", values | {"password_env": "PW"})
    with pytest.raises(SettingsError, match=r"account main: .*variable PW, which is not set"):
        open_transport(account, tmp_path, Vault(tmp_path, {}))
    assert open_transport(account, tmp_path, Vault(tmp_path, {"PW": "x"})).is_local
