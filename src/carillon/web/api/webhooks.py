"""Programs that want to be told what happens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from carillon.listen.announce import new_webhook
from carillon.store import webhooks as store
from carillon.store.engine import Connection
from carillon.web.api.access import Admin, Here
from carillon.web.api.location import located
from carillon.web.api.paging import Cursor, Id, Limit, Page, after, next_of
from carillon.web.api.problems import missing, said

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", examples=["replied"])]


class WebhookIn(BaseModel):
    """A server that is to be told."""

    model_config = {"extra": "forbid"}

    url: str = Field(pattern=r"^https?://[^\s/]", max_length=2000, examples=["https://crm.example.com/hook"])
    event_types: Annotated[list[Kind], Field(max_length=100)] = Field(
        [], description="Of what it is told; empty: of everything.", examples=[["replied", "bounced"]]
    )


class WebhookPatch(BaseModel):
    """Whether it is told."""

    model_config = {"extra": "forbid"}

    active: bool


class WebhookOut(BaseModel):
    """A server that is told."""

    id: int
    url: str = Field(examples=["https://crm.example.com/hook"])
    event_types: list[str] = Field(examples=[["replied", "bounced"]])
    active: bool = Field(examples=[True])
    created_at: datetime | None
    created_by: str = Field(examples=["ann"])

    @classmethod
    def of(cls, one: store.Subscription) -> WebhookOut:
        return cls(
            id=one.id,
            url=one.url,
            event_types=list(one.event_types),
            active=one.active,
            created_at=one.created,
            created_by=one.created_by,
        )


class WebhookMade(WebhookOut):
    """A new one, with its secret: shown now and never again."""

    secret: str = Field(
        description="Signs what is posted: X-Webhook-Signature is the HMAC-SHA256, in hex, of"
        " X-Webhook-Timestamp, a dot and the body.",
        examples=["whsec_..."],
    )


class DeliveryOut(BaseModel):
    """One event that a server was, or is to be, told of."""

    id: int
    event_id: int
    event_type: str = Field(examples=["replied"])
    status: str = Field(examples=["done"])
    attempts: int
    due_at: datetime | None
    answer_status: int | None = Field(examples=[200])
    last_error: str | None
    created_at: datetime | None
    ended_at: datetime | None


@router.get("")
def list_webhooks(here: Here, _caller: Admin) -> list[WebhookOut]:
    """List the servers that are told. Their secrets are never shown."""
    with here.database.snapshot() as connection:
        return [WebhookOut.of(one) for one in store.subscriptions(connection)]


@router.post("", status_code=201)
def add_webhook(here: Here, caller: Admin, wanted: WebhookIn, response: Response) -> WebhookMade:
    """Let a server be told of what happens from now on; never of answers to health questions."""
    made, secret = new_webhook(here, wanted.url, wanted.event_types, caller.name)
    located(response, f"{router.prefix}/{made.id}")
    return WebhookMade(**WebhookOut.of(made).model_dump(), secret=secret)


@router.get("/{webhook_id}", responses=said(404))
def get_webhook(here: Here, _caller: Admin, webhook_id: Id) -> WebhookOut:
    """One of them. Its secret is never shown."""
    with here.database.snapshot() as connection:
        return _find(connection, webhook_id)


@router.patch("/{webhook_id}", responses=said(404))
def change_webhook(here: Here, caller: Admin, webhook_id: Id, wanted: WebhookPatch) -> WebhookOut:
    """Pause a webhook, or let it go on; what happens meanwhile it is never told."""

    def work(connection: Connection) -> WebhookOut:
        _find(connection, webhook_id)
        store.set_active(connection, webhook_id, wanted.active, here.clock.now(), caller.name)
        return _find(connection, webhook_id)

    return here.database.write(work)


@router.delete("/{webhook_id}", status_code=204, responses=said(404))
def remove_webhook(here: Here, caller: Admin, webhook_id: Id) -> Response:
    """Take a webhook away, with all that waits for it."""

    def work(connection: Connection) -> None:
        _find(connection, webhook_id)
        store.unsubscribe(connection, webhook_id, here.clock.now(), caller.name)

    here.database.write(work)
    return Response(status_code=204)


@router.get("/{webhook_id}/deliveries", responses=said(404))
def list_deliveries(
    here: Here, _caller: Admin, webhook_id: Id, cursor: Cursor = None, limit: Limit = 50
) -> Page[DeliveryOut]:
    """What a server was told and how it went, the newest first."""
    with here.database.snapshot() as connection:
        _find(connection, webhook_id)
        found = store.deliveries(connection, webhook_id, after(cursor) or None, limit)
    items = [
        DeliveryOut(
            id=one.id,
            event_id=one.event_id,
            event_type=one.event_type,
            status=one.status,
            attempts=one.attempts,
            due_at=one.due,
            answer_status=one.answer_status,
            last_error=one.last_error,
            created_at=one.created,
            ended_at=one.ended,
        )
        for one in found.items
    ]
    return Page(items=items, next=next_of(found))


def _find(connection: Connection, number: int) -> WebhookOut:
    found = store.find(connection, number)
    if found is None:
        raise missing("webhook with this id")
    return WebhookOut.of(found)
