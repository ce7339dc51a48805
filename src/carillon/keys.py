"""The identity of a planned email, packed into one integer that is its row id as well.

    contact (32 bits) | follow-up (1) | kind (14) | event day (16)

An email is (contact, type, campaign instance, event), not a date: it keeps its id wherever it is moved
to, and after it was sent. A follow-up is identified by the email it follows: the same key with the
follow-up bit set. Keys of one contact are consecutive, so a contact's emails are one range of ids.

An email of a sequence is (enrollment, visit): its key is below `FIRST_OF_SEQUENCES`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from carillon.columns import Bools
from carillon.days import Days
from carillon.words import FIRST_CAMPAIGN

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
    # Cut down to 32 bits first: what is masked away afterwards includes what was cut off.
    return (keys >> KIND_SHIFT).astype(np.int32) & np.int32(KIND_MASK)


def event_of(keys: Keys) -> Days:
    return (keys & EVENT_MASK).astype(np.int32)


def followup_kind(kinds: npt.NDArray[np.integer], tiers: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """The number under which `plan_kinds` holds what is shown of follow-ups; never a kind's own."""
    return -1 - tiers.astype(np.int64) - 4 * np.where(kinds >= FIRST_CAMPAIGN, kinds, 0)


def is_followup(keys: Keys) -> Bools:
    return (keys & FOLLOWUP_BIT) != 0


def is_kind(keys: Keys, kind: int) -> Bools:
    """Emails of one kind; their follow-ups are none of it."""
    return (keys & (FOLLOWUP_BIT | (KIND_MASK << KIND_SHIFT))) == (kind << KIND_SHIFT)


FIRST_OF_SEQUENCES = -(1 << 62)
"""Emails of sequences have ids from here on downwards; other history without a key has ids far above."""
VISIT_BITS = 12
MOST_VISITS = (1 << VISIT_BITS) - 1
"""Steps that one enrollment can begin."""


def sequence_key(enrollment: npt.NDArray[np.int64], visit: npt.NDArray[np.int64]) -> Keys:
    """Ids of sequence emails: one for each step an enrollment begins, so that none is there twice."""
    return FIRST_OF_SEQUENCES - ((enrollment << VISIT_BITS) | visit)


def is_of_sequence(key: int) -> bool:
    """Whether an email belongs to a sequence."""
    return key <= FIRST_OF_SEQUENCES
