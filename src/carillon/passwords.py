"""Passwords of the web's users: hashed with argon2id, checked in the same time whoever they are for."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from carillon.errors import InputError

SHORTEST, LONGEST = 12, 200
"""Characters of a password: NIST SP 800-63B asks for length and for nothing else."""
_HASHER = PasswordHasher()
"""The library's parameters are those of RFC 9106 for small memory: 64 MiB, 3 passes."""


def hashed(password: str) -> str:
    """A password as it is stored. Raises InputError for one that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(
            f"a password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}. "
            "Four or five words in a row are easy to keep in mind."
        )
    return _HASHER.hash(password)


def is_right(stored: str | None, password: str) -> bool:
    """Whether a password is the stored one; None: there is no such user, found out just as slowly."""
    if len(password) > LONGEST:
        return False
    try:
        return _HASHER.verify(_nobody() if stored is None else stored, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Whether it was hashed with other parameters than those of today."""
    return _HASHER.check_needs_rehash(stored)


@cache
def _nobody() -> str:
    """What the passwords of those who are no users are compared with."""
    return _HASHER.hash("nobody has this password")
