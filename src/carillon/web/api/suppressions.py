"""Addresses never to be written to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from carillon.store import suppressions as store
from carillon.web.api.access import Here, Reader, Writer
from carillon.web.api.paging import Cursor, Limit, Page, Text, after, next_of
from carillon.words import Scope

router = APIRouter(prefix="/suppressions", tags=["suppressions"])

Address = Annotated[str, Field(min_length=3, max_length=254, examples=["maria@example.com", "@example.com"])]
ScopeName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        description="all, marketing (all but regulatory notices), or the name of a campaign type.",
        examples=["marketing"],
    ),
]


class SuppressionIn(BaseModel):
    """An address, or a domain like `@example.com`, that is to get no more mail."""

    model_config = {"extra": "forbid"}

    address: Address
    scope: ScopeName = Scope.ALL.value
    reason: str | None = Field(None, max_length=500, examples=["asked by phone"])


class SuppressionOut(BaseModel):
    """A suppression."""

    address: str = Field(examples=["maria@example.com"])
    scope: str = Field(examples=["all"])
    reason: str | None = Field(examples=["asked by phone"])
    created_at: datetime | None

    @classmethod
    def of(cls, one: store.Suppression) -> SuppressionOut:
        return cls(address=one.address, scope=one.scope, reason=one.reason, created_at=one.created)


class SuppressionAdded(SuppressionOut):
    """A suppression, and what followed."""

    new: bool = Field(description="Whether it was not there before.", examples=[True])
    cancelled: int = Field(description="Emails that were waiting and leave no more.", examples=[1])


@router.get("")
def list_suppressions(
    here: Here, _caller: Reader, address: Text | None = None, cursor: Cursor = None, limit: Limit = 50
) -> Page[SuppressionOut]:
    """List suppressions, the oldest first; of one address or domain if it is named."""
    with here.database.snapshot() as connection:
        found = store.page(connection, after(cursor), limit, address)
    return Page(items=[SuppressionOut.of(one) for one in found.items], next=next_of(found))


@router.post("", status_code=201, responses={200: {"model": SuppressionAdded, "description": "Was there"}})
def add_suppression(
    here: Here, caller: Writer, wanted: SuppressionIn, response: Response
) -> SuppressionAdded:
    """Never write to an address again. What waits for it is cancelled. Again does no harm."""
    now = here.clock.now()
    found, is_new, cancelled = here.database.write(
        lambda c: store.add(c, wanted.address, wanted.scope, wanted.reason, now, caller.name)
    )
    response.status_code = 201 if is_new else 200
    return SuppressionAdded(**SuppressionOut.of(found).model_dump(), new=is_new, cancelled=cancelled)


@router.delete("")
def lift_suppressions(
    here: Here,
    caller: Writer,
    address: Text,
    reason: Annotated[str, Query(min_length=1, max_length=500, description="Why; it is written down.")],
    scope: Annotated[str | None, Query(max_length=100, description="Of this scope only.")] = None,
) -> list[SuppressionOut]:
    """Let an address be written to again; the next plan places what still lies ahead."""
    now = here.clock.now()
    gone = here.database.write(lambda c: store.lift(c, address, scope, reason, now, caller.name))
    return [SuppressionOut.of(one) for one in gone]
