"""Mail that is no email of the plan: `warmup_messages` (02-pace §3).

A message of the pool is planned for a slot (the one of its account at its `send_at`) and takes it only when
it leaves: until then real mail may have it. Intent and slot are one statement each of one transaction, and
what has an intent is never tried again. All writing happens in the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, text

from carillon.errors import Busy
from carillon.pool import Answer, MailPurpose, MailStatus
from carillon.rates import Limits
from carillon.store import dispatch
from carillon.store.accounts import LONGEST_ERROR
from carillon.store.bulk import insert_rows
from carillon.store.moments import database_now, moment_of, stamp

ABANDONED_SECONDS = 60
"""After so long without an outcome, whoever wrote an intent is taken to have ended."""
COUNTED = timedelta(days=7)
"""What is told of an account is of so much time."""
LONGEST_THREAD = 12
KEPT = timedelta(days=180)
"""How long messages are kept."""
_MINE = (
    "s.account_id = warmup_messages.account_id and s.send_at = warmup_messages.send_at"
    " and s.status = 'pending' and s.schedule_id is null"
)
"""Of a message: the slot it was planned for is still free."""


@dataclass(frozen=True)
class Message:
    """One message between two accounts."""

    id: int
    account_id: int
    to_account_id: int
    to_address: str
    parent_id: int | None
    template: str
    subject: str
    body: str
    message_id: str
    send_at: datetime
    received_at: datetime | None


_WAITING = f"status in ('{MailStatus.SCHEDULED}', '{MailStatus.PROCESSING}')"
"""The condition of the index `warmup_messages_waiting`: SQLite uses it only for statements that say it."""
_COLUMNS = (
    "id, account_id, to_account_id, to_address, parent_id, template, subject, body, message_id, send_at,"
    " received_at"
)


# -- planning -------------------------------------------------------------------------------------------


def free_slots(connection: Connection, since: datetime, until: datetime) -> list[tuple[int, datetime]]:
    """Account and moment of slots that nobody has taken and no message is planned for."""
    rows = connection.execute(
        text(
            "select s.account_id, s.send_at from send_slots s where s.status = 'pending'"
            " and s.schedule_id is null and s.send_at >= :since and s.send_at < :until"
            " and not exists (select 1 from warmup_messages w where w.account_id = s.account_id"
            "  and w.send_at = s.send_at and w.purpose = 'warmup') order by s.send_at, s.account_id"
        ),
        {"since": stamp(since), "until": stamp(until)},
    )
    return [(int(account), _moment(at)) for account, at in rows]


def lately(connection: Connection, since: datetime) -> list[Message]:
    """Messages of the pool that have left since, or are to."""
    return _messages(connection, "send_at >= :at", stamp(since))


def unanswered(connection: Connection, since: datetime) -> list[Message]:
    """Messages that were received since then and have no answer, unless it is settled that they get none."""
    open_ = f"({Answer.UNDECIDED}, {Answer.WANTED})"
    return _messages(
        connection,
        f"status = '{MailStatus.RECEIVED}' and answer in {open_} and received_at >= :at",
        stamp(since),
    )


def settle_answers(connection: Connection, ids: Iterable[int], answer: Answer) -> None:
    """What becomes of received messages."""
    connection.execute(
        text("update warmup_messages set answer = :answer where id in :ids").bindparams(
            bindparam("ids", expanding=True)
        ),
        {"answer": int(answer), "ids": list(ids)},
    )


def drop_lost(connection: Connection, before: datetime) -> int:
    """Take back what was planned for slots that are real mail's now, or are over; returns how many.

    What it was to answer is still to be answered. `before`: slots until then are over.
    """
    lost = (
        f"{_WAITING} and status = '{MailStatus.SCHEDULED}' and (send_at < :before"
        f" or not exists (select 1 from send_slots s where {_MINE}))"
    )
    return _drop(connection, lost, {"before": stamp(before)})


def drop_planned(connection: Connection) -> int:
    """Take back everything that has not left: the pool is off. Returns how many."""
    return _drop(connection, f"{_WAITING} and status = '{MailStatus.SCHEDULED}'", {})


def _drop(connection: Connection, where: str, values: dict[str, object]) -> int:
    connection.execute(
        text(
            f"update warmup_messages set answer = {Answer.WANTED} where answer = {Answer.GIVEN} and id in"
            f" (select parent_id from warmup_messages where {where} and parent_id is not null)"
        ),
        values,
    )
    return connection.execute(text(f"delete from warmup_messages where {where}"), values).rowcount


def add(connection: Connection, rows: Sequence[Message], now: datetime) -> None:
    """Store planned messages, whatever ids they say they have."""
    columns = (
        "purpose", "account_id", "to_account_id", "to_address", "parent_id", "template", "subject", "body",
        "message_id", "status", "send_at", "answer", "created_at",
    )  # fmt: skip
    values = [
        (
            MailPurpose.WARMUP.value, one.account_id, one.to_account_id, one.to_address, one.parent_id,
            one.template, one.subject, one.body, one.message_id, MailStatus.SCHEDULED.value,
            stamp(one.send_at), int(Answer.UNDECIDED), stamp(now),
        )
        for one in rows
    ]  # fmt: skip
    insert_rows(connection, "warmup_messages", columns, values)


# -- sending --------------------------------------------------------------------------------------------


def any_due(connection: Connection, since: datetime, now: datetime) -> bool:
    """Whether something of the pool is to leave, or somebody left something behind."""
    return (
        connection.execute(
            text(
                f"select 1 from warmup_messages where {_WAITING} and send_at <= :now and"
                f" ((status = '{MailStatus.SCHEDULED}' and send_at >= :since) or {_abandoned(connection)})"
                " limit 1"
            ),
            {"since": stamp(since), "now": stamp(now)},
        ).first()
        is not None
    )


def due(connection: Connection, since: datetime, now: datetime) -> list[Message]:
    """Messages whose slot has come, and came after `since`."""
    return _messages(
        connection,
        f"{_WAITING} and status = '{MailStatus.SCHEDULED}' and send_at between :at and :now"
        " order by send_at, id",
        stamp(since),
        now=stamp(now),
    )


def thread(connection: Connection, message: Message) -> list[str]:
    """Message-IDs of what a message answers, the oldest first."""
    found: list[str] = []
    parent = message.parent_id
    while parent is not None and len(found) < LONGEST_THREAD:
        row = connection.execute(
            text("select message_id, parent_id from warmup_messages where id = :id"), {"id": parent}
        ).one_or_none()
        if row is None:
            break
        found.insert(0, str(row[0]))
        parent = row[1]
    return found


def intend(
    connection: Connection,
    message: Message,
    token: str,
    limits: Limits,
    day: tuple[int, datetime],
    now: datetime,
) -> bool:
    """Take the slot and write the intent; only then it may be sent.

    `day`: the account's local day, as a number, and its end. False: the slot is real mail's, the account or
    the workspace is paused, or real mail needs what the account may still send.
    """
    domain = message.to_address.rpartition("@")[2].lower()
    if not dispatch.permit(connection, message.account_id, limits, day, now, domain):
        return False
    intended = connection.execute(
        text(
            f"update warmup_messages set status = '{MailStatus.PROCESSING}', claim_token = :token,"
            f" intent_at = {database_now(connection)} where id = :id and status = '{MailStatus.SCHEDULED}'"
            " and exists (select 1 from accounts a where a.id = warmup_messages.account_id"
            "  and a.status = 'active')"
            " and exists (select 1 from accounts a where a.id = warmup_messages.to_account_id"
            "  and a.status = 'active' and a.inbox is not null)"
            " and not exists (select 1 from workspace_state w where w.paused_at is not null)"
            f" and exists (select 1 from send_slots s where {_MINE})"
        ),
        {"id": message.id, "token": token},
    ).rowcount
    if not intended:
        dispatch.refund(connection, message.account_id, day[0], 1)
        return False
    taken = connection.execute(
        text(
            "update send_slots set status = 'sent', sent_at = :now where account_id = :account"
            " and send_at = :at and status = 'pending' and schedule_id is null"
        ),
        {"now": stamp(now), "account": message.account_id, "at": stamp(message.send_at)},
    ).rowcount
    if not taken:
        # Real mail took it between the two statements: another try finds that out by the first of them.
        raise Busy("a slot was taken by real mail at this moment.")
    return True


def record(
    connection: Connection,
    message: Message,
    token: str,
    status: MailStatus,
    error: str | None,
    now: datetime,
    day: int,
) -> None:
    """What became of a message. One that was seen in its mailbox meanwhile stays received.

    `day`: of its account, whose limit gets back what certainly did not leave.
    """
    values = {
        "id": message.id,
        "token": token,
        "status": status.value,
        "error": error and error.replace("\0", "")[:LONGEST_ERROR],
        "sent": stamp(now) if status is MailStatus.SENT else None,
    }
    connection.execute(
        text(
            f"update warmup_messages set status = case when status = '{MailStatus.RECEIVED}' then status"
            " else :status end, sent_at = :sent, last_error = :error where id = :id and claim_token = :token"
            f" and status in ('{MailStatus.PROCESSING}', '{MailStatus.IN_DOUBT}', '{MailStatus.RECEIVED}')"
        ),
        values,
    )
    if status is MailStatus.FAILED:
        dispatch.refund(connection, message.account_id, day, 1)
        connection.execute(
            text(
                "update send_slots set status = 'failed', sent_at = null, last_error = :error"
                " where account_id = :account and send_at = :at and schedule_id is null"
            ),
            {"error": values["error"], "account": message.account_id, "at": stamp(message.send_at)},
        )


def reap(connection: Connection) -> int:
    """What has an intent and nobody at it any more is in doubt, and not sent again; returns how many."""
    return connection.execute(
        text(
            f"update warmup_messages set status = '{MailStatus.IN_DOUBT}',"
            " last_error = 'the dispatcher ended before the server''s answer was recorded'"
            f" where {_WAITING} and {_abandoned(connection)}"
        )
    ).rowcount


def _abandoned(connection: Connection) -> str:
    ago = database_now(connection, -ABANDONED_SECONDS)
    return f"status = '{MailStatus.PROCESSING}' and intent_at < {ago}"


# -- receiving ------------------------------------------------------------------------------------------


def note_received(connection: Connection, account: int, message: int, folder: str, at: datetime) -> None:
    """A message lies in the mailbox of the account it was written to. That settles a doubt, too."""
    connection.execute(
        text(
            f"update warmup_messages set status = '{MailStatus.RECEIVED}',"
            " received_at = coalesce(received_at, :at), folder = coalesce(folder, :folder)"
            " where id = :id and to_account_id = :account"
            f" and status <> '{MailStatus.SCHEDULED}'"
        ),
        {"id": message, "account": account, "folder": folder, "at": stamp(at)},
    )


def note_rescued(connection: Connection, account: int, message: int, folder: str, at: datetime) -> None:
    """A message was found in a spam folder and moved out of it."""
    connection.execute(
        text(
            "update warmup_messages set rescued_at = coalesce(rescued_at, :at), folder = :folder"
            " where id = :id and to_account_id = :account"
        ),
        {"id": message, "account": account, "folder": folder, "at": stamp(at)},
    )


# -- looking --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WarmupCounts:
    """Warm-up mail of an account in a time."""

    sent: int = 0
    """Left, or may have."""
    arrived: int = 0
    """Of those, seen in the mailbox they were written to."""
    received: int = 0
    """Written to the account, and seen in its mailbox."""
    rescued: int = 0
    """Of those, found in a spam folder."""


def counts(connection: Connection, since: datetime, until: datetime) -> dict[int, WarmupCounts]:
    """By account, for messages whose slots lie in a time."""
    statement = text(
        "select account_id, to_account_id, status, rescued_at is not null, count(*) from warmup_messages"
        " where purpose = 'warmup' and send_at >= :since and send_at < :until and status in"
        f" ('{MailStatus.PROCESSING}', '{MailStatus.SENT}', '{MailStatus.RECEIVED}', '{MailStatus.IN_DOUBT}')"
        " group by 1, 2, 3, 4"
    )
    sent, arrived, received, rescued = (Counter[int]() for _ in range(4))
    for sender, receiver, status, was_rescued, n in connection.execute(
        statement, {"since": stamp(since), "until": stamp(until)}
    ):
        sent[sender] += n
        if status == MailStatus.RECEIVED:
            arrived[sender] += n
            received[receiver] += n
            rescued[receiver] += n if was_rescued else 0
    known = sorted({*sent, *received})
    return {one: WarmupCounts(sent[one], arrived[one], received[one], rescued[one]) for one in known}


def of_account(connection: Connection, account: int, now: datetime) -> WarmupCounts:
    """The same of one account, for the last `COUNTED`."""
    return counts(connection, now - COUNTED, now).get(account, WarmupCounts())


def forget(connection: Connection, now: datetime) -> int:
    """Take away messages that nobody asks about any more; returns how many."""
    return connection.execute(
        text("delete from warmup_messages where send_at < :before"), {"before": stamp(now - KEPT)}
    ).rowcount


def _messages(connection: Connection, where: str, at: str, **values: object) -> list[Message]:
    rows = connection.execute(
        text(f"select {_COLUMNS} from warmup_messages where purpose = 'warmup' and {where}"),
        {"at": at} | values,
    )
    return [
        Message(
            int(row.id),
            int(row.account_id),
            int(row.to_account_id),
            row.to_address,
            row.parent_id,
            row.template,
            row.subject,
            row.body,
            row.message_id,
            _moment(row.send_at),
            moment_of(row.received_at),
        )
        for row in rows
    ]


def _moment(value: object) -> datetime:
    found = moment_of(value)  # type: ignore[arg-type]
    assert found is not None
    return found
