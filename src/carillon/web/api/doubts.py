"""Emails that may have been sent: looked at, and settled."""

from __future__ import annotations

from enum import StrEnum

from fastapi import APIRouter
from pydantic import BaseModel, Field

from carillon.send import doubt as doubts
from carillon.store import doubts as store
from carillon.web.api.access import Here, Reader, Sender
from carillon.web.api.paging import Id, Limit
from carillon.web.api.problems import missing, said

router = APIRouter(prefix="/doubts", tags=["doubts"])


class Verdict(StrEnum):
    """What is decided of an email."""

    SENT = "sent"
    UNSENT = "unsent"
    RESEND = "resend"


class Settlement(BaseModel):
    """A decision."""

    verdict: Verdict = Field(
        description="resend sends it once more, with the same Message-ID.", examples=[Verdict.SENT]
    )


class DoubtOut(BaseModel):
    """An email in doubt."""

    id: int = Field(examples=[42])
    contact_id: int = Field(examples=[17])
    email: str | None = Field(examples=["maria@example.com"])
    email_type: str = Field(examples=["birthday"])
    day: str = Field(examples=["2026-11-23"])
    message_id: str | None = Field(examples=["<b42@mail.example.com>"])
    account: str | None = Field(examples=["sales"])
    why: str | None = Field(examples=["the connection broke after the text was sent"])
    minutes: int = Field(description="Since it was handed over.", examples=[25])


class Settled(BaseModel):
    """What follows."""

    words: str = Field(examples=["Email 42 counts as sent."])


@router.get("")
def list_doubts(here: Here, _caller: Reader, limit: Limit = 50) -> list[DoubtOut]:
    """List emails in doubt, the oldest first."""
    with here.database.snapshot() as connection:
        found = store.doubts(connection)[:limit]
    return [DoubtOut.model_validate(one.as_json()) for one in found]


@router.post("/{email_id}/settle", responses=said(404))
def settle_doubt(here: Here, caller: Sender, email_id: Id, decision: Settlement) -> Settled:
    """Decide what became of an email: it counts as sent, as not sent, or is sent again."""
    with here.database.snapshot() as connection:
        if all(one.id != email_id for one in store.doubts(connection)):
            raise missing("email in doubt with this id")
    return Settled(words=doubts.settle(here, email_id, decision.verdict.value, caller.name))
