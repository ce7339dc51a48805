"""Sender accounts and their days. A secret is never among what is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from carillon.accounts import MOST, Account, in_status
from carillon.store import accounts as store
from carillon.store import slots
from carillon.store.clean import cleaned
from carillon.store.engine import Connection
from carillon.web.api.access import Admin, Here, Reader, Sender
from carillon.web.api.etags import KNOWN, IfMatch, IfNoneMatch, require, tag, unless_known
from carillon.web.api.paging import Id
from carillon.web.api.problems import missing, said
from carillon.words import AccountStatus
from carillon.workspace import Workspace

router = APIRouter(prefix="/accounts", tags=["accounts"])

_SHOWN = tuple(
    one.name for one in fields(Account) if one.name not in ("secret", "inbox_secret", "created", "updated")
)


class AccountOut(BaseModel):
    """An account. Settings may name the variable that holds a secret; the secret itself is not there."""

    model_config = {"extra": "allow"}

    id: int = Field(examples=[1])
    name: str = Field(examples=["sales"])
    address: str = Field(examples=["sales@example.com"])
    transport: str = Field(examples=["smtp"])
    kind: str = Field(examples=["mailbox"])
    group: str = Field(examples=["default"])
    status: str = Field(examples=["active"])
    last_error: str | None
    has_secret: bool = Field(examples=[True])
    created_at: datetime | None
    updated_at: datetime | None
    emails: dict[str, int] = Field(
        description="By status: what it is to send, and what it has sent.",
        examples=[{"scheduled": 12, "sent": 340}],
    )


class AccountPatch(BaseModel):
    """What may be changed here. How it logs in is for `carillon account set`."""

    model_config = {"extra": "forbid"}

    display_name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    reply_to: Annotated[str, Field(max_length=254)] | None = None
    group: Annotated[str, Field(min_length=1, max_length=100)] = "default"
    timezone: Annotated[str, Field(max_length=100)] | None = None
    daily_limit: Annotated[int, Field(ge=1, le=MOST["daily_limit"])] | None = Field(None, examples=[200])
    max_per_hour: Annotated[int, Field(ge=1, le=MOST["max_per_hour"])] | None = None
    max_per_minute: Annotated[int, Field(ge=1, le=MOST["max_per_minute"])] | None = None
    max_per_second: Annotated[int, Field(ge=1, le=MOST["max_per_second"])] | None = None
    max_per_domain_per_minute: Annotated[int, Field(ge=1, le=MOST["max_per_domain_per_minute"])] | None = None
    send_delay_seconds: Annotated[int, Field(ge=0, le=86_400)] = 0


class SlotOut(BaseModel):
    """One moment at which an account may send."""

    at: datetime
    activity: str = Field(examples=["normal"])
    status: str = Field(examples=["pending"])
    sent_at: datetime | None
    schedule_id: int | None


@router.get("")
def list_accounts(here: Here, _caller: Reader) -> list[AccountOut]:
    """List the accounts."""
    with here.database.snapshot() as connection:
        return [_out(one, store.emails_of(connection, one.id)) for one in store.accounts(connection)]


@router.get("/{account_id}", response_model=AccountOut, responses=said(404) | KNOWN)
def get_account(
    here: Here, _caller: Reader, account_id: Id, response: Response, if_none_match: IfNoneMatch = None
) -> AccountOut | Response:
    """One account."""
    with here.database.snapshot() as connection:
        found = _shown(connection, account_id)
    return unless_known(if_none_match, response, found) or found


@router.patch("/{account_id}", responses=said(404, 412))
def change_account(
    here: Here,
    caller: Admin,
    account_id: Id,
    changes: AccountPatch,
    response: Response,
    if_match: IfMatch = None,
) -> AccountOut:
    """Change an account; what is left out stays."""
    given = changes.model_dump(include=changes.model_fields_set)
    changed = _change(here, caller.name, account_id, lambda old: replace(old, **given), if_match)
    tag(response, changed)
    return changed


@router.post("/{account_id}/pause", responses=said(404))
def pause_account(here: Here, caller: Sender, account_id: Id) -> AccountOut:
    """Keep an account from sending. What is being sent at this moment is finished."""
    return _change(here, caller.name, account_id, lambda old: in_status(old, AccountStatus.PAUSED))


@router.post("/{account_id}/resume", responses=said(404))
def resume_account(here: Here, caller: Sender, account_id: Id) -> AccountOut:
    """Let an account send again that was paused or had an error."""
    return _change(here, caller.name, account_id, lambda old: in_status(old, AccountStatus.ACTIVE))


@router.get("/{account_id}/slots", responses=said(404))
def account_slots(
    here: Here,
    _caller: Reader,
    account_id: Id,
    day: Annotated[date | None, Query(alias="date", description="In the account's zone; today.")] = None,
) -> list[SlotOut]:
    """The moments of one of its days, and what became of them."""
    with here.database.snapshot() as connection:
        _find(connection, account_id)
        found = slots.of_day(connection, account_id, day or here.today())
    return [
        SlotOut(at=one.at, activity=one.activity, status=one.status, sent_at=one.sent_at,
                schedule_id=one.schedule_id)
        for one in found
    ]  # fmt: skip


def _find(connection: Connection, number: int) -> Account:
    for one in store.accounts(connection):
        if one.id == number:
            return one
    raise missing("account with this id")


def _shown(connection: Connection, number: int) -> AccountOut:
    return _out(_find(connection, number), store.emails_of(connection, number))


def _change(
    here: Workspace, by: str, number: int, edit: Callable[[Account], Account], if_match: str | None = None
) -> AccountOut:
    def work(connection: Connection) -> AccountOut:
        name = _find(connection, number).name
        require(if_match, _shown(connection, number))
        store.change(connection, name, edit, here.clock.now(), by)
        return _shown(connection, number)

    return here.database.write(work)


def _out(one: Account, emails: dict[str, int]) -> AccountOut:
    values: dict[str, Any] = {name: getattr(one, name) for name in _SHOWN}
    plain: Any = cleaned(values)
    return AccountOut(
        **plain,
        has_secret=one.secret is not None,
        created_at=one.created,
        updated_at=one.updated,
        emails=emails,
    )
