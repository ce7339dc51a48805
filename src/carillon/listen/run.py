"""Listening: the only file of this room that opens the store.

`listen` reads every mailbox that accounts have, all at once, and ends; or it goes on, woken by the servers,
until it is told to stop. What a batch of messages means is stored in one transaction with the mark up to
which the folder is then read: whoever dies in between reads the batch again, and what is known counts once.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from threading import Event, Lock

from carillon.accounts import Account
from carillon.clock import monotonic
from carillon.errors import Busy, CarillonError
from carillon.listen.attend import Attendant
from carillon.listen.events import events_of, wanted
from carillon.listen.message import read
from carillon.listen.pool import warmup_in
from carillon.listen.sources import Mailbox, by_xoauth2, open_mailbox
from carillon.listen.sources.mail import Batch, Mark, NotReached
from carillon.listen.verdict import Sort
from carillon.oauth_settings import oauth_keys
from carillon.pool import HEADER, warms_up
from carillon.ramp import warmup_of
from carillon.store import accounts as account_store
from carillon.store import inboxes, warmup_mail
from carillon.store.correspondence import correspondence
from carillon.store.engine import Connection
from carillon.store.event_effects import Rules
from carillon.store.events import Applied, apply
from carillon.store.lease import only_one
from carillon.store.sign_ins import keeper
from carillon.tokens import open_keys
from carillon.vault import Vault
from carillon.workspace import Workspace

ROUND_SECONDS = 1.0
"""Between two looks for accounts that were made, changed or are to be tried again."""
ONCE_SECONDS = 0.05
"""The same where somebody waits for the end."""
BACKOFF_SECONDS = (1.0, 5.0, 20.0, 60.0, 300.0)
"""Before another try, by how many have failed in a row."""
TRIES = 2
"""Of a run that is to end."""
LOGIN_PAUSE = timedelta(hours=1)
"""After a refused login, unless the account is changed: servers lock out who asks again and again."""
GRACE_SECONDS = 2.0
"""For what is under way when it is to stop; then connections are cut."""
TENDED = timedelta(days=7)
"""How far back warm-up mail is looked for in the spam folder."""
LATELY = timedelta(days=90)
"""How far back emails are looked at that a reply may answer which names none."""

LOGGED = 1000
"""Ids written into one line of the log at most."""

Told = Callable[[str, str], None]
"""Told of an account's name and what happened there, in words."""


@dataclass
class ListenReport:
    """What was read, and what came of it."""

    messages: dict[str, Counter[str]] = field(default_factory=dict)
    """By account: messages by what they are (`verdict.Sort`)."""
    events: Counter[str] = field(default_factory=Counter)
    """New events by kind."""
    repeated: int = 0
    """Events that were known."""
    suppressed: int = 0
    """Addresses that nobody writes to from now on."""
    stopped: int = 0
    """Enrollments that ended."""
    faults: dict[str, str] = field(default_factory=dict)
    """Accounts whose mailbox cannot be read, and why."""

    def note(self, account: str, messages: Counter[str], applied: Applied) -> None:
        """Add what became of a batch."""
        if messages:
            self.messages.setdefault(account, Counter()).update(messages)
        self.events.update(applied.kinds)
        self.repeated += applied.repeated
        self.suppressed += applied.suppressed
        self.stopped += applied.stopped

    def as_json(self) -> dict[str, object]:
        """Plain values only."""
        return {
            "messages": {name: dict(counts) for name, counts in self.messages.items()},
            "events": dict(self.events),
            "repeated": self.repeated,
            "suppressed": self.suppressed,
            "stopped": self.stopped,
            "faults": self.faults,
        }


def _nobody(_account: str, _what: str) -> None:
    """For whoever does not want to be told."""


def listen(workspace: Workspace, stop: Event, once: bool, told: Told = _nobody) -> ListenReport:
    """Read what is new in all mailboxes; `once`: and end, else until `stop` is set.

    Raises Busy where another listener reads the mailboxes of this workspace.
    """
    found: list[str] = []
    try:
        with only_one(workspace.database, "listen", 0.0, found.append):
            return _Listening(workspace, once, told).run(stop)
    except Busy:
        if not found:
            raise
        who = found[0].partition(";")[0]
        raise Busy(f"{who}; one is enough for all mailboxes of a workspace. Nothing was changed.") from None


class StoreBooks:
    """The books of one account's mailbox."""

    def __init__(self, listening: _Listening, account: Account, own: frozenset[str]) -> None:
        """`own`: the addresses of all accounts, in lower case."""
        self._all, self._workspace = listening, listening.workspace
        self._account, self._own = account, own
        self._writing = listening.writing
        self._tended = warmup_of(account, self._workspace.settings)

    def now(self) -> datetime:
        return self._workspace.clock.now()

    def since(self) -> date:
        # One day more: the server has a time zone of its own.
        return self.now().date() - timedelta(days=self._workspace.settings.listening.inbox_scan_days + 1)

    def mark(self, folder: str) -> Mark:
        with self._workspace.database.snapshot() as connection:
            known = inboxes.folders(connection).get(self._account.id, [])
        return next((Mark(one.uidvalidity, one.last_uid) for one in known if one.name == folder), Mark())

    def tend(self, mailbox: Mailbox) -> None:
        if not self._tended.pool:
            return
        now = self.now()
        try:
            found = mailbox.marked(HEADER, self._tended.pool_spam_folder, now.date() - TENDED)
            ours = [(one, self._mine(warms_up(self._all.keys, one.value))) for one in found]
            mailbox.put_right([one for one, number in ours if number is not None])
        except NotReached as fault:
            # Mail that is read matters more; where the connection is broken, reading says so at once.
            self._tended = self._tended.model_copy(update={"pool": False})
            self._all.told(self._account.name, f"warm-up mail cannot be put right: {fault}")
            return
        rescued = [(number, one) for one, number in ours if number is not None and one.is_spam]

        def store(connection: Connection) -> None:
            for number, one in rescued:
                warmup_mail.note_rescued(connection, self._account.id, number, one.folder, now)

        if rescued:
            self._workspace.database.write(store)

    def _mine(self, found: tuple[int, int] | None) -> int | None:
        """The message of the pool, if it was written to this account."""
        return found[0] if found is not None and found[1] == self._account.id else None

    def take(self, folder: str, batch: Batch) -> None:
        now = self.now()
        pool = [(one, warmup_in(one.raw, self._all.keys)) for one in batch.messages]
        warmed = [(one, number) for one, found in pool if (number := self._mine(found)) is not None]
        messages = [one for one, found in pool if found is None]
        verdicts = [read(one.raw, self._own) for one in messages]
        with self._workspace.database.snapshot() as connection:
            lately = correspondence(connection, self._account.id, wanted(verdicts), now - LATELY)
        events = [
            event
            for one, verdict in zip(messages, verdicts, strict=True)
            for event in events_of(verdict, one.raw, self._all.keys, lately, min(one.arrived or now, now))
        ]

        def store(connection: Connection) -> Applied:
            applied = apply(connection, events, now, Rules.of(self._workspace.settings))
            for one, number in warmed:
                arrived = min(one.arrived or now, now)
                warmup_mail.note_received(connection, self._account.id, number, folder, arrived)
            mark = batch.mark
            inboxes.note_mark(connection, self._account.id, folder, mark.uidvalidity, mark.last_uid)
            return applied

        with self._writing:
            applied = self._workspace.database.write(store)
            sorts = Counter(one.sort.value for one in verdicts)
            sorts[Sort.WARMUP.value] += len(pool) - len(messages)
            self._all.report.note(self._account.name, +sorts, applied)
        if batch.messages:
            counts = {"messages": dict(+sorts), "events": dict(applied.kinds)}
            ids, log = applied.new[:LOGGED], self._workspace.log
            log.info("mailbox read", account=self._account.name, folder=folder, **counts, event_ids=ids)
        if applied.kinds:
            news = ", ".join(f"{count} {kind}" for kind, count in sorted(applied.kinds.items()))
            self._all.told(self._account.name, news)

    def read(self, folders: Sequence[str], until: datetime) -> None:
        self._all.went_well(self._account)
        with self._writing:
            self._workspace.database.write(
                lambda connection: inboxes.note_read(connection, self._account.id, folders, until)
            )


class _Listening:
    """One run: an attendant for each mailbox."""

    def __init__(self, workspace: Workspace, once: bool, told: Told) -> None:
        self.workspace, self.told = workspace, told
        self.report = ListenReport()
        self.keys = open_keys(workspace.folder, os.environ)
        self.writing = Lock()
        """One batch is stored at a time: they change the same rows."""
        self._once = once
        self._vault = Vault(workspace.folder, os.environ)
        self._at_work: dict[int, tuple[Account, Attendant]] = {}
        self._done: set[int] = set()
        self._failures: Counter[int] = Counter()
        self._not_before: dict[int, float] = {}

    def run(self, stop: Event) -> ListenReport:
        try:
            while not stop.is_set():
                waiting = self._start()
                if self._once and not waiting and not self._at_work:
                    break
                stop.wait(ONCE_SECONDS if self._once else ROUND_SECONDS)
                self._look_after()
        finally:
            self._end()
        return self.report

    def went_well(self, account: Account) -> None:
        self._failures.pop(account.id, None)
        if self.report.faults.pop(account.name, None) is not None:
            self.told(account.name, "can be read again")

    def _start(self) -> bool:
        """Attend mailboxes that nobody attends; whether there are others that wait for their next try."""
        with self.workspace.database.snapshot() as connection:
            accounts = account_store.accounts(connection)
            known = inboxes.folders(connection)
        own = frozenset(
            address.lower() for one in accounts for address in (one.address, one.reply_to) if address
        )
        read = {one.id: one for one in accounts if one.inbox is not None}
        for number, (account, attendant) in self._at_work.items():
            if _way_in(read.get(number)) != _way_in(account):
                attendant.stop.set()
        waiting = False
        for account in read.values():
            if account.id in self._at_work or account.id in self._done:
                continue
            if why := _refused(known.get(account.id, []), self.workspace.clock.now()):
                self.report.faults[account.name] = why
            elif monotonic() < self._not_before.get(account.id, 0.0):
                waiting = True
            else:
                self._attend(account, own)
        return waiting

    def _attend(self, account: Account, own: frozenset[str]) -> None:
        settings = self.workspace.settings.listening
        attendant = Attendant(
            account.name,
            partial(
                open_mailbox,
                account,
                self.workspace.folder,
                self._vault,
                keeper(self.workspace.database, self._vault, account.id),
            ),
            StoreBooks(self, account, own),
            settings.folders,
            settings.poll_minutes * 60,
            self._once,
        )
        self._at_work[account.id] = (account, attendant)
        attendant.start()

    def _look_after(self) -> None:
        """Take leave of attendants that have ended; those with a fault are followed by another one."""
        for account, attendant in list(self._at_work.values()):
            if attendant.is_alive():
                continue
            del self._at_work[account.id]
            if attendant.fault is not None and not attendant.stop.is_set():
                self._failed(account, attendant.fault, attendant.rounds > 0)
            elif self._once:
                self._done.add(account.id)

    def _failed(self, account: Account, fault: CarillonError, was_open: bool) -> None:
        self._failures[account.id] += 1
        failures = self._failures[account.id]
        pause = BACKOFF_SECONDS[min(failures, len(BACKOFF_SECONDS)) - 1]
        self._not_before[account.id] = monotonic() + pause
        if self._once and failures >= TRIES:
            self._done.add(account.id)
        if was_open and failures == 1:
            return  # connections break; it is worth a word only where no other can be made
        login = isinstance(fault, NotReached) and fault.login
        if self.report.faults.get(account.name) != str(fault):
            self.told(account.name, str(fault))
            self.workspace.log.warning("mailbox cannot be read", account=account.name, login_refused=login)
        self.report.faults[account.name] = str(fault)
        retry_at = self.workspace.clock.now() + LOGIN_PAUSE if login else None
        folder = self.workspace.settings.listening.folders[0]
        self.workspace.database.write(
            lambda connection: inboxes.note_fault(connection, account.id, folder, str(fault), retry_at)
        )

    def _end(self) -> None:
        attendants = [attendant for _, attendant in self._at_work.values()]
        for one in attendants:
            one.stop.set()
        deadline = monotonic() + GRACE_SECONDS
        for one in attendants:
            one.join(max(0.0, deadline - monotonic()))
        for one in attendants:
            if one.is_alive():
                one.cut()
        for one in attendants:
            one.join(max(0.0, deadline + GRACE_SECONDS - monotonic()))


def _way_in(account: Account | None) -> tuple[object, ...] | None:
    """What an attendant was started with; where it is another now, another is needed."""
    if account is None:
        return None
    login = {key: account.settings.get(key) for key in ("auth", "password_env")}
    login |= oauth_keys(account.settings)
    # A refresh token that was renewed is no reason to break a connection off.
    secret = None if by_xoauth2(account) else account.secret
    return account.name, account.inbox, account.inbox_secret, secret, login


def _refused(folders: Sequence[inboxes.Folder], now: datetime) -> str | None:
    """Why an account is not to be tried now."""
    waits = [one for one in folders if one.retry_at is not None and one.retry_at > now]
    return (waits[0].last_error or "the login was refused.") if waits else None
