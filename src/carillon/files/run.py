"""Contact lists into the database, contacts and plan out of it. Beside `target_run` the only file of this
room that touches the store.

    file -> cleaned batches on disk -> one transaction (match, merge, report) -> what became of it

Nothing is half imported: a list is stored whole or not at all, and running it again is harmless. A dry
run does the same and rolls back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl

from carillon.errors import WorkspaceError
from carillon.files.consents import in_utc
from carillon.files.contacts import ContactBatch, ContactReader, read_contacts
from carillon.files.dates import DateOrder
from carillon.files.forget_run import revive
from carillon.files.records import read_records
from carillon.files.reports import REJECTED, SHOWN, WARNING, Found, problem_frame, report_place
from carillon.files.sorting import sorted_frames
from carillon.files.sources import problem
from carillon.files.spool import Spool
from carillon.files.writers import write_table
from carillon.store import contacts, exports
from carillon.store.engine import Connection
from carillon.workspace import Workspace

BATCH_ROWS = 50_000

CANONICAL_COLUMNS = tuple(
    name for name in exports.SCHEDULE_COLUMNS if name not in ("id", "contact_id", "scheduler_run_id")
)
_CANONICAL_ORDER = ("email", "email_type", "campaign_instance", "event_date")

Progress = Callable[[int, int], None]
"""Told how much is done and how much there is, in any unit; the total stays the same during a call."""


@dataclass(frozen=True)
class ImportReport:
    """What became of a contact list. `read` = created + updated + unchanged + rejected."""

    read: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    """Rows that were not taken."""
    warnings: int
    """Values that could not be used; their contacts were taken."""
    problems: list[Found]
    """The first of them: ("rejected" or "warning", problem)."""
    columns: dict[str, str]
    """What each column of the file was taken for; "" for one that is ignored."""
    notes: list[str]
    report: Path | None
    """Where every problem stands; None where there is none, and on a dry run without `report_to`."""
    dry_run: bool


class _RolledBack(Exception):
    """Ends the transaction of a dry run."""


def import_contacts(
    workspace: Workspace,
    path: Path | Literal["-"],
    *,
    mapping: Mapping[str, str],
    date_order: DateOrder = "mdy",
    dry_run: bool = False,
    progress: Progress = lambda _done, _total: None,
    report_to: Path | None = None,
) -> ImportReport:
    """Store the contacts of a file: all of them in one transaction, or none.

    `path` may be "-" for CSV on standard input; `mapping` is the user's SOURCE -> TARGET. Every row that
    was not taken and every value that was not used is listed in a CSV file: `report_to`, by default in
    `imports/` of the workspace; a dry run writes it only if asked to. Raises InputError for a file that
    cannot be read, UsageError for a mapping that cannot be.
    """
    half = 0

    def told(position: int) -> None:
        progress(position, 2 * half)

    reader = read_contacts(
        path,
        mapping=mapping,
        today=workspace.today(),
        date_order=date_order,
        batch_rows=BATCH_ROWS,
        progress=told,
    )
    half = max(1, reader.total)

    def place() -> Path | None:
        return report_to if report_to or dry_run else report_place(workspace, path)

    return _imported(workspace, reader, place, dry_run, progress)


def import_records(
    workspace: Workspace, records: Sequence[Mapping[str, str | None]], *, dry_run: bool = False
) -> ImportReport:
    """Store contacts that a program hands in: texts by the names of `mapping.TARGETS`. All of them or none.

    The same as a file with these columns, whose lines count from 1; every problem is in the report.
    """
    reader = read_records(records, workspace.today())
    shown = 2 * len(records) + SHOWN
    return _imported(workspace, reader, lambda: None, dry_run, lambda _done, _total: None, shown)


def _imported(
    workspace: Workspace,
    reader: ContactReader,
    place: Callable[[], Path | None],
    dry_run: bool,
    progress: Progress,
    shown: int = SHOWN,
) -> ImportReport:
    half = max(1, reader.total)
    with closing(reader), Spool() as spool:
        read = _read(workspace, reader, spool, shown)
        work = _Store(workspace, reader, spool, read, place, dry_run)
        work.progress = lambda rows: progress(half + half * rows // max(1, read.taken), 2 * half)
        stored = work.run()
    progress(2 * half, 2 * half)
    found = ImportReport(
        read=read.taken + read.rejected,
        created=stored.created,
        updated=stored.updated,
        unchanged=stored.unchanged,
        rejected=read.rejected + stored.refused.height,
        warnings=read.warnings,
        problems=work.shown,
        columns=reader.columns,
        notes=reader.notes,
        report=work.written,
        dry_run=dry_run,
    )
    if not dry_run:
        counts = {
            name: getattr(found, name) for name in ("read", "created", "updated", "rejected", "warnings")
        }
        workspace.log.info("contacts imported", **counts, report=found.report and found.report.name)
    return found


@dataclass
class _Read:
    """A file on its way into the spool."""

    taken: int = 0
    named: int = 0
    rejected: int = 0
    warnings: int = 0
    shown: int = SHOWN
    """Problems that the report carries itself."""
    first: list[Found] = field(default_factory=list)


def _read(workspace: Workspace, reader: ContactReader, spool: Spool, shown: int) -> _Read:
    """Clean all of the file into the spool."""
    read = _Read(shown=shown)
    for batch in reader:
        rows = batch.frame
        if "sms_consent_at" in rows.columns:
            consents = in_utc(rows["sms_consent_at"], workspace.settings.workspace.zone)
            rows = rows.with_columns(consents)
        read.taken += rows.height
        if "external_id" in rows.columns:
            read.named += rows.height - rows["external_id"].null_count()
        spool.put("rows", rows)
        spool.put("issues", issue_frame(batch))
        read.rejected += len({each.line for each in batch.rejected})
        read.warnings += len(batch.warnings)
        found = [(REJECTED, each) for each in batch.rejected] + [(WARNING, each) for each in batch.warnings]
        if found:
            found.sort(key=lambda pair: pair[1].line)
            read.first += found[: shown - len(read.first)]
            spool.put("problems", problem_frame(found))
    return read


class _Store:
    """The transaction of an import; may be run again from its beginning."""

    def __init__(
        self,
        workspace: Workspace,
        reader: ContactReader,
        spool: Spool,
        read: _Read,
        place: Callable[[], Path | None],
        dry_run: bool,
    ) -> None:
        """`place`: where the report goes, asked only if there is something to tell; None: nowhere."""
        self._workspace, self._spool, self._read = workspace, spool, read
        self._place, self._dry_run = place, dry_run
        self._source_of = {target: source for source, target in reader.columns.items()}
        self.progress: Callable[[int], None] = lambda _rows: None
        self.shown: list[Found] = []
        self.written: Path | None = None

    def run(self) -> contacts.Stored:
        outcome: list[contacts.Stored] = []

        def work(connection: Connection) -> None:
            revive(connection, self._workspace, self._spool.get("rows"))
            outcome[:] = [
                contacts.upsert(connection, self._incoming(), self._workspace.clock.now(), self.progress)
            ]
            self._write_report(outcome[0].refused)
            if self._dry_run:
                raise _RolledBack

        with suppress(_RolledBack):
            self._workspace.database.write(work)
        return outcome[0]

    def _incoming(self) -> contacts.Incoming:
        return contacts.Incoming(
            frozenset(contacts.COLUMNS).intersection(target.split(".")[0] for target in self._source_of),
            self._read.taken,
            self._read.named,
            lambda: zip(self._spool.get("rows"), self._spool.get("issues"), strict=True),
        )

    def _write_report(self, refused: pl.DataFrame) -> None:
        """Inside the transaction: contacts are not stored if what was left out cannot be told."""
        column = self._source_of["email"]
        late = [
            (REJECTED, problem(int(line), column, email, _REFUSED[n == "1"]))
            for line, email, n in refused.iter_rows()
        ]
        self.shown = self._read.first + late[: self._read.shown - len(self._read.first)]
        place = self._place() if self.shown else None
        if place is None:
            return

        def frames() -> Iterator[pl.DataFrame]:
            yield from self._spool.get("problems")
            if late:
                yield problem_frame(late)

        write_table(frames(), place)
        self.written = place


_REFUSED = {
    True: "the same contact as the row of this file that has an external id",
    False: "two contacts share this address: map external_id",
}


def issue_frame(batch: ContactBatch) -> pl.DataFrame:
    """The issues of a batch as the store takes them."""
    rows = [row for row, _, _ in batch.issues]
    return pl.DataFrame(
        {
            "line": batch.frame["line"].gather(rows),
            "code": pl.Series([code.value for _, code, _ in batch.issues], dtype=pl.String),
            "detail": pl.Series([detail for _, _, detail in batch.issues], dtype=pl.String),
        }
    )


def export_contacts(workspace: Workspace, path: Path, progress: Progress = lambda _done, _total: None) -> int:
    """Write all contacts, sorted by email (ignoring case), external id and id. Returns how many.

    The name's ending (.csv, .xlsx, .parquet) decides the format. The file can be imported again.
    """
    with workspace.database.snapshot() as connection:
        total = exports.count_contacts(connection)

        def frames() -> Iterator[pl.DataFrame]:
            done = 0
            for low, high in exports.id_ranges(connection, BATCH_ROWS):
                frame = exports.contacts_between(connection, low, high)
                done += frame.height
                progress(done, 2 * total)
                # Ids have up to ten digits: filled up, they sort as numbers do.
                yield frame.with_columns(
                    pl.col("email").str.to_lowercase().alias("_email"),
                    pl.col("id").str.zfill(10).alias("_id"),
                )

        order = ("_email", "email", "external_id", "_id")
        ordered = sorted_frames(frames(), order, _folder_of(path))
        return write_table(
            _counted((frame.drop("_email", "_id") for frame in ordered), progress, total), path
        )


def export_plan(
    workspace: Workspace,
    path: Path,
    *,
    canonical: bool = False,
    progress: Progress = lambda _done, _total: None,
) -> int:
    """Write `email_schedules` with the contacts' addresses. Returns the number of rows.

    `canonical`: without ids and in an order that does not depend on them, so that equal plans give equal
    files, byte for byte, on every database. Progress is by contacts.
    """
    with workspace.database.snapshot() as connection:
        reader = exports.ScheduleReader(connection)
        total = max(1, exports.count_contacts(connection))

        def frames() -> Iterator[pl.DataFrame]:
            done = 0
            for low, high in exports.id_ranges(connection, BATCH_ROWS):
                yield reader.between(low, high)
                done = min(total, done + BATCH_ROWS)
                progress(done, total)

        if not canonical:
            return write_table(frames(), path)
        cut = (
            frame.select(
                pl.col("email").str.to_lowercase().alias("_email"),
                *(pl.col(name).cast(pl.String) for name in CANONICAL_COLUMNS),
            )
            for frame in frames()
        )
        order = [
            "_email",
            *_CANONICAL_ORDER[1:],
            *(n for n in CANONICAL_COLUMNS if n not in _CANONICAL_ORDER[1:]),
        ]
        ordered = sorted_frames(cut, order, _folder_of(path))
        return write_table((frame.drop("_email") for frame in ordered), path)


def _counted(frames: Iterator[pl.DataFrame], progress: Progress, total: int) -> Iterator[pl.DataFrame]:
    """Tells of the second half of the work."""
    done = 0
    for frame in frames:
        yield frame
        done += frame.height
        progress(total + done, 2 * total)


def _folder_of(path: Path) -> Path:
    if not path.parent.is_dir():
        raise WorkspaceError(f"{path}: the folder {path.parent} does not exist. Create it first.")
    return path.parent
