"""XLSX workbooks, one sheet, as text.

What belongs here: the sheet to read, its row numbers, and the guard against archives that unpack to
more than a machine holds. Everything is asked for as text: guessed types would turn ZIP codes into
numbers in one half of a column and not in the other.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import fastexcel
import numpy as np
import polars as pl

from carillon.errors import InputError
from carillon.files.sources import RawBatch, header

MAX_UNPACKED = 2 << 30
"""Bytes. A full sheet (a million rows of twelve columns) is below half of that."""
MAX_RATIO = 200
_RATIO_COUNTS_FROM = 64 << 20
_CHUNK = 1 << 20
# What `zipfile` raises on cut, altered or encrypted archives. RuntimeError is also NotImplementedError.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError)


class SheetSource:
    """One sheet of a workbook. `total` and `position` count rows."""

    def __init__(self, raw: BinaryIO, place: str, has_email: Callable[[Sequence[str]], bool]) -> None:
        _guard(raw, place)
        raw.seek(0)
        # Read at once, and closed: the reader wants the whole archive and nothing else needs the file.
        with raw:
            content = raw.read()
        self.notes: list[str] = []
        try:
            workbook = fastexcel.read_excel(content)
            table = self._chosen(workbook, place, has_email)
        except fastexcel.FastExcelError as error:
            raise InputError(f"{place}: the workbook is damaged ({error}). Save it again.") from error
        filled = _filled(table)
        if not filled.any():
            raise InputError(f"{place}: the sheet is empty.")
        top = filled.arg_max() or 0
        self.columns = header(table.row(top), place)
        table.columns = self.columns
        self._lines = filled.slice(top + 1).arg_true().to_numpy().astype(np.int64) + top + 2
        self._table = table.slice(top + 1).filter(filled.slice(top + 1))
        self.total = self._table.height
        self.position = 0

    def _chosen(
        self, workbook: fastexcel.ExcelReader, place: str, has_email: Callable[[Sequence[str]], bool]
    ) -> pl.DataFrame:
        """The first sheet, or the only one with an email column."""
        first = _sheet(workbook, 0)
        if len(workbook.sheet_names) == 1 or has_email(_top(first)):
            return first
        others = {name: _sheet(workbook, i) for i, name in enumerate(workbook.sheet_names) if i}
        fitting = [name for name, table in others.items() if has_email(_top(table))]
        if len(fitting) > 1:
            raise InputError(
                f"{place}: the first sheet has no email column, and several others have one: "
                f"{', '.join(fitting)}. Put the sheet to import first."
            )
        if not fitting:
            return first
        self.notes.append(f'{place}: read sheet "{fitting[0]}", the only one with an email column')
        return others[fitting[0]]

    def batches(self, rows: int) -> Iterator[RawBatch]:
        for start in range(0, self.total, rows):
            self.position = min(start + rows, self.total)
            yield RawBatch(self._lines[start : start + rows], self._table.slice(start, rows))

    def close(self) -> None:
        self._table = self._table.clear()


def _sheet(workbook: fastexcel.ExcelReader, index: int) -> pl.DataFrame:
    """All rows of a sheet, so that a row's place is its number; dates without a time as dates."""
    # `skip_rows=0` keeps leading empty rows, which would otherwise vanish from the count.
    table = workbook.load_sheet(index, header_row=None, skip_rows=0, dtypes="string").to_polars()
    midnight = pl.all().str.replace(r"^(\d{4}-\d{2}-\d{2}) 00:00:00$", "$1")
    return table.with_columns(midnight) if table.width else table


def _filled(table: pl.DataFrame) -> pl.Series:
    """Which rows hold anything."""
    if not table.width:
        return pl.Series([], dtype=pl.Boolean)
    return table.select(~pl.all_horizontal(pl.all().is_null())).to_series()


def _top(table: pl.DataFrame) -> list[str]:
    """The first row that is not empty."""
    filled = table.filter(_filled(table))
    return [cell or "" for cell in filled.row(0)] if filled.height else []


def _guard(raw: BinaryIO, place: str) -> None:
    """Refuse an archive that is damaged, no workbook, or unpacks to far more than it seems to hold.

    The sizes an archive states may be lies, so it is unpacked once for nothing: Python stops at the
    stated size and compares the checksum, and the parser behind does neither.
    """
    try:
        with zipfile.ZipFile(raw) as archive:
            members = archive.infolist()
            if not any(member.filename == "xl/workbook.xml" for member in members):
                raise InputError(f"{place}: a zip archive, but no Excel workbook. Unpack it first.")
            unpacked = sum(member.file_size for member in members)
            packed = max(1, sum(member.compress_size for member in members))
            if unpacked > MAX_UNPACKED or unpacked > max(_RATIO_COUNTS_FROM, MAX_RATIO * packed):
                raise InputError(
                    f"{place}: the workbook unpacks to {unpacked >> 20:,} MB, which is refused for safety. "
                    "If it is a real list, save it as CSV."
                )
            for member in members:
                with archive.open(member) as content:
                    while content.read(_CHUNK):
                        pass
    except _DAMAGE as error:
        raise InputError(
            f"{place}: the workbook is damaged or cut off ({error}). Download or save it again."
        ) from error
