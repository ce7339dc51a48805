"""The words of older schedulers, and what they mean here.

What belongs here: tables of words. A word that is not in them is never guessed at: a type counts for
frequency only, a status for an email that may have gone out.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from carillon.words import ContactStatus, Kind, Status, Tier

RATE_INCREASE = "rate_increase"
ADOPTED_RATE_INCREASE = "adopted_rate_increase"
"""The instance that emails of this type without a campaign of their own become history and targets of."""

_KINDS = {
    Kind.BIRTHDAY: "birthday bday birth_day birthdate birth_date happy_birthday",
    Kind.EFFECTIVE_DATE: "effective_date effectivedate effective eff_date ed policy_anniversary anniversary"
    " policy_effective_date effective_date_anniversary",
    Kind.AEP: "aep annual_enrollment annual_enrolment annual_enrollment_period annual_enrolment_period"
    " annual_election_period open_enrollment",
    Kind.POST_WINDOW: "post_window postwindow post_exclusion post_exclusion_window post_window_catchup"
    " catch_up catchup window_end after_window",
}
KINDS = MappingProxyType({word: kind for kind, words in _KINDS.items() for word in words.split()})

_TIERS = {
    Tier.COLD: "1_cold cold 1",
    Tier.CLICKED: "2_clicked_no_hq clicked_no_hq clicked 2",
    Tier.ANSWERED: "3_hq_no_yes hq_no_yes healthy 3",
    Tier.ANSWERED_WITH_CONDITIONS: "4_hq_with_yes hq_with_yes conditions 4",
}
TIERS = MappingProxyType({word: tier for tier, words in _TIERS.items() for word in words.split()})

_FOLLOWUP = re.compile(r"follow_?up_?(.*)")
_DRESS = re.compile(r"^(?:anniversary|email|send)_(?=.)|(?<=.)_(?:e?mail|reminder|notification)$")

PENDING = "pending"
"""Not sent, by the old program's own account: planned anew or not at all."""

_STATUSES = {
    PENDING: "pre_scheduled prescheduled scheduled skipped pending queued planned draft new created excluded",
    Status.SENT: "sent accepted complete completed done success successful",
    Status.DELIVERED: "delivered opened open clicked read replied complained",
    Status.BOUNCED: "bounced bounce hard_bounce soft_bounce hard_bounced soft_bounced undelivered returned",
    Status.FAILED: "failed failure error rejected dropped",
    Status.CANCELLED: "cancelled canceled deleted removed",
    Status.IN_DOUBT: "in_doubt processing sending in_progress running retry retrying deferred submitted",
}
STATUSES = MappingProxyType({word: status for status, words in _STATUSES.items() for word in words.split()})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OPTED_OUT = _words(
    "opted_out opt_out optout optedout unsubscribed unsubscribe inactive deleted removed archived suppressed"
    " blocked blacklisted do_not_contact do_not_email dnc complained complaint spam deceased disabled 0"
    " false no"
)
"""Words for a contact's status that mean: do not write."""
BOUNCED = _words("bounced bounce hard_bounce hard_bounced invalid undeliverable")
OPT_OUT_COLUMNS = (
    "opted_out", "opt_out", "email_opt_out", "email_opted_out", "unsubscribed", "is_unsubscribed",
    "unsubscribed_at", "opted_out_at", "do_not_contact", "do_not_email", "suppressed", "is_suppressed",
)  # fmt: skip
"""Columns of contacts in which anything but a "no" means: do not write."""
NO = _words("0 0.0 false f no n none null") | {""}

CLICKS = _words("click clicked link_click")
ANSWERS = _words("health_question_response health_questions_answered eligibility_answered")
UNSUBSCRIPTIONS = _words(
    "unsubscribe unsubscribed opt_out optout opted_out complaint complained spam spam_report spam_complaint"
)

TARGETS_SENT = _words("sent delivered complete completed done processing sending in_doubt bounced")
TARGETS_OPEN = _words("pending scheduled pre_scheduled active new created queued planned skipped failed")
"""Statuses of targets. All others (cancelled, removed, ...) mean that the target is none any more."""
INSTANCES_OPEN = _words("active open running scheduled live enabled 1 true")
INSTANCES_OVER = _words("archived completed complete finished ended closed done sent cancelled")


def plain(text: str) -> str:
    """A word as it is compared: small letters and underscores."""
    return re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")


def kind_of_type(text: str) -> Kind | None:
    """The anniversary type an email type means, if it means one."""
    word = plain(text)
    return KINDS.get(word) or KINDS.get(_DRESS.sub("", word))


def is_rate_increase(text: str) -> bool:
    """Whether it is a rate increase of a program that had no campaigns yet."""
    return plain(text).removeprefix("campaign_").removeprefix("scheduled_") == RATE_INCREASE


def followup_type(text: str) -> str | None:
    """Our word for a follow-up (its own where it is none of our tiers); None for what is no follow-up."""
    word = _DRESS.sub("", plain(text))
    found = _FOLLOWUP.fullmatch(word)
    if found is None:
        return None
    tier = TIERS.get(found[1])
    return tier.email_type if tier is not None else word


def status_of(text: str | None) -> str:
    """`PENDING` or one of `Status`; what is not known may have been sent."""
    if not (text or "").strip():
        return PENDING
    return str(STATUSES.get(plain(text or ""), Status.IN_DOUBT))


def contact_status(text: str | None) -> ContactStatus:
    """Whether a contact may be written to, as far as its status says."""
    word = plain(text or "")
    if word in OPTED_OUT:
        return ContactStatus.OPTED_OUT
    return ContactStatus.BOUNCED if word in BOUNCED else ContactStatus.ACTIVE
