"""Target lists: from a file's text to rows that each mean one contact and a trigger date.

What belongs here: which columns a list has, what a row says, and what is reported of it. A row that names
nobody, or whose trigger date cannot be read, is rejected: a wrong date is mail on a wrong day. Who the
contacts are is known to the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import repeat
from pathlib import Path
from typing import Literal

import polars as pl

from carillon import addresses
from carillon.errors import InputError
from carillon.files import values
from carillon.files.dates import DateColumn, DateOrder, nearest
from carillon.files.mapping import target_of
from carillon.files.reports import SHOWN
from carillon.files.sources import Problem, RawBatch, Source, open_source, problem

IDENTITIES = ("contact_id", "external_id", "email")
"""What can say who is meant, the surest first."""
_OWN_SPELLINGS = {"contactid": "contact_id", "triggerdate": "trigger_date", "trigger": "trigger_date"}
_DIGITS = r"^[0-9]{1,18}$"


@dataclass(slots=True)
class TargetBatch:
    """`frame`: `line`, `contact` (integers), `external_id`, `email`, `trigger_date` (ISO); null is empty."""

    frame: pl.DataFrame
    rejected: list[Problem] = field(default_factory=list)


class TargetReader:
    """Iterates over `TargetBatch`, once. `columns`: what each of the file's was taken for; "" for nothing."""

    def __init__(self, source: Source, columns: dict[str, str], order: DateOrder, today: date) -> None:
        self.columns, self.total, self.notes = columns, source.total, list(source.notes)
        self.source_of = {target: name for name, target in columns.items() if target}
        self._source = source
        self._dates = DateColumn(order, nearest(today))

    def batches(self, rows: int, progress: Callable[[int], None]) -> Iterator[TargetBatch]:
        """At most `rows` rows at a time; `progress` is told how far of `total` the file is read."""
        try:
            for raw in self._source.batches(rows):
                yield self._clean(raw)
                progress(self._source.position)
        finally:
            self.close()

    def close(self) -> None:
        self._source.close()

    def named_by(self, row: Mapping[str, str | None]) -> tuple[str, str | None]:
        """The file's column that says who a stored row means, and what it says."""
        said = {**row, "contact_id": row["contact"]}
        name = next(name for name in IDENTITIES if said[name])
        return self.source_of[name], said[name]

    def nobodies(
        self, unknown: pl.DataFrame, unclear: pl.DataFrame, similar: Callable[[str], list[str]]
    ) -> Iterator[Problem]:
        """What is wrong with rows that mean no contact, or could mean several (`store.meant`).

        `similar`: addresses that look like one, for the first that are shown.
        """
        for number, row in enumerate(unknown.iter_rows(named=True)):
            reason = "no contact has it"
            # Looking for a similar address takes a while.
            near = similar(row["email"]) if number < SHOWN and row["email"] else []
            if near:
                reason += f"; did you mean {' or '.join(near)}?"
            yield problem(int(row["line"]), *self.named_by(row), reason)
        for row in unclear.iter_rows(named=True):
            reason = f"{row['n']} contacts share this address: give their external_id or contact_id"
            yield problem(int(row["line"]), *self.named_by(row), reason)

    def _clean(self, raw: RawBatch) -> TargetBatch:
        columns = [pl.Series("line", raw.lines)]
        for name in (*IDENTITIES, "trigger_date"):
            texts = raw.frame[self.source_of[name]] if name in self.source_of else None
            empty = pl.Series(name, [None], dtype=pl.String).new_from_index(0, len(raw.lines))
            columns.append(empty if texts is None else values.trimmed(texts).alias(name))
        batch = TargetBatch(pl.DataFrame(columns), list(raw.problems))
        self._who(batch)
        self._when(batch)
        batch.rejected.sort()
        return batch

    def _who(self, batch: TargetBatch) -> None:
        ids = batch.frame["contact_id"].str.replace(r"\.0+$", "")
        odd = (ids.is_not_null() & ~ids.str.contains(_DIGITS)).fill_null(False)
        self._reject(batch, "contact_id", odd, repeat("not a contact's id: those are whole numbers"))
        batch.frame = batch.frame.with_columns(
            contact=batch.frame["contact_id"].str.replace(r"\.0+$", "").cast(pl.Int64),
            email=addresses.normalised(values.bare_addresses(batch.frame["email"])),
        )
        given = batch.frame
        nul = given.select(pl.any_horizontal(pl.col(pl.String).str.contains("\0", literal=True))).to_series()
        self._reject(batch, self._first, nul.fill_null(False), repeat("the row holds NUL bytes; not text"))
        given = batch.frame
        nobody = given["contact"].is_null() & given["external_id"].is_null()
        invalid = nobody & ~pl.Series(addresses.valid_addresses(given["email"]))
        if "email" in self.source_of:
            reasons = (values.why_no_address(email) for email in given["email"].filter(invalid))
            self._reject(batch, "email", invalid, reasons)
        else:
            self._reject(batch, self._first, invalid, repeat(f"no {self.source_of[self._first]}"))

    def _when(self, batch: TargetBatch) -> None:
        given = batch.frame["trigger_date"]
        read, faults = self._dates.read(given)
        unread = given.is_in(list(faults)).fill_null(False)
        reasons = [faults[text] for text in given.filter(unread)]
        batch.frame = batch.frame.with_columns(read)
        self._reject(batch, "trigger_date", unread, reasons)

    @property
    def _first(self) -> str:
        return next(name for name in IDENTITIES if name in self.source_of)

    def _reject(self, batch: TargetBatch, column: str, rows: pl.Series, reasons: Iterable[str]) -> None:
        """Take the rows out, with a reason each."""
        if not rows.any():
            return
        where = batch.frame.select("line", column).filter(rows)
        batch.rejected += [
            problem(line, self.source_of[column], text, why)
            for (line, text), why in zip(where.iter_rows(), reasons)  # noqa: B905  `repeat` never ends
        ]
        batch.frame = batch.frame.filter(~rows)


def read_targets(path: Path | Literal["-"], *, today: date, date_order: DateOrder = "mdy") -> TargetReader:
    """Open a target list; raises InputError for what is wrong with the file or its columns as a whole."""
    source = open_source(path, lambda columns: any(_meaning(one) in IDENTITIES for one in columns))
    try:
        columns = _resolve(source.columns, "standard input" if path == "-" else str(path))
    except BaseException:
        source.close()
        raise
    return TargetReader(source, columns, date_order, today)


def _meaning(column: str) -> str:
    own = _OWN_SPELLINGS.get("".join(filter(str.isalnum, column.lower())))
    meant = own or target_of(column) or ""
    return meant if meant in (*IDENTITIES, "trigger_date") else ""


def _resolve(columns: Sequence[str], place: str) -> dict[str, str]:
    meant = {column: _meaning(column) for column in columns}
    for target in filter(None, meant.values()):
        same = [column for column in columns if meant[column] == target]
        if len(same) > 1:
            raise InputError(
                f'{place}: the columns "{same[0]}" and "{same[1]}" are both {target}. '
                "Rename or remove the one that is not meant."
            )
    if not any(meant[column] in IDENTITIES for column in columns):
        raise InputError(
            f"{place}: no column says who is meant. The columns are: {', '.join(columns)}. Name one of them "
            f"{' or '.join(reversed(IDENTITIES))}. If these are not names, put a header row above them."
        )
    return meant
