"""Why there is no email where one could be expected: its cause is gone, was used up, or never was enough."""

from __future__ import annotations

import numpy as np

from carillon.days import date_of
from carillon.keys import is_followup
from carillon.plan import candidates, followups
from carillon.plan.explain.case import Case, Row, kind_in
from carillon.plan.followups import Hindrance
from carillon.words import FIRST_CAMPAIGN, InstanceStatus, Kind, Scope, Standing, Status, stops

INELIGIBLE = "this contact cannot be written to"
_STATUS = {
    Status.BOUNCED: "it bounced",
    Status.IN_DOUBT: "nobody knows whether it was sent",
    Status.FAILED: "it could not be sent",
    Status.CANCELLED: "it was cancelled by hand",
}


def barred(case: Case, kind: int, followup: bool = False) -> str | None:
    """Why the contact may not get emails (or follow-ups) of this kind whatever its dates; None if it may."""
    campaign = case.campaigns.get(kind)
    topic = None if campaign is None else campaign.type.name
    scopes = [one.scope for one in case.facts.suppressions if stops(one.scope, topic, followup)]
    if scopes and scopes == [topic] * len(scopes):
        return f"this contact gets no emails of the type {topic}"
    if scopes:
        return INELIGIBLE
    unsubscribed = any(one.scope == Scope.MARKETING for one in case.facts.suppressions)
    return None if case.eligible or unsubscribed else INELIGIBLE


def why_gone(case: Case, row: Row) -> str | None:
    """Why a stored row has no place in the next plan; None where there is nothing more to say."""
    if why := barred(case, row.kind, row.followup):
        return why
    if row.followup:
        return no_followup(case, row.parent)
    if row.is_campaign:
        return no_campaign_email(case, row.kind, row.key)
    if row.kind == Kind.POST_WINDOW:
        return "no skipped email is left that it would make up for"
    if case.sent_on(row.key) is None and not _sent_nearby(case, row):
        return f"{date_of(row.event)} is no longer a date that calls for one"
    return "it has been sent for this event already"


def no_campaign_email(case: Case, kind: int, key: int | None) -> str:
    """Why a campaign does not write to the contact; `key`: of the email, where a target has one."""
    campaign = case.campaigns.get(kind)
    if not case.task.campaigns.planned:
        return "campaign emails are switched off (features.campaigns)"
    if campaign is None:
        return "the campaign is gone"
    if campaign.instance.status == InstanceStatus.ARCHIVED:
        return f'the campaign "{campaign.instance.name}" is archived'
    sent = None if key is None else case.sent_on(key)
    if sent is not None:
        return f"already sent for this target: on {date_of(sent)}"
    history = case.sent_of(kind, followups=True)
    named = key is not None and bool((case.working.targets.key == key).any())
    if case.task.campaigns.targets_all[kind - FIRST_CAMPAIGN] and len(history) and not named:
        day = date_of(int(history.send.min()))
        return f'the campaign "{campaign.instance.name}" writes once to everyone, and did so on {day}'
    if named or case.task.campaigns.targets_all[kind - FIRST_CAMPAIGN]:
        return "its day would lie outside the years that can be planned"
    return "the contact is no longer a target of the campaign for that date"


def no_followup(case: Case, initial: int) -> str:
    """Why an email that has left gets no follow-up; `initial`: its key."""
    sent, task = case.working.sent, case.task
    mine = sent.take(sent.key == initial)
    if len(mine) == 0:
        return "the email that it answers is not there any more"
    found = followups.hindrances(mine, task.campaigns, task.rules, task.today)
    first = next((hindrance for hindrance, holds in found.items() if holds[0]), None)
    if first is Hindrance.NOT_SENT:
        return _not_sent(case, initial, int(mine.standing[0]))
    words = {
        Hindrance.UNKNOWN: "what it was about is not known",
        Hindrance.ARCHIVED: "its campaign is archived or gone",
        Hindrance.NONE_OF_THIS: f'the campaign "{case.campaign_name(kind_in(initial))}" has no follow-ups',
        Hindrance.TOO_LONG_AGO: "it was sent longer ago than the last "
        f"{task.rules.followup_lookback_days} days, which are looked at",
        Hindrance.SWITCHED_OFF: "follow-ups are switched off (features.followups)",
    }
    if first in words:
        return words[first]
    return "its follow-up's last day had passed before that could be planned"


def sent_nearby_words(case: Case, kind: Kind, event: int) -> str:
    """Which email counts as sent for an anniversary's event."""
    history = case.sent_of(kind)
    nearest = int(np.argmin(np.abs(history.send - event)))
    return f"already sent for this event, {date_of(event)}: on {date_of(int(history.send[nearest]))}"


def _sent_nearby(case: Case, row: Row) -> bool:
    history = case.sent_of(row.kind)
    near = np.abs(history.send - row.event) <= candidates.SAME_EVENT_DAYS
    return bool((near & history.counts & ~is_followup(history.key)).any())


def _not_sent(case: Case, key: int, standing: int) -> str:
    status = next((one.status for one in case.facts.left if one.key == key), None)
    if status is not None and (words := _STATUS.get(Status(status))):
        return words
    return "it is not known to have been sent" if standing == Standing.GONE else "it has not been sent"
