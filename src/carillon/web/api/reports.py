"""How emails did: by the hour they left in, by campaign, by sequence."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from carillon.store import campaigns, sequence_status
from carillon.store import results as store
from carillon.store import sequences as sequence_store
from carillon.watch.timing import timing_report
from carillon.web.api.access import Here, Reader
from carillon.web.api.paging import Cursor, Limit, Page, cut
from carillon.web.api.sequence_models import CountsOut

router = APIRouter(prefix="/reports", tags=["reports"])


class TimingOut(BaseModel):
    """By weekday and hour on the readers' clocks."""

    days: int = Field(examples=[90])
    outcome: str = Field(examples=["reply"])
    min_sample_size: int = Field(examples=[30])
    total: dict[str, Any] = Field(examples=[{"sent": 340, "replies": 21}])
    campaigns: list[dict[str, Any]] = Field(examples=[[]])
    cells: list[dict[str, Any]] = Field(examples=[[{"weekday": 1, "hour": 9, "sent": 40, "replies": 4}]])


class CampaignResult(BaseModel):
    """What became of a campaign's emails."""

    campaign_id: int = Field(examples=[3])
    name: str = Field(examples=["spring_rates"])
    type: str = Field(examples=["rate_increase"])
    status: str = Field(examples=["active"])
    planned: int = Field(description="Emails still to come.", examples=[108])
    emails: dict[str, int] = Field(description="By status.", examples=[{"sent": 12}])
    answers: dict[str, int] = Field(
        description="Emails that were opened, clicked, replied to; scanners not counted.",
        examples=[{"clicked": 3}],
    )


class SequenceResult(CountsOut):
    """What became of a sequence's contacts."""

    sequence_id: int
    name: str = Field(examples=["welcome"])
    status: str = Field(examples=["active"])


@router.get("/timing")
def report_timing(
    here: Here, _caller: Reader, days: Annotated[int | None, Query(ge=1, le=3660)] = None
) -> TimingOut:
    """How emails of the last days did by the hour they left in, and what choosing the hour gained."""
    return TimingOut.model_validate(asdict(timing_report(here, days)))


@router.get("/campaigns")
def report_campaigns(
    here: Here, _caller: Reader, cursor: Cursor = None, limit: Limit = 50
) -> Page[CampaignResult]:
    """What became of campaigns' emails, in the order in which the campaigns were made."""
    with here.database.snapshot() as connection:
        found, counts = campaigns.instances(connection), store.results(connection)
    some, following = cut(found, [one.id for one in found], cursor, limit)
    items = []
    for one in some:
        result = counts.get(one.id, store.Result())
        items.append(
            CampaignResult(
                campaign_id=one.id,
                name=one.name,
                type=one.campaign_type,
                status=one.status,
                planned=result.planned,
                emails=result.emails,
                answers=result.answers,
            )
        )
    return Page(items=items, next=following)


@router.get("/sequences")
def report_sequences(
    here: Here, _caller: Reader, cursor: Cursor = None, limit: Limit = 50
) -> Page[SequenceResult]:
    """What became of sequences' contacts, in the order in which the sequences were made."""
    with here.database.snapshot() as connection:
        found = list(sequence_store.sequences(connection).values())
        some, following = cut(found, [one.id for one in found], cursor, limit)
        counts = sequence_status.counts(connection, [one.id for one in some])
    items = [
        SequenceResult.model_validate(
            {"sequence_id": one.id, "name": one.name, "status": one.status.value, **counts[one.id].as_json()}
        )
        for one in some
    ]
    return Page(items=items, next=following)
