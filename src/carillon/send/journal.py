"""The sent journal: one line for each email that may have left, beside the database and only added to.

A database that was restored from a backup has forgotten what left since; the journal has not (06-data).
Lines are on disk before the database is told: `intent` before an email is handed over, and what came of it
before that is stored. `replay` reads them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from carillon.errors import WorkspaceError

FOLDER = "sent"
INTENT = "intent"
"""`outcome` of a line that says: from here on the email may have been sent."""
_line = json.JSONEncoder(ensure_ascii=False).encode


class Journal:
    """`sent/YYYY-MM-DD.jsonl` in the workspace's folder, by days of UTC."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._flusher = ThreadPoolExecutor(1, "journal")

    def begin(self) -> None:
        """Make its folder: a workspace that has sent and has none has lost its journal."""
        try:
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            raise WorkspaceError(
                f"{self._folder} cannot be made ({error.strerror}), and nothing is sent without it. Give "
                "yourself write permission."
            ) from error

    def note(self, now: datetime, lines: Iterable[dict[str, object]]) -> None:
        """Add lines and wait until they are on disk. Raises WorkspaceError where that cannot be."""
        self.begin_note(now, lines)()

    def begin_note(self, now: datetime, lines: Iterable[dict[str, object]]) -> Callable[[], None]:
        """Add lines; what it returns waits until they are on disk, as `note` does, and may be called again.

        Meanwhile the statements of a transaction can run: only its commit has to wait for the lines.
        """
        data = "".join(f"{_line(line)}\n" for line in lines).encode()
        if not data:
            return lambda: None
        path = self._folder / f"{now.date()}.jsonl"
        with _told(path):
            file = self._open(path)
            try:
                _write_all(file, data)
            except BaseException:
                os.close(file)
                raise
        flushed = self._flusher.submit(_flush, file)
        return lambda: _wait(path, flushed)

    def _open(self, path: Path) -> int:
        """Opened each time: whoever moves or deletes the file finds the next lines in a new one."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        try:
            return os.open(path, flags, 0o666)
        except FileNotFoundError:
            self._folder.mkdir(exist_ok=True)
            return os.open(path, flags, 0o666)


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _flush(file: int) -> None:
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _wait(path: Path, flushed: Future[None]) -> None:
    with _told(path):
        flushed.result()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Raises WorkspaceError where lines cannot be written."""
    try:
        yield
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be written ({error.strerror}), and nothing is sent without it. Free some "
            "space or give yourself write permission."
        ) from error
