"""`maildir`: a Maildir on this machine, which another program delivers into: for demos and tests.

Messages lie in `new` until what was made of them is stored, and in `cur` afterwards, still unread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event
from typing import Annotated

from pydantic import BeforeValidator

from carillon.clock import monotonic
from carillon.connection_settings import ConnectionSettings
from carillon.listen.sources.mail import BATCH, MOST_BYTES, Arrived, Batch, Mark, Marked, NotReached
from carillon.oauth import Credentials
from carillon.settings_checks import text

FOLDER = "new"
TICK_SECONDS = 0.5


class MaildirSettings(ConnectionSettings):
    """Where the Maildir is."""

    path: Annotated[str, BeforeValidator(text)]
    """The folder; a relative path counts from the workspace."""

    @property
    def place(self) -> str:
        return self.path


class MaildirMailbox:
    """See `listen.sources.Mailbox`."""

    pushes = True

    def __init__(self, settings: MaildirSettings, folder: Path, secret: Credentials | None) -> None:
        del secret
        self._path = folder / Path(settings.path).expanduser()
        if not self._path.is_dir():
            raise NotReached(f"there is no Maildir {self._path}. Check its place.")

    def folders(self, wanted: tuple[str, ...]) -> list[str]:
        del wanted
        return [FOLDER]

    def news(self, folder: str, mark: Mark, since: date) -> Iterator[Batch]:
        del mark, since
        files = self._files(folder)
        for at in range(0, len(files), BATCH):
            messages = (self._message(file) for file in files[at : at + BATCH])
            yield Batch(Mark(1), tuple(one for one in messages if one is not None))

    def stored(self, batch: Batch) -> None:
        for one in batch.messages:
            file = Path(one.place)
            (self._path / "cur").mkdir(exist_ok=True)
            with suppress(FileNotFoundError):  # somebody else has moved it
                file.rename(self._path / "cur" / f"{file.name.partition(':')[0]}:2,")

    def marked(self, header: str, spam: str | None, since: date) -> list[Marked]:
        """None: what is read is moved to `cur` in any case, and there is no folder for spam."""
        del header, spam, since
        return []

    def put_right(self, found: Sequence[Marked]) -> None:
        """There is nothing to put right."""

    def wait(self, seconds: float, stop: Event) -> None:
        end = monotonic() + seconds
        while monotonic() < end and not self._files(FOLDER) and not stop.wait(TICK_SECONDS):
            pass

    def close(self) -> None:
        """Nothing is open."""

    def abort(self) -> None:
        """Nothing here waits for anybody."""

    def _files(self, folder: str) -> list[Path]:
        try:
            return sorted(file for file in (self._path / folder).iterdir() if not file.name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise NotReached(f"{self._path} cannot be read: {error.strerror or error}.") from None

    def _message(self, file: Path) -> Arrived | None:
        """None: somebody else has taken it."""
        try:
            with file.open("rb") as opened:
                raw = opened.read(MOST_BYTES)
            return Arrived(str(file), datetime.fromtimestamp(file.stat().st_mtime, UTC), raw)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise NotReached(f"{file} cannot be read: {error.strerror or error}.") from None
