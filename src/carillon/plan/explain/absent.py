"""What is not there though one might expect it: a line for each, with the reason.

It keeps to what concerns this contact: the anniversaries, its own targets, campaigns for everyone, and the
follow-ups of what was sent to it lately.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from carillon.days import date_of, day_number
from carillon.keys import FOLLOWUP_BIT, event_of, is_followup, kind_of
from carillon.plan import candidates
from carillon.plan.explain import causes
from carillon.plan.explain.answer import BACK_DAYS, NOT_CONSIDERED, Email
from carillon.plan.explain.case import Case, kind_in
from carillon.plan.rows import find
from carillon.store.people import Aim
from carillon.words import FIRST_CAMPAIGN, Kind, Standing

FOLLOWUP = "followup"
"""The type of a follow-up that is none: it has no tier."""


def anniversaries(case: Case, told: set[str]) -> list[Email]:
    """A line for each anniversary type of which there is nothing else to tell."""
    missing = [kind for kind in Kind if kind.email_type not in told]
    if missing and case.eligible:
        reasons = _reasons(case, missing)
    else:
        reasons = dict.fromkeys(missing, causes.INELIGIBLE)
    return [Email(kind.email_type, NOT_CONSIDERED, f"not considered: {reasons[kind]}") for kind in missing]


def campaigns(case: Case) -> list[Email]:
    """Targets that no email is planned for, and campaigns for everyone that have had their turn.

    Not those whose email was sent lately: that is told. Of long ago only what can never be.
    """
    own = case.working.targets
    usable = {
        (int(instance), date_of(int(event)).isoformat()): int(key)
        for instance, event, key in zip(own.instance, own.event, own.key, strict=True)
    }
    emails = []
    for aim in case.facts.aims:
        key = usable.get((aim.instance, aim.trigger))
        if key is not None and (key in case.stored or key in case.next):
            continue
        sent = None if key is None else case.sent_on(key)
        if sent is not None and sent >= case.today - BACK_DAYS:
            continue
        trigger = _day(aim.trigger)
        unusable = key is None and _is_running(case, aim)
        if unusable or trigger is None or trigger >= case.today - BACK_DAYS:
            emails.append(_no_email(case, aim, key, trigger))
    for instance in np.flatnonzero(case.task.campaigns.targets_all).tolist():
        kind = FIRST_CAMPAIGN + instance
        if causes.barred(case, kind) is None and len(case.sent_of(kind, followups=True)):
            words = f"not considered: {causes.no_campaign_email(case, kind, None)}"
            emails.append(_of_campaign(case, kind, words))
    return emails


def followups(case: Case) -> list[Email]:
    """Emails of the last days that get no follow-up."""
    sent = case.working.sent
    recent = (sent.send >= case.today - BACK_DAYS) & (sent.send <= case.today) & ~is_followup(sent.key)
    recent &= (sent.standing == Standing.SENT) | (sent.standing == Standing.GONE)
    emails = []
    for key, send in zip(sent.key[recent].tolist(), sent.send[recent].tolist(), strict=True):
        answer = key | FOLLOWUP_BIT
        if answer in case.stored or answer in case.next or case.sent_on(answer) is not None:
            continue
        why = causes.barred(case, kind_in(key), followup=True) or causes.no_followup(case, key)
        emails.append(
            Email(
                FOLLOWUP,
                NOT_CONSIDERED,
                f"not considered: the {case.name(kind_in(key))} of {date_of(send)} gets no follow-up: {why}",
                ideal=date_of(send + case.task.rules.followup_days_after),
                campaign=case.campaign_name(kind_in(key)),
            )
        )
    return emails


def _no_email(case: Case, aim: Aim, key: int | None, trigger: int | None) -> Email:
    kind = FIRST_CAMPAIGN + aim.instance
    usable = trigger is not None and (key is not None or kind not in case.campaigns)
    if barred := causes.barred(case, kind):
        words = barred
    elif usable or not case.task.campaigns.planned or not _is_running(case, aim):
        words = causes.no_campaign_email(case, kind, key)
    else:
        words = f'the trigger date "{aim.trigger}" cannot be used'
    event = None if trigger is None else date_of(trigger)
    return _of_campaign(case, kind, f"not considered: {words}", event)


def _is_running(case: Case, aim: Aim) -> bool:
    campaign = case.campaigns.get(FIRST_CAMPAIGN + aim.instance)
    return campaign is not None and not campaign.is_archived


def _of_campaign(case: Case, kind: int, words: str, event: date | None = None) -> Email:
    campaign = case.campaigns.get(kind)
    email_type = "campaign" if campaign is None else f"campaign_{campaign.type.name}"
    return Email(email_type, NOT_CONSIDERED, words, event, campaign=case.campaign_name(kind))


def _reasons(case: Case, kinds: list[Kind]) -> dict[Kind, str]:
    """Why an eligible contact gets none of these, asked of what the planner makes candidates from."""
    people, rules, today = case.working.people, case.task.rules, case.today
    wanted = candidates.anniversaries(people, rules, today)
    left = candidates.not_sent_yet(wanted, case.working.stored, case.working.sent, rules, today)
    found = {}
    for kind in kinds:
        mine = wanted.take(kind_of(wanted.key) == kind)
        if len(mine) == 0:
            found[kind] = _no_cause(case, kind)
        elif find(mine.key, left.key)[0][0]:
            last = date_of(int(mine.deadline[0]))
            found[kind] = f"its last day, {last}, had passed before it could be planned"
        else:
            found[kind] = causes.sent_nearby_words(case, kind, int(event_of(mine.key)[0]))
    return found


def _no_cause(case: Case, kind: Kind) -> str:
    profile = case.facts.profile
    if kind == Kind.AEP:
        return "no AEP date is configured from today on (aep_config)"
    if kind == Kind.POST_WINDOW:
        return "no exclusion window holds back an email that it could make up for"
    given = profile.birth_date if kind == Kind.BIRTHDAY else profile.effective_date
    name = "birth date" if kind == Kind.BIRTHDAY else "effective date"
    return f'the {name} "{given}" cannot be used' if given else f"there is no {name}"


def _day(text: str) -> int | None:
    """A trigger date as it must be written."""
    try:
        return day_number(date.fromisoformat(text)) if len(text) == 10 else None
    except ValueError:
        return None
