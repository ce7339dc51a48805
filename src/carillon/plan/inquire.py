"""Questions about the plan: how much mail goes when, and why one contact gets what it gets.

Beside `run` the only file of this room that opens the store, and it only reads. What the answers say
comes from the pure modules that it feeds.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from carillon.days import date_of, day_number
from carillon.errors import InputError
from carillon.plan.explain import BACK_DAYS, Explanation, Facts
from carillon.plan.explain import explain as tell
from carillon.plan.forecast import Forecast
from carillon.plan.forecast import forecast as add_up
from carillon.plan.gather import load
from carillon.plan.hashing import code_table
from carillon.plan.rules import Rules
from carillon.plan.working import Task
from carillon.store import forecast as volumes
from carillon.store import people
from carillon.store.planning import PlanReader
from carillon.words import By
from carillon.workspace import Workspace


def forecast(workspace: Workspace, first: date, last: date, by: By) -> Forecast:
    """What the stored plan and the outbox hold for these days, both included."""
    with workspace.database.snapshot() as connection:
        plan = volumes.last_plan(connection)
        found = volumes.volumes(connection, day_number(first), day_number(last))
    return add_up(Rules.of(workspace.settings), plan, found, first, last, by, workspace.today())


def explain(workspace: Workspace, wanted: str) -> list[Explanation]:
    """The year of the contact with this address, external id or id; of all who share the address.

    Raises InputError, with the nearest address there is, where nobody is found.
    """
    rules, today = Rules.of(workspace.settings), day_number(workspace.today())
    with workspace.database.snapshot() as connection:
        reader = PlanReader(connection)
        state, codes = reader.state(), code_table(reader.instance_names())
        current = state is not None and state.rules == workspace.settings.planning_fingerprint()
        found = people.find(connection, wanted.strip())
        if not found:
            raise InputError(
                _nobody(wanted, people.similar(connection, wanted), people.has_contacts(connection))
            )
        explanations = []
        for profile in found:
            suppression = people.suppression(connection, profile.id)
            ids = np.array([profile.id], np.int64)
            task = Task(rules, today, False, ids if suppression is not None else ids[:0], codes)
            facts = Facts(
                profile,
                suppression,
                people.left(connection, profile.id, today - BACK_DAYS),
                people.planned_on(connection, profile.id),
                None if state is None else date_of(state.today),
                current and not people.has_changed(connection, profile.id),
            )
            explanations.append(tell(load(reader, task, ids), task, workspace.settings, facts))
        return explanations


def _nobody(wanted: str, similar: list[str], any_at_all: bool) -> str:
    if not any_at_all:
        return "there are no contacts yet: `carillon import contacts FILE` brings some in."
    hint = (
        f" Did you mean {' or '.join(similar)}?"
        if similar
        else " Give an email address, an id or an external id."
    )
    return f"there is no contact {wanted!r}.{hint}"
