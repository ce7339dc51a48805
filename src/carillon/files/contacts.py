"""Contact lists: from a file's text to contacts ready to be stored.

What belongs here: the order of cleaning, batch by batch. A row without a usable email, or whose contact
came before in the same file, is rejected; every other fault is a warning and the contact is kept, with
what the file said, so that nothing is lost that someone could still put right. How one value is read
stands in `dates`, `places` and `values`. All work is on columns; Python sees only distinct odd values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import repeat
from pathlib import Path
from typing import Literal

import polars as pl

from carillon import addresses
from carillon.files import values
from carillon.files.dates import DateColumn, DateOrder, nearest, never_future
from carillon.files.duplicates import Seen
from carillon.files.mapping import ATTRIBUTE, TARGETS, has_email, resolve
from carillon.files.places import restored_zips, state_code
from carillon.files.sources import Problem, RawBatch, Source, open_source, problem
from carillon.words import IssueCode
from carillon.zips import STATES, state_indices

_SHORT_TEXTS = {"first_name", "last_name", "phone_number", "company", "industry", "title", "external_id"}
_CODES = {
    "birth_date": IssueCode.INVALID_BIRTH_DATE,
    "effective_date": IssueCode.INVALID_EFFECTIVE_DATE,
}
_MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"

Issue = tuple[int, IssueCode, str]
"""(row of the batch's frame, code, detail)"""


@dataclass(slots=True)
class ContactBatch:
    """Contacts to store, and what the report says about their part of the file.

    `frame` has `line`, `identity`, `seed`, `email`, `state` and those of `TARGETS` the file provides, all
    text but line and seed. Null is empty. Dates are ISO, or what the file said where that is no date.
    """

    frame: pl.DataFrame
    rejected: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)


def read_contacts(
    path: Path | Literal["-"],
    *,
    mapping: Mapping[str, str],
    today: date,
    date_order: DateOrder = "mdy",
    batch_rows: int = 50_000,
    progress: Callable[[int], None] | None = None,
) -> ContactReader:
    """Open a contact list; raises at once what is wrong with the file or its columns as a whole.

    `mapping` is the user's SOURCE -> TARGET. `progress` is told, after each batch, how far the file is
    read, in the unit of the reader's `total`.
    """
    source = open_source(path, lambda columns: has_email(columns, mapping))
    try:
        columns = resolve(source.columns, mapping, "standard input" if path == "-" else str(path))
    except BaseException:
        source.close()
        raise
    return ContactReader(source, columns, _Cleaner(columns, date_order, today), batch_rows, progress)


def reader_of(
    source: Source, columns: dict[str, str], today: date, *, date_order: DateOrder, batch_rows: int = 50_000
) -> ContactReader:
    """Contacts out of an open source whose columns are known."""
    return ContactReader(source, columns, _Cleaner(columns, date_order, today), batch_rows, None)


class ContactReader:
    """Iterates over `ContactBatch`, once. `columns` tells what each column of the file was taken for."""

    def __init__(
        self,
        source: Source,
        columns: dict[str, str],
        cleaner: _Cleaner,
        batch_rows: int,
        progress: Callable[[int], None] | None,
    ) -> None:
        self.columns = columns
        self.total = source.total
        self.notes = list(source.notes)
        self._source = source
        self._cleaner = cleaner
        self._batch_rows = batch_rows
        self._progress = progress

    def __iter__(self) -> Iterator[ContactBatch]:
        try:
            for raw in self._source.batches(self._batch_rows):
                yield self._cleaner.clean(raw)
                if self._progress:
                    self._progress(self._source.position)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the file; done by itself at the end of the iteration."""
        self._source.close()


class _Cleaner:
    """Cleans one file's batches. Its state is which identities the file has had so far."""

    def __init__(self, columns: dict[str, str], date_order: DateOrder, today: date) -> None:
        self._columns = columns
        self._source_of = {target: source for source, target in columns.items() if target}
        self._today = today
        self._seen = Seen()
        self._dates = {
            "birth_date": DateColumn(date_order, never_future(today)),
            "effective_date": DateColumn(date_order, nearest(today)),
            "sms_consent_at": DateColumn(date_order, never_future(today)),
        }

    def clean(self, raw: RawBatch) -> ContactBatch:
        """The batch's contacts, with a report on the rest."""
        batch = ContactBatch(self._renamed(raw), rejected=list(raw.problems))
        self._emails(batch)
        self._identities(batch)
        for target in self._dates:
            if target in self._source_of:
                self._date(batch, target)
        self._places(batch)
        for target, read in values.READERS.items():
            if target in self._source_of:
                self._each(batch, target, read)
        self._attributes(batch)
        order = [name for name in ("line", "identity", "seed", *TARGETS) if name in batch.frame.columns]
        batch.frame = batch.frame.select(order)
        for report in (batch.rejected, batch.warnings, batch.issues):
            report.sort()
        return batch

    def _renamed(self, raw: RawBatch) -> pl.DataFrame:
        """The file's columns under their targets' names, trimmed, with line numbers."""
        columns = [pl.Series("line", raw.lines)]
        for source, target in self._columns.items():
            if target:
                texts = raw.frame[source]
                if target in _SHORT_TEXTS:
                    texts = values.one_line(texts)
                columns.append(values.trimmed(texts).alias(target))
        return pl.DataFrame(columns)

    def _emails(self, batch: ContactBatch) -> None:
        """Keep the rows that have a valid email and are text."""
        emails = values.bare_addresses(batch.frame["email"])
        nul = pl.any_horizontal(pl.col(pl.String).str.contains("\0", literal=True).fill_null(False))
        binary = batch.frame.select(nul).to_series()
        invalid = ~pl.Series(addresses.valid_addresses(emails)) & ~binary
        reasons = (values.why_no_address(email) for email in emails.filter(invalid))
        batch.rejected += self._problems(batch.frame, "email", invalid, reasons)
        no_text = repeat("the row holds NUL bytes, so it is not text")
        batch.rejected += self._problems(batch.frame, "email", binary, no_text)
        batch.frame = batch.frame.with_columns(emails.alias("email")).filter(~(invalid | binary))

    def _identities(self, batch: ContactBatch) -> None:
        """Name each contact, and keep the first row of each."""
        identity, target = addresses.normalised(batch.frame["email"]), "email"
        if "external_id" in self._source_of:
            ids, target = batch.frame["external_id"], "external_id"
            identity = ids.zip_with(ids.is_not_null(), identity)
        seeds = addresses.seeds(identity)
        lines = batch.frame["line"].to_numpy()
        first = self._seen.first_lines(seeds, lines)
        again = pl.Series(first != lines)
        batch.frame = batch.frame.with_columns(identity.alias("identity"), pl.Series("seed", seeds))
        if again.any():
            reasons = (f"duplicate of line {line}" for line in first[again.to_numpy()])
            batch.rejected += self._problems(batch.frame, target, again, reasons)
            batch.frame = batch.frame.filter(~again)

    def _date(self, batch: ContactBatch, target: str) -> None:
        """Dates in ISO form. One that cannot be read stays as it is; a consent must be certain or go."""
        given = batch.frame[target]
        read, faults = self._dates[target].read(given)
        unread = given.is_in(list(faults)).fill_null(False)
        self._warn(batch, target, unread, (faults[text] for text in given.filter(unread)), _CODES.get(target))
        if target == "sms_consent_at":
            read = given.zip_with(given.str.contains(_MOMENT).fill_null(False), read).set(unread, None)
        batch.frame = batch.frame.with_columns(read)
        if target == "birth_date":
            late = ((read > self._today.isoformat()) & ~unread).fill_null(False)
            self._warn(batch, target, late, repeat("a birth date in the future"), _CODES[target])

    def _places(self, batch: ContactBatch) -> None:
        """ZIP codes with their zeros back, and the state they decide."""
        state = pl.Series("state", [None], dtype=pl.String).new_from_index(0, batch.frame.height)
        if "zip_code" in self._source_of:
            zips = restored_zips(batch.frame["zip_code"])
            index = state_indices(zips)
            state = pl.Series("state", [None, *STATES], dtype=pl.String)[index]
            missing = zips.is_null()
            unknown = pl.Series(index == 0) & ~missing
            self._warn(batch, "zip_code", missing, repeat("no ZIP code"), IssueCode.MISSING_ZIP)
            self._warn(batch, "zip_code", unknown, repeat("not a US ZIP code"), IssueCode.INVALID_ZIP)
            batch.frame = batch.frame.with_columns(zips)
        if "state" in self._source_of:
            state = self._settled(batch, state)
        batch.frame = batch.frame.with_columns(state)

    def _settled(self, batch: ContactBatch, by_zip: pl.Series) -> pl.Series:
        """The state by ZIP where there is one, else the file's own."""
        given = batch.frame["state"]
        codes = {text: state_code(text) for text in given.drop_nulls().unique()}
        read = given.replace_strict(codes, default=None, return_dtype=pl.String)
        differs = (by_zip.is_not_null() & given.is_not_null() & by_zip.ne_missing(read)).fill_null(False)
        reasons = (f"the ZIP code lies in {state}, which counts" for state in by_zip.filter(differs))
        self._warn(batch, "state", differs, reasons, IssueCode.STATE_MISMATCH)
        unknown = by_zip.is_null() & given.is_not_null() & read.is_null()
        self._warn(batch, "state", unknown, repeat("not a US state; left empty"))
        return by_zip.zip_with(by_zip.is_not_null(), read)

    def _each(self, batch: ContactBatch, target: str, read: Callable[[str], str | None]) -> None:
        """Read a column value by distinct value; what cannot be read is left empty."""
        given = batch.frame[target]
        found: dict[str, str | None] = {}
        faults: dict[str, str] = {}
        for text in given.drop_nulls().unique():
            try:
                found[text] = read(text)
            except values.ValueFault as fault:
                faults[text] = f"{fault}; left empty"
        unread = given.is_in(list(faults)).fill_null(False)
        self._warn(batch, target, unread, (faults[text] for text in given.filter(unread)))
        column = given.replace_strict(found, default=None, return_dtype=pl.String)
        batch.frame = batch.frame.with_columns(column)

    def _attributes(self, batch: ContactBatch) -> None:
        """One JSON object out of the file's JSON column and all columns that are one attribute each."""
        names = [target for target in self._source_of if target.startswith(ATTRIBUTE)]
        if not names and "attributes" not in self._source_of:
            return
        objects = values.attribute_objects(batch.frame, names)
        if "attributes" in self._source_of:
            given = batch.frame["attributes"]
            rows = given.is_not_null().arg_true()
            merged, faults = values.merged_objects(given.gather(rows), objects.gather(rows))
            wrong = pl.repeat(False, batch.frame.height, eager=True).scatter(rows.gather(list(faults)), True)
            self._warn(batch, "attributes", wrong, faults.values())
            objects = objects.scatter(rows, merged)
        batch.frame = batch.frame.with_columns(objects.alias("attributes"))

    def _warn(
        self,
        batch: ContactBatch,
        target: str,
        rows: pl.Series,
        reasons: Iterable[str],
        code: IssueCode | None = None,
    ) -> None:
        """Report values of contacts that are kept; with a code, the contact has an issue as well."""
        found = self._problems(batch.frame, target, rows, reasons)
        batch.warnings += found
        if code:
            details = (f"{each.value}: {each.reason}" if each.value else each.reason for each in found)
            batch.issues += [
                (row, code, detail) for row, detail in zip(rows.arg_true(), details, strict=True)
            ]

    def _problems(
        self, frame: pl.DataFrame, target: str, rows: pl.Series, reasons: Iterable[str]
    ) -> list[Problem]:
        column = self._source_of[target]
        where = frame.select("line", target).filter(rows)
        # The rows come first: `repeat` never ends.
        return [problem(line, column, text, why) for (line, text), why in zip(where.iter_rows(), reasons)]  # noqa: B905
