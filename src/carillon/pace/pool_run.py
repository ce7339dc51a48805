"""Planning warm-up mail: the file that opens the store for it. What goes where is `pool`'s."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from carillon.accounts import Account
from carillon.pace.pool import FRESH, Free, Letter, Member, Planned, plan, wants_answer
from carillon.pool import Answer
from carillon.ramp import warmup_of
from carillon.store import accounts as account_store
from carillon.store import warmup_mail as store
from carillon.store.engine import Connection
from carillon.workspace import Workspace

AHEAD = timedelta(hours=2)
"""Slots of so much time are looked at: late enough for real mail to have had its choice."""
ANSWERED_WITHIN = timedelta(days=5)
"""What came longer ago, over a weekend and a holiday, is not answered any more."""


@dataclass(frozen=True)
class PoolReport:
    """What was planned. Counts are messages."""

    planned: int = 0
    answers: int = 0
    """Of them, answers."""
    taken_back: int = 0
    """Planned for slots that real mail has taken, or that passed."""

    def as_json(self) -> dict[str, object]:
        """Plain values only."""
        return dict(self.__dict__)


def plan_pool(workspace: Workspace) -> PoolReport:
    """Plan warm-up mail for the next hours, in one transaction; again does no harm."""
    return workspace.database.write(lambda connection: _plan(connection, workspace))


def _plan(connection: Connection, workspace: Workspace) -> PoolReport:
    now = workspace.clock.now()
    members = _members(workspace, account_store.accounts(connection))
    if len(members) < 2:
        return PoolReport(taken_back=store.drop_planned(connection))
    missed = timedelta(minutes=workspace.settings.pacing.missed_slot_minutes)
    taken_back = store.drop_lost(connection, now - missed)
    waiting = _waiting(connection, members, now)
    made = plan(
        members,
        [Free(*one) for one in store.free_slots(connection, now, now + AHEAD)],
        waiting,
        [_letter(one, one.send_at) for one in store.lately(connection, now - FRESH)],
    )
    store.add(connection, [_message(one, members) for one in made], now)
    answers = [one.parent for one in made if one.parent is not None]
    store.settle_answers(connection, answers, Answer.GIVEN)
    return PoolReport(len(made), len(answers), taken_back)


def _members(workspace: Workspace, accounts: list[Account]) -> dict[int, Member]:
    """Active accounts that take part; each may have settings of its own."""
    found = {}
    for one in accounts:
        settings = warmup_of(one, workspace.settings)
        if one.is_active and settings.pool:
            found[one.id] = Member(
                one.id,
                one.address,
                one.display_name,
                settings.pool_share,
                settings.pool_answers,
                one.inbox is not None,
            )
    return found


def _waiting(connection: Connection, members: dict[int, Member], now: datetime) -> list[Letter]:
    """What is to be answered; what is not, is settled."""
    wanted = []
    sorts: dict[Answer, list[int]] = {Answer.WANTED: [], Answer.NONE: []}
    for one in store.unanswered(connection, now - ANSWERED_WITHIN):
        letter, member = _letter(one, one.received_at or now), members.get(one.to_account_id)
        if member is not None and wants_answer(letter, member):
            wanted.append(letter)
            sorts[Answer.WANTED].append(one.id)
        else:
            sorts[Answer.NONE].append(one.id)
    for answer, ids in sorts.items():
        store.settle_answers(connection, ids, answer)
    return wanted


def _letter(one: store.Message, at: datetime) -> Letter:
    return Letter(one.id, one.account_id, one.to_account_id, one.template, one.subject, at)


def _message(one: Planned, members: dict[int, Member]) -> store.Message:
    domain = members[one.account].domain
    return store.Message(
        0,
        one.account,
        one.to_account,
        members[one.to_account].address,
        one.parent,
        one.template,
        one.subject,
        one.body,
        f"<{secrets.token_hex(16)}@{domain}>",
        one.at,
        None,
    )
