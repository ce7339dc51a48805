"""Contacts that a program hands in, as if they stood in a file: the same cleaning, the same reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl

from carillon.files.contacts import ContactReader, reader_of
from carillon.files.mapping import TARGETS, resolve
from carillon.files.sources import RawBatch


class RecordSource:
    """A list of records; a source as `sources.Source` has it. Its lines count from 1."""

    def __init__(self, records: Sequence[Mapping[str, str | None]]) -> None:
        given = {name for record in records for name in record}
        self.columns = ["email", *(name for name in TARGETS if name in given and name != "email")]
        self.columns += sorted(given.difference(TARGETS))
        self.total, self.position = len(records), 0
        self.notes: list[str] = []
        self._records = records

    def batches(self, rows: int) -> Iterator[RawBatch]:
        for begin in range(0, self.total, rows):
            some = self._records[begin : begin + rows]
            frame = pl.DataFrame(
                {name: pl.Series([one.get(name) for one in some], dtype=pl.String) for name in self.columns}
            )
            self.position = begin + len(some)
            yield RawBatch(np.arange(begin + 1, self.position + 1, dtype=np.int64), frame)

    def close(self) -> None:
        """Nothing is open."""


def read_records(records: Sequence[Mapping[str, str | None]], today: date) -> ContactReader:
    """Contacts out of records: each field is what its name says, in ISO form where it is a date."""
    source = RecordSource(records)
    columns = resolve(source.columns, {}, "the list")
    return reader_of(source, columns, today, date_order="mdy")
