"""Sequences made and edited, also while people are on their way through them (03-sequences §1).

An edit holds for those who have not reached the changed step. Whoever waits at a step that is gone is moved,
in the same transaction, to the first step behind it that is still there; an email that was scheduled for
the step is cancelled. All writing happens in the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from carillon.errors import InputError
from carillon.sequences import Sequence, plain_settings
from carillon.store import audit, outreach
from carillon.store.bulk import is_sqlite
from carillon.store.engine import scalar
from carillon.store.enrollments import OPEN, stop
from carillon.store.moments import as_moment, moment, stamp
from carillon.store.sequences import find
from carillon.words import ExitReason, SequenceStatus, Status

MOVED = "moved"
"""`outcome` in the history of those whose step is gone."""
REMOVED = "step_removed"
"""`skip_reason` of an email whose step is gone."""


@dataclass(frozen=True)
class Applied:
    """What became of a definition."""

    sequence: Sequence
    """As it is stored now."""
    made: bool
    changed: tuple[str, ...] = ()
    """What is different: keys of steps, `settings`, `campaign`; nothing where it was so already."""
    moved: int = 0
    """Enrollments that waited at a step which is gone."""


def apply(connection: Connection, wanted: Sequence, now: datetime, by: str) -> Applied:
    """Make the sequence of this name what is wanted, whatever its id and status say.

    `wanted` is taken to fit together (`advance.graph`). Raises InputError where the sequence is archived or
    its outreach campaign is not there.
    """
    _alone(connection)
    campaign = None
    if wanted.campaign is not None:
        campaign = outreach.open_campaign(connection, wanted.campaign).id
    if not scalar(connection, "select 1 from sequences where name = :name", name=wanted.name):
        return Applied(_make(connection, wanted, campaign, now, by), made=True)
    old = find(connection, wanted.name, to_change=True)
    if old.status is SequenceStatus.ARCHIVED:
        raise InputError(
            f"the sequence {old.name} is archived and cannot be edited. Give the new one another name."
        )
    changed = _changed(old, wanted)
    if not changed and old.source == wanted.source:
        return Applied(old, made=False)
    values = _stored(wanted, campaign) | {"id": old.id, "now": moment(now), "more": int(bool(changed))}
    settings = _json(connection, "settings")
    connection.execute(
        text(
            f"update sequences set outreach_campaign_id = :campaign, settings = {settings}, source = :source,"
            " version = version + :more, updated_at = :now where id = :id"
        ),
        values,
    )
    moved = 0
    if changed:
        connection.execute(text("delete from sequence_steps where sequence_id = :id"), {"id": old.id})
        _put_steps(connection, old.id, wanted)
        moved = _move(connection, old, wanted, now)
        before, after = {"version": old.version}, {"version": old.version + 1, "changed": list(changed)}
        audit.note(connection, by, f"sequence {old.name} edited", now, before, after)
    return Applied(find(connection, old.name), made=False, changed=changed, moved=moved)


@dataclass(frozen=True)
class Outlook:
    """What an edit would do, before it is made."""

    made: bool
    changed: tuple[str, ...]
    """As of `Applied`."""
    on_their_way: int
    """Contacts in the sequence; what is new holds for them as they come to it."""
    moved: dict[str, tuple[int, str | None]]
    """By step that would be gone: how many wait there, and where they go on; None: it ends for them."""


def outlook(connection: Connection, wanted: Sequence) -> Outlook:
    """What `apply` would do; nothing is written."""
    if not scalar(connection, "select 1 from sequences where name = :name", name=wanted.name):
        return Outlook(True, (), 0, {})
    old = find(connection, wanted.name)
    kept = {step.key for step in wanted.steps}
    rows = connection.execute(
        text(
            "select current_step, count(*) from sequence_enrollments"
            f" where sequence_id = :id and {OPEN} group by current_step"
        ),
        {"id": old.id},
    )
    waiting = {key: int(n) for key, n in rows}
    moved = {
        step.key: (waiting[step.key], successor(old, step.key, kept))
        for step in old.steps
        if step.key not in kept and waiting.get(step.key)
    }
    return Outlook(False, _changed(old, wanted), sum(waiting.values()), moved)


def successor(old: Sequence, key: str, kept: Mapping[str, object] | set[str]) -> str | None:
    """The first step behind a removed one that is still there; none: nothing is left to do."""
    seen: set[str] = set()
    at: str | None = key
    while at is not None and at not in kept and at not in seen:
        seen.add(at)
        step = old.step(at)
        at = step.next if step else None
    return at if at in kept else None


def _make(connection: Connection, wanted: Sequence, campaign: int | None, now: datetime, by: str) -> Sequence:
    number = scalar(
        connection,
        "insert into sequences (name, outreach_campaign_id, status, settings, source, version, created_at)"
        f" values (:name, :campaign, '{SequenceStatus.DRAFT}', {_json(connection, 'settings')}, :source, 1,"
        " :now) returning id",
        **_stored(wanted, campaign),
        name=wanted.name,
        now=moment(now),
    )
    _put_steps(connection, int(number), wanted)
    audit.note(connection, by, f"sequence {wanted.name} made", now, None, {"steps": len(wanted.steps)})
    return find(connection, wanted.name)


def _put_steps(connection: Connection, number: int, wanted: Sequence) -> None:
    connection.execute(
        text(
            "insert into sequence_steps (sequence_id, step_key, position, type, settings, next, otherwise)"
            f" values (:sequence, :key, :position, :type, {_json(connection, 'settings')}, :next, :otherwise)"
        ),
        [
            {
                "sequence": number,
                "key": step.key,
                "position": position,
                "type": step.type.value,
                "settings": json.dumps(plain_settings(step.settings), ensure_ascii=False),
                "next": step.next,
                "otherwise": step.otherwise,
            }
            for position, step in enumerate(wanted.steps, 1)
        ],
    )


def _move(connection: Connection, old: Sequence, new: Sequence, now: datetime) -> int:
    """Move those who wait at steps that are gone. Returns how many."""
    kept = {step.key for step in new.steps}
    moved = 0
    for step in old.steps:
        if step.key in kept:
            continue
        after = successor(old, step.key, kept)
        here = f"sequence_id = :sequence and current_step = :gone and {OPEN}"
        values = {"sequence": old.id, "gone": step.key, "after": after, "now": stamp(now)}
        lock = "" if is_sqlite(connection) else " order by id for update"
        ids = [
            int(one)
            for one in connection.execute(
                text(f"select id from sequence_enrollments where {here}{lock}"), values
            ).scalars()
        ]
        if not ids:
            continue
        moved += len(ids)
        if after is None:
            stop(connection, ids, ExitReason.COMPLETED, now, f"the step {step.key} is gone")
            continue
        _cancel_emails(connection, here, values)
        _log(connection, here, values, now)
        connection.execute(
            text(
                # It arrives there when the step before the one that is gone happened: delays count from it.
                "update sequence_enrollments set current_step = :after, visits = visits + 1,"
                f" next_action_at = coalesce(stepped_at, {as_moment(connection, now)}), stepped_at = null"
                f" where {here}"
            ),
            values,
        )
    return moved


def _log(connection: Connection, here: str, values: Mapping[str, object], now: datetime) -> None:
    connection.execute(
        text(
            "insert into sequence_step_executions"
            " (enrollment_id, step_key, visit, outcome, detail, executed_at)"
            f" select id, current_step, visits + 1, '{MOVED}', cast(:after as text),"
            f" {as_moment(connection, now)} from sequence_enrollments where {here}"
        ),
        values,
    )


def _cancel_emails(connection: Connection, here: str, values: Mapping[str, object]) -> None:
    waiting = (
        f"where enrollment_id in (select id from sequence_enrollments where {here})"
        f" and step_key = :gone and status = '{Status.SCHEDULED}'"
    )
    connection.execute(
        text(f"insert into changes (contact_id) select distinct contact_id from outbox {waiting}"), values
    )
    connection.execute(
        text(
            f"update outbox set status = '{Status.CANCELLED}', skip_reason = '{REMOVED}', updated_at = :now,"
            f" noticed_at = :now {waiting}"
        ),
        values,
    )


def _changed(old: Sequence, new: Sequence) -> tuple[str, ...]:
    found = [name for name in ("settings", "campaign") if getattr(old, name) != getattr(new, name)]
    keys = dict.fromkeys(step.key for step in (*new.steps, *old.steps))
    found += [key for key in keys if old.step(key) != new.step(key)]
    if not found and old.steps != new.steps:
        found.append("steps")
    return tuple(found)


def _stored(wanted: Sequence, campaign: int | None) -> dict[str, object]:
    return {
        "campaign": campaign,
        "settings": json.dumps(plain_settings(wanted.settings), ensure_ascii=False),
        "source": wanted.source,
    }


def _json(connection: Connection, name: str) -> str:
    return f":{name}" if is_sqlite(connection) else f"cast(:{name} as jsonb)"


def _alone(connection: Connection) -> None:
    """Two who make the same sequence at once: the second waits and edits what the first made."""
    if not is_sqlite(connection):
        connection.execute(text("lock table sequences in share row exclusive mode"))
