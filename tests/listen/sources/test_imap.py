"""`imap` against a real Dovecot: encryption, logins, numbering, and what breaks."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import trustme
from imapclient.exceptions import IMAPClientError

from carillon.errors import InputError, SettingsError
from carillon.listen.sources import imap
from carillon.listen.sources.imap import ImapMailbox, ImapSettings
from carillon.listen.sources.mail import Batch, Mark, NotReached
from carillon.vault import SecretText
from tests.contract.test_sources import LONG_AGO, letter
from tests.doubles.imap_server import PASSWORD, WITHOUT_IDLE, Cutter, ImapServer, imap_server


@pytest.fixture(scope="module")
def shared() -> Iterator[ImapServer]:
    """One server for tests that each have a user of their own."""
    with imap_server(folders={"Bulk": "\\Junk"}) as server:
        yield server


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """A user of the test's own."""
    return "u" + "".join(c for c in request.node.name if c.isalnum())[-60:].lower()


def open_(port: int, user: str = "ann", password: str = PASSWORD, **more: Any) -> ImapMailbox:
    values = {"host": "127.0.0.1", "port": port, "username": user, "answer_timeout": 5} | more
    return ImapMailbox(ImapSettings(**values), Path("/"), SecretText(password))


def batches(
    mailbox: ImapMailbox, mark: Mark = Mark(), since: date = LONG_AGO, folder: str = "INBOX"
) -> list[Batch]:
    return list(mailbox.news(folder, mark, since))


def raws(found: list[Batch]) -> list[bytes]:
    return [one.raw for batch in found for one in batch.messages]


def refusal(port: int, **more: Any) -> NotReached:
    with pytest.raises(NotReached) as caught:
        open_(port, **more)
    assert PASSWORD not in str(caught.value)
    return caught.value


# ---- which messages ----


def test_the_first_look_goes_back_so_many_days(shared: ImapServer, user: str) -> None:
    now = time.time()
    for days in (90, 40, 3, 0):
        shared.deliver(letter(days), user=user, at=now - days * 86_400)
    mailbox = open_(shared.port, user)
    since = (datetime.now(UTC) - timedelta(days=31)).date()
    found = batches(mailbox, since=since)
    assert raws(found) == [letter(3), letter(0)]
    assert found[-1].mark.last_uid == 4
    # What is above the mark is new, whenever it was written.
    shared.deliver(letter(50), user=user, at=now - 50 * 86_400)
    assert raws(batches(mailbox, found[-1].mark, since)) == [letter(50)]
    mailbox.close()


def test_a_mailbox_without_recent_mail_has_a_mark(shared: ImapServer, user: str) -> None:
    shared.deliver(letter(1), user=user, at=time.time() - 90 * 86_400)
    mailbox = open_(shared.port, user)
    (only,) = batches(mailbox, since=datetime.now(UTC).date())
    assert (only.messages, only.mark.last_uid) == ((), 1)
    assert only.mark.uidvalidity > 0
    assert batches(mailbox, only.mark) == []
    mailbox.close()


def test_numbered_anew(shared: ImapServer, user: str) -> None:
    shared.deliver(letter(1), user=user)
    mailbox = open_(shared.port, user)
    before = batches(mailbox)[-1].mark
    mailbox.close()
    shared.renumber(user=user)
    shared.deliver(letter(2), user=user)
    mailbox = open_(shared.port, user)
    found = batches(mailbox, before)
    assert found[-1].mark.uidvalidity != before.uidvalidity
    assert sorted(raws(found)) == [letter(1), letter(2)]
    mailbox.close()


def test_gaps_and_windows(shared: ImapServer, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """More numbers than are asked for at a time, most of them of messages that are gone."""
    monkeypatch.setattr(imap, "WINDOW", 4)
    mailbox = open_(shared.port, user)
    files = [shared.deliver(letter(n), user=user) for n in range(20)]
    assert len(raws(batches(mailbox))) == 20
    mailbox.close()
    kept = {0, 7, 18}
    for n in set(range(20)) - kept:
        files[n].unlink()
    mailbox = open_(shared.port, user)
    found = batches(mailbox)
    assert raws(found) == [letter(n) for n in sorted(kept)]
    assert found[-1].mark.last_uid == 20
    assert raws(batches(mailbox, Mark(found[-1].mark.uidvalidity, 8))) == [letter(18)]
    mailbox.close()


def test_a_server_that_does_not_tell_the_next_number(
    shared: ImapServer, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = open_(shared.port, user)
    select = mailbox._client.select_folder

    def without(*words: Any, **more: Any) -> dict[bytes, Any]:
        return {key: value for key, value in select(*words, **more).items() if key != b"UIDNEXT"}

    monkeypatch.setattr(mailbox._client, "select_folder", without)
    shared.deliver(letter(1), user=user)
    shared.deliver(letter(2), user=user)
    found = batches(mailbox)
    assert raws(found) == [letter(1), letter(2)]
    assert raws(batches(mailbox, found[-1].mark)) == []
    shared.deliver(letter(3), user=user)
    assert raws(batches(mailbox, found[-1].mark)) == [letter(3)]
    mailbox.close()


def test_folders(shared: ImapServer, user: str) -> None:
    mailbox = open_(shared.port, user)
    assert mailbox.folders(("INBOX", "Spam", "Nowhere")) == ["Bulk", "INBOX"]
    assert mailbox.folders(("Bulk", "INBOX")) == ["INBOX", "Bulk"]
    shared.deliver(letter(1), "Bulk", user)
    assert raws(batches(mailbox, folder="Bulk")) == [letter(1)]
    with pytest.raises(NotReached, match=r"has no folder Nowhere: see listening\.folders"):
        mailbox.folders(("Nowhere",))
    mailbox.close()


@pytest.mark.parametrize("headers", [True, False])
def test_a_message_the_server_does_not_hand_out(
    shared: ImapServer, user: str, monkeypatch: pytest.MonkeyPatch, headers: bool
) -> None:
    """Its headers have to do; without them it is named, and nothing after it is passed over in silence."""
    mailbox = open_(shared.port, user)
    for n in range(1, 4):
        shared.deliver(letter(n), user=user)
    fetch = mailbox._client.fetch

    def broken(uids: list[int], what: list[str]) -> Any:
        if 2 in uids and not (headers and what[0] == imap.HEADERS):
            raise IMAPClientError("NO [SERVERBUG] Internal error")
        return fetch(uids, what)

    monkeypatch.setattr(mailbox._client, "fetch", broken)
    if headers:
        assert raws(batches(mailbox)) == [letter(1), letter(2).partition(b"Yes")[0], letter(3)]
    else:
        with pytest.raises(NotReached, match=r"does not hand out message 2 of INBOX: .*another folder"):
            batches(mailbox)
    mailbox.close()


# ---- connections ----


def test_without_idle_it_is_asked(tmp_path: Path) -> None:
    del tmp_path
    with imap_server(capability=WITHOUT_IDLE) as server:
        mailbox = open_(server.port)
        assert not mailbox.pushes
        mark = batches(mailbox)[-1].mark
        server.deliver(letter(1))
        began = time.monotonic()
        mailbox.wait(0.3, Event())
        assert time.monotonic() - began > 0.25
        assert raws(batches(mailbox, mark)) == [letter(1)]
        mailbox.close()


def test_encryption(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    ca, certificate, key = (tmp_path / f"{name}.pem" for name in ("ca", "certificate", "key"))
    authority.cert_pem.write_to_path(str(ca))
    issued.private_key_pem.write_to_path(str(key))
    for n, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(str(certificate), append=n > 0)
    with imap_server(certificate=(certificate, key)) as server:
        for port, security in ((server.port, "starttls"), (server.tls_port, "tls")):
            mailbox = open_(port, security=security, ca_file=str(ca))
            server.deliver(letter(port))
            assert letter(port) in raws(batches(mailbox))
            mailbox.wait(0.1, Event())
            assert_left_at_once(mailbox)
            found = refusal(port, security=security)
            assert "cannot be trusted" in str(found)
            assert "--set imap_ca_file=FILE" in str(found)
            assert not found.login
        other = refusal(server.tls_port, security="tls", ca_file=str(ca), host="localhost")
        assert "cannot be trusted" in str(other)
        assert "no encryption could be agreed on" in str(refusal(server.port, security="tls"))
    with pytest.raises(SettingsError, match="ca_file"):
        open_(1, security="tls", ca_file=str(tmp_path / "nowhere.pem"))


def test_what_is_wrong_is_said(shared: ImapServer) -> None:
    wrong = refusal(shared.port, password="wrong")
    assert wrong.login
    assert "refuses the login of ann" in str(wrong)
    assert "offers no STARTTLS" in str(refusal(shared.port, security="starttls"))
    assert "there is no host no.such.host.invalid" in str(
        refusal(1, host="no.such.host.invalid", security="tls")
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert "does not answer within 1 s" in str(refusal(port, connect_timeout=1))
    closed = refusal(port)
    assert "Connection refused" in str(closed)
    assert not closed.login


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "does not speak IMAP"),
        (b"", "cannot connect to"),
        (b"* BYE too many connections\r\n", "does not speak IMAP"),
    ],
)
def test_somebody_else_answers(greeting: bytes, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            client, _ = listener.accept()
            client.sendall(greeting)
            client.close()

        threading.Thread(target=answer, daemon=True).start()
        found = refusal(listener.getsockname()[1])
        assert words in str(found)
        assert not found.login


def test_passwords_stay_on_this_machine_or_encrypted() -> None:
    from carillon.listen.sources import checked_inbox

    def settings(**values: Any) -> ImapSettings:
        found = checked_inbox({"source": "imap", "username": "ann", **values})
        assert isinstance(found, ImapSettings)
        return found

    usual = settings(host="mail.example.com")
    assert (usual.port, usual.security) == (993, "tls")
    assert settings(host="mail.example.com", port=143).security == "starttls"
    assert settings(host="mail.example.com", security="starttls").port == 143
    assert (settings(host="localhost").security, settings(host="localhost").port) == ("none", 143)
    with pytest.raises(InputError, match="could be read on its way"):
        settings(host="mail.example.com", security="none")


def test_a_connection_that_breaks(shared: ImapServer, user: str) -> None:
    """While waiting it is noticed at once; in the middle of messages the mark says how far they came."""
    for n in range(200):
        shared.deliver(letter(n, "x" * 500), user=user)
    cutter = Cutter(shared.port)
    try:
        mailbox = open_(cutter.port, user)
        threading.Timer(0.3, cutter.cut).start()
        batches(mailbox, Mark(), date(2100, 1, 1))
        began = time.monotonic()
        with pytest.raises(NotReached, match="closed the connection"):
            mailbox.wait(30, Event())
        assert time.monotonic() - began < 3
        mailbox.close()

        cutter.after = 80_000
        mailbox = open_(cutter.port, user)
        mark, before = Mark(), []
        with pytest.raises(NotReached, match="closed the connection"):  # noqa: PT012
            for batch in mailbox.news("INBOX", Mark(), LONG_AGO):
                before += batch.messages
                mark = batch.mark
        mailbox.close()
        assert 50 <= len(before) < 200
        cutter.after = None
        mailbox = open_(cutter.port, user)
        after = raws(batches(mailbox, mark))
        assert [one.raw for one in before] + after == [letter(n, "x" * 500) for n in range(200)]
        mailbox.close()
    finally:
        cutter.close()


def assert_left_at_once(mailbox: ImapMailbox) -> None:
    """While this thread waits for an answer that does not come, another one calls `abort`."""
    began = time.monotonic()
    threading.Timer(0.3, mailbox.abort).start()
    with pytest.raises(NotReached), imap.translated(mailbox._settings):
        mailbox._client._imap._get_response()
    assert time.monotonic() - began < 3
    mailbox.close()


def test_a_silent_server_can_be_left_at_once(shared: ImapServer, user: str) -> None:
    cutter = Cutter(shared.port)
    mailbox = open_(cutter.port, user, answer_timeout=30)
    cutter.silent = True
    threading.Timer(0.3, mailbox.abort).start()
    began = time.monotonic()
    with pytest.raises(NotReached):
        batches(mailbox)
    assert time.monotonic() - began < 3
    mailbox.close()
    cutter.close()
