"""Sequences and enrollments put into a workspace by plain SQL, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from carillon.advance.run import AdvanceReport, advance
from carillon.sequences import Sequence, SequenceSettings, Step, plain_settings, step_from
from carillon.store.bulk import insert_rows
from carillon.store.engine import Connection
from carillon.store.moments import moment_of, stamp
from carillon.workspace import Workspace
from tests.contract.conftest import NOW
from tests.contract.outbox import execute, query

ALL = "email_template, send, send_at, account_id, parent_id, status, step_key"


def steps(*written: tuple[Any, ...]) -> tuple[Step, ...]:
    """Steps from (key, type, settings) that follow one another, or with `next` and `otherwise`."""
    found = []
    for place, (key, type, settings, *ways) in enumerate(written):
        after = written[place + 1][0] if place + 1 < len(written) and type != "exit" else None
        found.append(step_from(key, type, settings, *(*ways, after, None)[: max(2, len(ways))][:2]))
    return tuple(found)


def add_sequence(
    workspace: Workspace,
    written: Iterable[Step],
    name: str = "spring",
    status: str = "active",
    settings: SequenceSettings | None = None,
    campaign: int | None = None,
) -> Sequence:
    """A sequence, stored."""
    rows = tuple(written)
    plain = json.dumps(plain_settings(settings or SequenceSettings()))

    def work(connection: Connection) -> int:
        number = connection.execute(
            text(
                "insert into sequences (name, status, settings, created_at, outreach_campaign_id)"
                " values (:name, :status, :settings, :now, :campaign) returning id"
            ),
            {"name": name, "status": status, "settings": plain, "now": stamp(NOW), "campaign": campaign},
        ).scalar_one()
        insert_rows(
            connection,
            "sequence_steps",
            ("sequence_id", "step_key", "position", "type", "settings", "next", "otherwise"),
            [
                (number, one.key, at, one.type.value, json.dumps(plain_settings(one.settings)), one.next,
                 one.otherwise)
                for at, one in enumerate(rows)
            ],
        )  # fmt: skip
        return int(number)

    number = workspace.database.write(work)
    return Sequence(name, rows, settings or SequenceSettings(), id=number)


def enroll(
    workspace: Workspace, sequence: Sequence, *contacts: int, at: datetime = NOW, status: str = "active"
) -> list[int]:
    """Enrollments that begin at `at`; returns their ids."""
    for one in contacts:
        execute(
            workspace,
            "insert into sequence_enrollments"
            " (sequence_id, contact_id, status, scheduled_start_at, next_action_at, enrolled_at)"
            f" values ({sequence.id}, {one}, '{status}', '{stamp(at)}', '{stamp(at)}', '{stamp(at)}')",
        )
    listed = ", ".join(map(str, contacts))
    return [
        row[0]
        for row in query(
            workspace,
            f"select id from sequence_enrollments where sequence_id = {sequence.id}"
            f" and contact_id in ({listed}) order by contact_id",
        )
    ]


def later(workspace: Workspace, **by: float) -> AdvanceReport:
    """A pass, so much later."""
    workspace.clock.advance(timedelta(**by))  # type: ignore[attr-defined]
    return advance(workspace)


def end_emails(workspace: Workspace, status: str, at: datetime, where: str = "true") -> None:
    """What the dispatcher makes of emails that wait."""
    execute(
        workspace,
        f"update outbox set status = '{status}', updated_at = '{stamp(at)}', message_id = '<' || id || '@x>',"
        f" actual_send_datetime = case when '{status}' in ('sent', 'delivered')"
        f" then {_moment(workspace, at)} end where status in ('scheduled', 'in_doubt') and {where}",
    )


def history(workspace: Workspace, enrollment: int) -> list[tuple[str, int, str, datetime | None]]:
    """What an enrollment did: step, visit, outcome, when."""
    rows = query(
        workspace,
        "select step_key, visit, outcome, executed_at from sequence_step_executions"
        f" where enrollment_id = {enrollment} order by visit",
    )
    return [(key, visit, outcome, moment_of(at)) for key, visit, outcome, at in rows]


def standing(workspace: Workspace, enrollment: int) -> tuple[Any, ...]:
    """Status, step, when it goes on and why it ended."""
    ((status, step, at, reason),) = query(
        workspace,
        "select status, current_step, next_action_at, exit_reason from sequence_enrollments"
        f" where id = {enrollment}",
    )
    return status, step, moment_of(at), reason


def emails(workspace: Workspace, enrollment: int) -> list[dict[str, Any]]:
    """The emails of an enrollment, in the order in which they were made."""
    rows = query(
        workspace, f"select id, {ALL} from outbox where enrollment_id = {enrollment} order by id desc"
    )
    names = ["id", *ALL.split(", ")]
    return [dict(zip(names, row, strict=True)) | {"send_at": moment_of(row[3])} for row in rows]


def _moment(workspace: Workspace, at: datetime) -> str:
    return f"'{stamp(at)}'" + ("" if workspace.database.is_sqlite else "::timestamptz")
