"""Mailboxes with slots and emails that want them, put into a workspace by plain SQL."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from carillon.accounts import Account
from carillon.days import day_number
from carillon.keys import CONTACT_SHIFT, KIND_SHIFT
from carillon.pace.day import DayShape, slots
from carillon.packing import PRIORITY_SHIFT
from carillon.store.bulk import insert_rows
from carillon.store.moments import moment_of, stamp
from carillon.workspace import Workspace
from tests.contract.outbox import TEMPLATE, account, execute, query

COLUMNS = ("account_id", "send_at", "local_date", "activity_period")


def mailbox(workspace: Workspace, name: str = "ann", **more: Any) -> Account:
    """An account of the kind mailbox, stored."""
    return account(workspace, name, **({"kind": "mailbox"} | more))


def make_day(workspace: Workspace, sender: Account, day: date, number: int) -> list[datetime]:
    """The slots of a mailbox's local day, stored; weekends as well."""
    zone = ZoneInfo(sender.timezone) if sender.timezone else workspace.settings.workspace.zone
    shape = DayShape(weekdays=frozenset(range(7)))
    made = slots(sender.id, day, zone, number, shape, lambda _: False)
    put_slots(workspace, sender.id, [one.at for one in made], day)
    return [one.at for one in made]


def put_slots(workspace: Workspace, sender: int, moments: Iterable[datetime], day: date) -> None:
    rows = [(sender, stamp(at), day.isoformat(), "normal") for at in moments]
    workspace.database.write(lambda c: insert_rows(c, "send_slots", COLUMNS, rows))


def planned(workspace: Workspace, contact: int, **more: Any) -> int:
    """An email in the plan, of today unless `send` says otherwise; returns its id."""
    today = day_number(workspace.today())
    kind, priority = more.get("kind", 0), more.get("priority", 5)
    number = (contact << CONTACT_SHIFT) | (kind << KIND_SHIFT) | more.get("event", today + 15)
    row = (number, more.get("send", today), more.get("ideal", today), priority << PRIORITY_SHIFT, 1)

    def work(connection: Any) -> None:
        columns = ("id", "send", "ideal", "state", "run")
        insert_rows(connection, "plan", columns, [row])

    workspace.database.write(work)
    return int(number)


def kinds(workspace: Workspace, *instances: int) -> None:
    """What emails of the plan are: birthdays, and those of campaign instances."""
    rows = [(0, "birthday", None)] + [(16 + one, f"campaign_{one}", one) for one in instances]
    for kind, name, instance in rows:
        execute(
            workspace,
            "insert into plan_kinds (kind, email_type, campaign_instance_id, email_template, send_time)"
            f" values ({kind}, '{name}', {instance or 'null'}, '{TEMPLATE}', '08:30')"
            " on conflict (kind) do update set email_template = excluded.email_template",
        )


def given(workspace: Workspace) -> dict[int, tuple[int, datetime]]:
    """By email: the account and the moment of its slot. Email and slot say the same, or this fails."""
    rows = query(
        workspace,
        "select s.schedule_id, s.account_id, s.send_at, o.account_id, o.send_at, o.status from send_slots s"
        " left join outbox o on o.id = s.schedule_id"
        " where s.schedule_id is not null and s.status = 'pending'",
    )
    found = {}
    for number, whose, at, account_id, send_at, _ in rows:
        assert number not in found, "an email has two slots"
        assert (whose, moment_of(at)) == (account_id, moment_of(send_at))
        found[number] = whose, moment_of(at)
    return found  # type: ignore[return-value]


def slot_states(workspace: Workspace) -> dict[str, int]:
    """How many slots there are of each status."""
    return dict(query(workspace, "select status, count(*) from send_slots group by status"))  # type: ignore[arg-type]
