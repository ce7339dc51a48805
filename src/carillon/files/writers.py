"""Tables out to CSV, XLSX and Parquet.

What belongs here: writing frames one after the other, all or nothing. A file appears under its name when
it is whole; whatever goes wrong before that leaves what was there. Text never becomes a formula: in CSV
by the apostrophe of `formulas`, in XLSX because cells are written with their type.
"""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

import polars as pl
import pyarrow.parquet as pq
import xlsxwriter
from xlsxwriter.exceptions import XlsxWriterException

from carillon.errors import InputError, WorkspaceError
from carillon.files.formulas import disarmed
from carillon.files.texts import as_text

_SHEET_ROWS = 1_048_576
_TOO_LONG = -2
"""What xlsxwriter answers to a text above Excel's 32,767 characters, after cutting it."""
_EXACT_IN_EXCEL = 10**15
"""Larger numbers lose digits in a cell, so they are written as text; so are infinity and NaN."""


class _Writer(Protocol):
    def write(self, frame: pl.DataFrame) -> None: ...

    def finish(self) -> None: ...


def write_table(frames: Iterable[pl.DataFrame], path: Path) -> int:
    """Write frames of one schema to a file, in the format its name ends in. Returns the number of rows."""
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path}: what format is that? End the name in .csv, .xlsx or .parquet.")
    if path.is_dir():
        raise InputError(f"{path}: this is a folder. Name a file in it.")
    rows = 0
    # In the same folder, so that the last step is a rename. The leading dot keeps it out of people's way.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with ExitStack() as undo:
        with _told(path):
            file = part.open("wb")
        undo.callback(part.unlink, missing_ok=True)
        undo.callback(_quietly, file.close)
        writer: _Writer | None = None
        for frame in frames:
            with _told(path):
                if writer is None:
                    schema = frame.schema
                    writer = kind(file, path, schema, undo)
                writer.write(frame.select(schema.names()).cast(schema))
            rows += frame.height
        if writer is None:
            raise InputError(f"{path}: there is nothing to write.")
        with _told(path):
            writer.finish()
            file.flush()
            os.fsync(file.fileno())
            file.close()
            part.replace(path)
    return rows


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Failures of the disk, in words that name the file and the remedy."""
    try:
        yield
    except XlsxWriterException as error:
        cause = error.args[0] if error.args else error
        raise _refusal(path, cause if isinstance(cause, OSError) else OSError(str(error))) from error
    except OSError as error:
        raise _refusal(path, error) from error


def _quietly(close: Callable[[], None]) -> None:
    """Close what has failed already: it may fail once more, and the first reason is the one to tell."""
    with suppress(OSError):
        close()


def _refusal(path: Path, error: OSError) -> WorkspaceError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return WorkspaceError(
            f"{path}: the disk is full. Nothing was written; free some space and try again."
        )
    if error.errno == errno.ENOENT:
        return WorkspaceError(f"{path}: the folder {path.parent} does not exist. Create it first.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
        return WorkspaceError(f"{path}: the folder {path.parent} cannot be written to. Choose another one.")
    return WorkspaceError(f"{path}: cannot be written ({error.strerror or error}).")


class _Csv:
    """UTF-8, commas, quotation marks where needed."""

    def __init__(self, file: BinaryIO, _path: Path, schema: pl.Schema, _undo: ExitStack) -> None:
        self._file = file
        names = disarmed(pl.Series(list(schema), dtype=pl.String))
        self._put(pl.DataFrame([names]).transpose())

    def write(self, frame: pl.DataFrame) -> None:
        columns = frame.get_columns()
        self._put(pl.DataFrame([s if _plain(s.dtype) else disarmed(as_text(s)) for s in columns]))

    def _put(self, frame: pl.DataFrame) -> None:
        # By way of a string: Polars hides the disk's own error when it writes to a file itself.
        self._file.write(frame.write_csv(include_header=False).encode())

    def finish(self) -> None:
        """Nothing stands at the end of a CSV file."""


class _Xlsx:
    """One sheet. Numbers and booleans keep their type; everything else is text. 6,000 rows a second."""

    def __init__(self, file: BinaryIO, path: Path, schema: pl.Schema, undo: ExitStack) -> None:
        self._file = file
        self._path = path
        self._row = 0
        # Rows wait on disk until the end, beside the target: /tmp may be small, or in memory.
        folder = undo.enter_context(tempfile.TemporaryDirectory(prefix=".carillon-", dir=path.parent))
        # The packed workbook is small enough for memory, and xlsxwriter leaves a file that fails half open.
        self._packed = io.BytesIO()
        self._book = xlsxwriter.Workbook(self._packed, {"constant_memory": True, "tmpdir": folder})
        self._sheet = self._book.add_worksheet()
        # There is no public way to give a half-written workbook up.
        undo.callback(_quietly, self._sheet._opt_close)
        self._line(list(schema))

    def write(self, frame: pl.DataFrame) -> None:
        columns = frame.get_columns()
        typed = [s if s.dtype.is_numeric() or s.dtype == pl.Boolean else as_text(s) for s in columns]
        for values in pl.DataFrame(typed).iter_rows():
            self._line(values)

    def _line(self, values: Sequence[object]) -> None:
        if self._row >= _SHEET_ROWS:
            raise InputError(
                f"{self._path}: a sheet ends at {_SHEET_ROWS:,} rows. Write a .csv or .parquet file instead."
            )
        for column, value in enumerate(values):
            if isinstance(value, bool):
                self._sheet.write_boolean(self._row, column, value)
            elif isinstance(value, int | float) and abs(value) <= _EXACT_IN_EXCEL:
                self._sheet.write_number(self._row, column, value)
            elif value is not None and self._sheet.write_string(self._row, column, str(value)) == _TOO_LONG:
                raise InputError(
                    f"{self._path}: the text in row {self._row + 1}, column {column + 1} is longer than a "
                    "cell can hold. Write a .csv or .parquet file instead."
                )
        self._row += 1

    def finish(self) -> None:
        self._book.close()
        self._file.write(self._packed.getbuffer())


class _Parquet:
    """Columns keep their types."""

    def __init__(self, file: BinaryIO, _path: Path, schema: pl.Schema, undo: ExitStack) -> None:
        self._writer = pq.ParquetWriter(file, schema.to_frame().to_arrow().schema, compression="zstd")
        undo.callback(_quietly, self._writer.close)

    def write(self, frame: pl.DataFrame) -> None:
        self._writer.write_table(frame.to_arrow())

    def finish(self) -> None:
        self._writer.close()


def _plain(kind: pl.DataType) -> bool:
    """Whether a type can neither be a formula nor needs help to become text."""
    return kind.is_numeric() or kind.is_temporal() or kind == pl.Boolean


_KINDS: dict[str, Callable[[BinaryIO, Path, pl.Schema, ExitStack], _Writer]] = {
    ".csv": _Csv,
    ".xlsx": _Xlsx,
    ".parquet": _Parquet,
}
