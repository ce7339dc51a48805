"""Runs of the planner, and how much mail goes when."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from carillon.plan.inquire import forecast as ask
from carillon.store import checkpoints as store
from carillon.store.clean import cleaned
from carillon.web.api.access import Here, Reader
from carillon.web.api.moments import FIRST, LAST
from carillon.web.api.paging import Cursor, Limit, Page, after, next_of
from carillon.web.api.problems import Problem
from carillon.words import By

router = APIRouter(tags=["plan"])
YEAR = 365


class RunOut(BaseModel):
    """One run."""

    id: int
    run_id: str = Field(examples=["3f6c1f1e-plan"])
    begun_at: datetime | None
    completed_at: datetime | None
    today: str | None = Field(examples=["2026-11-23"])
    status: str = Field(examples=["completed"])
    contacts: int | None = Field(examples=[2980])
    scheduled: int | None = Field(examples=[4120])
    skipped: int | None = Field(examples=[310])
    error: str | None
    summary: dict[str, Any] | None = Field(examples=[{"mode": "changes", "moved": 3}])


class PeriodOut(BaseModel):
    """Emails of one day, week, month, type, campaign or state."""

    name: str | None = Field(examples=["2026-11-23"])
    n: int = Field(examples=[42])
    days: int = Field(examples=[1])
    busiest: int = Field(examples=[42])
    by_type: dict[str, int] = Field(examples=[{"birthday": 30, "effective_date": 12}])


class ForecastOut(BaseModel):
    """What is planned and was sent, against the daily cap."""

    first: date
    last: date
    by: By
    planned_for: date | None = Field(description="The day the plan was made for; null: there is none yet.")
    eligible: int = Field(examples=[2800])
    daily_cap: int = Field(examples=[196])
    total: int = Field(examples=[42])
    by_type: dict[str, int] = Field(examples=[{"birthday": 30, "effective_date": 12}])
    rows: list[PeriodOut]
    above_cap: dict[date, int] = Field(
        description="Days that stay above the cap: what cannot fit.", examples=[{"2026-11-30": 201}]
    )


@router.get("/plan/runs")
def list_runs(here: Here, _caller: Reader, cursor: Cursor = None, limit: Limit = 50) -> Page[RunOut]:
    """List runs of the planner, the newest first."""
    with here.database.snapshot() as connection:
        found = store.page(connection, after(cursor) or None, limit)
    return Page(items=[_run(one) for one in found.items], next=next_of(found))


@router.get("/plan/forecast")
def get_forecast(
    here: Here,
    _caller: Reader,
    first: Annotated[date | None, Query(alias="from", description="The first day; today.")] = None,
    last: Annotated[date | None, Query(alias="to", description="The last day; a year on.")] = None,
    by: By = By.DAY,
) -> ForecastOut:
    """How much mail goes when. By state every planned email is looked at, which takes longer."""
    begin = first or here.today()
    end = last or min(begin + timedelta(days=YEAR - 1), LAST) if begin < LAST else LAST
    if not FIRST <= begin <= end <= LAST:
        raise Problem(422, f"from and to are days from {FIRST} to {LAST}, in this order")
    found = ask(here, begin, end, by)
    return ForecastOut(
        first=found.first,
        last=found.last,
        by=found.by,
        planned_for=found.planned_for,
        eligible=found.eligible,
        daily_cap=found.cap,
        total=found.total,
        by_type=found.by_type,
        rows=[PeriodOut(**one.__dict__) for one in found.periods],
        above_cap=found.above,
    )


def _run(one: store.Run) -> RunOut:
    summary: Any = cleaned(one.summary)
    return RunOut(
        id=one.id,
        run_id=one.run_id,
        begun_at=one.begun,
        completed_at=one.completed,
        today=one.today,
        status=one.status,
        contacts=one.contacts,
        scheduled=one.scheduled,
        skipped=one.skipped,
        error=one.error,
        summary=summary,
    )
