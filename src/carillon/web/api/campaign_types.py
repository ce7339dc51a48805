"""Types of campaigns: what campaigns of a kind have in common."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from carillon.campaigns import FURTHEST_DAYS, LOWEST_PRIORITY, CampaignType
from carillon.store import campaigns as store
from carillon.store.engine import Connection
from carillon.web.api.access import Here, Reader, Writer
from carillon.web.api.problems import Problem, missing, said

router = APIRouter(prefix="/campaign-types", tags=["campaigns"])

Name = Annotated[str, Path(min_length=1, max_length=100, examples=["rate_increase"])]
_DAYS = {"ge": -FURTHEST_DAYS, "le": FURTHEST_DAYS}


class TypeFields(BaseModel):
    """What a type says. What is left out stays or, of a new type, has its default."""

    model_config = {"extra": "forbid"}

    respect_exclusion_windows: bool | None = None
    enable_followups: bool | None = None
    days_before_event: Annotated[int, Field(**_DAYS)] | None = Field(None, examples=[14])
    target_all_contacts: bool | None = None
    priority: Annotated[int, Field(ge=0, le=LOWEST_PRIORITY)] | None = Field(None, examples=[10])
    active: bool | None = None


class TypeOut(BaseModel):
    """A type."""

    name: str = Field(examples=["rate_increase"])
    respect_exclusion_windows: bool = Field(examples=[True])
    enable_followups: bool = Field(examples=[True])
    days_before_event: int = Field(examples=[14])
    target_all_contacts: bool
    priority: int = Field(examples=[10])
    active: bool = Field(examples=[True])
    in_settings: bool = Field(description="Defined in carillon.yaml, and to be changed only there.")


@router.get("")
def list_types(here: Here, _caller: Reader) -> list[TypeOut]:
    """List the types of campaigns."""
    with here.database.snapshot() as connection:
        found = store.types(connection, here.settings.campaign_types)
    return [_out(one, here.settings.campaign_types) for one in found.values()]


@router.get("/{name}", responses=said(404))
def get_type(here: Here, _caller: Reader, name: Name) -> TypeOut:
    """One type."""
    with here.database.snapshot() as connection:
        found = store.types(connection, here.settings.campaign_types).get(name)
    if found is None:
        raise missing("campaign type with this name")
    return _out(found, here.settings.campaign_types)


@router.put("/{name}")
def put_type(here: Here, caller: Writer, name: Name, fields: TypeFields) -> TypeOut:
    """Make a type, or change what all campaigns of a type have in common."""
    if name in here.settings.campaign_types:
        raise Problem(409, f"the type {name} is defined in carillon.yaml; change it there")
    given: dict[str, Any] = {key: value for key, value in fields.model_dump().items() if value is not None}

    def work(connection: Connection) -> CampaignType:
        store.sync_types(connection, here.settings.campaign_types, here.clock.now())
        new = replace(store.types(connection).get(name) or CampaignType(name), **given)
        store.put_type(connection, new, here.clock.now(), caller.name)
        return new

    return _out(here.database.write(work), here.settings.campaign_types)


def _out(one: CampaignType, in_settings: object) -> TypeOut:
    return TypeOut(**asdict(one), in_settings=isinstance(in_settings, dict) and one.name in in_settings)
