"""`maildir`: every email is a file in a Maildir: for demos, dry runs and tests, and to look at.

A file is written in `tmp`, made durable and moved to `new` as a whole; its name comes from the Message-ID,
so that the same message delivered again is still one file. Moving it is this transport's final dot. A dry
run's copy has a name of its own, and makes way for the email when that is delivered.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from carillon.clock import monotonic
from carillon.errors import InputError
from carillon.oauth import Credentials
from carillon.send.outcomes import Deferred, Delivered, Envelope, Outcome, Unknown
from carillon.send.transports.settings import TransportSettings
from carillon.settings_checks import text, whole

MAIL, COPY = ".eml", ".dry.eml"
"""How the names of files end: of emails, and of what a dry run writes."""
_SEEN = ("", ":2,", ":2,S")
"""What mail programs add to the name of a file they have moved to `cur`."""


class MaildirSettings(TransportSettings):
    """Where the files go."""

    path: Annotated[str, BeforeValidator(text)]
    """The folder; a relative path counts from the workspace."""
    connections: Annotated[int, whole(1, 100)] = 4
    """How many files are written at a time."""

    @property
    def place(self) -> str:
        return self.path


class MaildirTransport:
    """A Maildir, made when the first email is delivered."""

    is_local = True

    def __init__(self, settings: MaildirSettings, folder: Path, secret: Credentials | None) -> None:
        del secret
        self.connections = settings.connections
        self.path = folder / Path(settings.path).expanduser()

    def connection(self) -> MaildirConnection:
        return MaildirConnection(self.path)


class MaildirConnection:
    """Writes one file at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def deliver(self, envelope: Envelope, deadline: float) -> Outcome:
        return await asyncio.to_thread(_deliver, self._path, envelope, deadline)

    async def close(self) -> None:
        pass


def write_copy(path: Path, envelope: Envelope) -> bool:
    """Write what would be sent into a Maildir, unless it is there. Returns whether it was written.

    Raises InputError where it cannot be.
    """
    target = path / "new" / _name(envelope, COPY)
    try:
        for part in ("tmp", "new", "cur"):
            (path / part).mkdir(parents=True, exist_ok=True)
        if _found(path, target.name):
            return False
        draft = path / "tmp" / f"{target.name}.{secrets.token_hex(4)}"
        try:
            draft.write_bytes(envelope.data)
            draft.rename(target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"the Maildir {path} cannot be written to: {error.strerror or error}. Check its place, your "
            "rights there and the space left."
        ) from None
    return True


def _name(envelope: Envelope, end: str) -> str:
    return f"{sha256(envelope.message_id.encode()).hexdigest()[:32]}{end}"


def _found(path: Path, name: str) -> Path | None:
    """The file of this name, also where a mail program has moved it."""
    seen = (path / "cur" / f"{name}{flags}" for flags in _SEEN)
    return next((one for one in (path / "new" / name, *seen) if one.exists()), None)


def _deliver(path: Path, envelope: Envelope, deadline: float) -> Outcome:
    name = _name(envelope, MAIL)
    target = path / "new" / name
    draft = path / "tmp" / f"{name}.{secrets.token_hex(4)}"
    try:
        for part in ("tmp", "new", "cur"):
            (path / part).mkdir(parents=True, exist_ok=True)
        if found := _found(path, name):
            return Delivered(str(found))
        try:
            _write(draft, envelope.data)
            if monotonic() >= deadline:
                return Deferred("not sent: the time allowed for it was over before the file was complete")
            draft.rename(target)
        finally:
            draft.unlink(missing_ok=True)
        (path / "new" / _name(envelope, COPY)).unlink(missing_ok=True)
    except OSError as error:
        why = f"the Maildir {path} cannot be written to: {error.strerror or error}."
        return Deferred(f"{why} Check its place, your rights there and the space left.", account=True)
    try:
        _make_durable(path / "new")
    except OSError as error:
        return Unknown(f"{target} was written, but the disk reports {error.strerror or error}.")
    return Delivered(str(target))


def _write(file: Path, data: bytes) -> None:
    with file.open("xb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())


def _make_durable(folder: Path) -> None:
    """The names in a folder; Windows neither can nor needs to be asked."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
