"""Tests of accounts and templates: rows of `warmup_messages` that no pool has planned.

All writing happens in the caller's transaction.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from carillon.accounts import Account
from carillon.pool import MailPurpose, MailStatus
from carillon.store.accounts import LONGEST_ERROR
from carillon.store.moments import database_now, stamp


def begin(
    connection: Connection,
    purpose: MailPurpose,
    account: Account,
    to_address: str,
    subject: str,
    message_id: str,
    now: datetime,
) -> int:
    """Note a test that is about to be sent; returns its number."""
    return int(
        connection.execute(
            text(
                "insert into warmup_messages (purpose, account_id, to_address, subject, message_id, status,"
                " send_at, intent_at, created_at) values (:purpose, :account, :to, :subject, :message_id,"
                f" '{MailStatus.PROCESSING}', :now, {database_now(connection)}, :now) returning id"
            ),
            {
                "purpose": purpose.value,
                "account": account.id,
                "to": to_address,
                "subject": subject,
                "message_id": message_id,
                "now": stamp(now),
            },
        ).scalar_one()
    )


def end(connection: Connection, number: int, status: MailStatus, error: str | None, now: datetime) -> None:
    """What became of a test."""
    connection.execute(
        text(
            "update warmup_messages set status = :status, last_error = :error, sent_at = :sent where id = :id"
        ),
        {
            "id": number,
            "status": status.value,
            "error": error and error.replace("\0", "")[:LONGEST_ERROR],
            "sent": stamp(now) if status is MailStatus.SENT else None,
        },
    )
