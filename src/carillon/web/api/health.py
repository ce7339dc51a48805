"""How the workspace is doing, and the brake for all of its mail."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from carillon.store import dispatch as store
from carillon.watch.health import check
from carillon.web.api.access import Here, Reader, Sender
from carillon.workspace import Workspace

router = APIRouter(tags=["health"])


class HealthOut(BaseModel):
    """What was measured; null where there was nothing to measure."""

    status: str = Field(examples=["healthy"])
    timestamp: datetime
    database_connected: bool = Field(examples=[True])
    last_successful_run: datetime | None
    pending_schedules: int | None = Field(examples=[4120])
    overdue_schedules: int | None = Field(examples=[0])
    contacts: int | None = Field(examples=[2980])
    error_rate_24h: float | None = Field(examples=[0.01])
    jobs: dict[str, float | None] = Field(examples=[{"dispatch": 12.5}])
    issues: list[str] = Field(examples=[[]])


class MailOut(BaseModel):
    """Whether mail goes."""

    paused: bool


@router.get("/health")
def get_health(here: Here, _caller: Reader) -> HealthOut:
    """Healthy, degraded or unhealthy, with the reasons."""
    return HealthOut.model_validate(check(here.folder, here.clock).as_json())


@router.get("/mail")
def get_mail(here: Here, _caller: Reader) -> MailOut:
    """Whether mail goes or is paused."""
    with here.database.snapshot() as connection:
        return MailOut(paused=store.workspace_paused(connection))


@router.post("/mail/pause")
def pause_mail(here: Here, caller: Sender) -> MailOut:
    """Stop all mail: nothing is released or sent until it is resumed. Takes effect at once."""
    return _set(here, caller.name, True)


@router.post("/mail/resume")
def resume_mail(here: Here, caller: Sender) -> MailOut:
    """Let mail go again. Nobody is written to twice, nobody is left out."""
    return _set(here, caller.name, False)


def _set(here: Workspace, by: str, paused: bool) -> MailOut:
    now = here.clock.now() if paused else None
    here.database.write(lambda c: store.pause_workspace(c, now, by))
    return MailOut(paused=paused)
