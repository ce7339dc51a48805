"""The glossary as enums.

What belongs here: words that stand in the database, the files and on the screen, with the small
integers they are stored as. What does not: any rule about them (see `lifecycle` and the rooms).
A code, once released, never changes its meaning: it is in people's databases and in every hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum


class Status(StrEnum):
    """Where an outbox row stands. The first two are the planner's own."""

    PRE_SCHEDULED = "pre-scheduled"
    SKIPPED = "skipped"
    SCHEDULED = "scheduled"
    PROCESSING = "processing"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    FAILED = "failed"
    CANCELLED = "cancelled"
    IN_DOUBT = "in_doubt"


class Kind(IntEnum):
    """What an email is about, as it is packed into plan row ids.

    Campaign instance `n` is kind `FIRST_CAMPAIGN + n`. The order is the order of ties (01-plan §8).
    """

    BIRTHDAY = 0
    EFFECTIVE_DATE = 1
    AEP = 2
    POST_WINDOW = 3

    @property
    def email_type(self) -> str:
        return self.name.lower()


def email_type(kind: int, campaign_types: Mapping[int, str]) -> str:
    """The word for a kind; `campaign_types`: by instance id, the name of its type."""
    if kind < FIRST_CAMPAIGN:
        return Kind(kind).email_type
    return f"campaign_{campaign_types[kind - FIRST_CAMPAIGN]}"


FIRST_CAMPAIGN = 16
"""Kinds below are the anniversary types and room for more of them."""
UNKNOWN_KIND = (1 << 14) - 1
"""Mail from elsewhere whose type means nothing to Carillon: it counts for frequency only."""
LAST_INSTANCE = UNKNOWN_KIND - 1 - FIRST_CAMPAIGN
"""The highest id of a campaign instance that still has a kind."""
ELIGIBILITY_ANSWERED = "eligibility_answered"
"""`contact_events.event_type` of answers to the health questions."""


class Tier(IntEnum):
    """What a follow-up answers to, from the weakest sign of interest to the strongest."""

    COLD = 0
    CLICKED = 1
    ANSWERED = 2
    ANSWERED_WITH_CONDITIONS = 3

    @property
    def email_type(self) -> str:
        return _TIER_TYPES[self]


_TIER_TYPES = (
    "followup_1_cold",
    "followup_2_clicked_no_hq",
    "followup_3_hq_no_yes",
    "followup_4_hq_with_yes",
)


class InstanceStatus(StrEnum):
    """`campaign_instances.status`."""

    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"


class TargetStatus(StrEnum):
    """`contact_campaigns.status`: follows the schedule row of the target."""

    PENDING = "pending"
    SCHEDULED = "scheduled"
    SENT = "sent"
    SKIPPED = "skipped"


class SkipReason(IntEnum):
    """Why a row is `skipped`; 0 is a row that is not."""

    NONE = 0
    YEAR_ROUND_EXCLUSION = 1
    BIRTHDAY_WINDOW = 2
    EFFECTIVE_DATE_WINDOW = 3
    AGE_EXCLUSION = 4
    CAMPAIGN_INACTIVE = 5
    MISSED = 6
    CAMPAIGN_CONFLICT = 7
    FREQUENCY_LIMIT = 8

    @property
    def word(self) -> str:
        return self.name.lower()


class IssueCode(StrEnum):
    """What is wrong with a contact's data (`contact_issues.code`)."""

    MISSING_EMAIL = "missing_email"
    INVALID_EMAIL = "invalid_email"
    MISSING_ZIP = "missing_zip"
    INVALID_ZIP = "invalid_zip"
    INVALID_BIRTH_DATE = "invalid_birth_date"
    INVALID_EFFECTIVE_DATE = "invalid_effective_date"
    STATE_MISMATCH = "state_mismatch"
    MISSING_ANCHOR_DATE = "missing_anchor_date"


class Standing(IntEnum):
    """What an email that has left the planner's hands means to the planner."""

    UNSENT = 0
    """Failed or cancelled: final for its event, and counts for nothing else."""
    RELEASED = 1
    """Scheduled or being sent."""
    GONE = 2
    """In doubt or bounced."""
    SENT = 3
    """Sent or delivered: a follow-up may answer it."""


class ContactStatus(StrEnum):
    """`contacts.status`. Only `active` contacts are written to."""

    ACTIVE = "active"
    OPTED_OUT = "opted_out"
    BOUNCED = "bounced"


class AccountStatus(StrEnum):
    """`accounts.status`."""

    ACTIVE = "active"
    PAUSED = "paused"
    ERROR = "error"


class AccountKind(StrEnum):
    """`accounts.kind`: how an account's day looks."""

    RELAY = "relay"
    """Bulk mail from the send time on, as fast as its limits allow."""
    MAILBOX = "mailbox"
    """A person's: slots over the day."""


class RunStatus(StrEnum):
    """`scheduler_checkpoints.status`."""

    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"


class By(StrEnum):
    """What a forecast adds up by."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TYPE = "type"
    CAMPAIGN = "campaign"
    STATE = "state"
