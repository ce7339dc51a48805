"""Files that hold a key: made once, for the owner's eyes only, whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def make_once(file: Path, content: str) -> None:
    """Write a new file with mode 0600. If another process makes it at the same moment, one of them stays.

    Raises OSError where the folder cannot be written to.
    """
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
