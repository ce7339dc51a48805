"""The second factor: codes of six digits that change every 30 seconds (RFC 6238)."""

from __future__ import annotations

from datetime import datetime
from hmac import compare_digest

import pyotp
import segno

STEP = 30
"""Seconds a code holds."""
_NEAR = (0, -1, 1)
"""Steps that count beside the present one: clocks of phones differ, and people type slowly."""


def new_secret() -> str:
    """For an authenticator app, in base32."""
    return pyotp.random_base32()


def address(secret: str, name: str, workspace: str) -> str:
    """What the picture says to the app."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=f"Carillon · {workspace}")


def picture(uri: str) -> str:
    """A QR code as a data URI, dark on light in any theme."""
    return str(segno.make(uri, error="m").svg_data_uri(scale=5, border=3, dark="#111", light="#fff"))


def step_of(secret: str, code: str, now: datetime, last: int | None) -> int | None:
    """The time step a code belongs to; None: it is wrong, too old, or was used before (`last`)."""
    code = "".join(code.split())
    at = int(now.timestamp()) // STEP
    found = None
    for step in (at + near for near in _NEAR):
        right = pyotp.TOTP(secret).at(step * STEP)
        if compare_digest(right.encode(), code.encode()) and (last is None or step > last):
            found = step
    return found
