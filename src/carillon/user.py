"""Who is at the keyboard, for the books: the only place that asks the operating system for a user."""

from __future__ import annotations

import getpass

NOBODY = "unknown user"


def user_name() -> str:
    """The name of the user this program runs as."""
    try:
        return getpass.getuser()
    # A user without a name (a container's, say): Python 3.13 and later raise the one, earlier the other.
    except (OSError, KeyError):
        return NOBODY
