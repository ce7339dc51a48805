"""What use leaves in a workspace of `bench.book`: mail of a month, answers, sequences, suppressions."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from carillon.days import day_number
from carillon.store.moments import stamp
from carillon.workspace import Workspace

BACK = 30
"""Days of mail; each contact in four was written to once in them."""
SEQUENCES = 3


def live(workspace: Workspace) -> None:
    """One contact in fifty is suppressed, one in twenty-one has an issue, one in thirty is in a sequence."""
    now, today = workspace.clock.now(), workspace.today()
    at = ":at" if workspace.database.is_sqlite else "cast(:at as timestamptz)"

    def do(statement: str, **values: object) -> None:
        workspace.database.write(lambda connection: connection.execute(text(statement), values))

    do("delete from contact_issues")
    for code, every in (("missing_anchor_date", 21), ("invalid_zip", 10_007)):
        do(
            f"insert into contact_issues (contact_id, code, detail) select id, '{code}', '' from contacts"
            f" where id % {every} = 3"
        )
    do(
        "insert into suppressions (address, scope, reason, created_at)"
        f" select lower(email), 'all', 'bench', {at} from contacts where id % 50 = 7",
        at=stamp(now),
    )
    columns = (
        "id, contact_id, kind, email_type, event, send, ideal, status, actual_send_datetime, email_template"
    )
    for day in range(BACK + 1):
        do(
            f"insert into outbox ({columns}) select -id, id, 2, 'birthday', :day, :day, :day, 'sent', {at},"
            f" 'birthday' from contacts where id % 4 = 0 and id / 4 % {BACK + 1} = {day}",
            day=day_number(today) - day,
            at=stamp(now - timedelta(days=day, hours=1)),
        )
    for kind, every in (("opened", 20), ("clicked", 100), ("replied", 400)):
        do(
            "insert into contact_events (contact_id, event_type, created_at, source, email_schedule_id)"
            f" select id, '{kind}', {at}, 'bench', -id from contacts where id % {every} = 0",
            at=stamp(now - timedelta(days=1)),
        )
    for number in range(1, SEQUENCES + 1):
        do(
            "insert into sequences (id, name, status, settings, created_at)"
            f" values ({number}, 'Sequence {number}', 'active', '{{}}', {at})",
            at=stamp(now),
        )
    do(
        "insert into sequence_enrollments (id, sequence_id, contact_id, status, enrolled_at)"
        f" select id, 1 + id % {SEQUENCES}, id, 'active', {at} from contacts where id % 30 = 1",
        at=stamp(now),
    )
    do(
        f"insert into outbox ({columns}, enrollment_id, step_key)"
        f" select -id - 100000000, contact_id, 16383, 'sequence', null, :day, null, 'sent', {at}, 'first',"
        " id, 'first' from sequence_enrollments",
        day=day_number(today) - 3,
        at=stamp(now - timedelta(days=3)),
    )
