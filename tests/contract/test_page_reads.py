"""What the pages on templates and timing read, on both databases."""

from __future__ import annotations

import json
from datetime import date, timedelta

from sqlalchemy import text

from carillon.store import notices, template_uses, warmup_course
from carillon.store.bulk import is_sqlite
from carillon.store.engine import Connection
from carillon.store.moments import stamp
from carillon.store.warmup_course import WarmDay
from carillon.workspace import Workspace
from tests.contract.conftest import NOW
from tests.contract.lists import execute
from tests.contract.sequence_world import add_sequence, steps
from tests.contract.slot_world import mailbox
from tests.contract.test_warmup_days import send

CAMPAIGNS: dict[str, tuple[str | None, dict[str, object]]] = {
    "spring": ("a_v1", {"followup_templates": {"followup_1_cold": "b_v1"}}),
    "autumn": (None, {"variants": [{"template": "a_v1", "weight": 1}, {"template": "c_v1", "weight": 1}]}),
    "broken": (None, {"variants": "nonsense", "followup_templates": [1]}),
}


def test_who_takes_a_template(workspace: Workspace) -> None:
    """Campaigns by their email, their follow-ups and their variants; sequences by their steps."""

    def add(connection: Connection) -> None:
        mark = ":more" if is_sqlite(connection) else "cast(:more as jsonb)"
        for name, (email, more) in CAMPAIGNS.items():
            connection.execute(
                text(
                    "insert into campaign_instances (campaign_type, instance_name, email_template, metadata)"
                    f" values ('custom', :name, :email, {mark})"
                ),
                {"name": name, "email": email, "more": json.dumps(more)},
            )

    workspace.database.write(add)
    add_sequence(workspace, steps(("one", "email", {"template": "a_v1"}), ("end", "exit", {})), "follow")
    with workspace.database.snapshot() as connection:
        assert template_uses.uses(connection) == {
            "a_v1": ["campaign autumn", "campaign spring", "sequence follow"],
            "b_v1": ["campaign spring"],
            "c_v1": ["campaign autumn"],
        }


def test_what_people_are_told_of(workspace: Workspace) -> None:
    """Replies, bounces once they are many, and what is paused; nothing from before the moment asked about."""
    ann, bob = mailbox(workspace), mailbox(workspace, "bob")
    late, early = NOW - timedelta(minutes=5), NOW - timedelta(days=2)
    execute(workspace, "insert into contacts (id, email) values (7, 'seven@example.com')")
    for kind, contact, at, many in (
        ("replied", 7, late, 1), ("replied", 8, early, 1), ("clicked", 7, late, 1),
        ("bounced", 9, early, notices.WAVE), ("bounced", 9, late, notices.WAVE - 1),
    ):  # fmt: skip
        for _ in range(many):
            execute(
                workspace,
                "insert into contact_events (contact_id, event_type, created_at, received_at)"
                " values (:contact, :kind, :early, :at)",
                contact=contact, kind=kind, early=early.isoformat(), at=stamp(at),
            )  # fmt: skip
    execute(workspace, "update accounts set status = 'active', updated_at = :at", at=stamp(early))
    execute(
        workspace, "update accounts set status = 'error', updated_at = :at where id = :id",
        at=stamp(NOW), id=ann.id,
    )  # fmt: skip
    execute(workspace, "update accounts set status = 'paused' where id = :id", id=bob.id)

    def told() -> list[tuple[str, int, str | None, bool]]:
        with workspace.database.snapshot() as connection:
            found = notices.notices(connection, NOW - timedelta(days=1))
        return [(one.kind, one.number, one.name, one.is_fault) for one in found]

    fault, reply = ("pause", ann.id, ann.name, True), ("reply", 7, "seven@example.com", False)
    assert told() == [fault, reply]
    execute(
        workspace,
        "insert into contact_events (contact_id, event_type, created_at) values (9, 'bounced', :at)",
        at=stamp(late + timedelta(minutes=1)),
    )
    execute(
        workspace, "update workspace_state set paused_at = :at, paused_by = 'eve'",
        at=stamp(NOW + timedelta(minutes=1)),
    )  # fmt: skip
    assert told() == [("pause", 0, "eve", False), fault, ("bounces", notices.WAVE, None, False), reply]


def test_course_of_a_warm_up(workspace: Workspace) -> None:
    """The judged days since a date, each with what left on it, and nothing that is only planned."""
    ann, bob = mailbox(workspace), mailbox(workspace, "bob")
    for sender, day, number in ((ann, "2026-02-20", 1), (ann, "2026-03-01", 2), (bob, "2026-03-01", 9)):
        execute(
            workspace,
            "insert into warmup_days (account_id, local_date, warmup_day, verdict, why, judged_at)"
            " values (:id, :day, :number, 'advance', 'fine', :at)",
            id=sender.id, day=day, number=number, at=NOW.isoformat(),
        )  # fmt: skip
    for status in ("sent", "bounced", "scheduled"):
        send(workspace, ann.id, NOW, status)
    since = date(2026, 2, 25)
    with workspace.database.snapshot() as connection:
        assert warmup_course.course(connection, [ann.id], since) == {
            ann.id: [WarmDay(date(2026, 3, 1), 2, "advance", "fine", 2)]
        }
        assert warmup_course.course(connection, [], since) == {}
