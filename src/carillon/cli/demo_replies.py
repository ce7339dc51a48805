"""The part of `carillon demo` that writes what comes back: answers, absences and reports of bounces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime, parseaddr
from random import Random
from typing import TYPE_CHECKING

from carillon.cli.demo_accounts import RELAY
from carillon.cli.demo_sequences import said

if TYPE_CHECKING:
    from carillon.tokens import Purpose, Ticket

AWAY_DAYS = 6


@dataclass(frozen=True)
class Letter:
    """An email that reached somebody."""

    account: str
    schedule: int
    headers: Mapping[str, str]
    tickets: Mapping[Purpose, Ticket]
    """What its links say, by what they are for."""


class Mails:
    """Writes mails with the texts of `data/demo/answers.yaml`, each in its turn."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = said("answers.yaml")[0]
        self._turns = dict.fromkeys(self._texts, 0)

    def write(self, letter: Letter, kind: str, at: datetime, chance: Random) -> bytes:
        """A whole mail as it arrives. `kind`: bounced, or a key of the file."""
        if kind == "bounced":
            return _report(letter, at)
        topic = "partners" if kind == "replied" and letter.account != RELAY else kind
        text = self._texts[topic][self._turns[topic] % len(self._texts[topic])]
        self._turns[topic] += 1
        back = at + timedelta(days=chance.randrange(2, AWAY_DAYS))
        headers = ["Auto-Submitted: auto-replied"] if kind == "away" else []
        subject = f"{'Automatic reply' if kind == 'away' else 'Re'}: {letter.headers['Subject']}"
        headers += [f"In-Reply-To: {letter.headers['Message-ID']}"]
        name = parseaddr(letter.headers["To"])[0].partition(" ")[0]
        body = [text.format(day=f"{back:%B} {back.day}"), "", *([name] if name else [])]
        return _mail(letter, letter.headers["To"], subject, f"r.{letter.schedule}", at, headers, body)


def _mail(
    letter: Letter, sender: str, subject: str, name: str, at: datetime, more: list[str], body: list[str]
) -> bytes:
    headers = [
        f"From: {sender}", f"To: {letter.headers['From']}", f"Subject: {subject}",
        f"Message-ID: <{name}@mx.example.com>", f"Date: {format_datetime(at)}", "MIME-Version: 1.0", *more,
    ]  # fmt: skip
    if not any(one.startswith("Content-Type") for one in more):
        headers.append("Content-Type: text/plain; charset=utf-8")
    return "\r\n".join((*headers, "", *body, "")).encode()


def _report(letter: Letter, at: datetime) -> bytes:
    """A delivery report as mail servers write it."""
    address = parseaddr(letter.headers["To"])[1]
    more = [
        "Auto-Submitted: auto-replied",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="part"',
    ]
    body = [
        "--part", "Content-Type: text/plain", "", f"<{address}>: 550 5.1.1 No such user here", "",
        "--part", "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; mx.example.com", "",
        f"Final-Recipient: rfc822; {address}", "Action: failed", "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1 No such user here", "",
        "--part", "Content-Type: text/rfc822-headers", "", f"Message-ID: {letter.headers['Message-ID']}",
        f"Subject: {letter.headers['Subject']}", "", "--part--",
    ]  # fmt: skip
    sender = "Mail Delivery System <MAILER-DAEMON@mx.example.com>"
    return _mail(
        letter, sender, "Undelivered Mail Returned to Sender", f"b.{letter.schedule}", at, more, body
    )
