"""How contacts of sequences stand, and how many of them: worked out when it is asked, never stored.

One query counts for all sequences; campaigns are sums over theirs (03-sequences §5).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.store.bulk import is_sqlite
from carillon.store.enrollments import OPEN
from carillon.store.moments import moment_of
from carillon.words import ContactState, EnrollmentStatus, EventKind, ExitReason, Status

_GONE = f"('{Status.SENT}', '{Status.DELIVERED}', '{Status.BOUNCED}', '{Status.IN_DOUBT}')"
_WAITING = f"('{Status.SCHEDULED}', '{Status.PROCESSING}')"
_SILENT = ", ".join(
    f"'{reason}'"
    for reason in (
        ExitReason.OPTED_OUT,
        ExitReason.UNSUBSCRIBED,
        ExitReason.COMPLAINED,
        ExitReason.SUPPRESSED,
    )
)
LAST = "\U0010ffff"
_STATE = f"""case when n.replied_at is not null or n.exit_reason = '{ExitReason.REPLIED}'
      then '{ContactState.REPLIED}'
    when n.exit_reason = '{ExitReason.BOUNCED}' then '{ContactState.BOUNCED}'
    when n.exit_reason in ({_SILENT}) then '{ContactState.OPTED_OUT}'
    when n.status in ('{EnrollmentStatus.COMPLETED}', '{EnrollmentStatus.EXITED}')
      then '{ContactState.COMPLETED}'
    when n.sent > 3 then '{ContactState.FOLLOWUP_3}'
    when n.sent = 3 then '{ContactState.FOLLOWUP_2}'
    when n.sent = 2 then '{ContactState.FOLLOWUP_1}'
    when n.sent = 1 then '{ContactState.SENT}'
    when n.waiting > 0 or n.scheduled_start_at is not null then '{ContactState.SCHEDULED}'
    else '{ContactState.PENDING}' end"""
"""The first that fits. Who left for a reason that is none of these is through as well."""
_REPLIES = (
    "select o.enrollment_id, max(e.created_at) as replied_at from contact_events e"
    " join outbox o on o.id = e.email_schedule_id and o.contact_id = e.contact_id"
    # The first condition is the index's own: SQLite does not see that the second one implies it.
    f" where e.event_type in ('{EventKind.REPLIED}', '{EventKind.OPTED_OUT}')"
    f" and e.event_type = '{EventKind.REPLIED}' and o.enrollment_id is not null group by o.enrollment_id"
)
"""By enrollment, when it was replied to last."""


@dataclass
class Counts:
    """What became of a sequence's contacts, or of a campaign's."""

    total: int = 0
    states: dict[ContactState, int] = field(default_factory=dict)
    """How many stand how, those that occur, in the order of `ContactState`."""
    sent: int = 0
    """Emails."""
    replies: int = 0
    """Contacts that replied."""
    written: int = 0
    """Contacts that were written to."""
    last_activity: datetime | None = None
    """When an email left or a reply came last, in UTC."""

    @property
    def reply_rate(self) -> float | None:
        """Of those who were written to, the share that replied; None where nobody was."""
        return self.replies / self.written if self.written else None

    def add(self, other: Counts) -> None:
        """Count another sequence in."""
        self.total += other.total
        self.sent += other.sent
        self.replies += other.replies
        self.written += other.written
        for state in ContactState:
            if n := self.states.get(state, 0) + other.states.get(state, 0):
                self.states[state] = n
        self.states = {state: self.states[state] for state in ContactState if state in self.states}
        moments = [one for one in (self.last_activity, other.last_activity) if one is not None]
        self.last_activity = max(moments, default=None)

    def as_json(self) -> dict[str, object]:
        """Plain values only."""
        last = self.last_activity
        return {
            "total": self.total,
            "by_status": {state.value: n for state, n in self.states.items()},
            "sent": self.sent,
            "replies": self.replies,
            "reply_rate": None if self.reply_rate is None else round(self.reply_rate, 4),
            "last_activity": None if last is None else last.isoformat(),
        }


@dataclass(frozen=True)
class Person:
    """One enrollment."""

    id: int
    contact_id: int
    email: str | None
    state: ContactState
    status: EnrollmentStatus
    current_step: str | None
    next_action_at: datetime | None
    exit_reason: str | None
    sent: int
    """Emails."""


@dataclass(frozen=True)
class Executed:
    """One step of somebody's history."""

    email: str | None
    step_key: str
    outcome: str
    detail: str | None
    executed_at: datetime | None


@dataclass(frozen=True)
class StepCounts:
    """Emails of one step, and how many of them something came back to."""

    sent: int = 0
    waiting: int = 0
    opened: int = 0
    clicked: int = 0
    replied: int = 0
    bounced: int = 0


def counts(connection: Connection, ids: Collection[int] | None = None) -> dict[int, Counts]:
    """By sequence (`ids`: of these), how its contacts stand; one that has none is there, too."""
    which = "true" if ids is None else f"s.id in ({_listed(ids)})"
    known = connection.execute(text(f"select s.id from sequences s where {which} order by s.id")).scalars()
    found = {int(number): Counts() for number in known}
    replied = f"n.replied_at is not null or n.exit_reason = '{ExitReason.REPLIED}'"
    # SQLite's max of two would be none if one of them were.
    latest = "max" if is_sqlite(connection) else "greatest"
    rows = connection.execute(
        text(
            f"select n.sequence_id, {_STATE}, count(*), sum(n.sent),"
            f" sum(case when {replied} then 1 else 0 end), sum(case when n.sent > 0 then 1 else 0 end),"
            f" max(coalesce({latest}(n.sent_at, n.replied_at), n.sent_at, n.replied_at))"
            f" from ({_enrollments()}) n join sequences s on s.id = n.sequence_id where {which}"
            " group by 1, 2 order by 1, 2"
        )
    )
    for number, state, n, sent, replies, written, last in rows:
        states = {ContactState(state): int(n)}
        part = Counts(int(n), states, int(sent or 0), int(replies or 0), int(written or 0), moment_of(last))
        found[int(number)].add(part)
    return found


def people(
    connection: Connection,
    sequence: int,
    limit: int,
    before: int | None = None,
    *,
    status: EnrollmentStatus | None = None,
    email: str = "",
) -> list[Person]:
    """Contacts of a sequence, the latest enrolled first; `before`: those enrolled before this enrollment.

    `status`: only those; `email`: how the address begins.
    """
    where = "n.sequence_id = :id" + ("" if before is None else " and n.id < :before")
    values: dict[str, object] = {"id": sequence, "limit": limit}
    values |= {} if before is None else {"before": before}
    if status is not None:
        where += " and n.status = :status"
        values["status"] = status.value
    if email:
        where += (
            " and n.contact_id in (select id from contacts where lower(email) >= lower(cast(:email as text))"
            " and lower(email) < lower(cast(:email as text)) || cast(:last as text))"
        )
        values |= {"email": email, "last": LAST}
    rows = connection.execute(
        text(
            f"select n.id, n.contact_id, c.email, {_STATE}, n.status, n.current_step, n.next_action_at,"
            f" n.exit_reason, n.sent from ({_enrollments(where)}) n"
            " left join contacts c on c.id = n.contact_id order by n.id desc limit :limit"
        ),
        values,
    )
    return [
        Person(
            int(row[0]),
            int(row[1]),
            row[2],
            ContactState(row[3]),
            EnrollmentStatus(row[4]),
            row[5],
            moment_of(row[6]),
            row[7],
            int(row[8]),
        )
        for row in rows
    ]


def history(connection: Connection, sequence: int, contact: int | None, limit: int) -> list[Executed]:
    """What happened in a sequence (to one contact), the latest first."""
    whose = "" if contact is None else " and n.contact_id = :contact"
    rows = connection.execute(
        text(
            "select c.email, x.step_key, x.outcome, x.detail, x.executed_at from sequence_enrollments n"
            " join sequence_step_executions x on x.enrollment_id = n.id"
            f" left join contacts c on c.id = n.contact_id where n.sequence_id = :id{whose}"
            " order by x.id desc limit :limit"
        ),
        {"id": sequence, "contact": contact, "limit": limit},
    )
    return [Executed(row[0], row[1], row[2], row[3], moment_of(row[4])) for row in rows]


def at_steps(connection: Connection, sequence: int) -> dict[str, int]:
    """By step, how many wait there; by no step at all ("") those who have not begun."""
    rows = connection.execute(
        text(
            "select coalesce(current_step, ''), count(*) from sequence_enrollments"
            f" where sequence_id = :id and {OPEN} group by 1"
        ),
        {"id": sequence},
    )
    return {str(key): int(n) for key, n in rows}


def by_step(connection: Connection, sequence: int) -> dict[str, StepCounts]:
    """By step that sends, what left and what came back to it."""
    came = ", ".join(
        f"sum(case when exists (select 1 from contact_events e where e.email_schedule_id = o.id"
        f" and e.event_type = '{kind}') then 1 else 0 end)"
        for kind in (EventKind.OPENED, EventKind.CLICKED, EventKind.REPLIED, EventKind.BOUNCED)
    )
    rows = connection.execute(
        text(
            f"select o.step_key, sum(case when o.status in {_GONE} then 1 else 0 end),"
            f" sum(case when o.status in {_WAITING} then 1 else 0 end), {came} from outbox o"
            " where o.enrollment_id in (select id from sequence_enrollments where sequence_id = :id)"
            " and o.step_key is not null group by o.step_key"
        ),
        {"id": sequence},
    )
    return {str(row[0]): StepCounts(*(int(n or 0) for n in row[1:])) for row in rows}


def total(several: Iterable[Counts]) -> Counts:
    """The sum."""
    found = Counts()
    for one in several:
        found.add(one)
    return found


def _enrollments(where: str = "") -> str:
    """Enrollments with what was sent to them, and when they replied last; with `where` few, else all."""
    # Looked up for each of few; for all, gone through once.
    replied_at, replies = "r.replied_at", f"left join ({_REPLIES}) r on r.enrollment_id = n.id"
    if where:
        replied_at, replies = (
            "(select max(e.created_at) from contact_events e join outbox o on o.id = e.email_schedule_id"
            f" where e.contact_id = n.contact_id and e.event_type = '{EventKind.REPLIED}'"
            " and o.enrollment_id = n.id) as replied_at",
            "",
        )
    return (
        "select n.*, coalesce(m.sent, 0) as sent, coalesce(m.waiting, 0) as waiting, m.sent_at,"
        f" {replied_at} from sequence_enrollments n left join (select enrollment_id,"
        f" sum(case when status in {_GONE} then 1 else 0 end) as sent,"
        f" sum(case when status in {_WAITING} then 1 else 0 end) as waiting,"
        " max(actual_send_datetime) as sent_at"
        " from outbox where enrollment_id is not null and channel = 'email' group by enrollment_id) m"
        f" on m.enrollment_id = n.id {replies} where {where or 'true'}"
    )


def _listed(ids: Collection[int]) -> str:
    return ", ".join(str(int(one)) for one in ids) or "0"
