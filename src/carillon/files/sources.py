"""Tables in files, handed out in batches of text: what a source is, and which one a file needs.

What belongs here: the shape every source has and the choice between them, which goes by a file's first
bytes rather than its name. What does not: what a column means (`mapping`, `contacts`). A new format
touches its own file and one line of `open_source`.
"""

from __future__ import annotations

import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from carillon.errors import InputError

_LONGEST_VALUE = 80


class Problem(NamedTuple):
    """One thing that is wrong in a file, and where. `column` is the file's own name for it."""

    line: int
    column: str
    value: str
    reason: str


def problem(line: int, column: str, value: str | None, reason: str) -> Problem:
    """A problem with its value cut short, so that a million of them stay small."""
    value = (value or "").replace("\0", "␀")
    if len(value) > _LONGEST_VALUE:
        value = value[: _LONGEST_VALUE - 1] + "…"
    return Problem(line, column, value, reason)


@dataclass(frozen=True, slots=True)
class RawBatch:
    """Some rows of a file: text columns named as in its header, and each row's first line."""

    lines: npt.NDArray[np.int64]
    frame: pl.DataFrame
    problems: list[Problem] = field(default_factory=list)


class Source(Protocol):
    """An open table. `total` and `position` are in the same unit, for progress bars."""

    columns: list[str]
    total: int
    notes: list[str]

    @property
    def position(self) -> int:
        """How much of `total` has been read."""
        ...

    def batches(self, rows: int) -> Iterator[RawBatch]:
        """The rows, at most `rows` at a time; can be asked for once."""
        ...

    def close(self) -> None: ...


def header(cells: Sequence[str | None], place: str) -> list[str]:
    """The column names a first row gives. Nameless columns are named by their position."""
    names = [(cell or "").strip() or f"column {i}" for i, cell in enumerate(cells, 1)]
    if any(re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@]+", name) for name in names):
        raise InputError(
            f"{place}: the first row already holds an email address, so the columns have no names. "
            "Put a header row above it, such as: email,first_name,last_name,zip_code"
        )
    seen: dict[str, int] = {}
    for i, name in enumerate(names, 1):
        if name in seen:
            raise InputError(f'{place}: columns {seen[name]} and {i} are both named "{name}". Rename one.')
        seen[name] = i
    return names


def open_source(path: Path | Literal["-"], has_email: Callable[[Sequence[str]], bool]) -> Source:
    """Open a contact file by what is in it; "-" is CSV on standard input.

    `has_email` tells a header with an email column: it chooses among the sheets of a workbook.
    """
    # Here, because each of them imports the shapes above.
    from carillon.files.delimited import DelimitedSource
    from carillon.files.parquet import ParquetSource
    from carillon.files.sheets import SheetSource

    place = "standard input" if path == "-" else str(path)
    raw = _spooled(sys.stdin.buffer) if path == "-" else _opened(path)
    try:
        start = raw.read(8)
        raw.seek(0)
        suffix = "" if path == "-" else path.suffix.lower()
        if path != "-" and start.startswith(b"PK\x03\x04"):
            return SheetSource(raw, place, has_email)
        if path != "-" and start.startswith(b"PAR1"):
            return ParquetSource(raw, place)
        for magic, what in _NOT_READ.items():
            if start.startswith(magic):
                raise InputError(f"{place}: this is {what}")
        if suffix in _BY_CONTENT:
            raise InputError(
                f"{place}: this is not {_BY_CONTENT[suffix]}, or its beginning is damaged. "
                "Save or download it again."
            )
        return DelimitedSource(raw, place)
    except BaseException:
        raw.close()
        raise


_NOT_READ = {
    b"PK\x03\x04": "an Excel workbook or zip archive. Save it as a file and name that.",
    b"PAR1": "a Parquet file. Save it as a file and name that.",
    b"\xd0\xcf\x11\xe0": "an old (.xls) or password-protected workbook. Save it as .xlsx without a password.",
    b"\x1f\x8b": "a gzip archive. Unpack it first (gunzip).",
    b"%PDF": "a PDF document. Export the list as CSV or XLSX.",
}
_BY_CONTENT = {
    ".xlsx": "an Excel workbook",
    ".xlsm": "an Excel workbook",
    ".parquet": "a Parquet file",
}


def _opened(path: Path) -> BinaryIO:
    """A file opened for reading, seekable even where it is a pipe (`<(unzip -p list.zip)`)."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError(f"{path}: this is a folder. Name the file in it.")
        raw = path.open("rb")
        if stat.S_ISREG(mode):
            return raw
        with raw:
            return _spooled(raw)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file.") from None
    except PermissionError:
        raise InputError(f"{path}: no permission to read it. Change its owner or mode (chmod u+r).") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error


def _spooled(stream: BinaryIO) -> BinaryIO:
    """A stream copied to an unnamed file on disk: its encoding can only be told at its end."""
    spool = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115  the source that reads it closes it
    shutil.copyfileobj(stream, spool)
    spool.seek(0)
    return spool
