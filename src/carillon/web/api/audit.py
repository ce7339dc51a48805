"""The audit log: who did what on purpose, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from carillon.store import audit as store
from carillon.store.clean import cleaned
from carillon.web.api.access import Admin, Here
from carillon.web.api.moments import Moment
from carillon.web.api.paging import Cursor, Limit, Page, Text, after, next_of

router = APIRouter(prefix="/audit", tags=["audit"])


class DeedOut(BaseModel):
    """One deed."""

    id: int
    who: str = Field(examples=["API key crm"])
    what: str = Field(examples=["suppression added"])
    at: datetime | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None = Field(examples=[{"address": "maria@example.com", "scope": "all"}])


@router.get("")
def list_deeds(
    here: Here,
    _caller: Admin,
    q: Annotated[Text | None, Query(description="Words that stand somewhere in it.")] = None,
    since: Annotated[Moment | None, Query(description="From this moment on.")] = None,
    until: Annotated[Moment | None, Query(description="Before this moment.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DeedOut]:
    """List deeds, the newest first. Secrets are never among them."""
    which = store.Which(q or "", since, until)
    with here.database.snapshot() as connection:
        found = store.page(connection, after(cursor) or None, limit, which)
    return Page(items=[_out(one) for one in found.items], next=next_of(found))


def _out(one: store.Deed) -> DeedOut:
    before: Any = cleaned(one.before)
    later: Any = cleaned(one.after)
    return DeedOut(id=one.id, who=one.who, what=one.what, at=one.when, before=before, after=later)
