"""Doubts & issues: everything that waits for a person, each with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from nicegui import ui

from carillon.accounts import Account
from carillon.days import day_number
from carillon.store import accounts as account_store
from carillon.store import doubts as doubt_store
from carillon.store import issues as issue_store
from carillon.store import unsent
from carillon.store.engine import Connection
from carillon.web.pages.issues.doubts import doubts_table
from carillon.web.pages.issues.others import at_fault, contacts_card, failed_table, overdue_card
from carillon.web.parts import Drawn, card, empty, every, grid, number, read, stat, visit
from carillon.web.shell import page
from carillon.words import AccountStatus

DAYS = 30
"""Failed emails of so many days are shown."""


@dataclass(frozen=True)
class Waiting:
    """How much there is of each."""

    doubts: int
    failed: int
    overdue: int
    accounts: tuple[Account, ...]
    contacts: dict[str, int]

    @property
    def is_nothing(self) -> bool:
        return not (self.doubts or self.failed or self.overdue or self.accounts or self.contacts)


@page("/issues", "Doubts & issues", "What waits for a person, each with what to do about it.")
async def issues() -> None:
    """The figures, and below them what they stand for."""
    today = day_number(visit().workspace.today())

    def look(connection: Connection) -> Waiting:
        return Waiting(
            doubt_store.count(connection),
            unsent.count_failed(connection, today - DAYS),
            sum(unsent.overdue(connection, today).values()),
            tuple(one for one in account_store.accounts(connection) if one.status == AccountStatus.ERROR),
            issue_store.counts(connection),
        )

    async def again() -> None:
        figures.show(await read(look))

    found = await read(look)
    figures = Drawn(ui.element("div"), _figures)
    figures.show(found)
    every(again)
    if found.is_nothing:
        with (
            card(),
            empty("task_alt", "Nothing waits for you", "No doubts, no failures, no wrong data."),
        ):
            pass
        return
    if found.doubts:
        await doubts_table(again)
    if found.accounts:
        at_fault(found.accounts)
    if found.overdue:
        await overdue_card(today)
    if found.failed:
        await failed_table(today - DAYS, DAYS, again)
    if found.contacts:
        contacts_card(found.contacts)


def _figures(found: Waiting) -> None:
    with grid(150):
        stat("In doubt", number(found.doubts), "may have been sent", tone="warn" if found.doubts else "good")
        faults = len(found.accounts)
        stat("Accounts at fault", number(faults), "send nothing", tone="bad" if faults else "good")
        stat(
            "Overdue", number(found.overdue), "their day has passed", tone="warn" if found.overdue else "good"
        )
        stat("Failed", number(found.failed), f"in {DAYS} days", tone="bad" if found.failed else "good")
        wrong = sum(found.contacts.values())
        stat("Data of contacts", number(wrong), "found by the last plan", tone="warn" if wrong else "good")
