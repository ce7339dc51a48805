"""One mailbox attended: opened, read to its end, waited at; a thread of its own, over at the first fault.

What belongs here: the order in which a mailbox is asked. What does not: what a message means and where it
is stored (`Books`, which `run` keeps), and whether to try again (`run`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from threading import Event, Thread
from typing import Protocol

from carillon.errors import CarillonError, Ours
from carillon.listen.sources import Mailbox
from carillon.listen.sources.mail import Batch, Mark

LOOK_SECONDS = 60.0
"""A mailbox that tells of news by itself is looked into this often all the same: a connection can be dead
without anybody having noticed, and the moment up to which everything was read has to move on."""


class Books(Protocol):
    """What is known of one account's mailbox, and where what is read is written down."""

    def now(self) -> datetime:
        """By the workspace's clock."""
        ...

    def since(self) -> date:
        """How far back a folder is read that was not read before."""
        ...

    def mark(self, folder: str) -> Mark:
        """How far the folder is read."""
        ...

    def tend(self, mailbox: Mailbox) -> None:
        """Warm-up mail is read and taken out of the spam folder, as a person would."""
        ...

    def take(self, folder: str, batch: Batch) -> None:
        """Store what the messages mean, and the mark, together."""
        ...

    def read(self, folders: Sequence[str], until: datetime) -> None:
        """Everything in these folders that had arrived by `until` was taken."""
        ...


class Attendant(Thread):
    """Attends one mailbox until `stop` is set, or with `once` until everything new is read."""

    def __init__(
        self,
        name: str,
        connect: Callable[[], Mailbox],
        books: Books,
        folders: tuple[str, ...],
        poll_seconds: float,
        once: bool,
    ) -> None:
        # A daemon: what hangs on a dead connection has nothing in its hands that could get lost.
        super().__init__(name=f"mailbox of {name}", daemon=True)
        self.stop = Event()
        self.fault: CarillonError | None = None
        self.rounds = 0
        """How often everything was read."""
        self._connect, self._books, self._folders = connect, books, folders
        self._poll_seconds, self._once = poll_seconds, once
        self._mailbox: Mailbox | None = None

    def cut(self) -> None:
        """Whatever it is waiting for: no longer."""
        if self._mailbox is not None:
            self._mailbox.abort()

    def run(self) -> None:
        try:
            self._attend()
        except CarillonError as error:
            self.fault = error
        except Exception as error:
            self.fault = Ours(f"a defect in Carillon ({type(error).__name__}: {error}); please report it.")

    def _attend(self) -> None:
        self._mailbox = mailbox = self._connect()
        try:
            folders = mailbox.folders(self._folders)
            while not self.stop.is_set():
                self._read(mailbox, folders)
                if self._once:
                    return
                mailbox.wait(LOOK_SECONDS if mailbox.pushes else self._poll_seconds, self.stop)
        finally:
            mailbox.close()

    def _read(self, mailbox: Mailbox, folders: list[str]) -> None:
        until = self._books.now()
        self._books.tend(mailbox)
        for folder in folders:
            for batch in mailbox.news(folder, self._books.mark(folder), self._books.since()):
                if self.stop.is_set():
                    return
                self._books.take(folder, batch)
                mailbox.stored(batch)
        self._books.read(folders, until)
        self.rounds += 1
