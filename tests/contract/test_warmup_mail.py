"""Warm-up mail between a workspace's own accounts, over real SMTP and IMAP and on both databases."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from email import message_from_bytes
from email.message import Message
from typing import Any

import pytest

from carillon.accounts import Account
from carillon.clock import ManualClock
from carillon.days import day_number
from carillon.listen.run import ListenReport, listen
from carillon.listen.sources import open_mailbox
from carillon.pace.pool_run import PoolReport, plan_pool
from carillon.pool import HEADER, token_of, warms_up
from carillon.send.run import SendReport, dispatch
from carillon.store import warmup as ramp_days
from carillon.store import warmup_mail
from carillon.store.bulk import insert_rows
from carillon.store.moments import stamp
from carillon.tokens import open_keys
from carillon.vault import SecretText, Vault
from carillon.workspace import Workspace
from tests.contract.conftest import NOW, MakeWorkspace
from tests.contract.outbox import account, contacts, email, execute, query
from tests.contract.test_mailboxes import letter
from tests.doubles.imap_server import PASSWORD, WITHOUT_IDLE, ImapServer, imap_server
from tests.doubles.smtp_server import SmtpServer, in_a_thread

MONDAY = NOW.replace(hour=14, minute=0) + timedelta(days=1)
"""8:00 in Chicago."""
PEOPLE = {"ann": "ann@one.example", "bob": "bob@two.example", "cat": "cat@two.example"}
HOUR = timedelta(hours=1)


@pytest.fixture
def dovecot() -> Iterator[ImapServer]:
    with imap_server(folders={"Bulk": "\\Junk"}) as found:
        yield found


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    with in_a_thread(SmtpServer()) as found:
        yield found


class Office:
    """Three accounts that warm up, and the servers of their mail."""

    def __init__(self, workspace: Workspace, smtp: SmtpServer, dovecot: ImapServer) -> None:
        settings = workspace.settings
        warmup = settings.warmup.model_copy(update={"pool": True, "pool_share": Decimal(1)})
        self.workspace = replace(workspace, settings=settings.model_copy(update={"warmup": warmup}))
        self.smtp, self.dovecot = smtp, dovecot
        self.delivered = 0
        self.keys = open_keys(workspace.folder, os.environ)
        self.accounts = {name: self._account(name) for name in PEOPLE}

    def _account(self, name: str) -> Account:
        inbox = {"source": "imap", "host": "127.0.0.1", "port": self.dovecot.port, "username": name}
        return account(
            self.workspace,
            name,
            address=PEOPLE[name],
            display_name=name.title(),
            transport="smtp",
            settings={"host": "127.0.0.1", "port": self.smtp.port, "security": "none"},
            kind="mailbox",
            inbox=inbox,
            inbox_secret=Vault(self.workspace.folder, os.environ).encrypt(SecretText(PASSWORD)),
        )

    def slots(self, name: str, *moments: datetime) -> None:
        number = self.accounts[name].id
        rows = [(number, stamp(at), at.date().isoformat(), "peak") for at in moments]
        columns = ("account_id", "send_at", "local_date", "activity_period")
        self.workspace.database.write(lambda c: insert_rows(c, "send_slots", columns, rows))

    def go_to(self, moment: datetime) -> None:
        clock = self.workspace.clock
        assert isinstance(clock, ManualClock)
        clock.advance(moment - clock.now())

    def plan(self) -> PoolReport:
        return plan_pool(self.workspace)

    def send(self) -> SendReport:
        async def go() -> SendReport:
            return await dispatch(self.workspace, asyncio.Event(), once=True, local_only=False)

        return asyncio.run(go())

    def deliver(self, spam: tuple[int, ...] = ()) -> None:
        """Put what was sent into the mailboxes; `spam`: which ones go to the spam folder."""
        for place, one in list(enumerate(self.smtp.accepted))[self.delivered :]:
            user = next(name for name, address in PEOPLE.items() if address == one.recipient)
            self.dovecot.deliver(one.data, "Bulk" if place in spam else "INBOX", user)
        self.delivered = len(self.smtp.accepted)

    def listen(self) -> ListenReport:
        return listen(self.workspace, threading.Event(), True)

    def rows(self, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        return query(self.workspace, f"select {columns} from warmup_messages where {where} order by id")

    def one_planned(self) -> int:
        """A message of Ann's for ten past nine, and its time has come."""
        self.go_to(MONDAY)
        self.slots("ann", MONDAY + HOUR + timedelta(minutes=10))
        assert self.plan().planned == 1
        self.go_to(MONDAY + HOUR + timedelta(minutes=11))
        return int(self.rows("id")[0][0])


@pytest.fixture
def office(workspace: Workspace, smtp: SmtpServer, dovecot: ImapServer) -> Office:
    return Office(workspace, smtp, dovecot)


@pytest.fixture
def small(make_workspace: MakeWorkspace, smtp: SmtpServer, dovecot: ImapServer) -> Office:
    """The same on SQLite only, for what is no matter of the database."""
    return Office(make_workspace("sqlite"), smtp, dovecot)


def text_of(message: Message) -> str:
    found = message.get_payload(decode=True)
    assert isinstance(found, bytes)
    return found.decode().replace("\r\n", "\n")


def test_two_days_of_conversations(office: Office) -> None:
    days = [MONDAY + timedelta(days=day) for day in range(2)]
    moments = [day + HOUR + n * timedelta(minutes=97) for day in days for n in range(6)]
    for name in PEOPLE:
        office.slots(name, *moments)
    for moment in moments:
        office.go_to(moment - timedelta(minutes=20))
        office.plan()
        office.go_to(moment + timedelta(minutes=1))
        assert office.send().faults == {}
        office.deliver(spam=(1,))
        assert office.listen().faults == {}

    rows = office.rows("id, account_id, to_account_id, parent_id, status, answer, body, message_id, subject")
    assert len(rows) == len(office.smtp.accepted) == 36, "one for each slot"
    assert {row[4] for row in rows} == {"received"}
    assert len({row[6].partition("\n\n")[2].partition("\n\n")[0] for row in rows}) == 36, (
        "nothing is repeated"
    )
    known = {row[0]: row for row in rows}
    answers = [row for row in rows if row[3] is not None]
    assert len(answers) > 8
    assert any(known[row[3]][3] is not None for row in answers), "a third turn"
    sent = {one.message_id: message_from_bytes(one.data) for one in office.smtp.accepted}
    for row in rows:
        message = sent[row[7]]
        assert text_of(message) == row[6]
        assert message["Subject"] == row[8]
        assert message["List-Unsubscribe"] is message["Auto-Submitted"] is None
        assert warms_up(office.keys, message[HEADER]) == (row[0], row[2])
    for row in answers:
        parent, message = known[row[3]], sent[row[7]]
        assert (row[1], row[2], parent[5]) == (parent[2], parent[1], 2)
        assert message["In-Reply-To"] == parent[7]
        assert message["References"].split()[-1] == parent[7]
        before = known[parent[3]][7] if parent[3] else parent[7]
        assert before in message["References"].split()
        assert message["Subject"].startswith("Re: ")

    (spam,) = office.rows("to_account_id, folder, message_id", "rescued_at is not null")
    assert (spam[1], spam[2]) == ("Bulk", office.smtp.accepted[1].message_id)
    for name in PEOPLE:
        assert office.dovecot.flags("Bulk", name) == []
        assert {"S"} == set(office.dovecot.flags("INBOX", name)), "read, as a person would have"
    slots = query(office.workspace, "select status, schedule_id, count(*) from send_slots group by 1, 2")
    assert slots == [("sent", None, 36)]
    assert (
        sorted(query(office.workspace, "select day, sent from rate_state where domain = ''"))
        == [(day_number(days[1].date()), 6)] * 3
    )
    for table in ("email_schedules", "outbox", "contact_events", "suppressions"):
        assert query(office.workspace, f"select count(*) from {table}") == [(0,)], table

    with office.workspace.database.snapshot() as connection:
        counts = warmup_mail.counts(connection, MONDAY, MONDAY + timedelta(days=5))
    assert sum(one.sent for one in counts.values()) == 36
    assert sum(one.received for one in counts.values()) == 36
    assert sum(one.rescued for one in counts.values()) == 1
    span = ramp_days.Span(1, days[0], days[1], days[1] + timedelta(days=1))
    with office.workspace.database.snapshot() as connection:
        (done,) = ramp_days.done(connection, [span])
    assert (done.sent, done.bounced, done.sent_that_day) == (0, 0, 6), "a day that sent, and no real mail"


def test_a_forged_header_is_ordinary_mail(small: Office) -> None:
    small.go_to(MONDAY)
    contacts(small.workspace, 1, 2)
    columns = {"status": "sent", "actual_send_datetime": stamp(NOW)}
    marks = {one: small.keys.mark(email(small.workspace, one, **columns)) for one in (1, 2)}
    another = replace(small.accounts["bob"])
    tokens = {
        1: "abcdef.Zm9yZ2Vk.AAAAAAAAAAAAAAAAAAAAAA",
        2: token_of(small.keys, 1, another.id)[:-8] + "A" * 8,
    }
    for one, token in tokens.items():
        raw = letter(
            f"person{one}@example.com",
            "Yes, please call me.",
            f"Message-ID: <answer{one}@example.com>",
            f"In-Reply-To: <{marks[one]}@one.example>",
            f"{HEADER}: {token}",
        )
        small.dovecot.deliver(raw, user="ann")
        small.dovecot.deliver(raw.replace(b"answer", b"junk"), "Bulk", user="ann")
    assert small.listen().events == {"replied": 2}
    assert small.dovecot.flags("INBOX", "ann") == ["", ""]
    assert len(small.dovecot.flags("Bulk", "ann")) == 2, "what is not ours stays where it is"


def test_real_mail_goes_first(office: Office) -> None:
    office.go_to(MONDAY)
    nine, ten = MONDAY + HOUR + timedelta(minutes=10), MONDAY + HOUR + timedelta(minutes=40)
    office.slots("ann", nine, ten)
    assert office.plan().planned == 2
    assert office.plan() == PoolReport(), "planning again changes nothing"
    contacts(office.workspace, 1, 2)
    real = email(office.workspace, 2, status="in_doubt", send_at=stamp(nine))
    execute(office.workspace, f"update send_slots set schedule_id = {real} where send_at = '{stamp(nine)}'")
    office.go_to(nine)
    assert office.send().warmup == {}
    assert office.plan().taken_back == 1

    later = {"account_id": 1, "send_at": stamp(ten + 4 * HOUR), "send": day_number(ten.date())}
    email(office.workspace, 1, **later)
    execute(office.workspace, "update accounts set daily_limit = 1 where id = 1")
    office.go_to(ten)
    assert office.send().warmup == {}, "the day's last email is a real one's"
    execute(office.workspace, "update accounts set daily_limit = 2 where id = 1")
    assert office.send().warmup == {"sent": 1}
    assert query(office.workspace, "select sent from rate_state where domain = ''") == [(1,)]


def test_what_stops_it(office: Office) -> None:
    office.one_planned()
    for table, column, value, where in (
        ("workspace_state", "paused_at", "2026-01-01T00:00:00.000Z", "true"),
        ("accounts", "status", "paused", "id = 1"),
        ("accounts", "status", "paused", "id in (2, 3)"),
        ("send_slots", "status", "skipped", "true"),
    ):
        ((before,),) = query(office.workspace, f"select distinct {column} from {table} where {where}")
        execute(office.workspace, f"update {table} set {column} = '{value}' where {where}")
        assert office.send().warmup == {}, (table, where)
        back = "null" if before is None else f"'{before}'"
        execute(office.workspace, f"update {table} set {column} = {back} where {where}")
    assert office.smtp.accepted == []
    assert office.send().warmup == {"sent": 1}


def test_a_missed_slot_and_a_pool_that_is_off(office: Office) -> None:
    office.one_planned()
    office.go_to(MONDAY + HOUR + timedelta(minutes=16))
    assert office.send().warmup == {}, "six minutes late"
    assert office.plan().taken_back == 1
    office.slots("ann", MONDAY + 2 * HOUR)
    assert office.plan().planned == 1
    warmup = office.workspace.settings.warmup.model_copy(update={"pool": False})
    settings = office.workspace.settings.model_copy(update={"warmup": warmup})
    office.workspace = replace(office.workspace, settings=settings)
    office.go_to(MONDAY + 2 * HOUR)
    assert office.send().warmup == {}
    assert office.plan().taken_back == 1
    assert office.rows("id") == []


def test_what_was_refused_is_not_sent_again(small: Office) -> None:
    small.smtp.on("rcpt", "450 4.2.1 not now", times=1)
    small.one_planned()
    assert small.send().warmup == {"failed": 1}
    assert small.send().warmup == {}
    ((status, error),) = small.rows("status, last_error")
    assert status == "failed"
    assert "4.2.1" in error
    assert query(small.workspace, "select status, sent_at from send_slots") == [("failed", None)]
    assert query(small.workspace, "select sent from rate_state where domain = ''") == [(0,)]


SENDER = """
import asyncio, sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from carillon.clock import ManualClock
from carillon.send.run import dispatch
from carillon.workspace import at
workspace = at(Path(sys.argv[1]), {}, ManualClock(datetime.fromisoformat(sys.argv[2])))
warmup = workspace.settings.warmup.model_copy(update={"pool": True})
workspace = replace(workspace, settings=workspace.settings.model_copy(update={"warmup": warmup}))
asyncio.run(dispatch(workspace, asyncio.Event(), True, False))
"""


def test_who_is_killed_leaves_a_doubt_that_the_mailbox_settles(small: Office) -> None:
    small.smtp.delay = 1.0
    number = small.one_planned()
    now = small.workspace.clock.now()
    order = [sys.executable, "-c", SENDER, str(small.workspace.folder), now.isoformat()]
    process = subprocess.Popen(order)
    end = time.monotonic() + 20
    while "DATA" not in small.smtp.commands:
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    while not small.smtp.accepted:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert small.rows("status") == [("processing",)]
    assert small.send().warmup == {}
    execute(small.workspace, "update warmup_messages set intent_at = '2020-01-01T00:00:00.000Z'")
    assert small.send().warmup == {}
    assert small.rows("status") == [("in_doubt",)]
    assert len(small.smtp.accepted) == 1, "it is not repeated"
    small.deliver()
    small.listen()
    assert small.rows("id, status") == [(number, "received")]


def test_without_move_it_is_copied_and_deleted(make_workspace: MakeWorkspace, smtp: SmtpServer) -> None:
    with imap_server(folders={"Bulk": "\\Junk"}, capability=WITHOUT_IDLE) as dovecot:
        workspace = make_workspace("sqlite")
        office = Office(workspace, smtp, dovecot)
        office.one_planned()
        office.send()
        office.deliver((0,))
        account = next(one for one in office.accounts.values() if one.address == smtp.accepted[0].recipient)
        mailbox = open_mailbox(account, workspace.folder, Vault(workspace.folder, os.environ))
        since = MONDAY.date()
        assert mailbox.marked(HEADER, "Nowhere", since) == []
        (found,) = mailbox.marked(HEADER, None, since)
        assert (found.folder, found.is_spam) == ("Bulk", True)
        assert mailbox.marked(HEADER, None, since) == [], "each is told once"
        mailbox.put_right([found])
        mailbox.close()
        assert dovecot.flags("Bulk", account.name) == []
        assert dovecot.flags("INBOX", account.name) == ["S"]
