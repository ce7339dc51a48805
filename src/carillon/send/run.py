"""Dispatching: the only file of this room that opens the store for a whole run.

`dispatch` sends everything that is due, over all active accounts at once, and ends; or it goes on until it
is told to stop. A stop finishes what is in flight and gives back what was only claimed.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from carillon.accounts import Account
from carillon.clock import monotonic
from carillon.days import day_number
from carillon.errors import Busy, CarillonError
from carillon.rates import limits_of
from carillon.send import pool
from carillon.send.books import StoreBooks
from carillon.send.doubt import settle_by_policy
from carillon.send.engine import Tally, drain
from carillon.send.letters import refusal, renderer
from carillon.send.rehearsal import Rehearsal
from carillon.send.restore import admit
from carillon.send.slots import Mailboxes
from carillon.send.transports import Transport, open_transport
from carillon.store import accounts as account_store
from carillon.store import dispatch as store
from carillon.store import due_templates
from carillon.store import release as release_store
from carillon.store import waiting as waiting_store
from carillon.store.campaigns import campaigns
from carillon.store.due_templates import Lacking
from carillon.store.lease import only_one
from carillon.store.sign_ins import keeper
from carillon.store.timing import record
from carillon.vault import Vault
from carillon.words import AccountKind, Status, Wait
from carillon.workspace import Workspace

PAUSE_SECONDS = 1.0
"""Between two looks for mail that has become due."""
STRIKE_SECONDS = (1.0, 5.0, 20.0)
"""How long to wait after a fault of an account, before it is stopped, while nothing gets through."""
REAP_SECONDS = 5.0
"""Between two looks for claims that dispatchers left behind."""
POOL = 0
"""Stands for warm-up mail where the others are accounts by their ids."""


@dataclass
class SendReport:
    """What was done, by account: emails by status."""

    by_account: dict[str, Counter[str]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    """Accounts that cannot send, and why; each is stopped until someone has looked."""
    reaped: int = 0
    """Claims of dispatchers that ended, given back."""
    doubts: int = 0
    """Emails in doubt that dispatchers left behind."""
    settled: int = 0
    """Emails in doubt that were settled as `safety.on_doubt` says."""
    warmup: Counter[str] = field(default_factory=Counter)
    """Warm-up mail between our own accounts, by `pool.MailStatus`: no emails, and in no other count."""
    waiting: Counter[str] = field(default_factory=Counter)
    """Emails of today that have not left, by `words.Wait`."""
    lacking: list[Lacking] = field(default_factory=list)
    """Those of them that there is no template for."""
    written: dict[str, Path] = field(default_factory=dict)
    """After a dry run: by account, the Maildir in which its emails lie."""
    dry_run: bool = False
    interrupted: bool = False
    """Whether it was stopped before it had come to an end."""

    @property
    def counts(self) -> Counter[str]:
        """All accounts together."""
        return sum(self.by_account.values(), Counter())

    def as_json(self) -> dict[str, object]:
        """Plain values only."""
        return {
            "by_account": {name: dict(counts) for name, counts in self.by_account.items()},
            "counts": dict(self.counts),
            "faults": self.faults,
            "reaped": self.reaped,
            "new_doubts": self.doubts,
            "doubts_settled": self.settled,
            "warmup": dict(self.warmup),
            "waiting": dict(self.waiting),
            "lacking": [one.as_json() for one in self.lacking],
            "dry_run": self.dry_run,
            "maildirs": {name: str(folder) for name, folder in self.written.items()},
        }


@dataclass(frozen=True)
class Due:
    """What would leave now, as far as the accounts' limits let it."""

    emails: int
    accounts: int


async def dispatch(workspace: Workspace, stop: asyncio.Event, once: bool, local_only: bool) -> SendReport:
    """Send what is due; `once`: until nothing is, else until `stop` is set.

    `local_only`: only through transports that keep it on this machine (what `--now` may do).

    Raises Busy where another dispatcher works on the same SQLite workspace.
    """
    report = SendReport()
    with ExitStack() as stack:
        if workspace.database.is_sqlite:
            found: list[str] = []
            try:
                stack.enter_context(only_one(workspace.database, "send", 0.0, found.append))
            except Busy:
                who = found[0].partition(";")[0] if found else "another `send` is under way"
                raise Busy(f"{who}; one is enough for a workspace on SQLite. Nothing was changed.") from None
        if workspace.settings.safety.dry_run:
            report.dry_run = True
            await _rehearse(workspace, stop, once, report)
        else:
            await asyncio.to_thread(admit, workspace)
            await _rounds(workspace, stop, once, local_only, report)
            await asyncio.to_thread(record, workspace.database, workspace.settings, workspace.clock.now())
    await asyncio.to_thread(_tell_waiting, workspace, report)
    return report


def due(workspace: Workspace) -> Due:
    """How much would leave now, and through how many accounts."""
    now, today = workspace.clock.now(), day_number(workspace.today())
    with workspace.database.snapshot() as connection:
        waiting = waiting_store.waiting(connection, now, today)
    ready = [reasons[Wait.ACCOUNT_LIMIT] for reasons in waiting.values() if Wait.ACCOUNT_LIMIT in reasons]
    return Due(sum(ready), len(ready))


async def _rehearse(workspace: Workspace, stop: asyncio.Event, once: bool, report: SendReport) -> None:
    """See `safety.dry_run`."""
    lawless = _lawless(workspace)
    at_work: dict[int, Rehearsal] = {}
    while not stop.is_set():
        for account in await asyncio.to_thread(_due, workspace):
            one = at_work.setdefault(account.id, Rehearsal(workspace, account, lawless))
            report.by_account[account.name], report.written[account.name] = one.counts, one.folder
            if why := refusal(workspace, account):
                report.faults[account.name] = why
            await asyncio.to_thread(one.write)
        if once:
            return
        await pause_or_stop(stop, PAUSE_SECONDS)


def _tell_waiting(workspace: Workspace, report: SendReport) -> None:
    """What has not left, and why."""
    now, today, settings = workspace.clock.now(), day_number(workspace.today()), workspace.settings
    with workspace.database.snapshot() as connection:
        waiting = waiting_store.waiting(connection, now, today)
        planned = release_store.due(connection, today)
        known = campaigns(connection, settings.campaign_types) if len(planned) else []
        names = due_templates.chosen(planned, known, settings.features.ab_testing)
        missing, report.lacking = due_templates.lacking(connection, planned, names, known)
    for account, reasons in waiting.items():
        for reason, emails in reasons.items():
            report.waiting[_why(reason, account, report)] += emails
    report.waiting[Wait.TEMPLATE] += int(missing.sum())
    report.waiting[Wait.NOT_RELEASED] += int((~missing).sum())
    report.waiting = +report.waiting


def _why(reason: Wait, account: str, report: SendReport) -> str:
    """What the database says of emails that are due, in the light of what this dispatcher met with."""
    if reason is not Wait.ACCOUNT_LIMIT:
        return reason
    if report.dry_run:
        return Wait.DRY_RUN
    if account in report.faults:
        return Wait.ACCOUNT_FAULT
    return Wait.INTERRUPTED if report.interrupted else Wait.ACCOUNT_LIMIT


async def _rounds(
    workspace: Workspace, stop: asyncio.Event, once: bool, local_only: bool, report: SendReport
) -> None:
    """Each account goes at its own pace: a slow server holds up nobody else's mail."""
    at_work: dict[int, asyncio.Task[None]] = {}
    reaped = -REAP_SECONDS
    mailboxes = Mailboxes(workspace)
    try:
        while not stop.is_set():
            if monotonic() - reaped >= REAP_SECONDS:
                await asyncio.to_thread(_reap, workspace, report)
                reaped = monotonic()
            on_slots = await asyncio.to_thread(mailboxes.look)
            for account in await asyncio.to_thread(_due, workspace):
                if account.id not in at_work and (on_slots or account.kind != AccountKind.MAILBOX):
                    work = _account(workspace, account, stop, local_only, report)
                    at_work[account.id] = asyncio.create_task(work)
            if POOL not in at_work and await asyncio.to_thread(pool.any_due, workspace):
                at_work[POOL] = asyncio.create_task(_pool(workspace, stop, local_only, report))
            if once:
                await asyncio.gather(*at_work.values())
                await asyncio.to_thread(mailboxes.settle)
                return
            await pause_or_stop(stop, PAUSE_SECONDS)
            for number, task in list(at_work.items()):
                if task.done():
                    at_work.pop(number).result()
    finally:
        report.interrupted = stop.is_set()
        stop.set()
        await asyncio.gather(*at_work.values(), return_exceptions=once)


def _reap(workspace: Workspace, report: SendReport) -> None:
    with workspace.database.snapshot() as connection:
        any_over = store.any_over(connection)
    if any_over:
        back, doubts = workspace.database.write(store.reap, durable=True)
        report.reaped += back
        report.doubts += doubts
    report.settled += settle_by_policy(workspace)


def _due(workspace: Workspace) -> list[Account]:
    """Active accounts with something to send."""
    now, today = workspace.clock.now(), day_number(workspace.today())
    with workspace.database.snapshot() as connection:
        due = store.due_accounts(connection, now, today)
        return [one for one in account_store.accounts(connection) if one.is_active and one.id in due]


async def _account(
    workspace: Workspace, account: Account, stop: asyncio.Event, local_only: bool, report: SendReport
) -> None:
    transport = _transport(workspace, account, local_only, report)
    if transport is None:
        return
    try:
        render = renderer(workspace, account)
    except CarillonError as error:
        report.faults[account.name] = str(error)
        return
    lawless = _lawless(workspace)
    tally = Tally(counts=report.by_account.setdefault(account.name, Counter()))
    strikes = 0
    while not stop.is_set():
        before, tally.faults = tally.counts[Status.SENT], []
        counted = tally.counts.copy()
        books = StoreBooks(workspace, account, limits_of(account), render, lawless)
        await drain(books, transport, stop, tally)
        if left := tally.counts - counted:
            workspace.log.info("emails sent", account=account.name, **left)
        if not tally.faults:
            return
        # A server that is restarted is back in a moment; one that refuses us stays as it is.
        strikes = 1 if tally.counts[Status.SENT] > before else strikes + 1
        if strikes > len(STRIKE_SECONDS):
            report.faults[account.name] = tally.faults[0]
            workspace.log.error("account stopped", account=account.name)
            await asyncio.to_thread(books.fault, tally.faults[0])
            return
        await pause_or_stop(stop, STRIKE_SECONDS[strikes - 1])


async def pause_or_stop(stop: asyncio.Event, seconds: float) -> None:
    """Wait, but not for longer than somebody wants us to."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _pool(workspace: Workspace, stop: asyncio.Event, local_only: bool, report: SendReport) -> None:
    """Warm-up mail that is due, over all accounts at once."""
    waiting = await asyncio.to_thread(pool.due, workspace)
    with workspace.database.snapshot() as connection:
        accounts = [one for one in account_store.accounts(connection) if one.id in waiting]

    async def work(account: Account) -> None:
        transport = _transport(workspace, account, local_only, report)
        if transport is None:
            return
        try:
            books = pool.PoolBooks(workspace, account, limits_of(account))
            await pool.send(books, transport, waiting[account.id], stop, report.warmup)
        except CarillonError as error:
            report.faults[account.name] = str(error)

    await asyncio.gather(
        *(work(one) for one in accounts if one.is_active and pool.takes_part(workspace, one))
    )


def _transport(
    workspace: Workspace, account: Account, local_only: bool, report: SendReport
) -> Transport | None:
    try:
        vault = Vault(workspace.folder, os.environ)
        keep = keeper(workspace.database, vault, account.id)
        found = open_transport(account, workspace.folder, vault, keep)
    except CarillonError as error:
        report.faults[account.name] = str(error)
        return None
    if local_only and not found.is_local:
        report.faults[account.name] = "under --now it would write to real people; add --really if it should"
        return None
    return found


def _lawless(workspace: Workspace) -> frozenset[int]:
    """Campaigns that go whatever the windows say."""
    with workspace.database.snapshot() as connection:
        known = campaigns(connection, workspace.settings.campaign_types)
    return frozenset(one.instance.id for one in known if not one.respect_exclusion_windows)
