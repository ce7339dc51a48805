"""Lists of people into a sequence. Beside `run` and `target_run` it touches the store.

A list is taken whole or not at all. Rows that name nobody, and people who cannot be enrolled, are reported
with their line and the reason, never dropped in silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from carillon.files.reports import REJECTED, SHOWN, Found, problem_frame, report_place
from carillon.files.sources import problem
from carillon.files.spool import Spool
from carillon.files.targets import TargetReader, read_targets
from carillon.files.writers import write_table
from carillon.store import enrolling, people, sequences
from carillon.store.engine import Connection
from carillon.store.enrolling import Refusal
from carillon.store.sequence_starts import Start, standing
from carillon.user import user_name
from carillon.workspace import Workspace

BATCH_ROWS = 50_000
REASONS = {
    Refusal.NO_ADDRESS: "the contact has no email address",
    Refusal.OPTED_OUT: "the contact has opted out",
    Refusal.BOUNCED: "mail to this contact came back; correct its address first",
    Refusal.SUPPRESSED: "its address is suppressed",
    Refusal.ENROLLED: "is on its way through the sequence already",
    Refusal.TWICE: "stands in the list twice",
}


@dataclass(frozen=True)
class EnrollReport:
    """What became of a list. Each row read is enrolled, refused or rejected."""

    read: int
    enrolled: int
    refused: dict[str, int]
    """By reason (`Refusal`)."""
    rejected: int
    """Rows that mean nobody."""
    problems: list[Found]
    """The first of both."""
    start: Start
    """How the sequence stands now."""
    columns: dict[str, str]
    """What each column of the file was taken for; "" for one that is ignored."""
    notes: list[str]
    report: Path | None
    """Where every problem stands; None where there is none."""


def enroll_file(
    workspace: Workspace,
    name: str,
    path: Path | Literal["-"],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    by: str | None = None,
) -> EnrollReport:
    """Enroll those whom the rows of a file mean in the sequence `name`. `by`: who does it; None: the user.

    Raises InputError where there is no such sequence, nobody can be enrolled in it, or the file cannot be
    read.
    """
    with workspace.database.snapshot() as connection:
        sequences.find(connection, name)
    reader = read_targets(path, today=workspace.today())
    with closing(reader), Spool() as spool:
        read, rejected = 0, list[Found]()
        for batch in reader.batches(BATCH_ROWS, lambda done: progress(done, 2 * reader.total)):
            read += batch.frame.height
            rejected += [(REJECTED, one) for one in batch.rejected]
            spool.put("rows", batch.frame)
        found = workspace.database.write(
            lambda connection: _store(
                connection, workspace, name, reader, spool, rejected, path, by or user_name()
            )
        )
    progress(2, 2)
    outcome, problems, start, place = found
    return EnrollReport(
        read=read + len(rejected),
        enrolled=outcome.enrolled,
        refused=dict(Counter(outcome.refused["reason"].to_list())),
        rejected=len(rejected) + outcome.unknown.height + outcome.unclear.height,
        problems=problems[:SHOWN],
        start=start,
        columns=reader.columns,
        notes=reader.notes,
        report=place,
    )


def _store(
    connection: Connection,
    workspace: Workspace,
    name: str,
    reader: TargetReader,
    spool: Spool,
    rejected: list[Found],
    path: Path | Literal["-"],
    by: str,
) -> tuple[enrolling.Enrolled, list[Found], Start, Path | None]:
    """The transaction; may be run again from its beginning."""
    sequence = sequences.find(connection, name, to_change=True)
    now, zone = workspace.clock.now(), workspace.settings.workspace.zone
    outcome = enrolling.enroll(connection, sequence, spool.get("rows"), now, by, zone)
    nobodies = reader.nobodies(
        outcome.unknown, outcome.unclear, lambda email: people.similar(connection, email)
    )
    late = [(REJECTED, one) for one in nobodies] + refusals(reader, outcome.refused)
    problems = sorted(rejected + late, key=lambda found: found[1].line)
    place = None
    if problems:
        # Inside the transaction: nothing is stored if what was left out cannot be told.
        place = report_place(workspace, path)
        write_table(iter([problem_frame(problems)]), place)
    return outcome, problems, standing(connection, outcome.sequence, zone), place


def refusals(reader: TargetReader, refused: pl.DataFrame) -> list[Found]:
    """People who cannot be enrolled, as problems of their rows."""
    return [
        (REJECTED, problem(int(row["line"]), *reader.named_by(row), why(row["reason"])))
        for row in refused.iter_rows(named=True)
    ]


def why(reason: str) -> str:
    """A reason in words; a contact's status that is not one of ours is told as it is."""
    return REASONS.get(Refusal(reason), reason) if reason in list(Refusal) else f"the contact is {reason}"
