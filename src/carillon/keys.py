"""The identity of a planned email, packed into one integer that is its row id as well.

    contact (32 bits) | follow-up (1) | kind (14) | event day (16)

An email is (contact, type, campaign instance, event), not a date: it keeps its id wherever it is moved
to, and after it was sent. A follow-up is identified by the email it follows: the same key with the
follow-up bit set. Keys of one contact are consecutive, so a contact's emails are one range of ids.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from carillon.columns import Bools
from carillon.days import Days

Keys = npt.NDArray[np.int64]
Kinds = npt.NDArray[np.int32]

CONTACT_SHIFT = 31
FOLLOWUP_BIT = 1 << 30
KIND_SHIFT = 16
KIND_MASK = (1 << 14) - 1
EVENT_MASK = (1 << 16) - 1


def pack(contact: npt.NDArray[np.int64], kind: Kinds | int, event: Days) -> Keys:
    """Keys of emails that are not follow-ups; arrays of shape (n,)."""
    return (contact << CONTACT_SHIFT) | (np.int64(1) * kind << KIND_SHIFT) | event


def contact_of(keys: Keys) -> npt.NDArray[np.int64]:
    return keys >> CONTACT_SHIFT


def kind_of(keys: Keys) -> Kinds:
    return ((keys >> KIND_SHIFT) & KIND_MASK).astype(np.int32)


def event_of(keys: Keys) -> Days:
    return (keys & EVENT_MASK).astype(np.int32)


def is_followup(keys: Keys) -> Bools:
    return (keys & FOLLOWUP_BIT) != 0
