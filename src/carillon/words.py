"""The glossary as enums.

What belongs here: words that stand in the database, the files and on the screen, with the small
integers they are stored as. What does not: any rule about them (see `lifecycle` and the rooms).
A code, once released, never changes its meaning: it is in people's databases and in every hash.
Long because a glossary is one list.
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
SEQUENCE_EMAIL = "sequence"
"""`outbox.email_type` of the emails of sequences."""
UNKNOWN_KIND = (1 << 14) - 1
"""Mail from elsewhere whose type means nothing to Carillon: it counts for frequency only."""
LAST_INSTANCE = UNKNOWN_KIND - 1 - FIRST_CAMPAIGN
"""The highest id of a campaign instance that still has a kind."""
REGULATORY_NOTICE = "regulatory_notice"
"""The campaign type that is no marketing: an unsubscribe does not keep it back."""


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


class Role(StrEnum):
    """What a user of the web may do (`users.role`), from the least to the most."""

    VIEWER = "viewer"
    """Looks at everything."""
    EDITOR = "editor"
    """Also changes and sends."""
    ADMIN = "admin"
    """Also changes settings, accounts and users."""

    def may(self, needed: Role) -> bool:
        """Whether this role includes another."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


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


ISSUE_MEANINGS = {
    IssueCode.MISSING_EMAIL: "no email address: gets nothing",
    IssueCode.INVALID_EMAIL: "not a valid email address: gets nothing",
    IssueCode.MISSING_ZIP: "no ZIP code, so the state and its rules are unknown: gets nothing",
    IssueCode.INVALID_ZIP: "not a US ZIP code, so the state and its rules are unknown: gets nothing",
    IssueCode.INVALID_BIRTH_DATE: "no usable birth date: gets no birthday email",
    IssueCode.INVALID_EFFECTIVE_DATE: "no usable effective date: gets no email about it",
    IssueCode.STATE_MISMATCH: "the state given is not the one of the ZIP, which decides",
    IssueCode.MISSING_ANCHOR_DATE: "the state has an exclusion window, but its date is unknown",
}
"""What each code means for the contact's mail."""


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


class Scope(StrEnum):
    """`suppressions.scope`: what an address gets no more. A campaign type's name is a scope as well."""

    ALL = "all"
    MARKETING = "marketing"
    """Everything but regulatory notices."""


def stops(scope: str, topic: str | None, followup: bool = False) -> bool:
    """Whether a suppression of this scope keeps an email back.

    `topic`: the type of the campaign that the email, or what it follows up, belongs to; None: of none.
    """
    notice = topic == REGULATORY_NOTICE and not followup
    return scope == Scope.ALL or (scope == Scope.MARKETING and not notice) or scope == topic


class ContactStatus(StrEnum):
    """`contacts.status`. Only `active` contacts are written to."""

    ACTIVE = "active"
    OPTED_OUT = "opted_out"
    BOUNCED = "bounced"
    DELETED = "deleted"
    """Forgotten: its data are erased, and a later import of its address revives it."""


class EventKind(StrEnum):
    """`contact_events.event_type` of what comes back. Programs may store kinds of their own beside these."""

    DELIVERED = "delivered"
    DELAYED = "delayed"
    """Not there yet, and still tried: noted, and nothing follows from it."""
    OPENED = "opened"
    CLICKED = "clicked"
    REPLIED = "replied"
    AUTO_REPLIED = "auto_replied"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    OPTED_OUT = "opted_out"
    ELIGIBILITY_ANSWERED = "eligibility_answered"
    """Answers to the health questions."""
    SMS_SENT = "sms_sent"
    SMS_DELIVERED = "sms_delivered"
    SMS_FAILED = "sms_failed"
    SMS_REPLIED = "sms_replied"
    SMS_OPTED_OUT = "sms_opted_out"
    """It says STOP: no SMS any more; email is another matter."""
    UNKNOWN = "unknown"
    """A provider's word that has no match here: noted as it came."""


class Bounce(StrEnum):
    """Why an email came back."""

    HARD = "hard"
    """The address does not exist or takes no mail."""
    SOFT = "soft"
    """Not this time: a full mailbox, a server that was away too long."""
    BLOCKED = "blocked"
    """A policy refused the message, which says nothing about the address."""


class Wait(StrEnum):
    """Why an email of today has not left yet; the first that holds is the one to tell."""

    WORKSPACE_PAUSED = "workspace_paused"
    ACCOUNT_PAUSED = "account_paused"
    """Paused, or stopped by an error."""
    CAMPAIGN_PAUSED = "campaign_paused"
    SEQUENCE_PAUSED = "sequence_paused"
    DAY_OVER = "day_over"
    """Released for an earlier day: the next release gives it back to the planner."""
    NOT_YET_DUE = "not_yet_due"
    SLOT = "slot"
    """Due, and its mailbox has no free slot for it yet."""
    ACCOUNT_LIMIT = "account_limit"
    """Due, and the account has no permit for it now."""
    ACCOUNT_FAULT = "account_fault"
    """Due, and the account could not send."""
    INTERRUPTED = "interrupted"
    """Due, and the dispatcher was stopped before it came to it."""
    TEMPLATE = "template"
    """Not released: there is no template to make it of."""
    NOT_RELEASED = "not_released"
    DRY_RUN = "dry_run"
    """Due, and only written into a Maildir."""


class AccountStatus(StrEnum):
    """`accounts.status`."""

    ACTIVE = "active"
    PAUSED = "paused"
    ERROR = "error"


class Activity(StrEnum):
    """`send_slots.activity_period`: how busy people are at their mailboxes."""

    PEAK = "peak"
    NORMAL = "normal"
    LOW = "low"


class SlotStatus(StrEnum):
    """`send_slots.status`."""

    PENDING = "pending"
    """Not come yet, or somebody is at it."""
    SENT = "sent"
    FAILED = "failed"
    """It was used, and the email could not be sent."""
    SKIPPED = "skipped"
    """Missed for too long: its email took another."""


class TimeChoice(StrEnum):
    """`outbox.time_choice` and `send_outcomes.chosen`: how an email came by its hour; null: nobody chose."""

    EXPLORE = "explore"
    """Drawn by what is known of each hour."""
    BEST = "best"
    """The one with the highest expected rate."""
    HOLDOUT = "holdout"
    """Left as it was, for comparison."""
    NONE = "none"
    """There was none to choose from."""


class AccountKind(StrEnum):
    """`accounts.kind`: how an account's day looks."""

    RELAY = "relay"
    """Bulk mail from the send time on, as fast as its limits allow."""
    MAILBOX = "mailbox"
    """A person's: slots over the day."""


class SequenceStatus(StrEnum):
    """`sequences.status`."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    """It starts at its `scheduled_start_at`."""
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    ARCHIVED = "archived"


class EnrollmentStatus(StrEnum):
    """`sequence_enrollments.status`. The first three are open."""

    SCHEDULED = "scheduled"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    EXITED = "exited"


class StepType(StrEnum):
    """`sequence_steps.type`."""

    EMAIL = "email"
    DELAY = "delay"
    CONDITION = "condition"
    ACTION = "action"
    EXIT = "exit"


class DelayUnit(StrEnum):
    """What the amount of a delay counts."""

    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    WORKING_DAYS = "working_days"


class ActionKind(StrEnum):
    """What an action does."""

    ADD_TAG = "add_tag"
    REMOVE_TAG = "remove_tag"
    SET_ATTRIBUTE = "set_attribute"
    SMS = "sms"
    WEBHOOK = "webhook"
    ENROLL = "enroll"
    EXIT = "exit"
    NOTIFY = "notify"


class Sign(StrEnum):
    """What a condition looks for among the things that came back."""

    REPLIED = "replied"
    CLICKED = "clicked"
    OPENED = "opened"
    BOUNCED = "bounced"
    EVENT = "event"


class Operator(StrEnum):
    """How a condition compares a contact's field with a value."""

    IS = "is"
    IS_NOT = "is_not"
    CONTAINS = "contains"
    ABOVE = "above"
    BELOW = "below"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    ONE_OF = "one_of"
    KNOWN = "known"


class ExitReason(StrEnum):
    """`sequence_enrollments.exit_reason`, as far as it is not a word of the sequence's own."""

    REPLIED = "replied"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    OPTED_OUT = "opted_out"
    COMPANY_REPLIED = "company_replied"
    """Somebody else at the same domain did, and the sequence stops for all of them."""
    SUPPRESSED = "suppressed"
    EXCLUDED = "excluded"
    """No day to come lies outside the windows of the contact's state."""
    COMPLETED = "completed"
    MANUAL = "manual"
    ERROR = "error"
    MERGED = "merged"
    SEQUENCE_ARCHIVED = "sequence_archived"


class ContactState(StrEnum):
    """How a contact of a sequence stands, for people; never stored."""

    PENDING = "pending"
    """Enrolled, and nothing more is settled."""
    SCHEDULED = "scheduled"
    SENT = "sent"
    FOLLOWUP_1 = "followup_1"
    FOLLOWUP_2 = "followup_2"
    FOLLOWUP_3 = "followup_3"
    """The third follow-up was sent, or a later one."""
    REPLIED = "replied"
    BOUNCED = "bounced"
    OPTED_OUT = "opted_out"
    COMPLETED = "completed"


class OutreachStatus(StrEnum):
    """`outreach_campaigns.status`."""

    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    ARCHIVED = "archived"


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


PLAN_STAGES = {"read": "Planning contacts", "settle": "Balancing the days", "write": "Storing the plan"}
"""What the planner is at."""
