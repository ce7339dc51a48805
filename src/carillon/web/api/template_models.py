"""How templates look from outside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, model_validator

from carillon.send.lint import Finding
from carillon.store.templates import Version

LONGEST_PART = 2_000_000


class TemplateIn(BaseModel):
    """A new version. An email needs html or text, an SMS needs sms."""

    model_config = {"extra": "forbid"}

    subject: Annotated[str, Field(max_length=1000)] | None = Field(None, examples=["Hello {{ first_name }}"])
    html: Annotated[str, Field(max_length=LONGEST_PART)] | None = Field(
        None, examples=["<p>Hello {{ first_name }}</p>"]
    )
    text: Annotated[str, Field(max_length=LONGEST_PART)] | None = None
    sms: Annotated[str, Field(max_length=10_000)] | None = None
    from_name: Annotated[str, Field(max_length=200)] | None = None
    preheader: Annotated[str, Field(max_length=1000)] | None = None

    @model_validator(mode="after")
    def _has_a_body(self) -> TemplateIn:
        if not (self.html or self.text or self.sms):
            raise ValueError("a template needs html, text or sms")
        return self


class VersionOut(BaseModel):
    """A version, without its parts."""

    name: str = Field(examples=["birthday_standard_v1"])
    version: int = Field(examples=[2])
    active: bool = Field(description="Whether emails take it.", examples=[True])
    kind: str = Field(examples=["email"])
    subject: str | None = Field(examples=["Hello {{ first_name }}"])
    created_at: datetime | None
    created_by: str = Field(examples=["API key crm"])
    attachments: list[str] = Field(examples=[["rates.pdf"]])

    @classmethod
    def of(cls, one: Version) -> VersionOut:
        return cls(
            name=one.source.name,
            version=one.source.version,
            active=one.active,
            kind="email" if one.source.is_email else "sms",
            subject=one.source.subject,
            created_at=one.created,
            created_by=one.by,
            attachments=[file.name for file in one.source.attachments],
        )


class FindingOut(BaseModel):
    """One thing that is wrong with a version."""

    text: str = Field(examples=["this email has no unsubscribe link"])
    part: str = Field(examples=["html"])
    line: int | None = Field(examples=[12])
    is_error: bool = Field(description="Whether it keeps the version from being activated.")

    @classmethod
    def of(cls, one: Finding) -> FindingOut:
        return cls(text=one.text, part=one.part, line=one.line, is_error=one.is_error)


class VersionWhole(VersionOut):
    """A version with its parts."""

    html: str | None = Field(examples=["<p>Hello {{ first_name }}</p>"])
    text: str | None = Field(examples=["Hello {{ first_name }}"])
    sms: str | None
    from_name: str | None
    preheader: str | None
    findings: list[FindingOut]


class TemplateOut(VersionWhole):
    """The version in force, else the newest; and which versions there are."""

    versions: list[VersionOut]


class PreviewOut(BaseModel):
    """How a contact would get it. The links in it change nothing."""

    name: str = Field(examples=["birthday_standard_v1"])
    version: int = Field(examples=[2])
    contact: str | None = Field(
        description="The address of the contact it was rendered for.", examples=["maria@example.com"]
    )
    subject: str | None = Field(examples=["Hello Maria"])
    html: str | None = Field(examples=["<p>Hello Maria</p>"])
    text: str | None = Field(examples=["Hello Maria"])
    sms: str | None
