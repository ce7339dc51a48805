"""The section of the configuration that is about what comes back. See `settings_sections`.

Import from `carillon.settings`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from carillon import settings_checks as checks
from carillon.settings_checks import whole
from carillon.settings_sections import Section

MOST_FOLDERS = 20
SOFT_BOUNCES = 3
"""So many emails in a row that come back for a while are as good as one that does for ever."""


def folder(value: object) -> str:
    """The name of a folder of a mailbox, as people see it."""
    name = checks.text(value)
    if not name.isprintable() or len(name) > 200:
        raise ValueError(f"{checks.shown(value)} is not the name of a folder; write it like INBOX or Spam")
    return "INBOX" if name.upper() == "INBOX" else name


def some(folders: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, in their order."""
    if not folders or len(folders) > MOST_FOLDERS:
        raise ValueError(f"name 1 to {MOST_FOLDERS} folders, such as [INBOX]")
    return tuple(dict.fromkeys(folders))


# Named apart from the keys: pydantic reads annotations among the names of the class.
Folder = Annotated[str, BeforeValidator(folder)]
Folders = Annotated[tuple[Folder, ...], AfterValidator(some)]


class Listening(Section):
    """How mailboxes are read."""

    poll_minutes: Annotated[int, whole(1, 60, "minutes")] = 5
    """Between two looks where the server does not tell of news by itself."""
    inbox_scan_days: Annotated[int, whole(1, 365, "days")] = 30
    """How far back a mailbox is read at first, and when its server has numbered its messages anew."""
    folders: Folders = ("INBOX",)
    """Those that are read, the most important one first."""
    soft_bounces: Annotated[int, whole(1, 100, "emails")] = SOFT_BOUNCES
    """Emails in a row that come back for a while until nobody writes to the address any more."""
    raw_retention_days: Annotated[int, whole(1, 3650, "days")] = 90
    """Days that received messages are kept as they came; what followed from them stays."""
