"""Questions about the plan: how much mail goes when, and why one contact gets what it gets.

Beside `run` the only file of this room that opens the store, and it only reads. What the answers say
comes from the pure modules that it feeds.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from carillon.days import date_of, day_number
from carillon.errors import InputError
from carillon.keys import kind_of
from carillon.plan.explain import BACK_DAYS, Explanation, Facts
from carillon.plan.explain import explain as tell
from carillon.plan.forecast import Forecast
from carillon.plan.forecast import forecast as add_up
from carillon.plan.gather import load, prepare
from carillon.plan.rules import Rules
from carillon.plan.working import Task, Working
from carillon.settings import Settings
from carillon.store import forecast as volumes
from carillon.store import people, suppressions
from carillon.store.planning import PlanReader
from carillon.store.planning_campaigns import planned_with
from carillon.words import FIRST_CAMPAIGN, By
from carillon.workspace import Workspace


def forecast(workspace: Workspace, first: date, last: date, by: By) -> Forecast:
    """What the stored plan and the outbox hold for these days, both included."""
    with workspace.database.snapshot() as connection:
        plan = volumes.last_plan(connection)
        found = volumes.volumes(connection, day_number(first), day_number(last), by is By.STATE)
    return add_up(Rules.of(workspace.settings), plan, found, first, last, by, workspace.today())


def explain(workspace: Workspace, wanted: str) -> list[Explanation]:
    """The year of the contact with this address, external id or id; of all who share the address.

    Raises InputError, with the nearest address there is, where nobody is found.
    """
    with workspace.database.snapshot() as connection:
        reader = PlanReader(connection)
        found = people.find(connection, wanted.strip())
        if not found:
            raise InputError(
                _nobody(wanted, people.similar(connection, wanted), people.has_contacts(connection))
            )
        task = prepare(reader, workspace.settings, workspace.today())
        return [_explain(reader, task, workspace.settings, profile) for profile in found]


def _explain(reader: PlanReader, task: Task, settings: Settings, profile: people.Profile) -> Explanation:
    connection, ids = reader.connection, np.array([profile.id], np.int64)
    state = reader.state()
    working = load(reader, task, ids)
    current = state is not None and state.rules == settings.planning_fingerprint()
    edited = task.campaigns.changed_since(planned_with(connection))
    facts = Facts(
        profile,
        suppressions.of(connection, profile.email or ""),
        people.left(connection, profile.id, task.today - BACK_DAYS),
        people.planned_on(connection, profile.id),
        people.aims(connection, profile.id),
        None if state is None else date_of(state.today),
        current and not people.has_changed(connection, profile.id) and not _concerned(working, edited),
    )
    return tell(working, task, settings, facts)


def _concerned(working: Working, edited: list[int] | None) -> bool:
    """Whether a contact has to do with a campaign that was edited; None: everyone has."""
    if edited is None:
        return True
    kinds = np.concatenate([kind_of(working.sent.key), kind_of(working.stored.key)])
    mine = {*working.targets.instance.tolist(), *(kinds - FIRST_CAMPAIGN).tolist()}
    return not mine.isdisjoint(edited)


def _nobody(wanted: str, similar: list[str], any_at_all: bool) -> str:
    if not any_at_all:
        return "there are no contacts yet: `carillon import contacts FILE` brings some in."
    hint = (
        f" Did you mean {' or '.join(similar)}?"
        if similar
        else " Give an email address, an id or an external id."
    )
    return f"there is no contact {wanted!r}.{hint}"
