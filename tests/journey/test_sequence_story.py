"""Fifty people, twenty days: a sequence of four emails, and everything that can come back.

A real SMTP server takes the mail, a real IMAP server holds the answers, the public links are asked over HTTP,
and the rooms run on a virtual clock: listen, advance, release, send, three times a day.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from carillon.accounts import Account
from carillon.advance.run import advance
from carillon.clock import ManualClock
from carillon.listen.run import listen
from carillon.pace.run import release
from carillon.send.run import dispatch
from carillon.sequences_short import ShortForm
from carillon.store import accounts
from carillon.vault import SecretText, Vault
from carillon.workspace import Workspace, at
from tests.contract.conftest import NOW
from tests.contract.databases import postgres_url, sqlite_url
from tests.contract.outbox import contacts, execute, query
from tests.contract.sequence_world import add_sequence, enroll
from tests.doubles.imap_server import PASSWORD, ImapServer, imap_server
from tests.doubles.smtp_server import SmtpServer, in_a_thread
from tests.web.conftest import Site, serving

PEOPLE = range(1, 51)
NAMES = ("initial", "followup_1", "followup_2", "followup_3")
DELAYS = (3, 7, 14)
DAYS, PASSES_A_DAY = 20, 3
BACK = NOW.date() + timedelta(days=5)
HTML = '<p>Hello {{ first_name }}, <a href="https://example.com/quote">a quote</a>?</p>'


@dataclass(frozen=True)
class Life:
    """What somebody does, and what has to be known of it in the end."""

    emails: int
    """How many they get."""
    events: tuple[str, ...]
    ending: tuple[str, str]
    """Of the enrollment: status and reason."""
    answers: int = 1
    """Which email makes them do it: 1 is the initial one."""
    after: timedelta = timedelta(hours=5)


SILENT = Life(4, (), ("completed", "completed"))
LIVES = {
    "silent": SILENT,
    "replies": Life(1, ("replied",), ("exited", "replied")),
    "is away": Life(4, ("auto_replied",), ("completed", "completed")),
    "bounces": Life(1, ("bounced",), ("exited", "bounced")),
    "clicks": Life(4, ("clicked",), ("completed", "completed"), answers=2),
    "unsubscribes by the header": Life(2, ("unsubscribed",), ("exited", "unsubscribed"), answers=2),
    "says remove me": Life(3, ("opted_out",), ("exited", "opted_out"), answers=3),
    "replies from elsewhere": Life(2, ("replied",), ("exited", "replied"), answers=2),
    # At once, before it is known here that the email they answer has left.
    "is away until a day": Life(4, ("auto_replied",), ("completed", "completed"), after=timedelta(0)),
    # An hour before the pass that would send the first follow-up.
    "replies at the last moment": Life(
        1, ("replied",), ("exited", "replied"), after=timedelta(days=3) - timedelta(hours=1)
    ),
}


def life(person: int) -> str:
    return list(LIVES)[person % len(LIVES)]


@dataclass
class World:
    """Everybody's mailbox, and who is going to do what when."""

    workspace: Workspace
    smtp: SmtpServer
    imap: ImapServer
    site: Site
    got: dict[int, list[tuple[datetime, EmailMessage]]] = field(default_factory=lambda: defaultdict(list))
    seen: int = 0
    coming: list[tuple[datetime, Callable[[datetime], None]]] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.workspace.clock.now()

    def receive(self) -> None:
        """Who has got mail decides what to do."""
        for one in self.smtp.accepted[self.seen :]:
            person = int(re.findall(r"\d+", one.recipient)[0])
            letter = message_from_bytes(one.data, policy=policy.default)
            self.got[person].append((self.now, letter))
            kind = life(person)
            if LIVES[kind].events and len(self.got[person]) == LIVES[kind].answers:
                self.coming.append((self.now + LIVES[kind].after, self.deed(kind, person, letter)))
        self.seen = len(self.smtp.accepted)

    def happen(self) -> None:
        """What people have done by now."""
        for moment, deed in [one for one in self.coming if one[0] <= self.now]:
            deed(moment)
        self.coming = [one for one in self.coming if one[0] > self.now]

    def deed(self, kind: str, person: int, letter: EmailMessage) -> Callable[[datetime], None]:
        own, other = f"person{person}@example.com", f"desk{person}@elsewhere.example"
        if kind == "clicks":
            html = letter.get_body(("html",)).get_content()  # type: ignore[union-attr]
            link = re.search(r'href="https://mail\.example\.com(/c/[^"]+)"', html)
            assert link
            return lambda _: self.ask("GET", link[1], 302)
        if kind.startswith("unsubscribes"):
            link = re.search(r"<https://mail\.example\.com(/u/[^>]+)>", letter["List-Unsubscribe"])
            assert link
            return lambda _: self.ask("POST", link[1], 200)
        if kind == "bounces":
            return lambda moment: self.deliver(report(own, letter), moment)
        if kind.startswith("is away"):
            text = f"I am out of the office until {BACK:%B %d, %Y}." if "until" in kind else "I am away."
            auto = ("Auto-Submitted: auto-replied",)
            return lambda moment: self.deliver(answer(own, letter, text, moment, *auto), moment)
        text = "Please remove me from your list." if kind == "says remove me" else "Yes, call me."
        sender = other if "elsewhere" in kind else own
        return lambda moment: self.deliver(answer(sender, letter, text, moment), moment)

    def deliver(self, raw: bytes, moment: datetime) -> None:
        self.imap.deliver(raw, at=moment.timestamp())

    def ask(self, method: str, path: str, status: int) -> None:
        data = {"List-Unsubscribe": "One-Click"} if method == "POST" else None
        found = self.site.client.request(method, path, data=data, follow_redirects=False)
        assert found.status_code == status, (method, path, found.status_code)

    def rooms(self) -> None:
        heard = listen(self.workspace, threading.Event(), True)
        assert heard.faults == {}
        moved = advance(self.workspace)
        assert (moved.faults, moved.waiting.inbox) == ({}, 0)
        release(self.workspace)
        sent = asyncio.run(dispatch(self.workspace, asyncio.Event(), True, True))
        assert sent.faults == {}


def answer(sender: str, letter: EmailMessage, text: str, moment: datetime, *headers: str) -> bytes:
    lines = [
        f"From: {sender}", "To: ann@agency.example", f"Subject: Re: {letter['Subject']}",
        f"Message-ID: <{abs(hash((sender, letter['Message-ID'])))}@{sender.partition('@')[2]}>",
        f"In-Reply-To: {letter['Message-ID']}", f"Date: {format_datetime(moment)}", *headers, "", text, "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def report(recipient: str, letter: EmailMessage) -> bytes:
    """A delivery report as Postfix writes it."""
    lines = [
        "From: MAILER-DAEMON@mx.example.com (Mail Delivery System)", "To: ann@agency.example",
        "Subject: Undelivered Mail Returned to Sender", f"Message-ID: <b.{recipient}>",
        "Auto-Submitted: auto-replied", "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"', "",
        "--b", "Content-Type: text/plain", "", f"<{recipient}>: host mx said: 550 5.1.1 No such user", "",
        "--b", "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; mx.example.com", "",
        f"Final-Recipient: rfc822; {recipient}", "Action: failed", "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1 No such user", "",
        "--b", "Content-Type: text/rfc822-headers", "", f"Message-ID: {letter['Message-ID']}",
        f"Subject: {letter['Subject']}", "", "--b--", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


@pytest.fixture(params=["sqlite", "postgresql"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    sqlite = request.param == "sqlite"
    url = sqlite_url(tmp_path) if sqlite else postgres_url(request.getfixturevalue("server"))
    (tmp_path / "carillon.yaml").write_text(
        f"database: {{url: '{url}'}}\n"
        "sending: {public_url: 'https://mail.example.com', sender_name: Ann, postal_address: 1 Main St}\n"
        "tracking: {clicks: true}\n"
    )
    found = at(tmp_path, {}, ManualClock(NOW))
    yield found
    found.close()


@pytest.fixture
def world(workspace: Workspace) -> Iterator[World]:
    with imap_server() as imap, in_a_thread(SmtpServer()) as smtp, serving(workspace, {}) as site:
        inbox = {"source": "imap", "host": "127.0.0.1", "port": imap.port, "username": "ann"}
        secret = Vault(workspace.folder, os.environ).encrypt(SecretText(PASSWORD))
        settings = {"host": "127.0.0.1", "port": smtp.port, "security": "none"}
        account = Account(0, "main", "ann@agency.example", "smtp", settings, inbox=inbox, inbox_secret=secret)
        workspace.database.write(lambda c: accounts.create(c, account, NOW, "test"))
        contacts(workspace, *PEOPLE, first_name="Kim")
        for name in NAMES:
            execute(
                workspace,
                "insert into templates (name, version, active, subject, html, created_at, created_by)"
                f" values ('{name}', 1, true, 'About {name.replace('_', ' ')}', '{HTML}',"
                " '2026-01-01T00:00:00.000Z', 'test')",
            )
        short = ShortForm(templates={name: name for name in NAMES}, followup_delays=DELAYS)
        enroll(workspace, add_sequence(workspace, short.steps()), *PEOPLE)
        yield World(workspace, smtp, imap, site)


def test_everybodys_history_is_what_it_should_be(world: World) -> None:
    clock = world.workspace.clock
    assert isinstance(clock, ManualClock)
    for _ in range(DAYS * PASSES_A_DAY):
        world.happen()
        world.rooms()
        world.receive()
        clock.advance(timedelta(days=1) / PASSES_A_DAY)
    assert world.coming == []

    written = [one.message_id for one in world.smtp.accepted]
    assert len(written) == len(set(written)) == sum(LIVES[life(one)].emails for one in PEOPLE)
    events = by_person(world.workspace, "select contact_id, event_type from contact_events order by id")
    endings = by_person(world.workspace, "select contact_id, status, exit_reason from sequence_enrollments")
    rows = by_person(world.workspace, "select contact_id, status, email_template from outbox")
    for person in PEOPLE:
        kind, wanted = life(person), LIVES[life(person)]
        letters = world.got[person]
        assert len(letters) == wanted.emails, kind
        assert tuple(one[0] for one in events[person]) == wanted.events, kind
        assert endings[person] == [wanted.ending], kind
        kept = sorted(template for status, template in rows[person] if status != "cancelled")
        assert kept == sorted(NAMES[: wanted.emails]), kind
        assert_paced(kind, letters)
    suppressed = {one for (one,) in query(world.workspace, "select address from suppressions")}
    silenced = ("bounces", "unsubscribes by the header", "says remove me")
    assert suppressed == {f"person{one}@example.com" for one in PEOPLE if life(one) in silenced}


def by_person(workspace: Workspace, statement: str) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for person, *values in query(workspace, statement):
        found[person].append(tuple(values))
    return found


def assert_paced(kind: str, letters: list[tuple[datetime, EmailMessage]]) -> None:
    """Follow-ups leave so many days after the initial email, a day later at most, and in its thread."""
    first, initial = letters[0]
    for days, (moment, letter) in zip(DELAYS, letters[1:], strict=False):
        earliest = first + timedelta(days=days)
        if "until" in kind and days == DELAYS[0]:
            assert BACK <= moment.date() <= BACK + timedelta(days=3)
        else:
            assert earliest <= moment <= earliest + timedelta(days=1), kind
        assert initial["Message-ID"] in letter["References"]
