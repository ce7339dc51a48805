"""Emails planned and sent: listed, cancelled, moved within the rules."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from carillon.days import day_number
from carillon.errors import InputError
from carillon.plan.move import move
from carillon.send.again import send_again
from carillon.store import schedules as store
from carillon.store.contact_lookup import MOST_ID
from carillon.store.engine import Connection
from carillon.web.api.access import Here, Reader, Sender
from carillon.web.api.moments import FIRST, LAST
from carillon.web.api.paging import Cursor, Limit, Page, after_pair, next_of
from carillon.web.api.problems import Problem, missing, said
from carillon.words import Status
from carillon.workspace import Workspace

router = APIRouter(prefix="/schedules", tags=["schedules"])

ScheduleId = Annotated[
    int, Path(ge=-MOST_ID, le=MOST_ID, description="Below 0 for sequences and mail from elsewhere.")
]
Some = Annotated[int | None, Query(ge=1, le=MOST_ID)]
MOST_CONTACT = (1 << 32) - 1


class ScheduleOut(BaseModel):
    """One email or text message."""

    id: int = Field(examples=[36507306525])
    contact_id: int = Field(examples=[17])
    email_type: str | None = Field(examples=["birthday"])
    day: date = Field(description="On which it goes or went.")
    time: str | None = Field(examples=["09:30"])
    ideal: date | None = Field(description="The day it was to go before anything moved it.")
    status: str = Field(examples=["pre-scheduled"])
    skip_reason: str | None
    priority: int | None = Field(examples=[10])
    campaign_id: int | None
    email_template: str | None = Field(examples=["birthday_standard_v1"])
    sms_template: str | None
    channel: str = Field(examples=["email"])
    send_at: datetime | None
    account_id: int | None
    enrollment_id: int | None
    attempts: int = Field(examples=[0])
    sent_at: datetime | None
    parent_id: int | None = Field(description="The email it follows.")


class MoveIn(BaseModel):
    """Another day."""

    model_config = {"extra": "forbid"}

    day: date = Field(examples=["2027-03-04"])


@router.get("")
def list_schedules(
    here: Here,
    _caller: Reader,
    contact_id: Annotated[int | None, Query(ge=1, le=MOST_CONTACT)] = None,
    first: Annotated[
        date | None, Query(alias="from", description="Without a contact: today, if it is left out.")
    ] = None,
    last: Annotated[date | None, Query(alias="to")] = None,
    status: Status | None = None,
    email_type: Annotated[str | None, Query(min_length=1, max_length=120)] = None,
    campaign_id: Some = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ScheduleOut]:
    """List emails by day, of one contact or of all."""
    begin = first if first or contact_id is not None else here.today()
    for day in (begin, last):
        if day is not None and not FIRST <= day <= LAST:
            raise Problem(422, f"days lie between {FIRST} and {LAST}")
    which = store.Which(
        contact_id,
        None if begin is None else day_number(begin),
        None if last is None else day_number(last),
        None if status is None else status.value,
        email_type,
        campaign_id,
    )
    with here.database.snapshot() as connection:
        found = store.page(connection, which, after_pair(cursor), limit)
    return Page(items=[_out(one) for one in found.items], next=next_of(found))


@router.get("/{schedule_id}", responses=said(404))
def get_schedule(here: Here, _caller: Reader, schedule_id: ScheduleId) -> ScheduleOut:
    """One email."""
    with here.database.snapshot() as connection:
        return _out(_find(connection, schedule_id))


@router.post("/{schedule_id}/cancel", responses=said(404))
def cancel_schedule(here: Here, caller: Sender, schedule_id: ScheduleId) -> ScheduleOut:
    """Let an email that has not left never leave."""

    def work(connection: Connection) -> ScheduleOut:
        store.cancel(connection, _find(connection, schedule_id), here.clock.now(), caller.name)
        return _out(_find(connection, schedule_id))

    return here.database.write(work)


@router.post("/{schedule_id}/again", responses=said(404))
def send_schedule_again(here: Here, caller: Sender, schedule_id: ScheduleId) -> ScheduleOut:
    """Let an email that failed leave with the next dispatch. What was wrong has to be mended first."""
    with here.database.snapshot() as connection:
        email = _find(connection, schedule_id)
    if email.status != Status.FAILED:
        raise InputError(f"the email is {email.status}: only one that failed is sent again")
    if not send_again(here, day_number(date.fromisoformat(email.day)), [schedule_id], caller.name):
        raise InputError("it cannot leave any more: it has no account, or its sequence has gone on")
    with here.database.snapshot() as connection:
        return _out(_find(connection, schedule_id))


@router.post("/{schedule_id}/move", responses=said(404))
def move_schedule(here: Here, caller: Sender, schedule_id: ScheduleId, wanted: MoveIn) -> ScheduleOut:
    """Put a planned email on another day. Refused, with the reason, where a rule stands against it."""
    if not FIRST <= wanted.day <= LAST:
        raise Problem(422, f"days lie between {FIRST} and {LAST}")
    return here.database.write(lambda c: _moved(c, here, schedule_id, wanted.day, caller.name))


def _moved(connection: Connection, here: Workspace, number: int, day: date, by: str) -> ScheduleOut:
    _find(connection, number)
    move(connection, here, number, day, by)
    return _out(_find(connection, number))


def _find(connection: Connection, number: int) -> store.Schedule:
    found = store.find(connection, number)
    if found is None:
        raise missing("email with this id")
    return found


def _out(one: store.Schedule) -> ScheduleOut:
    return ScheduleOut.model_validate(one.__dict__)
