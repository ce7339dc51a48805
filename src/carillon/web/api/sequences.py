"""Sequences: steps written down, activated, held up. Who is on the way through them: `enrollments`."""

from __future__ import annotations

import yaml
from fastapi import APIRouter, Response

from carillon.advance.written import read, troubles
from carillon.errors import InputError
from carillon.jobs import sequences as jobs
from carillon.store import sequence_edits, sequence_starts, sequence_status
from carillon.store import sequences as store
from carillon.store.engine import Connection
from carillon.web.api.access import Here, Reader, Sender, Writer
from carillon.web.api.etags import KNOWN, IfMatch, IfNoneMatch, require, tag, unless_known
from carillon.web.api.location import located
from carillon.web.api.paging import Cursor, Id, Limit, Page, cut
from carillon.web.api.problems import Fault, Problem, missing, said
from carillon.web.api.sequence_models import (
    ActivationIn,
    ActivationOut,
    Edited,
    SequenceIn,
    SequenceOut,
    shown,
)
from carillon.workspace import Workspace

router = APIRouter(prefix="/sequences", tags=["sequences"])


@router.get("")
def list_sequences(
    here: Here, _caller: Reader, cursor: Cursor = None, limit: Limit = 50
) -> Page[SequenceOut]:
    """List sequences in the order in which they were made."""
    with here.database.snapshot() as connection:
        found = list(store.sequences(connection).values())
        some, following = cut(found, [one.id for one in found], cursor, limit)
        counts = sequence_status.counts(connection, [one.id for one in some])
    return Page(items=[shown(one, counts[one.id]) for one in some], next=following)


@router.post("", status_code=201)
def make_sequence(here: Here, caller: Writer, wanted: SequenceIn, response: Response) -> Edited:
    """Make a sequence. Nobody is written to before it is activated."""

    def work(connection: Connection) -> sequence_edits.Applied:
        done = _apply(here, connection, wanted, caller.name)
        if not done.made:
            raise Problem(409, "there is a sequence with this name already; PUT changes it")
        return done

    made = _edited(here, here.database.write(work), response)
    located(response, f"{router.prefix}/{made.id}")
    return made


@router.get("/{sequence_id}", response_model=SequenceOut, responses=said(404) | KNOWN)
def get_sequence(
    here: Here, _caller: Reader, sequence_id: Id, response: Response, if_none_match: IfNoneMatch = None
) -> SequenceOut | Response:
    """One sequence with its steps."""
    with here.database.snapshot() as connection:
        found = _shown(connection, sequence_id)
    return unless_known(if_none_match, response, found) or found


@router.put("/{sequence_id}", responses=said(404, 412))
def edit_sequence(
    here: Here,
    caller: Writer,
    sequence_id: Id,
    wanted: SequenceIn,
    response: Response,
    if_match: IfMatch = None,
) -> Edited:
    """Edit a sequence, also while people are on their way: it holds for who comes to a step later."""

    def work(connection: Connection) -> sequence_edits.Applied:
        if name_of(connection, sequence_id) != wanted.name:
            raise Problem(422, "a sequence keeps its name")
        require(if_match, _shown(connection, sequence_id))
        return _apply(here, connection, wanted, caller.name)

    return _edited(here, here.database.write(work), response)


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
    try:
        written = read(text, "the sequence")
    except InputError:
        faults = [Fault(where=_where(one.step, one.key), why=one.text) for one in troubles(text)]
        raise Problem(422, "the sequence cannot be like this", faults) from None
    sequence = jobs.complete(connection, written)
    return sequence_edits.apply(connection, sequence, here.clock.now(), by)


def _where(step: int, key: str) -> str:
    return ".".join(filter(None, ("body", f"steps.{step}" if step >= 0 else "", key)))


def _shown(connection: Connection, number: int) -> SequenceOut:
    found = store.sequences(connection, [number]).get(number)
    if found is None:
        raise missing("sequence with this id")
    return shown(found, sequence_status.counts(connection, [number])[number])


def _edited(here: Workspace, done: sequence_edits.Applied, response: Response) -> Edited:
    with here.database.snapshot() as connection:
        found = _shown(connection, done.sequence.id)
    tag(response, found)
    lacking = jobs.checked(here, done.sequence).missing
    return Edited(
        **found.model_dump(), changed=list(done.changed), moved=done.moved, missing_templates=lacking
    )
