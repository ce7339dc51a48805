"""Candidates of follow-ups: who was written to lately, and how they took it (01-plan §9, decision 0003)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum, auto
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from carillon.columns import Bools, Frame, Index, People
from carillon.days import NO_DAY, Days
from carillon.keys import FOLLOWUP_BIT, Keys, contact_of, event_of, is_followup, kind_of
from carillon.limits import FOLLOWUP_GRACE_DAYS
from carillon.plan.campaigns import Campaigns
from carillon.plan.moments import days_of
from carillon.plan.rows import Sent, Wanted, find
from carillon.plan.rules import Rules
from carillon.words import FIRST_CAMPAIGN, UNKNOWN_KIND, Kind, SkipReason, Standing, Tier, email_type

_DECISIONS = {
    Tier.COLD: "no_engagement",
    Tier.CLICKED: "clicked_no_health_questions",
    Tier.ANSWERED: "answered_hq_no_conditions",
    Tier.ANSWERED_WITH_CONDITIONS: "answered_hq_with_conditions",
}


class Hindrance(Enum):
    """Why an email that has left gets no follow-up; the first that holds is the one to tell."""

    FOLLOWUP = auto()
    """It is one itself."""
    UNKNOWN = auto()
    """Mail from elsewhere: what it was about is not known."""
    NOT_SENT = auto()
    """Not sent, or nobody knows, or it came back."""
    ARCHIVED = auto()
    """Its campaign is archived or gone."""
    NONE_OF_THIS = auto()
    """Its campaign has no follow-ups."""
    TOO_LONG_AGO = auto()
    AHEAD = auto()
    """Its day is still to come."""
    SWITCHED_OFF = auto()


@dataclass(frozen=True)
class Answers(Frame):
    """Answers to the health questions: contact, day, and whether they name conditions."""

    contact: Index
    day: Days
    conditions: Bools

    @classmethod
    def none(cls) -> Answers:
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, bool))


@dataclass(frozen=True)
class Followed(Frame):
    """What follow-ups are made of, ascending by their key."""

    key: Keys
    clicks: Index
    answered: Bools
    conditions: Bools

    @property
    def tier(self) -> np.ndarray:
        """The highest that applies, shape (n,)."""
        clicked = np.where(self.clicks > 0, Tier.CLICKED, Tier.COLD)
        answered = np.where(self.conditions, Tier.ANSWERED_WITH_CONDITIONS, Tier.ANSWERED)
        return np.where(self.answered, answered, clicked).astype(np.uint8)


def answers(frame: pl.DataFrame, zone: ZoneInfo) -> Answers:
    """From columns of `store.planning_campaigns.ANSWER_COLUMNS` as text."""
    return Answers(
        frame["contact_id"].cast(pl.Int64).to_numpy(),
        days_of(frame["created_at"], zone),
        np.array([_has_conditions(data) for data in frame["event_data"].to_list()], bool),
    )


def hindrances(sent: Sent, campaigns: Campaigns, rules: Rules, today: int) -> dict[Hindrance, Bools]:
    """What keeps each of `sent` from getting a follow-up, shapes (n,)."""
    kind = kind_of(sent.key)
    instance, alive = campaigns.of_kinds(kind)
    campaign = (kind >= FIRST_CAMPAIGN) & (kind != UNKNOWN_KIND)
    return {
        Hindrance.FOLLOWUP: is_followup(sent.key),
        Hindrance.UNKNOWN: ((kind >= len(Kind)) & ~campaign) | (event_of(sent.key) == 0),
        Hindrance.NOT_SENT: sent.standing != Standing.SENT,
        Hindrance.ARCHIVED: campaign & ~alive,
        Hindrance.NONE_OF_THIS: campaign & alive & ~campaigns.followups[instance],
        Hindrance.TOO_LONG_AGO: sent.send < today - rules.followup_lookback_days,
        Hindrance.AHEAD: sent.send > today,
        Hindrance.SWITCHED_OFF: np.full(len(sent), not rules.follows_up),
    }


def initial_emails(sent: Sent, campaigns: Campaigns, rules: Rules, today: int) -> Sent:
    """Emails that a follow-up answers."""
    if not rules.follows_up:
        return sent.take(slice(0, 0))
    fits = ~np.logical_or.reduce(list(hindrances(sent, campaigns, rules, today).values()))
    # History from elsewhere may tell of one email twice.
    fits[1:] &= ~fits[:-1] | (sent.key[1:] != sent.key[:-1])
    return sent.take(fits)


def follow(initial: Sent, clicks: Index, answers: Answers) -> Followed:
    """How the receivers of `initial` (ascending by key) took them.

    `clicks`: ids of the emails that were clicked in, one a click.
    """
    clicked, count = np.unique(clicks, return_counts=True)
    found, at = find(initial.key, clicked)
    taken = np.where(found, count[at], 0) if len(clicked) else np.zeros(len(initial), np.int64)
    contact = contact_of(initial.key)
    return Followed(
        initial.key | FOLLOWUP_BIT,
        taken,
        _last(answers, contact) >= initial.send,
        _last(answers.take(answers.conditions), contact) >= initial.send,
    )


def candidates(
    people: People, initial: Sent, followed: Followed, campaigns: Campaigns, rules: Rules
) -> Wanted:
    """One follow-up for each of `initial`."""
    found, who = find(contact_of(initial.key), people.id)
    instance, _ = campaigns.of_kinds(kind_of(initial.key))
    ideal = (initial.send + rules.followup_days_after).astype(np.int32)
    end, held_up = campaigns.end[instance], campaigns.held_up[instance]
    return Wanted(
        key=followed.key,
        who=who,
        ideal=ideal,
        deadline=np.minimum(ideal + FOLLOWUP_GRACE_DAYS, end).astype(np.int32),
        priority=initial.priority,
        lawful=np.ones(len(initial), bool),
        verdict=np.where(held_up | (ideal > end), SkipReason.CAMPAIGN_INACTIVE, 0).astype(np.uint8),
        held_up=held_up,
        tier=followed.tier,
    ).take(found)


def metadata(followed: Followed, campaigns: Campaigns) -> list[str]:
    """What is stored of each follow-up beside its row (01-plan §9), as JSON."""
    told = []
    kinds, initial = kind_of(followed.key), followed.key & ~np.int64(FOLLOWUP_BIT)
    for kind, parent, clicks, conditions, tier in zip(
        kinds.tolist(),
        initial.tolist(),
        followed.clicks.tolist(),
        followed.conditions.tolist(),
        followed.tier.tolist(),
        strict=True,
    ):
        told.append(
            json.dumps(
                {
                    "initial_email_id": parent,
                    "initial_email_type": email_type(kind, campaigns.types),
                    "campaign_name": campaigns.names.get(kind - FIRST_CAMPAIGN),
                    "click_count": clicks,
                    "followup_behavior": {
                        "has_clicked": clicks > 0,
                        "has_answered_hq": tier >= Tier.ANSWERED,
                        "has_medical_conditions": conditions,
                        "decision_reason": _DECISIONS[Tier(tier)],
                    },
                }
            )
        )
    return told


def _last(answers: Answers, contact: Index) -> Days:
    """The day of each contact's last answer, `NO_DAY` where there is none; shape (contact,)."""
    who, place = np.unique(answers.contact, return_inverse=True)
    day = np.full(len(who), NO_DAY, np.int32)
    np.maximum.at(day, place, answers.day)
    found, at = find(contact, who)
    return np.where(found, day[at], NO_DAY) if len(who) else np.full(len(contact), NO_DAY, np.int32)


def _has_conditions(data: str) -> bool:
    try:
        read = json.loads(data)
    except ValueError:
        return False
    if not isinstance(read, dict):
        return False
    yes = read.get("main_questions_yes_count")
    several = isinstance(yes, int | float) and not isinstance(yes, bool) and yes > 0
    return read.get("has_medical_conditions") is True or several
