"""Campaigns: types put to use. Whom they go to: `targets`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from carillon.campaigns import LONGEST_NAME, TYPE_FIELDS, Campaign, Instance
from carillon.store import campaign_log
from carillon.store import campaigns as store
from carillon.store.clean import cleaned
from carillon.store.engine import Connection
from carillon.web.api.access import Here, Reader, Sender, Writer
from carillon.web.api.etags import KNOWN, IfMatch, IfNoneMatch, require, tag, unless_known
from carillon.web.api.location import located
from carillon.web.api.paging import Cursor, Id, Limit, Page, cut
from carillon.web.api.problems import missing, said
from carillon.words import InstanceStatus
from carillon.workspace import Workspace

router = APIRouter(prefix="/campaigns", tags=["campaigns"])
Template = Annotated[str, Field(max_length=100)]


class CampaignFields(BaseModel):
    """What may be said about a campaign. null takes a value away."""

    model_config = {"extra": "forbid"}

    email_template: Template | None = Field(None, examples=["rate_increase_v1"])
    sms_template: Template | None = None
    start: date | None = Field(None, description="The first day its emails may leave.")
    end: date | None = Field(None, description="The last one.")
    metadata: dict[str, Any] | None = Field(
        None,
        description="Fields of the type to override, followup_templates, variants, keys of your own. "
        "Changed key by key; null takes a key out.",
        examples=[{"priority": 5}],
    )


class CampaignIn(CampaignFields):
    """A campaign to be made."""

    type: str = Field(min_length=1, max_length=100, examples=["rate_increase"])
    name: str = Field(min_length=1, max_length=LONGEST_NAME, examples=["spring_rates"])


class CampaignOut(BaseModel):
    """A campaign."""

    id: int = Field(examples=[3])
    name: str = Field(examples=["spring_rates"])
    type: str = Field(examples=["rate_increase"])
    status: str = Field(examples=[InstanceStatus.ACTIVE.value])
    email_template: str | None = Field(examples=["rate_increase_v1"])
    sms_template: str | None
    start: date | None
    end: date | None
    metadata: dict[str, Any] = Field(examples=[{"priority": 5}])
    fields: dict[str, Any] = Field(
        description="The type's fields as they hold for this campaign.",
        examples=[{"days_before_event": 14, "priority": 5}],
    )
    targets: dict[str, int] = Field(description="Named targets by status.", examples=[{"pending": 120}])
    created_at: datetime | None


class ChangeOut(BaseModel):
    """One field that was changed."""

    campaign: str | None = Field(examples=["spring_rates"])
    type: str | None
    field: str = Field(examples=["email_template"])
    old: str | None = Field(examples=["rate_increase_v1"])
    new: str | None = Field(examples=["rate_increase_v2"])
    requires_rescheduling: bool
    changed_at: datetime | None
    changed_by: str = Field(examples=["API key crm"])


@router.get("")
def list_campaigns(
    here: Here, _caller: Reader, cursor: Cursor = None, limit: Limit = 50
) -> Page[CampaignOut]:
    """List campaigns in the order in which they were made."""
    with here.database.snapshot() as connection:
        found = store.campaigns(connection, here.settings.campaign_types)
        counts = store.target_counts(connection)
    some, following = cut(found, [one.instance.id for one in found], cursor, limit)
    return Page(items=[_out(one, counts.get(one.instance.id, {})) for one in some], next=following)


@router.post("", status_code=201)
def make_campaign(here: Here, caller: Writer, wanted: CampaignIn, response: Response) -> CampaignOut:
    """Make a campaign. It is planned from now on, for its targets."""
    new = _edited(Instance(0, wanted.type, wanted.name), wanted)

    def work(connection: Connection) -> CampaignOut:
        store.sync_types(connection, here.settings.campaign_types, here.clock.now())
        made = store.create(connection, new, here.clock.now(), caller.name)
        return shown(here, connection, made.id)

    made = here.database.write(work)
    located(response, f"{router.prefix}/{made.id}")
    tag(response, made)
    return made


@router.get("/{campaign_id}", response_model=CampaignOut, responses=said(404) | KNOWN)
def get_campaign(
    here: Here, _caller: Reader, campaign_id: Id, response: Response, if_none_match: IfNoneMatch = None
) -> CampaignOut | Response:
    """One campaign."""
    with here.database.snapshot() as connection:
        found = shown(here, connection, campaign_id)
    return unless_known(if_none_match, response, found) or found


@router.patch("/{campaign_id}", responses=said(404, 412))
def change_campaign(
    here: Here,
    caller: Writer,
    campaign_id: Id,
    fields: CampaignFields,
    response: Response,
    if_match: IfMatch = None,
) -> CampaignOut:
    """Change a campaign; what is left out stays."""
    changed = _change(here, caller.name, campaign_id, lambda old: _edited(old, fields), if_match)
    tag(response, changed)
    return changed


@router.post("/{campaign_id}/pause", responses=said(404))
def pause_campaign(here: Here, caller: Sender, campaign_id: Id) -> CampaignOut:
    """Hold a campaign up: its planned emails are skipped until it is resumed."""
    return _change(here, caller.name, campaign_id, _to(InstanceStatus.PAUSED), None)


@router.post("/{campaign_id}/resume", responses=said(404))
def resume_campaign(here: Here, caller: Sender, campaign_id: Id) -> CampaignOut:
    """Let a campaign go on that was paused or archived."""
    return _change(here, caller.name, campaign_id, _to(InstanceStatus.ACTIVE), None)


@router.post("/{campaign_id}/archive", responses=said(404))
def archive_campaign(here: Here, caller: Sender, campaign_id: Id) -> CampaignOut:
    """End a campaign for good: its planned emails go, what was sent stays known."""
    return _change(here, caller.name, campaign_id, _to(InstanceStatus.ARCHIVED), None)


@router.get("/{campaign_id}/log", responses=said(404))
def campaign_changes(here: Here, _caller: Reader, campaign_id: Id, limit: Limit = 50) -> list[ChangeOut]:
    """What was changed about a campaign, the newest first."""
    with here.database.snapshot() as connection:
        shown(here, connection, campaign_id)
        found = campaign_log.newest(connection, limit, campaign_id)
    return [
        ChangeOut(
            campaign=None if one.is_type else one.about,
            type=one.about if one.is_type else None,
            field=one.change.field,
            old=one.change.old,
            new=one.change.new,
            requires_rescheduling=one.change.reschedules,
            changed_at=one.at,
            changed_by=one.by,
        )
        for one in found
    ]


def campaign_of(here: Workspace, connection: Connection, number: int) -> Campaign:
    """The campaign with this id. Raises Problem where there is none."""
    name = store.name_of(connection, number)
    if name is None:
        raise missing("campaign with this id")
    known = store.types(connection, here.settings.campaign_types)
    return store.with_type(known, store.find(connection, name))


def shown(here: Workspace, connection: Connection, number: int) -> CampaignOut:
    """The same, as it looks from outside."""
    campaign = campaign_of(here, connection, number)
    return _out(campaign, store.target_counts(connection).get(number, {}))


def _to(status: InstanceStatus) -> Callable[[Instance], Instance]:
    return lambda old: replace(old, status=status.value)


def _change(
    here: Workspace, by: str, number: int, edit: Callable[[Instance], Instance], if_match: str | None
) -> CampaignOut:
    def work(connection: Connection) -> CampaignOut:
        store.sync_types(connection, here.settings.campaign_types, here.clock.now())
        name = store.name_of(connection, number)
        if name is None:
            raise missing("campaign with this id")
        store.find(connection, name, to_change=True)
        require(if_match, shown(here, connection, number))
        store.change(connection, name, edit, here.clock.now(), by)
        return shown(here, connection, number)

    return here.database.write(work)


def _edited(old: Instance, fields: CampaignFields) -> Instance:
    given = fields.model_dump(include=fields.model_fields_set & set(CampaignFields.model_fields))
    merged = old.metadata | (given.pop("metadata", None) or {})
    return replace(old, **given, metadata={key: one for key, one in merged.items() if one is not None})


def _out(campaign: Campaign, counts: dict[str, int]) -> CampaignOut:
    instance = campaign.instance
    metadata: Any = cleaned(instance.metadata)
    return CampaignOut(
        id=instance.id,
        name=instance.name,
        type=instance.campaign_type,
        status=instance.status,
        email_template=instance.email_template,
        sms_template=instance.sms_template,
        start=instance.start,
        end=instance.end,
        metadata=metadata,
        fields={name: getattr(campaign, name) for name in TYPE_FIELDS},
        targets=counts,
        created_at=instance.created,
    )
