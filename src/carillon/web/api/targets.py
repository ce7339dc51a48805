"""Whom a campaign goes to."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, model_validator

from carillon.store import campaign_targets as store
from carillon.store import campaigns, targeting
from carillon.store.contact_lookup import MOST_ID
from carillon.store.engine import Connection
from carillon.web.api.access import Here, Reader, Writer
from carillon.web.api.campaigns import campaign_of
from carillon.web.api.contact_models import MOST_CONTACTS
from carillon.web.api.paging import Cursor, Id, Limit, Page, after_key, next_of
from carillon.web.api.problems import said
from carillon.workspace import Workspace

router = APIRouter(prefix="/campaigns/{campaign_id}/targets", tags=["campaigns"])


class Who(BaseModel):
    """A contact, by one of its names."""

    model_config = {"extra": "forbid"}

    contact_id: Annotated[int, Field(ge=1, le=MOST_ID)] | None = Field(None, examples=[17])
    external_id: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    email: Annotated[str, Field(min_length=1, max_length=500)] | None = None

    @model_validator(mode="after")
    def _is_named(self) -> Who:
        if [self.contact_id, self.external_id, self.email].count(None) != 2:
            raise ValueError("give exactly one of contact_id, external_id and email")
        return self


class TargetIn(Who):
    """A contact and, if wanted, the date the email is about."""

    trigger_date: date | None = Field(None, examples=["2027-03-01"])


class TargetsIn(BaseModel):
    """Some contacts, or all of them."""

    model_config = {"extra": "forbid"}

    contacts: Annotated[list[TargetIn], Field(max_length=MOST_CONTACTS)] | None = Field(
        None, examples=[[{"email": "maria@example.com", "trigger_date": "2027-03-01"}]]
    )
    all: bool = Field(
        False,
        description="All contacts: with a trigger_date those there are, else also those to come.",
    )
    trigger_date: date | None = Field(None, description="For who has none; without it the usual one.")

    @model_validator(mode="after")
    def _says_who(self) -> TargetsIn:
        if (self.contacts is None) is not self.all:
            raise ValueError("give either contacts or all: true")
        return self


class TargetOut(BaseModel):
    """A contact on a date."""

    contact_id: int = Field(examples=[17])
    email: str | None = Field(examples=["maria@example.com"])
    trigger_date: str = Field(examples=["2027-03-01"])
    status: str = Field(examples=["pending"])


class Targeted(BaseModel):
    """What became of a wish."""

    changed: int = Field(description="Targets added, or taken away.", examples=[1])
    unchanged: int = Field(examples=[0])
    by_date: dict[str, int] = Field(examples=[{"2027-03-01": 1}])
    nobody: list[int] = Field(
        description="Places of the list that mean no contact, or several.", examples=[[]]
    )
    all_contacts: bool = Field(description="Whether the campaign goes to all contacts now.")
    outlook: dict[str, int] = Field(
        description="Of those added: how many go, and how many are too late or outside the campaign's dates.",
        examples=[{"goes": 1}],
    )


@router.get("", responses=said(404))
def list_targets(
    here: Here, _caller: Reader, campaign_id: Id, cursor: Cursor = None, limit: Limit = 50
) -> Page[TargetOut]:
    """List the named targets of a campaign, by contact."""
    with here.database.snapshot() as connection:
        campaign_of(here, connection, campaign_id)
        found = store.page(connection, campaign_id, after_key(cursor), limit)
    return Page(items=[TargetOut(**one.__dict__) for one in found.items], next=next_of(found))


@router.post("", responses=said(404))
def add_targets(here: Here, caller: Writer, campaign_id: Id, wanted: TargetsIn) -> Targeted:
    """Let a campaign go to contacts. Who is a target already stays one."""
    return _change(here, caller.name, campaign_id, wanted, remove=False)


@router.post("/remove", responses=said(404))
def remove_targets(here: Here, caller: Writer, campaign_id: Id, wanted: TargetsIn) -> Targeted:
    """Take targets away: on a date, or on all of theirs."""
    return _change(here, caller.name, campaign_id, wanted, remove=True)


def _change(here: Workspace, by: str, number: int, wanted: TargetsIn, remove: bool) -> Targeted:
    now, today = here.clock.now(), here.today()
    trigger = wanted.trigger_date
    shift = here.settings.load_balancing.max_shift_days

    def work(connection: Connection) -> Targeted:
        campaigns.sync_types(connection, here.settings.campaign_types, now)
        campaign = campaign_of(here, connection, number)
        targeting.check_date(campaign, trigger)
        by_date: dict[str, int] = {}
        unchanged, changed, nobody = 0, 0, []
        if wanted.contacts is not None:
            people = ((one.contact_id, one.external_id, one.email, one.trigger_date)
                      for one in wanted.contacts)  # fmt: skip
            rows = targeting.rows_of(people)
            if remove:
                done = targeting.remove_some(connection, campaign, rows, trigger)
            else:
                done = targeting.add_some(connection, campaign, rows, trigger, today, now)
            by_date, unchanged, changed = done.by_date, done.unchanged, done.changed
            nobody = sorted(int(line) for part in (done.unknown, done.unclear) for line in part["line"])
        elif trigger is not None:
            if remove:
                changed = store.remove_everybody(connection, number, trigger)
            else:
                changed, unchanged = store.add_everybody(connection, number, trigger, now)
            by_date = {trigger.isoformat(): changed} if changed else {}
        else:
            flagged = targeting.go_to_everybody(connection, campaign, not remove, now, by)
            campaign, changed = flagged.campaign, flagged.removed
        return Targeted(
            changed=changed,
            unchanged=unchanged,
            by_date=by_date,
            nobody=nobody,
            all_contacts=campaign.target_all_contacts,
            outlook={} if remove else targeting.outlooks(campaign, by_date, today, shift),
        )

    return here.database.write(work)
