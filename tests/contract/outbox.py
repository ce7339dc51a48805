"""Emails ready to leave, put into a workspace by plain SQL, and what became of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from carillon.accounts import Account
from carillon.days import day_number
from carillon.keys import CONTACT_SHIFT
from carillon.rates import Limits
from carillon.send.books import StoreBooks
from carillon.send.engine import Ready
from carillon.send.letters import renderer
from carillon.store import accounts, dispatch, intents
from carillon.store.bulk import insert_rows
from carillon.store.dispatch import Claimed, Outcome
from carillon.store.engine import Connection
from carillon.store.intents import Intent
from carillon.store.moments import stamp
from carillon.words import Status
from carillon.workspace import Workspace
from tests.contract.conftest import NOW

TODAY = day_number(NOW.date())
TEMPLATE = "birthday_standard_v1"
FREE = Limits()
HOLDERS = ("a" * 36, "b" * 36)


def execute(workspace: Workspace, statement: str) -> None:
    workspace.database.write(lambda connection: connection.exec_driver_sql(statement))


def query(workspace: Workspace, statement: str) -> list[tuple[Any, ...]]:
    with workspace.database.snapshot() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]


def account(workspace: Workspace, name: str = "main", **more: Any) -> Account:
    """An account, stored."""
    made = replace(Account(0, name, f"{name}@agency.example", "maildir", {"path": "out"}), **more)
    return workspace.database.write(lambda c: accounts.create(c, made, NOW, "test"))


def contacts(workspace: Workspace, *ids: int, **more: Any) -> None:
    row = {"zip_code": "75201", "status": "active"} | more
    rows = [(one, f"person{one}@example.com", *row.values()) for one in ids]
    workspace.database.write(lambda c: insert_rows(c, "contacts", ("id", "email", *row), rows))


def email(workspace: Workspace, contact: int, **more: Any) -> int:
    """An email of today that is due, of account 1; returns its id."""
    number = more.pop("id", (contact << CONTACT_SHIFT) | (TODAY + 15))
    row = {
        "kind": 0, "followup": 0, "email_type": "birthday", "event": TODAY + 15, "send": TODAY,
        "ideal": TODAY, "status": "scheduled", "priority": 5, "email_template": TEMPLATE,
        "send_at": stamp(NOW - timedelta(minutes=1)), "account_id": 1, "attempts": 0, "channel": "email",
        "domain": "example.com",
    } | more  # fmt: skip

    def work(connection: Connection) -> None:
        insert_rows(connection, "outbox", ("id", "contact_id", *row), [(number, contact, *row.values())])

    workspace.database.write(work)
    return int(number)


def due(workspace: Workspace, some: int) -> list[int]:
    """So many contacts with an email each."""
    account(workspace)
    contacts(workspace, *range(1, some + 1))
    return [email(workspace, one) for one in range(1, some + 1)]


def claim(
    workspace: Workspace, token: str = f"{HOLDERS[0]}:1", batch: int = 100, limits: Limits = FREE
) -> list[Claimed]:
    days = (TODAY, TODAY)
    return workspace.database.write(
        lambda c: dispatch.claim(c, 1, limits, days, workspace.clock.now(), token, batch)
    )


def intend(workspace: Workspace, rows: list[Claimed], token: str | None = None) -> set[int]:
    """Intents for claimed emails, of their own token or another; the ids that may be sent."""

    def work(connection: Connection) -> set[int]:
        basis = intents.bases(connection, [row.contact_id for row in rows])
        wanted = [
            Intent(row.id, token or row.token, f"<{row.id}@x>", basis.get(row.contact_id, "")) for row in rows
        ]
        return {number for number, _ in intents.intend(connection, wanted)}

    return workspace.database.write(work)


def record(workspace: Workspace, *outcomes: Outcome) -> None:
    workspace.database.write(lambda c: intents.record(c, outcomes, workspace.clock.now()))


def end_leases(workspace: Workspace) -> None:
    execute(
        workspace, "update outbox set lease_until = '2020-01-01T00:00:00.000Z' where lease_until is not null"
    )


def reap(workspace: Workspace) -> tuple[int, int]:
    return workspace.database.write(dispatch.reap)


def states(workspace: Workspace) -> dict[int, str]:
    return dict(query(workspace, "select id, status from outbox"))  # type: ignore[arg-type]


def books_of(workspace: Workspace, sender: Account, limits: Limits = FREE) -> StoreBooks:
    return StoreBooks(workspace, sender, limits, renderer(workspace, sender), frozenset())


def prepared(books: StoreBooks) -> list[Ready]:
    """All that is due, claimed and ready."""
    found = books.prepare(books.claim(100))
    return [one for one in found if isinstance(one, Ready)]


def ask(books: StoreBooks, *ready: Ready) -> set[int]:
    return {number for number, _ in books.commit([], [one.intent for one in ready])}


def sent(row: Claimed) -> Outcome:
    return Outcome(row.id, row.token, Status.SENT, provider_id="Q1", sent_at=stamp(NOW))
