"""Puts a reference world's campaigns and people's reactions into the real tables, and changes them by night.

Everything by plain SQL, as another program would. What does not belong here: any rule, any expectation.
"""

from __future__ import annotations

import json
from typing import TypeVar

from sqlalchemy import Connection, text

from tests.plan.bridge import key_of, noon
from tests.plan.reference_campaigns import (
    Answer,
    Campaigns,
    CampaignType,
    Click,
    Instance,
    Target,
    json_object,
)

T = TypeVar("T")

TABLES = (
    "contact_campaigns",
    "campaign_instances",
    "campaign_types",
    "plan_campaigns",
    "plan_followups",
    "followup_processing_log",
    "contact_events",
    "tracking_clicks",
)
FLAGS = ("respect_exclusion_windows", "enable_followups", "target_all_contacts", "active")
NUMBERS = ("days_before_event", "priority")
INSTANCE = ("id", "campaign_type", "instance_name", "status", "active_start_date", "active_end_date",
            "metadata", "created_at")  # fmt: skip


def move(connection: Connection, before: Campaigns, after: Campaigns) -> None:
    """From one state of all campaigns to another, by the rows that differ."""
    for one in _gone(before.types, after.types):
        _run(connection, "delete from campaign_types where name = :name", name=one.name)
    for one in _gone(after.types, before.types):
        _add_type(connection, one)
    for instance in _gone(before.instances, after.instances):
        if instance.id in {one.id for one in after.instances}:
            continue
        _run(connection, "delete from campaign_instances where id = :id", id=instance.id)
    known = {one.id for one in before.instances}
    for instance in _gone(after.instances, before.instances):
        _put_instance(connection, instance, instance.id in known)
    for target in _gone(before.targets, after.targets):
        where = "contact_id = :who and campaign_instance_id = :which and trigger_date = :day"
        _run(connection, f"delete from contact_campaigns where {where}", **_target(target))
    for target in _gone(after.targets, before.targets):
        columns = "contact_id, campaign_instance_id, trigger_date, created_at"
        values = _target(target) | {"at": noon(target.created) or None}
        _run(
            connection,
            f"insert into contact_campaigns ({columns}) values (:who, :which, :day, :at)",
            **values,
        )
    for click in after.clicks[len(before.clicks) :]:
        _add_click(connection, click)
    for answer in after.answers[len(before.answers) :]:
        _add_answer(connection, answer)


def _add_type(connection: Connection, one: CampaignType) -> None:
    columns = ("name", *FLAGS, *NUMBERS)
    marks = ", ".join(f":{name}" for name in columns)
    values = {name: getattr(one, name) for name in columns}
    _run(connection, f"insert into campaign_types ({', '.join(columns)}) values ({marks})", **values)


def _put_instance(connection: Connection, one: Instance, known: bool) -> None:
    values = {
        "id": one.id,
        "campaign_type": one.type,
        "instance_name": one.name,
        "status": one.status,
        "active_start_date": one.active_start and one.active_start.isoformat(),
        "active_end_date": one.active_end and one.active_end.isoformat(),
        "metadata": json.dumps(json_object(one.metadata)),
        "created_at": noon(one.created),
    }
    if known:
        changes = ", ".join(f"{name} = :{name}" for name in INSTANCE)
        _run(connection, f"update campaign_instances set {changes} where id = :id", **values)
    else:
        marks = ", ".join(f":{name}" for name in INSTANCE)
        _run(connection, f"insert into campaign_instances ({', '.join(INSTANCE)}) values ({marks})", **values)


def _add_click(connection: Connection, click: Click) -> None:
    _run(
        connection,
        "insert into tracking_clicks (contact_id, email_schedule_id) values (:who, :email)",
        who=click.contact_id,
        email=key_of(click.contact_id, click.kind, click.event, click.followup),
    )


def _add_answer(connection: Connection, answer: Answer) -> None:
    _run(
        connection,
        "insert into contact_events (contact_id, event_type, event_data, created_at)"
        " values (:who, 'eligibility_answered', :data, :at)",
        who=answer.contact_id,
        data=answer.data,
        at=noon(answer.day),
    )


def _target(target: Target) -> dict[str, object]:
    return {"who": target.contact_id, "which": target.instance_id, "day": target.trigger}


def _gone(from_: list[T], in_: list[T]) -> list[T]:
    return [one for one in from_ if one not in in_]


def _run(connection: Connection, statement: str, **values: object) -> None:
    connection.execute(text(statement), values)
