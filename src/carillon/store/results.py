"""What became of campaigns' emails: counted when it is asked, never stored."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from carillon.store.bulk import is_sqlite
from carillon.store.json_values import by_a_program
from carillon.words import EventKind

_COUNTED = tuple(
    kind.value
    for kind in (
        EventKind.OPENED,
        EventKind.CLICKED,
        EventKind.REPLIED,
        EventKind.COMPLAINED,
        EventKind.UNSUBSCRIBED,
    )
)


@dataclass
class Result:
    """One campaign instance."""

    planned: int = 0
    """Emails still to come."""
    emails: dict[str, int] = field(default_factory=dict)
    """Those that have left the planner's hands, by status."""
    answers: dict[str, int] = field(default_factory=dict)
    """Emails that were opened, clicked, replied to ..., by what came back; scanners not counted."""


def results(connection: Connection) -> dict[int, Result]:
    """By instance id, of those of which there is anything to tell."""
    found: dict[int, Result] = {}
    planned = connection.execute(
        text(
            "select k.campaign_instance_id, sum(d.n) from plan_days d join plan_kinds k on k.kind = d.kind"
            " where d.reason = 0 and d.n > 0 and k.campaign_instance_id is not null group by 1"
        )
    )
    for instance, n in planned:
        found.setdefault(int(instance), Result()).planned = int(n)
    emails = connection.execute(
        text(
            "select campaign_instance_id, status, count(*) from outbox"
            " where campaign_instance_id is not null and channel = 'email' group by 1, 2 order by 1, 2"
        )
    )
    for instance, status, n in emails:
        found.setdefault(int(instance), Result()).emails[status] = int(n)
    kinds = ", ".join(f"'{kind}'" for kind in _COUNTED)
    answers = connection.execute(
        text(
            "select o.campaign_instance_id, e.event_type, count(distinct o.id) from contact_events e"
            " join outbox o on o.id = e.email_schedule_id where o.campaign_instance_id is not null"
            f" and e.event_type in ({kinds})"
            f" and not (e.event_type in ('{EventKind.OPENED}', '{EventKind.CLICKED}')"
            f" and {by_a_program(is_sqlite(connection), 'e.event_data')}) group by 1, 2 order by 1, 2"
        )
    )
    for instance, kind, n in answers:
        found.setdefault(int(instance), Result()).answers[kind] = int(n)
    return found
