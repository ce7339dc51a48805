"""What the page of a sequence asks: who waits where, what an edit would do, how its emails did."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from carillon.advance.run import advance
from carillon.sequences import Sequence
from carillon.store import contact_lookup, sequence_edits, sequence_starts, sequence_status
from carillon.store.sequence_status import StepCounts
from carillon.words import EnrollmentStatus
from carillon.workspace import Workspace
from tests.contract.conftest import NOW
from tests.contract.outbox import account, contacts
from tests.contract.sequence_world import add_sequence, end_emails, enroll, later, steps

STEPS = steps(
    ("hello", "email", {"template": "hello"}),
    ("pause", "delay", {"amount": 3, "unit": "days"}),
    ("again", "email", {"template": "again"}),
)


def begun(workspace: Workspace) -> Sequence:
    """Three people: two were written to and wait, one begins tomorrow."""
    account(workspace)
    contacts(workspace, 1, 2, 3)
    sequence = add_sequence(workspace, STEPS)
    enroll(workspace, sequence, 1, 2)
    enroll(workspace, sequence, 3, at=NOW + timedelta(days=1), status="scheduled")
    advance(workspace)
    end_emails(workspace, "sent", NOW)
    later(workspace, minutes=5)
    return sequence


def test_who_waits_where(workspace: Workspace) -> None:
    sequence = begun(workspace)
    with workspace.database.snapshot() as connection:
        assert sequence_status.at_steps(connection, sequence.id) == {"pause": 2, "": 1}
        assert sequence_status.by_step(connection, sequence.id) == {"hello": StepCounts(sent=2)}
        assert sequence_starts.not_begun(connection, sequence.id) == 1
        assert len(sequence_starts.waiting(connection, sequence.id, 5)) == 1
        known = contact_lookup.addresses_of(connection, [1, 2, 99])
        assert sorted(known) == [1, 2]
        everybody = sequence_status.people(connection, sequence.id, 10)
        assert [one.contact_id for one in everybody] == [3, 2, 1]
        scheduled = sequence_status.people(connection, sequence.id, 10, status=EnrollmentStatus.SCHEDULED)
        assert [one.contact_id for one in scheduled] == [3]
        found = sequence_status.people(connection, sequence.id, 10, email=known[2].upper())
        assert [one.contact_id for one in found] == [2]


def test_an_edit_is_foretold_as_it_happens(workspace: Workspace) -> None:
    sequence = begun(workspace)
    wanted = replace(sequence, steps=(replace(STEPS[0], next="again"), STEPS[2]))
    with workspace.database.snapshot() as connection:
        told = sequence_edits.outlook(connection, wanted)
    assert told == sequence_edits.Outlook(False, ("hello", "pause"), 3, {"pause": (2, "again")})
    done = workspace.database.write(lambda c: sequence_edits.apply(c, wanted, NOW, "t"))
    assert (done.changed, done.moved) == (told.changed, 2)
    with workspace.database.snapshot() as connection:
        assert sequence_edits.outlook(connection, wanted).changed == ()
        assert sequence_edits.outlook(connection, replace(wanted, name="new")).made
