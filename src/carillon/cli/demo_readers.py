"""The part of `carillon demo` that stands for people: what they do with the emails that reach them.

It knows what people know: the letters in the Maildirs, the links in them, and when it is. What somebody does
is drawn by chance from the email's own number, so that it is the same for the same letters.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from heapq import heappop, heappush
from random import Random
from typing import TYPE_CHECKING

from carillon.cli.demo_accounts import FAIRS, RECEIVED, RELAY, SENT
from carillon.cli.demo_replies import Letter, Mails

if TYPE_CHECKING:
    from carillon.events import Event
    from carillon.tokens import Purpose, Ticket
    from carillon.workspace import Workspace

BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15",
)
SCANNER = "Barracuda Link Protect (scanner)"
_LINK = re.compile(r"https://mail\.agency\.example/([ucov])/([\w.~-]+)")
LINKS = {"o": "opened", "c": "clicked", "u": "unsubscribed"}
GOOD_HOURS = (9, 10, 14, 15)
"""At which people answer most, by the workspace's clock."""


@dataclass(order=True)
class _Deed:
    at: datetime
    number: int
    work: Callable[[datetime], None] = field(compare=False)


class Readers:
    """Everybody who gets mail."""

    def __init__(self, workspace: Workspace) -> None:
        from carillon.tokens import open_keys

        self._workspace = workspace
        self._keys = open_keys(workspace.folder, os.environ)
        self._mails = Mails()
        self._seen: set[str] = set()
        self._coming: list[_Deed] = []
        self._number = 0
        self._followed: list[Event] = []
        self.counts: Counter[str] = Counter()
        """Letters received, and what was done with them."""

    def receive(self) -> None:
        """Look at what has arrived, and make up one's mind."""
        for box in sorted((self._workspace.folder / SENT).glob("*/new")):
            # Names of files are not the same the next time; what is in them is.
            fresh = [file for file in box.glob("*.eml") if file.name not in self._seen]
            self._seen.update(file.name for file in fresh)
            letters = [one for file in fresh if (one := self._read(box.parent.name, file.read_bytes()))]
            self.counts["sent"] += len(letters)
            for letter in sorted(letters, key=lambda one: one.schedule):
                self._decide(letter)

    def happen(self, until: datetime) -> None:
        """Do what is to be done by then, in its order: links at once, mail when it is next looked for."""
        from carillon.store import events

        while self._coming and self._coming[0].at <= until:
            deed = heappop(self._coming)
            deed.work(deed.at)
        if self._followed:
            happened, self._followed = self._followed, []
            self._workspace.database.write(lambda c: events.apply(c, happened, until))

    def _read(self, account: str, raw: bytes) -> Letter | None:
        message = message_from_bytes(raw)
        words = str(message["List-Unsubscribe"] or "")
        for part in message.walk():
            if part.get_content_type() == "text/html":
                words += bytes(part.get_payload(decode=True) or b"").decode()
        tickets: dict[Purpose, Ticket] = {}
        for kind, token in _LINK.findall(words):
            purpose = _purpose(kind)
            ticket = self._keys.read(purpose, token)
            if ticket is not None:
                tickets.setdefault(purpose, ticket)
        own = tickets.get(_purpose("u"))
        if own is None:
            return None
        headers = {
            name: str(make_header(decode_header(str(message[name]))))
            for name in ("From", "To", "Subject", "Message-ID")
        }
        return Letter(account, own.schedule, headers, tickets)

    def _decide(self, letter: Letter) -> None:
        chance = Random(letter.schedule)
        local = self._workspace.clock.now().astimezone(self._workspace.settings.workspace.zone)
        is_plan = letter.account == RELAY
        if letter.account == FAIRS and chance.random() < 0.4:
            self._mail(letter, chance, "bounced", timedelta(minutes=4))
            return
        draw = chance.random()
        for kind, share in (("bounced", 0.008), ("away", 0.02), ("opted_out", 0.003)):
            if draw < share:
                self._mail(letter, chance, kind, timedelta(minutes=chance.randrange(1, 20)))
                return
            draw -= share
        good = local.hour in GOOD_HOURS and local.weekday() in (1, 2, 3)
        if chance.random() < 0.1:
            self._follow(letter, "o", timedelta(seconds=20), SCANNER)
        if chance.random() > (0.7 if good else 0.45):
            return
        after = timedelta(minutes=round(chance.lognormvariate(4, 1.2)) + 2)
        browser = chance.choice(BROWSERS)
        self._follow(letter, "o", after, browser)
        if chance.random() < 0.3:
            self._follow(letter, "c", after + timedelta(minutes=1 + chance.randrange(4)), browser)
        if chance.random() < 0.012:
            self._follow(letter, "u", after + timedelta(minutes=2), browser)
        elif chance.random() < (0.05 if is_plan else 0.16) * (2 if good else 1):
            self._mail(letter, chance, "replied", after + timedelta(minutes=chance.randrange(5, 300)))

    def _follow(self, letter: Letter, kind: str, after: timedelta, program: str) -> None:
        """Follow a link in the letter, if it has one of the kind."""
        from carillon.store import responses

        purpose = _purpose(kind)
        ticket = letter.tickets.get(purpose)
        if ticket is None:
            return
        visitor = responses.Visitor("203.0.113.7", program, program == SCANNER)

        def respond(at: datetime) -> None:
            self._followed.append(responses.event_of(purpose, ticket, visitor, at))
            if program != SCANNER:
                self.counts[LINKS[kind]] += 1

        self._plan(after, respond)

    def _mail(self, letter: Letter, chance: Random, kind: str, after: timedelta) -> None:
        """Have a mail come back."""
        box = self._workspace.folder / RECEIVED / letter.account / "new"

        def arrive(at: datetime) -> None:
            place = box / f"{letter.schedule}.{kind}"
            place.write_bytes(self._mails.write(letter, kind, at, chance))
            os.utime(place, (at.timestamp(), at.timestamp()))
            self.counts[kind] += 1

        self._plan(after, arrive)

    def _plan(self, after: timedelta, work: Callable[[datetime], None]) -> None:
        self._number += 1
        heappush(self._coming, _Deed(self._workspace.clock.now() + after, self._number, work))


def _purpose(kind: str) -> Purpose:
    from carillon.tokens import Purpose

    return Purpose(kind)
