"""What keeps a mailbox's mail to its slots when it is claimed (02-pace §5).

An email of a mailbox is claimed only while a slot of its account is its own: none leaves without one, and
none by a slot that was missed for too long. The rest of a claim is `dispatch`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from carillon.accounts import Account
from carillon.store.moments import stamp
from carillon.words import AccountKind, SlotStatus, Status

HOUR = timedelta(hours=1)
ON_ITS_SLOT = (
    " and exists (select 1 from send_slots s where s.schedule_id = outbox.id"
    f" and s.account_id = outbox.account_id and s.status = '{SlotStatus.PENDING}'"
    " and s.send_at = outbox.send_at and s.send_at >= :missed)"
)
"""A condition on rows of `outbox` that are due."""
_LEFT_BY_NOW = ", ".join(
    f"'{one}'" for one in (Status.PROCESSING, Status.IN_DOUBT, Status.SENT, Status.DELIVERED, Status.BOUNCED)
)


@dataclass(frozen=True)
class OnSlots:
    """How the mail of a mailbox is claimed."""

    missed: timedelta
    """For how long after its moment a slot may still be used."""
    per_hour: int | None
    """Emails in any hour; None: as many as there are slots."""

    def values(self, now: datetime) -> dict[str, object]:
        """Of the names in `ON_ITS_SLOT`."""
        return {"missed": stamp(now - self.missed)}

    def most(self, connection: Connection, account: int, now: datetime, batch: int) -> int:
        """How many of a batch the hour before `now` has left."""
        if self.per_hour is None:
            return batch
        used = connection.execute(
            text(
                "select count(*) from send_slots s join outbox o on o.id = s.schedule_id"
                " where s.account_id = :account and s.send_at > :since and s.send_at <= :now"
                f" and o.status in ({_LEFT_BY_NOW})"
                " and (o.actual_send_datetime is null or o.actual_send_datetime > :hour)"
            ),
            {
                "account": account,
                "since": stamp(now - HOUR - self.missed),
                "hour": stamp(now - HOUR),
                "now": stamp(now),
            },
        ).scalar_one()
        return max(0, min(batch, self.per_hour - int(used)))


def on_slots(account: Account, missed_minutes: int) -> OnSlots | None:
    """How an account's mail is claimed; None: a relay's goes without slots."""
    if account.kind != AccountKind.MAILBOX:
        return None
    return OnSlots(timedelta(minutes=missed_minutes), account.max_per_hour)
