"""The settings: read, tried out on the plan, changed. By the same checks as on the page and in the file."""

from __future__ import annotations

import os
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from carillon.errors import SettingsError
from carillon.jobs import settings as jobs
from carillon.plan.report import PlanReport
from carillon.plan.run import Request, run
from carillon.settings import Settings, load_settings
from carillon.settings_values import from_environment, values_of
from carillon.web.api.access import Admin, Here
from carillon.web.api.etags import KNOWN, IfMatch, IfNoneMatch, require, tag, unless_known
from carillon.web.api.problems import Fault, Problem, said
from carillon.workspace import Workspace

router = APIRouter(prefix="/settings", tags=["settings"])
_KEYS = {"load_balancing.daily_send_percentage_cap": "0.07", "workspace.timezone": "America/Chicago"}


class SettingsOut(BaseModel):
    """What holds."""

    values: dict[str, Any] = Field(
        description='Every setting by "section.key"; the password of the database left out.', examples=[_KEYS]
    )
    environment: dict[str, str] = Field(
        description="Those that a variable of the environment gives, which wins over carillon.yaml.",
        examples=[{"workspace.timezone": "CARILLON_WORKSPACE__TIMEZONE"}],
    )


class SettingsPatch(BaseModel):
    """What is to be different."""

    model_config = {"extra": "forbid"}

    values: Annotated[dict[str, Any], Field(min_length=1, max_length=500)] = Field(
        description='By "section.key"; what is left out stays.',
        examples=[{"load_balancing.daily_send_percentage_cap": "0.05"}],
    )


class SettingChanged(BaseModel):
    """One setting, before and after."""

    key: str = Field(examples=["load_balancing.daily_send_percentage_cap"])
    old: Any = Field(examples=["0.07"])
    new: Any = Field(examples=["0.05"])


class EffectOut(BaseModel):
    """What the plan would be with it."""

    moved: int = Field(description="Emails that go on another day.", examples=[120])
    newly_skipped: int = Field(examples=[3])
    newly_planned: int = Field(examples=[0])
    added: int = Field(examples=[0])
    removed: int = Field(examples=[0])

    @classmethod
    def of(cls, report: PlanReport) -> EffectOut:
        return cls.model_validate({name: getattr(report, name) for name in cls.model_fields})


class SettingsChanges(BaseModel):
    """What was changed, or would be."""

    changes: list[SettingChanged]
    dry_run: bool
    effect: EffectOut | None = Field(description="Of a dry run.")


@router.get("", response_model=SettingsOut, responses=KNOWN)
def get_settings(
    here: Here, _caller: Admin, response: Response, if_none_match: IfNoneMatch = None
) -> SettingsOut | Response:
    """All settings as carillon.yaml and the environment give them. Secrets are never among them."""
    found = _shown(load_settings(here.folder, os.environ))
    return unless_known(if_none_match, response, found) or found


@router.patch("", responses=said(412))
def change_settings(
    here: Here,
    caller: Admin,
    wanted: SettingsPatch,
    response: Response,
    dry_run: Annotated[bool, Query(description="Change nothing; say what the plan would be.")] = False,
    if_match: IfMatch = None,
) -> SettingsChanges:
    """Change settings: in carillon.yaml, its remarks kept. They hold at once, and can be rolled back."""
    before = jobs.text_of(here)
    require(if_match, _shown(load_settings(here.folder, os.environ)))
    try:
        rewrite = jobs.changed(here, wanted.values)
    except SettingsError as error:
        faults = [Fault(where=f"body.values.{key}", why=words) for key, words in error.problems]
        raise Problem(422, str(error), faults or None) from None
    effect = None
    if dry_run:
        effect = EffectOut.of(_tried(jobs.tried(here, rewrite)))
    elif rewrite.changes:
        jobs.make(here, rewrite, "changed", caller.name, before)
    tag(response, _shown(load_settings(here.folder, os.environ)))
    return SettingsChanges(
        changes=[SettingChanged(key=one.key, old=one.old, new=one.new) for one in rewrite.changes],
        dry_run=dry_run,
        effect=effect,
    )


def _shown(settings: Settings) -> SettingsOut:
    return SettingsOut(values=values_of(settings), environment=from_environment(settings))


def _tried(workspace: Workspace) -> PlanReport:
    return run(workspace, Request(workspace.today(), dry_run=True), lambda *_: None, lambda _: None)
