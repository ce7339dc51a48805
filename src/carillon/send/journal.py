"""The sent journal: one line for each email that may have left, beside the database and only added to.

A database that was restored from a backup has forgotten what left since; the journal has not (06-data).
Lines are on disk before the database is told.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from carillon.errors import WorkspaceError


class Journal:
    """`sent/YYYY-MM-DD.jsonl` in the workspace's folder, by days of UTC."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "sent"

    def note(self, now: datetime, lines: Iterable[dict[str, object]]) -> None:
        """Add lines and wait until they are on disk. Raises WorkspaceError where that cannot be."""
        data = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
        if not data:
            return
        path = self._folder / f"{now:%Y-%m-%d}.jsonl"
        try:
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
