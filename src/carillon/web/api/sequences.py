"""Sequences: steps written down, activated, held up. Who is on the way through them: `enrollments`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from carillon.advance.preview import first_email
from carillon.advance.written import read
from carillon.campaigns import LONGEST_NAME
from carillon.jobs import sequences as jobs
from carillon.sequences import MOST_STEPS, Sequence, plain_settings
from carillon.store import sequence_edits, sequence_starts, sequence_status
from carillon.store import sequences as store
from carillon.store.engine import Connection
from carillon.store.sequence_starts import Start
from carillon.store.sequence_status import Counts
from carillon.web.api.access import Here, Reader, Sender, Writer
from carillon.web.api.etags import IfMatch, require, tagged
from carillon.web.api.paging import Cursor, Id, Limit, Page, cut
from carillon.web.api.problems import Problem, missing, said
from carillon.workspace import Workspace

router = APIRouter(prefix="/sequences", tags=["sequences"])


class SequenceIn(BaseModel):
    """A sequence as its file says it: steps, or the short form (templates, followup_delays, ...)."""

    model_config = {"extra": "allow"}

    name: str = Field(min_length=1, max_length=LONGEST_NAME, examples=["welcome"])
    campaign: str | None = Field(None, max_length=LONGEST_NAME, description="Of outreach, if any.")
    settings: dict[str, Any] | None = Field(None, examples=[{"stop_on_reply": True}])
    steps: Annotated[list[dict[str, Any]], Field(max_length=MOST_STEPS)] | None = Field(
        None, examples=[[{"key": "hello", "type": "email", "template": "welcome_v1"}]]
    )


class StepOut(BaseModel):
    """One step."""

    key: str = Field(examples=["hello"])
    type: str = Field(examples=["email"])
    settings: dict[str, Any]
    next: str | None = Field(description="The key of the step behind it; null: the end.")
    otherwise: str | None = Field(description="Of a condition: where those go for whom it is not so.")


class CountsOut(BaseModel):
    """How the contacts of a sequence stand."""

    total: int
    by_status: dict[str, int]
    sent: int
    replies: int
    reply_rate: float | None
    last_activity: datetime | None


class SequenceOut(BaseModel):
    """A sequence."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["welcome"])
    status: str = Field(examples=["draft"])
    campaign: str | None
    version: int
    scheduled_start_at: datetime | None
    settings: dict[str, Any]
    steps: list[StepOut]
    counts: CountsOut


class Edited(SequenceOut):
    """A sequence that was made or edited."""

    changed: list[str] = Field(description="What is different now.")
    moved: int = Field(description="Contacts that waited at a step which is gone, and went on.")
    missing_templates: list[str]


class ActivationIn(BaseModel):
    """When a sequence begins."""

    model_config = {"extra": "forbid"}

    scheduled_start_at: AwareDatetime | None = Field(
        None, description="null: now.", examples=["2027-03-01T09:00:00+01:00"]
    )


class ActivationOut(BaseModel):
    """How a sequence stands after its activation."""

    sequence: str
    status: str
    scheduled_start_at: datetime | None
    on_their_way: int
    begin: dict[str, int] = Field(description="How many begin on which day.")
    first_emails_at: datetime | None
    warnings: list[str]

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


@router.get("")
def list_sequences(
    here: Here, _caller: Reader, cursor: Cursor = None, limit: Limit = 50
) -> Page[SequenceOut]:
    """List sequences in the order in which they were made."""
    with here.database.snapshot() as connection:
        found = list(store.sequences(connection).values())
        some, following = cut(found, [one.id for one in found], cursor, limit)
        counts = sequence_status.counts(connection, [one.id for one in some])
    return Page(items=[_out(one, counts[one.id]) for one in some], next=following)


@router.post("", status_code=201)
def make_sequence(here: Here, caller: Writer, wanted: SequenceIn, response: Response) -> Edited:
    """Make a sequence. Nobody is written to before it is activated."""

    def work(connection: Connection) -> sequence_edits.Applied:
        done = _apply(here, connection, wanted, caller.name)
        if not done.made:
            raise Problem(409, "there is a sequence with this name already; PUT changes it")
        return done

    made = _edited(here, here.database.write(work))
    response.headers["Location"] = f"{router.prefix}/{made.id}"
    return made


@router.get("/{sequence_id}", response_model=SequenceOut, responses=said(404))
def get_sequence(
    here: Here, _caller: Reader, sequence_id: Id, request: Request, response: Response
) -> SequenceOut | Response:
    """One sequence with its steps."""
    with here.database.snapshot() as connection:
        found = _shown(connection, sequence_id)
    return tagged(request, response, found) or found


@router.put("/{sequence_id}", responses=said(404, 412))
def edit_sequence(
    here: Here, caller: Writer, sequence_id: Id, wanted: SequenceIn, if_match: IfMatch = None
) -> Edited:
    """Edit a sequence, also while people are on their way: it holds for who comes to a step later."""

    def work(connection: Connection) -> sequence_edits.Applied:
        if name_of(connection, sequence_id) != wanted.name:
            raise Problem(422, "a sequence keeps its name")
        require(if_match, _shown(connection, sequence_id))
        return _apply(here, connection, wanted, caller.name)

    return _edited(here, here.database.write(work))


@router.post("/{sequence_id}/activate", responses=said(404))
def activate_sequence(
    here: Here, caller: Sender, sequence_id: Id, wanted: ActivationIn | None = None
) -> ActivationOut:
    """Let a sequence begin, now or later, for everybody enrolled. Its templates are checked first."""
    with here.database.snapshot() as connection:
        name = name_of(connection, sequence_id)
    at = None if wanted is None else wanted.scheduled_start_at
    return ActivationOut.of(here, jobs.start(here, name, caller.name, at))


@router.post("/{sequence_id}/pause", responses=said(404))
def pause_sequence(here: Here, caller: Sender, sequence_id: Id) -> SequenceOut:
    """Hold a sequence up: nobody moves on and nothing of it is sent until it is resumed."""

    def work(connection: Connection) -> SequenceOut:
        store.pause(connection, name_of(connection, sequence_id), here.clock.now(), caller.name)
        return _shown(connection, sequence_id)

    return here.database.write(work)


@router.post("/{sequence_id}/resume", responses=said(404))
def resume_sequence(here: Here, caller: Sender, sequence_id: Id) -> SequenceOut:
    """Let a sequence that is paused go on."""
    zone = here.settings.workspace.zone

    def work(connection: Connection) -> SequenceOut:
        name = name_of(connection, sequence_id)
        sequence_starts.resume(connection, name, here.clock.now(), caller.name, zone)
        return _shown(connection, sequence_id)

    return here.database.write(work)


@router.post("/{sequence_id}/archive", responses=said(404))
def archive_sequence(here: Here, caller: Sender, sequence_id: Id) -> SequenceOut:
    """End a sequence for good: whoever is on the way through it gets nothing more."""

    def work(connection: Connection) -> SequenceOut:
        store.archive(connection, name_of(connection, sequence_id), here.clock.now(), caller.name)
        return _shown(connection, sequence_id)

    return here.database.write(work)


def name_of(connection: Connection, number: int) -> str:
    """The name of the sequence with this id. Raises Problem where there is none."""
    found = store.name_of(connection, number)
    if found is None:
        raise missing("sequence with this id")
    return found


def _apply(here: Workspace, connection: Connection, wanted: SequenceIn, by: str) -> sequence_edits.Applied:
    """Written as a file is, so that it is read by the same rules and can be exported again."""
    given = wanted.model_dump(mode="json", exclude_none=True)
    text = yaml.safe_dump(given, sort_keys=False, allow_unicode=True, width=100)
    sequence = jobs.complete(connection, read(text, "the sequence"))
    return sequence_edits.apply(connection, sequence, here.clock.now(), by)


def _shown(connection: Connection, number: int) -> SequenceOut:
    found = store.sequences(connection, [number]).get(number)
    if found is None:
        raise missing("sequence with this id")
    return _out(found, sequence_status.counts(connection, [number])[number])


def _edited(here: Workspace, done: sequence_edits.Applied) -> Edited:
    with here.database.snapshot() as connection:
        shown = _shown(connection, done.sequence.id)
    lacking = jobs.checked(here, done.sequence).missing
    return Edited(
        **shown.model_dump(), changed=list(done.changed), moved=done.moved, missing_templates=lacking
    )


def _out(one: Sequence, counts: Counts) -> SequenceOut:
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
