"""What happened to contacts: read, and told by programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel, Field

from carillon.store import event_listing as store
from carillon.store.clean import cleaned
from carillon.web.api.access import Here, Reader, Teller
from carillon.web.api.paging import Cursor, Limit, Page, after, next_of
from carillon.web.api.problems import said
from carillon.web.events import LONGEST_ID, MOST_EVENTS, take

router = APIRouter(prefix="/events", tags=["events"])


class EventOut(BaseModel):
    """One event."""

    id: int = Field(examples=[204])
    contact_id: int | None = Field(
        examples=[17], description="null: of an address that belongs to no contact."
    )
    type: str = Field(examples=["replied"])
    data: dict[str, Any] | None = Field(
        examples=[{"subject": "Re: hello"}], description="Never of answers to health questions."
    )
    at: datetime | None = Field(description="When it happened.")
    received_at: datetime | None = Field(description="When Carillon heard of it.")
    source: str | None = Field(examples=["imap"])
    schedule_id: int | None = Field(description="The email it is about.")

    @classmethod
    def of(cls, one: store.Happened) -> EventOut:
        data: Any = cleaned(one.data)
        return cls(
            id=one.id,
            contact_id=one.contact_id,
            type=one.type,
            data=data,
            at=one.at,
            received_at=one.received,
            source=one.source,
            schedule_id=one.schedule,
        )


class EventIn(BaseModel):
    """An event: whom it is about stands in exactly one of `contact_id`, `external_id`, `email`."""

    model_config = {"extra": "allow"}

    id: Any = Field(None, description=f"A text of up to {LONGEST_ID} characters; the same when sent again.",
                    examples=["visit-881"])  # fmt: skip
    type: Any = Field(None, examples=["visited_office"])
    contact_id: Any = Field(None, examples=[17])
    external_id: Any = None
    email: Any = None
    at: Any = Field(None, description="A moment with an offset; now if it is left out.")
    data: Any = Field(None, examples=[{"office": "north"}])


class Misfit(BaseModel):
    """An event that was not taken."""

    index: int = Field(examples=[3])
    why: str = Field(examples=["type is needed"])


class Told(BaseModel):
    """What became of the events of a call."""

    stored: int = Field(examples=[1])
    repeated: int = Field(examples=[0])
    rejected: list[Misfit]


_REFUSED = {"content": said(422)[422]["content"]}
Events = Annotated[
    list[EventIn],
    Body(
        max_length=MOST_EVENTS,
        examples=[[{"id": "visit-881", "type": "visited_office", "email": "maria@example.com"}]],
    ),
]


@router.get("")
def list_events(
    here: Here,
    _caller: Reader,
    type: Annotated[
        str | None, Query(max_length=64, pattern="^[a-z0-9_]+$", description="Of this type only.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[EventOut]:
    """List events in the order in which they were heard of: `next` is where to go on later."""
    with here.database.snapshot() as connection:
        found = store.page(connection, after(cursor), limit, kind=type)
    return Page(items=[EventOut.of(one) for one in found.items], next=next_of(found))


@router.post(
    "",
    responses={
        207: {"model": Told, "description": "Some were not taken"},
        422: {"model": Told, "description": "None was taken"} | _REFUSED,
    },
)
def tell_events(here: Here, caller: Teller, events: Events, response: Response) -> Told:
    """Tell of events. Each is stored once, however often it is told; steps and follow-ups see them."""
    items: list[object] = [one.model_dump(exclude_unset=True) for one in events]
    response.status_code, report = take(here, items, caller.id.partition(":")[2])
    return Told.model_validate(report)
