"""The workspace as it is now: edits of `carillon.yaml` take effect without a restart.

A file that cannot be read as it is changes nothing: the settings from before hold, and that is told once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Lock

from carillon.errors import CarillonError
from carillon.settings import load_settings
from carillon.settings_load import FILE_NAME
from carillon.workspace import Workspace


class Current:
    """A workspace whose settings are read again when their file has changed. Safe to share by threads."""

    def __init__(
        self, workspace: Workspace, environ: Mapping[str, str], tell: Callable[[str, bool], None]
    ) -> None:
        """`tell` gets a sentence and whether it is about trouble."""
        self._workspace, self._environ, self._tell = workspace, environ, tell
        self._lock, self._seen = Lock(), self._mark()

    def get(self) -> Workspace:
        """The same object as long as nothing has changed."""
        with self._lock:
            mark = self._mark()
            if mark != self._seen:
                self._seen = mark
                self._read()
            return self._workspace

    def _read(self) -> None:
        old = self._workspace
        try:
            settings = load_settings(old.folder, self._environ)
        except CarillonError as error:
            self._tell(f"{FILE_NAME} cannot be used, the settings from before still hold: {error}", True)
            return
        if settings == old.settings:
            return
        if settings.database.url != old.settings.database.url:
            self._tell("database.url has changed: stop `carillon run` and start it again", True)
            settings = settings.model_copy(update={"database": old.settings.database})
        self._workspace = replace(old, settings=settings)
        old.database.opening = self._workspace.note_version
        self._tell(f"{FILE_NAME} has changed: it holds from now on", False)

    def _mark(self) -> tuple[int, int] | None:
        try:
            found = (self._workspace.folder / FILE_NAME).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size
