"""The sent journal: one line for each email that may have left, beside the database and only added to.

A database that was restored from a backup has forgotten what left since; the journal has not (06-data).
Lines are on disk before the database is told: `intent` before an email is handed over, and what came of it
before that is stored. `replay` reads them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
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
        data = "".join(f"{_line(line)}\n" for line in lines).encode()
        if not data:
            return
        path = self._folder / f"{now.date()}.jsonl"
        try:
            if not self._folder.is_dir():
                self._folder.mkdir(exist_ok=True)
            with path.open("ab") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise WorkspaceError(
                f"{path} cannot be written ({error.strerror}), and nothing is sent without it. Free some "
                "space or give yourself write permission."
            ) from error
