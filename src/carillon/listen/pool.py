"""Warm-up mail between our own accounts, as it arrives: known by its header before anything else is asked."""

from __future__ import annotations

from email.parser import BytesHeaderParser
from email.policy import compat32

from carillon.listen import headers
from carillon.pool import HEADER, warms_up
from carillon.tokens import LinkKeys

_NAME = HEADER.lower().encode()


def warmup_in(raw: bytes, keys: LinkKeys) -> tuple[int, int] | None:
    """The message of the pool that an email is, and the account it was written to.

    None for all other mail, also where somebody else has written our header into it.
    """
    if _NAME not in raw.lower():
        return None
    message = BytesHeaderParser(policy=compat32).parsebytes(raw)
    return warms_up(keys, headers.value(message, HEADER))
