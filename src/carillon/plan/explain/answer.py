"""The shape of an explanation, and what it is made from beside the planner's own working set."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date

from carillon.plan.calendar import Span
from carillon.store.people import Aim, Left, Profile
from carillon.store.suppressions import Suppression
from carillon.words import Status

YEAR = 365
"""How far ahead explanations look for windows."""
BACK_DAYS = 90
"""How far back they look."""
PLANNED, NOT_PLANNED_YET, NOT_CONSIDERED = Status.PRE_SCHEDULED.value, "not_planned_yet", "not_considered"


@dataclass(frozen=True)
class Email:
    """One email and what becomes, or became, of it."""

    email_type: str
    """As `email_schedules` has it: `campaign_<type>` for campaigns, the tier's for follow-ups."""
    status: str
    words: str
    event: date | None = None
    day: date | None = None
    """When it goes, went, or was to go."""
    ideal: date | None = None
    moved_by: str | None = None
    skip_reason: str | None = None
    window: Span | None = None
    """What excludes its day."""
    next_run: str | None = None
    """What the next run of the planner would change, where the plan is not up to date."""
    campaign: str | None = None
    """The name of the instance it belongs to, also that of a follow-up."""
    template: str | None = None
    variant: str | None = None
    """Which of the templates of an A/B test that is, in words."""


@dataclass(frozen=True)
class Facts:
    """What is known of the contact beside its working set."""

    profile: Profile
    suppressions: list[Suppression]
    left: list[Left]
    planned_on: dict[int, date]
    """By key, the day of the run that wrote the row."""
    aims: list[Aim]
    """The campaigns it is a named target of."""
    last_plan: date | None
    up_to_date: bool
    """Whether nothing the planner reads of the contact, of campaigns or of the rules has changed since."""


@dataclass(frozen=True)
class Explanation:
    """One contact's year."""

    contact: Profile
    eligible: bool
    why_not: list[str]
    """Why it may not be written to; also what is wrong with its data."""
    windows: list[Span]
    emails: list[Email]
    """Ahead, ascending by day; those without a day last."""
    past: list[Email] = field(default_factory=list)
    """The last 90 days, ascending."""
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Plain values; dates stay dates."""
        return asdict(self)
