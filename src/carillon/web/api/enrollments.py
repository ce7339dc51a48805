"""Contacts on their way through a sequence."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from carillon.files.enroll_run import why
from carillon.jobs import sequences as jobs
from carillon.store import contact_lookup, meant
from carillon.store import sequence_status as store
from carillon.store.contact_lookup import MOST_ID
from carillon.store.engine import Connection
from carillon.store.enrolling import Enrolled
from carillon.web.api.access import Here, Reader, Sender, Writer
from carillon.web.api.contact_models import MOST_CONTACTS
from carillon.web.api.paging import Cursor, Id, Limit, Page, Text, after, cursor_of
from carillon.web.api.problems import said
from carillon.web.api.sequences import name_of
from carillon.web.api.targets import Who
from carillon.words import EnrollmentStatus

router = APIRouter(prefix="/sequences/{sequence_id}", tags=["sequences"])


class EnrollIn(BaseModel):
    """Who is to be enrolled."""

    model_config = {"extra": "forbid"}

    contacts: Annotated[list[Who], Field(min_length=1, max_length=MOST_CONTACTS)] = Field(
        examples=[[{"email": "maria@example.com"}]]
    )


class ExitIn(BaseModel):
    """Who is to be taken out."""

    model_config = {"extra": "forbid"}

    contact_ids: Annotated[
        list[Annotated[int, Field(ge=1, le=MOST_ID)]], Field(min_length=1, max_length=MOST_CONTACTS)
    ] = Field(examples=[[17]])


class RefusedOut(BaseModel):
    """Who was not enrolled."""

    index: int = Field(description="The place in the list, from 0.", examples=[3])
    reason: str = Field(examples=["suppressed"])
    why: str = Field(examples=["its address is suppressed"])


class EnrolledOut(BaseModel):
    """What became of a list."""

    enrolled: int = Field(examples=[1])
    refused: list[RefusedOut]


class ExitedOut(BaseModel):
    """How many were taken out."""

    taken_out: int = Field(examples=[1])


class EnrollmentOut(BaseModel):
    """One contact in a sequence."""

    id: int
    contact_id: int = Field(examples=[17])
    email: str | None = Field(examples=["maria@example.com"])
    state: str = Field(description="How the contact stands, as people say it.", examples=["sent"])
    status: str = Field(description="Of the enrollment.", examples=["active"])
    current_step: str | None = Field(examples=["hello"])
    next_action_at: datetime | None
    exit_reason: str | None
    sent: int


@router.get("/enrollments", responses=said(404))
def list_enrollments(
    here: Here,
    _caller: Reader,
    sequence_id: Id,
    status: EnrollmentStatus | None = None,
    email: Annotated[Text | None, Query(description="How the address begins.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[EnrollmentOut]:
    """List who is or was on the way, the latest enrolled first."""
    with here.database.snapshot() as connection:
        name_of(connection, sequence_id)
        found = store.people(
            connection, sequence_id, limit + 1, after(cursor) or None, status=status, email=email or ""
        )
    items = [
        EnrollmentOut(
            id=one.id,
            contact_id=one.contact_id,
            email=one.email,
            state=one.state.value,
            status=one.status.value,
            current_step=one.current_step,
            next_action_at=one.next_action_at,
            exit_reason=one.exit_reason,
            sent=one.sent,
        )
        for one in found[:limit]
    ]
    return Page(items=items, next=cursor_of(items[-1].id) if len(found) > limit else None)


@router.post("/enroll", responses=said(404))
def enroll_contacts(here: Here, caller: Sender, sequence_id: Id, wanted: EnrollIn) -> EnrolledOut:
    """Enroll contacts. They begin when the sequence does or, if it runs already, now.

    Who cannot be written to, or is on the way already, is refused with the reason.
    """
    people = ((one.contact_id, one.external_id, one.email) for one in wanted.contacts)
    rows = meant.rows_of(people)

    def work(connection: Connection) -> Enrolled:
        return jobs.enroll(connection, here, name_of(connection, sequence_id), rows, caller.name)[0]

    done = here.database.write(work)
    refused = [
        (int(row["line"]), row["reason"], why(row["reason"])) for row in done.refused.iter_rows(named=True)
    ]
    refused += [(int(line), "unknown", "there is no such contact") for line in done.unknown["line"]]
    refused += [(int(line), "unclear", "several contacts are called so") for line in done.unclear["line"]]
    return EnrolledOut(
        enrolled=done.enrolled,
        refused=[
            RefusedOut(index=at, reason=str(reason), why=words) for at, reason, words in sorted(refused)
        ],
    )


@router.post("/exit", responses=said(404))
def take_contacts_out(here: Here, caller: Writer, sequence_id: Id, wanted: ExitIn) -> ExitedOut:
    """Take contacts out of a sequence; what is scheduled for them in it is cancelled."""

    def work(connection: Connection) -> int:
        name = name_of(connection, sequence_id)
        people = contact_lookup.by_id(connection, wanted.contact_ids)
        return jobs.take_out(connection, name, people, here.clock.now(), caller.name)

    return ExitedOut(taken_out=here.database.write(work))
