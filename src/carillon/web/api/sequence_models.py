"""How sequences look from outside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from carillon.advance.preview import first_email
from carillon.campaigns import LONGEST_NAME
from carillon.jobs import sequences as jobs
from carillon.sequences import MOST_STEPS, Sequence, plain_settings
from carillon.store.sequence_starts import Start
from carillon.store.sequence_status import Counts
from carillon.web.api.moments import Moment
from carillon.workspace import Workspace


class SequenceIn(BaseModel):
    """A sequence as its file says it: steps, or the short form (templates, followup_delays, ...)."""

    model_config = {"extra": "allow"}

    name: str = Field(min_length=1, max_length=LONGEST_NAME, examples=["welcome"])
    campaign: str | None = Field(None, max_length=LONGEST_NAME, description="Of outreach, if any.")
    settings: dict[str, Any] | None = Field(None, examples=[{"stop_on_reply": True}])
    steps: Annotated[list[dict[str, Any]], Field(max_length=MOST_STEPS)] | None = Field(
        None,
        description="Each with a `key` and a `type`: email (template), delay (amount, unit, since), "
        "condition (when), action, exit; with the keys that the file of a sequence has for it.",
        examples=[
            [
                {"key": "hello", "type": "email", "template": "welcome_v1"},
                {"key": "wait", "type": "delay", "amount": 3, "unit": "days"},
                {"key": "again", "type": "email", "template": "welcome_v2"},
            ]
        ],
    )


class StepOut(BaseModel):
    """One step."""

    key: str = Field(examples=["hello"])
    type: str = Field(examples=["email"])
    settings: dict[str, Any] = Field(examples=[{"template": "welcome_v1"}])
    next: str | None = Field(description="The key of the step behind it; null: the end.", examples=["wait"])
    otherwise: str | None = Field(description="Of a condition: where those go for whom it is not so.")


class CountsOut(BaseModel):
    """How the contacts of a sequence stand."""

    total: int = Field(examples=[120])
    by_status: dict[str, int] = Field(examples=[{"active": 80, "completed": 40}])
    sent: int = Field(examples=[200])
    replies: int = Field(examples=[12])
    reply_rate: float | None = Field(examples=[0.1])
    last_activity: datetime | None


class SequenceOut(BaseModel):
    """A sequence."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["welcome"])
    status: str = Field(examples=["draft"])
    campaign: str | None
    version: int = Field(examples=[2])
    scheduled_start_at: datetime | None
    settings: dict[str, Any] = Field(examples=[{"stop_on_reply": True}])
    steps: list[StepOut]
    counts: CountsOut


class Edited(SequenceOut):
    """A sequence that was made or edited."""

    changed: list[str] = Field(description="What is different now.", examples=[["step hello: template"]])
    moved: int = Field(description="Contacts that waited at a step which is gone, and went on.", examples=[0])
    missing_templates: list[str] = Field(examples=[[]])


class ActivationIn(BaseModel):
    """When a sequence begins."""

    model_config = {"extra": "forbid"}

    scheduled_start_at: Moment | None = Field(
        None, description="null: now.", examples=["2027-03-01T09:00:00+01:00"]
    )


class ActivationOut(BaseModel):
    """How a sequence stands after its activation."""

    sequence: str = Field(examples=["welcome"])
    status: str = Field(examples=["active"])
    scheduled_start_at: datetime | None
    on_their_way: int = Field(examples=[120])
    begin: dict[str, int] = Field(description="How many begin on which day.", examples=[{"2027-03-01": 120}])
    first_emails_at: datetime | None
    warnings: list[str] = Field(examples=[[]])

    @classmethod
    def of(cls, here: Workspace, start: Start) -> ActivationOut:
        zone = here.settings.workspace.zone
        return cls(
            sequence=start.sequence.name,
            status=start.sequence.status.value,
            scheduled_start_at=start.sequence.scheduled_start_at,
            on_their_way=start.enrolled,
            begin=start.days,
            first_emails_at=None if start.first is None else first_email(start.sequence, start.first, zone),
            warnings=jobs.warnings(here, start.sequence),
        )


def shown(one: Sequence, counts: Counts) -> SequenceOut:
    return SequenceOut(
        id=one.id,
        name=one.name,
        status=one.status.value,
        campaign=one.campaign,
        version=one.version,
        scheduled_start_at=one.scheduled_start_at,
        settings=plain_settings(one.settings),
        steps=[
            StepOut(
                key=step.key,
                type=step.type.value,
                settings=plain_settings(step.settings),
                next=step.next,
                otherwise=step.otherwise,
            )
            for step in one.steps
        ],
        counts=CountsOut.model_validate(counts.as_json()),
    )
