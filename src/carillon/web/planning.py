"""The plan made anew from a page, with its progress."""

from __future__ import annotations

from carillon.plan.report import PlanReport
from carillon.plan.run import Request, run
from carillon.web.parts import busy
from carillon.web.parts.dialogs import Tell
from carillon.words import PLAN_STAGES
from carillon.workspace import Workspace


async def plan_now() -> PlanReport:
    """Plan for today. Nothing is sent by it. Raises CarillonError, after which the old plan stands."""

    def do(workspace: Workspace, tell: Tell) -> PlanReport:
        return run(
            workspace,
            Request(workspace.today()),
            lambda stage, done, total: tell(PLAN_STAGES[stage], done, total),
            lambda words: tell(words.capitalize()),
        )

    return await busy("Making the plan", do)
