"""What becomes of each email of one contact over the next year, and why: in words and dates.

Pure, and asks only what the planner asks: the working set of one contact, `place`, `smooth`, `choose`, the
candidates of campaigns and follow-ups, and the windows. What is stored is what will happen; the rest says
why, and what the next run would change. Words for people are made here, so that every face says the same.

    answer    the shape of it            skips    why an email is skipped
    case      the contact's rows         causes   why there is no email
    emails    what is there              absent   what one might expect to be there
    ideals    why its ideal day          coming   what the next run would change
    moves     why on another day         contact  of the contact as a whole
"""

from __future__ import annotations

from datetime import date

from carillon.days import date_of
from carillon.plan.explain import absent, contact, emails
from carillon.plan.explain.answer import (
    BACK_DAYS,
    NOT_CONSIDERED,
    NOT_PLANNED_YET,
    YEAR,
    Email,
    Explanation,
    Facts,
)
from carillon.plan.explain.case import Case
from carillon.plan.explain.coming import not_planned_yet
from carillon.plan.working import Task, Working
from carillon.settings import Settings

__all__ = ["BACK_DAYS", "NOT_CONSIDERED", "NOT_PLANNED_YET", "Email", "Explanation", "Facts", "explain"]


def explain(working: Working, task: Task, settings: Settings, facts: Facts) -> Explanation:
    """`working`: the contact alone, as the planner would begin with it on `task.today`."""
    case, today = Case(working, task, settings, facts), date_of(task.today)
    ahead, past = emails.stored(case)
    for email in [*emails.left(case), *absent.followups(case)]:
        (ahead if (email.day or email.ideal or today) >= today else past).append(email)
    ahead += not_planned_yet(case)
    ahead += absent.anniversaries(case, {email.email_type for email in ahead})
    ahead += absent.campaigns(case)
    ahead.sort(key=lambda email: (email.day is None, email.day or date.max))
    past.sort(key=lambda email: email.day or email.ideal or date.min)
    return Explanation(
        facts.profile,
        case.eligible,
        contact.why_not(case),
        case.calendar.spans(task.today, task.today + YEAR),
        ahead,
        past,
        contact.notes(case),
    )
