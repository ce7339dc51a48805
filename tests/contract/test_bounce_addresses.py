"""Reports that return nothing of the email: the address they come back to tells which one it was."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from carillon.errors import InputError
from carillon.listen.run import ListenReport, listen
from carillon.send.run import dispatch
from carillon.send.transports.settings import read_settings
from carillon.send.transports.smtp import LONGEST_NAME, SmtpSettings, marked
from carillon.tokens import LONGEST_MARK, open_keys
from carillon.workspace import Workspace
from tests.contract.outbox import account, contacts, email, query, states
from tests.doubles.smtp_server import SmtpServer, in_a_thread

REPORT = """\
From: Mail Delivery System <MAILER-DAEMON@mx.example.com>
To: <{to}>
Subject: Undelivered Mail Returned to Sender
Message-ID: <{n}@mx.example.com>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b

Your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; person1@example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 User unknown

--b--
"""


def report(folder: Path, to: str, n: int = 1) -> None:
    """A server reports to an address, into the mailbox."""
    box = folder / "in" / "new"
    box.mkdir(parents=True, exist_ok=True)
    (box / f"{n}.test").write_bytes(REPORT.format(to=to, n=n).replace("\n", "\r\n").encode())


def read_mail(workspace: Workspace) -> ListenReport:
    return listen(workspace, threading.Event(), True)


@pytest.mark.parametrize("bounces", ["bounces@agency.example", None])
def test_a_report_to_the_marked_address_is_about_its_email(workspace: Workspace, bounces: str | None) -> None:
    with in_a_thread(SmtpServer()) as server:
        settings = {"host": "127.0.0.1", "port": server.port}
        settings |= {"bounce_address": bounces} if bounces else {}
        inbox = {"source": "maildir", "path": "in"}
        account(workspace, transport="smtp", settings=settings, inbox=inbox)
        contacts(workspace, 1)
        number = email(workspace, 1)
        asyncio.run(dispatch(workspace, asyncio.Event(), once=True, local_only=False))
        (taken,) = server.accepted
    mark = open_keys(workspace.folder, os.environ).mark(number)
    assert taken.sender == (f"bounces+{mark}@agency.example" if bounces else "main@agency.example")
    assert b"From: main@agency.example" in taken.data
    report(workspace.folder, taken.sender)
    found = read_mail(workspace)
    if bounces is None:
        assert (dict(found.events), states(workspace)[number]) == ({}, "sent")
        return
    assert (dict(found.events), states(workspace)[number]) == ({"bounced": 1}, "bounced")
    assert query(workspace, "select address, scope from suppressions") == [("person1@example.com", "all")]


def test_an_invented_mark_proves_nothing(workspace: Workspace) -> None:
    account(workspace, inbox={"source": "maildir", "path": "in"})
    contacts(workspace, 1)
    number = email(workspace, 1, status="sent")
    mark = open_keys(workspace.folder, os.environ).mark(number)
    forged = mark[:-1] + ("0" if mark[-1] != "0" else "1")
    report(workspace.folder, f"bounces+{forged}@agency.example", 1)
    report(workspace.folder, "bounces@agency.example", 2)
    assert dict(read_mail(workspace).events) == {}
    assert states(workspace)[number] == "sent"
    assert query(workspace, "select * from suppressions") == []


def test_the_longest_address_fits_and_what_has_no_mark_gets_none(tmp_path: Path) -> None:
    keys = open_keys(tmp_path, {})
    mark = keys.mark(-1)
    assert len(mark) == LONGEST_MARK
    address = marked(f"{'b' * LONGEST_NAME}@example.com", f"<{mark}@example.com>")
    assert len(address.partition("@")[0]) == 64
    assert keys.marked(address.partition("+")[2].partition("@")[0]) == -1
    assert marked("b@example.com", "<hello@example.com>") == "b@example.com"


@pytest.mark.parametrize(
    "given", ["bounces", "b" * (LONGEST_NAME + 1) + "@example.com", "a b@example.com", "ü@b.example"]
)
def test_what_cannot_be_a_bounce_address_is_refused(given: str) -> None:
    with pytest.raises(InputError, match="bounce_address"):
        read_settings(SmtpSettings, "smtp", {"host": "127.0.0.1", "bounce_address": given})
