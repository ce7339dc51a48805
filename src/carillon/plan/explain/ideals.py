"""Why an email's ideal day is that day: what it is about, or which email it answers."""

from __future__ import annotations

from carillon.days import NO_DAY, date_of
from carillon.plan.explain.case import Case, Row, kind_in
from carillon.plan.followups import Followed
from carillon.words import FIRST_CAMPAIGN, Kind, Tier

_TIERS = {
    Tier.COLD: "has neither clicked nor answered the health questions",
    Tier.CLICKED: "clicked, has not answered the health questions",
    Tier.ANSWERED: "answered the health questions, without conditions",
    Tier.ANSWERED_WITH_CONDITIONS: "answered the health questions, with conditions",
}


def ideal_words(case: Case, row: Row) -> str:
    """What makes its ideal day the ideal one."""
    if row.followup:
        return f"{days_words(case.task.rules.followup_days_after)} after {answered_words(case, row)}"
    if row.kind >= FIRST_CAMPAIGN:
        return _campaign_words(case, row)
    day, ahead = date_of(row.event), row.event - row.ideal
    if row.kind == Kind.POST_WINDOW:
        return f"the day after the exclusion window that ends on {day}"
    if row.kind == Kind.AEP and not ahead:
        return "the AEP date"
    what = {Kind.BIRTHDAY: "the birthday", Kind.EFFECTIVE_DATE: "the anniversary of the effective date"}.get(
        Kind(row.kind), "the event"
    )
    return f"{days_words(ahead)} before {what} on {day}" if ahead else f"{what} itself"


def answered_words(case: Case, row: Row) -> str:
    """Which email a follow-up answers, and what became of that: what gives the row its tier."""
    initial, sent = f"the {case.name(kind_in(row.parent))}", case.sent_on(row.parent)
    when = f" of {date_of(sent)}" if sent is not None else ""
    return f"{initial}{when}; {_reaction(row.tier, case.reaction(row))}"


def reaction_words(followed: Followed) -> str:
    """How the receiver took an email."""
    return _reaction(int(followed.tier[0]), followed)


def days_words(n: int) -> str:
    """1 day, 2 days."""
    return "1 day" if n == 1 else f"{n} days"


def _campaign_words(case: Case, row: Row) -> str:
    ahead, day = row.event - row.ideal, date_of(row.event)
    if case.is_named(row):
        if not ahead:
            return "its trigger date itself"
        return f"{days_words(abs(ahead))} {'before' if ahead > 0 else 'after'} its trigger date, {day}"
    campaigns, instance = case.task.campaigns, row.kind - FIRST_CAMPAIGN
    if instance >= len(campaigns) or not campaigns.targets_all[instance]:
        return f"of a target that is gone, with the trigger date {day}"
    start, known = int(campaigns.start[instance]), int(campaigns.known[instance])
    if row.ideal == start:
        return "the campaign writes to everyone, and this is its first day"
    if start == NO_DAY and row.ideal == known:
        return "the campaign writes to everyone from the day on which it was made"
    return "the campaign writes to everyone, and this is the day after the contact was added"


def _reaction(tier: int, followed: Followed | None) -> str:
    """`followed` adds the click of one who answered; it may be newer than the tier."""
    words = _TIERS[Tier(tier)]
    clicked = followed is not None and followed.clicks[0] > 0
    return f"clicked and {words}" if clicked and tier >= Tier.ANSWERED else words
