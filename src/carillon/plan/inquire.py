"""Questions about the plan: how much mail goes when. Beside `run` the only file here that touches the store.

It only reads. What the answers say comes from the pure modules that it feeds.
"""

from __future__ import annotations

from datetime import date

from carillon.days import day_number
from carillon.plan.forecast import Forecast
from carillon.plan.forecast import forecast as add_up
from carillon.plan.rules import Rules
from carillon.store import forecast as volumes
from carillon.words import By
from carillon.workspace import Workspace


def forecast(workspace: Workspace, first: date, last: date, by: By) -> Forecast:
    """What the stored plan and the outbox hold for these days, both included."""
    with workspace.database.snapshot() as connection:
        plan = volumes.last_plan(connection)
        found = volumes.volumes(connection, day_number(first), day_number(last))
    return add_up(Rules.of(workspace.settings), plan, found, first, last, by, workspace.today())
