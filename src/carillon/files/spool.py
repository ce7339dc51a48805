"""A file's cleaned batches, waiting on disk until all of it is read.

So the database is not kept waiting while a file is read, nothing is written for a file that turns out to
be damaged near its end, and a transaction that has to be repeated finds its rows again. A list of three
million takes about 200 MB in the folder for temporary files (TMPDIR).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from carillon.errors import WorkspaceError


class Spool:
    """Series of frames by name, in the order they were put. A context manager."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder`: where to keep them; None: the system's place for temporary files."""
        with _told():
            self._folder = tempfile.TemporaryDirectory(prefix=".carillon-", dir=folder)
        self._names: dict[str, int] = {}

    def put(self, name: str, frame: pl.DataFrame) -> None:
        number = self._names.get(name, 0)
        with _told():
            frame.write_ipc(self._path(name, number), compression="lz4")
        self._names[name] = number + 1

    def get(self, name: str) -> Iterator[pl.DataFrame]:
        """All frames put under this name; can be asked for any number of times."""
        for number in range(self._names.get(name, 0)):
            yield pl.read_ipc(self._path(name, number))

    def drain(self, name: str) -> Iterator[pl.DataFrame]:
        """The same, once: a frame's file is gone when the frame is handed out."""
        for number, frame in enumerate(self.get(name)):
            self._path(name, number).unlink()
            yield frame

    def _path(self, name: str, number: int) -> Path:
        return Path(self._folder.name) / f"{name}-{number:06d}.arrow"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:
        raise WorkspaceError(
            f"the folder for temporary files {tempfile.gettempdir()} cannot be written to ({error}). Free "
            "some space there or name another folder in the environment variable TMPDIR. Nothing was changed."
        ) from error
