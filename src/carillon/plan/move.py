"""One planned email put on another day by hand, within the rules.

Asked of the planner's own code: windows, deadline, days without mail, frequency and conflicts. What was moved
is pinned: the planner leaves it where it is from then on, as long as no window forbids it. Beside `run` and
`inquire` this file opens the store.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from carillon.days import date_of, day_number
from carillon.errors import InputError
from carillon.keys import CONTACT_SHIFT
from carillon.limits import would_exceed
from carillon.plan.calendar import Calendar
from carillon.plan.choose import choose
from carillon.plan.gather import load, prepare
from carillon.plan.ledger import Ledger
from carillon.plan.working import Task, Working
from carillon.settings import Settings
from carillon.store import schedules
from carillon.store.engine import Connection
from carillon.store.planning import PlanReader
from carillon.words import SkipReason, Status
from carillon.workspace import Workspace


def move(connection: Connection, workspace: Workspace, number: int, day: date, by: str) -> None:
    """Let a planned email go on another day.

    Raises InputError, saying which rule stands against it, where it cannot.
    """
    found = schedules.find(connection, number)
    if found is None or found.status != Status.PRE_SCHEDULED:
        standing = "not there" if found is None else found.status
        raise InputError(f"the email {number} is {standing}: only what is pre-scheduled can be moved.")
    reader = PlanReader(connection)
    task = prepare(reader, workspace.settings, workspace.today())
    working = load(reader, task, np.array([number >> CONTACT_SHIFT], np.int64))
    if why := refusal(working, task, workspace.settings, number, day_number(day)):
        raise InputError(f"the email {number} cannot go on {day}: {why}. Nothing was changed.")
    schedules.move(connection, found, day, workspace.clock.now(), by)


def refusal(working: Working, task: Task, settings: Settings, key: int, day: int) -> str | None:
    """Why an email of the one contact in `working` cannot go on a day (a number); None: it can."""
    rows, rules = working.rows, task.rules
    at = np.flatnonzero(rows.key == key)
    if len(at) == 0 or rows.reason[at[0]] != SkipReason.NONE:
        return "the next plan takes it away; see `carillon explain`"
    days = np.array([day], np.int32)
    if day < task.today:
        return "the day is past"
    if day > rows.deadline[at[0]]:
        return f"it has to leave by {date_of(int(rows.deadline[at[0]]))}"
    if rules.blacked_out(days)[0]:
        return "timing_constants in carillon.yaml keep that day free of mail"
    reason = SkipReason(int(rules.windows.reasons(working.people, rows.who[at], days)[0]))
    if rows.lawful[at[0]] and reason != SkipReason.NONE:
        span = Calendar(working.people, rules.windows, settings).blame(day, reason)
        return f"it lies in an exclusion window ({span.words if span else reason.word})"
    ledger = Ledger(working.people, rows, working.sent, task.codes)
    choose(ledger, rules)
    entry = np.flatnonzero(ledger.key == key)
    if len(entry) == 0 or not ledger.limited[entry[0]]:
        return None
    others, campaigns = ledger.days_nearby(entry)
    if ledger.campaign[entry[0]] and (campaigns == day).any():
        return "another campaign's email to this contact goes on that day"
    if would_exceed(others, days, rules.emails_per_period, rules.period_days)[0]:
        return f"the contact would get more than {rules.emails_per_period} emails in {rules.period_days} days"
    return None
