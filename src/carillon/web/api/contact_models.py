"""How contacts look from outside."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from carillon.files.run import ImportReport
from carillon.store.clean import cleaned
from carillon.store.contact_search import Found
from carillon.words import ContactStatus

MOST_CONTACTS = 10_000
"""Of one call."""
Short = Annotated[str, StringConstraints(max_length=500)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class ContactFields(BaseModel):
    """What may be said about a contact."""

    model_config = {"extra": "forbid"}

    first_name: Short | None = Field(None, examples=["Maria"])
    last_name: Short | None = Field(None, examples=["Lopez"])
    phone_number: Short | None = Field(None, examples=["+15551234567"])
    zip_code: Short | None = Field(None, examples=["90210"], description="It decides the state.")
    state: Short | None = Field(None, examples=["CA"])
    birth_date: Short | None = Field(None, examples=["1958-03-14"])
    effective_date: Short | None = Field(None, examples=["2023-07-01"])
    company: Short | None = None
    industry: Short | None = None
    title: Short | None = None
    timezone: Short | None = Field(None, examples=["America/New_York"])
    external_id: Short | None = Field(None, examples=["CRM-1042"])
    sms_consent_at: Short | None = Field(None, examples=["2026-01-05T10:00:00Z"])
    tags: Annotated[list[Tag], Field(max_length=100)] | None = Field(None, examples=[["gold"]])
    attributes: dict[str, Any] | None = Field(None, examples=[{"plan": "G"}])


class ContactIn(ContactFields):
    """A contact as it is handed in. What is left out, or null, erases nothing."""

    email: Short = Field(examples=["maria@example.com"])


class ContactPatch(ContactFields):
    """What is to be different about a contact. What is left out stays; null takes a value away."""

    email: Short | None = Field(None, examples=["maria@example.com"])


class Contact(BaseModel):
    """A contact as stored."""

    id: int = Field(examples=[17])
    email: str | None = Field(examples=["maria@example.com"])
    first_name: str | None = Field(examples=["Maria"])
    last_name: str | None = Field(examples=["Lopez"])
    phone_number: str | None = Field(examples=["+15551234567"])
    zip_code: str | None = Field(examples=["90210"])
    state: str | None = Field(examples=["CA"])
    birth_date: str | None = Field(
        description="An ISO date, or what was imported where that was none.", examples=["1958-03-14"]
    )
    effective_date: str | None = Field(examples=["2023-07-01"])
    company: str | None
    industry: str | None
    title: str | None
    timezone: str | None = Field(examples=["America/Los_Angeles"])
    external_id: str | None = Field(examples=["CRM-1042"])
    sms_consent_at: datetime | None
    tags: list[Any] = Field(examples=[["gold"]])
    attributes: dict[str, Any] = Field(examples=[{"plan": "G"}])
    status: str = Field(examples=[ContactStatus.ACTIVE.value])
    created_at: datetime | None
    updated_at: datetime | None

    @classmethod
    def of(cls, one: Found) -> Contact:
        more: dict[str, Any] = {**one.texts, "tags": cleaned(one.tags), "attributes": cleaned(one.attributes)}
        return cls(
            id=one.id,
            status=one.status,
            sms_consent_at=one.sms_consent_at,
            created_at=one.created,
            updated_at=one.updated,
            **more,
        )


class ContactProblem(BaseModel):
    """What was wrong with one contact of a list."""

    index: int = Field(description="Its place in the list, from 0.", examples=[3])
    kind: str = Field(description="rejected: not stored; warning: stored without this value.",
                      examples=["rejected"])  # fmt: skip
    field: str = Field(examples=["email"])
    why: str = Field(examples=["not an email address: it has no @"])


class Upserted(BaseModel):
    """What became of a list: read = created + updated + unchanged + rejected."""

    read: int = Field(examples=[3])
    created: int = Field(examples=[1])
    updated: int = Field(examples=[1])
    unchanged: int = Field(examples=[0])
    rejected: int = Field(examples=[1])
    problems: list[ContactProblem]
    dry_run: bool

    @classmethod
    def of(cls, report: ImportReport) -> Upserted:
        problems = [
            ContactProblem(index=one.line - 1, kind=kind, field=one.column, why=one.reason)
            for kind, one in report.problems
        ]
        return cls(
            read=report.read,
            created=report.created,
            updated=report.updated,
            unchanged=report.unchanged,
            rejected=report.rejected,
            problems=problems,
            dry_run=report.dry_run,
        )


class Span(BaseModel):
    """Days without mail."""

    first: date
    last: date | None
    words: str = Field(examples=["birthday window of CA, from 12 February to 13 May"])


class ExplainedEmail(BaseModel):
    """One email, and why it goes or does not."""

    email_type: str = Field(examples=["birthday"])
    status: str = Field(examples=["pre-scheduled"])
    words: str = Field(examples=["goes on 28 February, 14 days before the birthday"])
    event: date | None
    day: date | None
    ideal: date | None
    moved_by: str | None
    skip_reason: str | None
    window: Span | None
    next_run: str | None
    campaign: str | None
    template: str | None
    variant: str | None


class Explained(BaseModel):
    """A contact's year, in words and dates."""

    contact_id: int = Field(examples=[17])
    eligible: bool = Field(examples=[True])
    why_not: list[str] = Field(examples=[[]])
    windows: list[Span]
    emails: list[ExplainedEmail]
    past: list[ExplainedEmail] = Field(examples=[[]])
    notes: list[str] = Field(examples=[[]])


def record_of(given: ContactFields, names: Iterable[str]) -> dict[str, str | None]:
    """The fields as texts, as a list has them."""
    found: dict[str, str | None] = {}
    for name in names:
        value = getattr(given, name)
        found[name] = json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value
    return found
