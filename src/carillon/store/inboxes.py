"""How far the mailboxes of accounts are read, and what keeps them from being read.

All writing happens in the caller's transaction: a mark is stored together with what was made of the messages
up to it, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, text

from carillon.store.moments import moment_of, stamp
from carillon.words import EnrollmentStatus, OutreachStatus, SequenceStatus, Sign, StepType

_LONGEST_ERROR = 1000
_READ = (
    "select a.id, min(f.read_at) as read_at, count(*) - count(f.read_at) as unread from accounts a"
    " left join inbox_folders f on f.account_id = a.id where a.inbox is not null group by a.id"
)


@dataclass(frozen=True)
class Folder:
    """One folder of an account's mailbox."""

    account_id: int
    name: str
    uidvalidity: int
    """0: nothing was read yet."""
    last_uid: int
    read_at: datetime | None
    """Everything that had arrived by then was read; None: not everything yet."""
    last_error: str | None
    retry_at: datetime | None
    """The login was refused: it is not tried again before."""


def folders(connection: Connection) -> dict[int, list[Folder]]:
    """What is known of the folders of accounts whose mail is read, by account."""
    rows = connection.execute(
        text(
            "select f.account_id, f.folder, f.uidvalidity, f.last_uid, f.read_at, f.last_error, f.retry_at"
            " from inbox_folders f join accounts a on a.id = f.account_id"
            " where a.inbox is not null order by f.account_id, f.folder"
        )
    )
    found: dict[int, list[Folder]] = {}
    for account, name, uidvalidity, last_uid, read_at, error, retry_at in rows:
        folder = Folder(
            int(account),
            str(name),
            int(uidvalidity),
            int(last_uid),
            moment_of(read_at),
            error,
            moment_of(retry_at),
        )
        found.setdefault(folder.account_id, []).append(folder)
    return found


def read_until(connection: Connection) -> Mapping[int, datetime | None]:
    """For each account whose mail is read: everything that had arrived by this moment was read.

    None: its mailbox has not been read to the end yet. An account whose mail is not read is not among them.
    """
    rows = connection.execute(text(f"select id, read_at, unread from ({_READ}) r"))
    return {int(account): None if unread else moment_of(read_at) for account, read_at, unread in rows}


def waiting(connection: Connection, now: datetime) -> dict[int, int]:
    """For each account: enrollments that are due and wait for its mailbox to be read.

    As `advance` decides it: at a condition that asks for a reply, and at an email after the first.
    """
    asks = f"(p.type = '{StepType.CONDITION}' and cast(p.settings as text) like '%\"{Sign.REPLIED}\"%')"
    rows = connection.execute(
        text(
            "select e.account_id, count(*) from sequence_enrollments e"
            f" join sequences s on s.id = e.sequence_id and s.status = '{SequenceStatus.ACTIVE}'"
            " left join outreach_campaigns c on c.id = s.outreach_campaign_id"
            " join sequence_steps p on p.sequence_id = e.sequence_id and p.step_key = e.current_step"
            f" join ({_READ}) r on r.id = e.account_id"
            " where e.status in ('scheduled', 'active')"
            f" and e.status = '{EnrollmentStatus.ACTIVE}' and e.next_action_at <= :now"
            f" and (c.id is null or c.status = '{OutreachStatus.ACTIVE}')"
            f" and (p.type = '{StepType.EMAIL}' or {asks})"
            " and (r.unread > 0 or r.read_at < e.next_action_at) group by e.account_id"
        ),
        {"now": stamp(now)},
    )
    return {int(account): int(n) for account, n in rows}


def note_mark(connection: Connection, account_id: int, folder: str, uidvalidity: int, last_uid: int) -> None:
    """A folder is read up to here."""
    connection.execute(
        text(
            "insert into inbox_folders (account_id, folder, uidvalidity, last_uid)"
            " values (:account, :folder, :uidvalidity, :last_uid)"
            " on conflict (account_id, folder) do update set uidvalidity = excluded.uidvalidity,"
            " last_uid = excluded.last_uid"
        ),
        {"account": account_id, "folder": folder, "uidvalidity": uidvalidity, "last_uid": last_uid},
    )


def note_read(connection: Connection, account_id: int, folders: Sequence[str], until: datetime) -> None:
    """What had arrived in these folders by `until` was read. Others the account had are not read any more."""
    others = text("delete from inbox_folders where account_id = :account and folder not in :folders")
    connection.execute(
        others.bindparams(bindparam("folders", expanding=True)),
        {"account": account_id, "folders": list(folders)},
    )
    connection.execute(
        text(
            "insert into inbox_folders (account_id, folder, uidvalidity, last_uid, read_at)"
            " values (:account, :folder, 0, 0, :until)"
            " on conflict (account_id, folder) do update set read_at = excluded.read_at,"
            " last_error = null, retry_at = null"
        ),
        [{"account": account_id, "folder": one, "until": stamp(until)} for one in folders],
    )


def note_fault(
    connection: Connection, account_id: int, folder: str, why: str, retry_at: datetime | None = None
) -> None:
    """The account's mailbox cannot be read. `folder`: to note it with, where none is known yet."""
    values = {
        "account": account_id,
        "folder": folder,
        "why": why[:_LONGEST_ERROR],
        "retry": retry_at and stamp(retry_at),
    }
    noted = connection.execute(
        text("update inbox_folders set last_error = :why, retry_at = :retry where account_id = :account"),
        values,
    ).rowcount
    if not noted:
        connection.execute(
            text(
                "insert into inbox_folders (account_id, folder, uidvalidity, last_uid, last_error, retry_at)"
                " values (:account, :folder, 0, 0, :why, :retry) on conflict (account_id, folder) do nothing"
            ),
            values,
        )


def forget(connection: Connection, account_id: int) -> None:
    """The account has another mailbox, or none: nothing of it was read yet."""
    connection.execute(text("delete from inbox_folders where account_id = :account"), {"account": account_id})


def try_again(connection: Connection, account_id: int) -> None:
    """Something was changed: a login that was refused is tried again."""
    connection.execute(
        text("update inbox_folders set retry_at = null where account_id = :account"), {"account": account_id}
    )
