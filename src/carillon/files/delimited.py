"""CSV and its relatives, as people's programs really write them.

What belongs here: encoding, delimiter, quotes, physical line numbers. A row is handed on only if it has
exactly as many fields as the header: one with more or fewer is reported and never shifted or filled up.
The standard library's parser is used because it tells how many lines a record took, which the fast
ones do not, and a report without right line numbers is of no use.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

import numpy as np
import polars as pl

from carillon.errors import InputError
from carillon.files.encodings import detect
from carillon.files.formulas import rearmed
from carillon.files.sources import Problem, RawBatch, header, problem

_DELIMITERS = ",;\t|"
_SAMPLE = 1 << 16
_SEP_LINE = re.compile(r'^"?sep=([,;\t|])"?\s*$', re.IGNORECASE)


class DelimitedSource:
    """A text file of rows. `total` and `position` count bytes."""

    def __init__(self, raw: BinaryIO, place: str) -> None:
        self._raw = raw
        self._place = place
        self.total = raw.seek(0, io.SEEK_END)
        raw.seek(0)
        encoding = detect(raw, place)
        self.notes = [f"{place}: {encoding.note}"] if encoding.note else []
        self._text = io.TextIOWrapper(raw, encoding.name, encoding.errors, newline="")
        sample = self._text.read(_SAMPLE)
        if not sample.strip():
            raise InputError(f"{place}: the file is empty.")
        self._text.seek(0)
        self._delimiter = _delimiter(sample, complete=len(sample) < _SAMPLE)
        self._records = _Records(self._text, self._delimiter)
        self._rows = iter(self._records)
        self.columns = self._header()

    @property
    def position(self) -> int:
        return self._raw.tell()

    def _header(self) -> list[str]:
        for row in self._rows:
            if isinstance(row, Problem):
                raise InputError(f"{self._place}: line {row.line}, the header, cannot be read: {row.reason}.")
            if not _blank(row) and not (len(row) <= 2 and _SEP_LINE.match(self._delimiter.join(row))):
                return header(rearmed(pl.Series(row)).to_list(), self._place)
        raise InputError(f"{self._place}: the file is empty.")

    def batches(self, rows: int) -> Iterator[RawBatch]:
        width = len(self.columns)
        # All cells go into one flat list: kept apart, a list per row would busy the garbage collector.
        cells: list[str] = []
        lines: list[int] = []
        problems: list[Problem] = []
        for row in self._rows:
            if isinstance(row, Problem):
                problems.append(row)
            elif len(row) == width:
                if row[0].strip() or not _blank(row):
                    lines.append(self._records.line)
                    cells += row
            elif not _blank(row):
                problems.append(self._ragged(row))
            if len(lines) + len(problems) >= rows:
                yield self._batch(lines, cells, problems)
                lines, cells, problems = [], [], []
        if lines or problems:
            yield self._batch(lines, cells, problems)

    def _ragged(self, row: list[str]) -> Problem:
        wanted, found = len(self.columns), len(row)
        reason = f"{found} fields where the header has {wanted}"
        if found > wanted:
            reason += "; a value that holds the delimiter must stand in quotation marks"
        return problem(self._records.line, "", self._delimiter.join(row), reason)

    def _batch(self, lines: list[int], cells: list[str], problems: list[Problem]) -> RawBatch:
        width = len(self.columns)
        names = enumerate(self.columns)
        columns = [rearmed(pl.Series(name, cells[i::width], dtype=pl.String)) for i, name in names]
        return RawBatch(np.array(lines, dtype=np.int64), pl.DataFrame(columns), problems)

    def close(self) -> None:
        self._text.close()


class _Records:
    """Iterates over rows, telling in `line` where each began. A broken record costs its first line only.

    A quotation mark that is never closed would swallow the lines below it, up to the next one. The
    parser notices then (strict mode), and the lines after the first are given back to be read again.
    """

    def __init__(self, lines: Iterator[str], delimiter: str) -> None:
        self.line = 1
        self._lines = lines
        self._delimiter = delimiter
        self._given_back: deque[str] = deque()
        self._record: list[str] = []

    def __iter__(self) -> Iterator[list[str] | Problem]:
        record = self._record
        while True:
            try:
                for row in self._parser():
                    yield row
                    self.line += len(record)
                    record.clear()
                return
            except csv.Error as error:
                yield problem(self.line, "", record[0].rstrip("\r\n"), _quotes(error))
                self.line += 1
                self._given_back.extendleft(reversed(record[1:]))
                record.clear()

    def _parser(self) -> Iterator[list[str]]:
        return csv.reader(self._tape(), delimiter=self._delimiter, strict=True, skipinitialspace=True)

    def _tape(self) -> Iterator[str]:
        while self._given_back:
            line = self._given_back.popleft()
            self._record.append(line)
            yield line
        for line in self._lines:
            self._record.append(line)
            yield line


def _quotes(error: csv.Error) -> str:
    if "limit" in str(error):
        return "a quotation mark is opened and never closed, or a value has more than 131,072 characters"
    if "unexpected end" in str(error):
        return "a quotation mark is opened and never closed"
    return "a quotation mark inside a value; write it twice, or close the one before it"


def _blank(row: list[str]) -> bool:
    return not "".join(row).strip()


def _delimiter(sample: str, *, complete: bool) -> str:
    """The sign most rows agree on: first how many rows have as many fields as the header, then how many."""
    first = next(iter(io.StringIO(sample, newline="")))
    if named := _SEP_LINE.match(first):
        return named[1]
    best, chosen = (0.0, 1), ","
    for sign in _DELIMITERS:
        records = csv.reader(io.StringIO(sample, newline=""), delimiter=sign, skipinitialspace=True)
        try:
            rows = [row for row in islice(records, 100) if not _blank(row)]
        except csv.Error:
            continue
        if not rows:
            continue
        if not complete and len(rows) > 1:
            rows.pop()
        width = len(rows[0])
        share = round(sum(len(row) == width for row in rows) / len(rows), 1)
        if width > 1 and (share, width) > best:
            best, chosen = (share, width), sign
    return chosen
