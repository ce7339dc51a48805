"""Values from outside made such that every database can hold them."""

from __future__ import annotations

import math
from collections.abc import Mapping


def clean(value: str) -> str:
    """A text without zero bytes and halves of characters."""
    return value.replace("\0", "").encode("utf-8", "replace").decode()


def cleaned(value: object) -> object:
    """The same for everything inside a JSON value; numbers that are none become null."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): cleaned(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
