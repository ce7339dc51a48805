"""What there is to say of the contact as a whole, and of how far the explanation can be relied on."""

from __future__ import annotations

from carillon.days import date_of
from carillon.plan.explain.case import Case
from carillon.words import ContactStatus, IssueCode

_ISSUES = {
    IssueCode.MISSING_EMAIL: "there is no email address",
    IssueCode.INVALID_EMAIL: 'the email address "{}" is not valid',
    IssueCode.MISSING_ZIP: "there is no ZIP code, so the state and its rules are unknown",
    IssueCode.INVALID_ZIP: 'the ZIP code "{}" is not a US ZIP code, so the state and its rules are unknown',
    IssueCode.INVALID_BIRTH_DATE: 'the birth date "{}" cannot be used',
    IssueCode.INVALID_EFFECTIVE_DATE: 'the effective date "{}" cannot be used',
    IssueCode.STATE_MISMATCH: "the state given is {}",
    IssueCode.MISSING_ANCHOR_DATE: "the state has an exclusion window, but the date it depends on is unknown",
}


def why_not(case: Case) -> list[str]:
    """Why the contact may not be written to, and what is wrong with its data."""
    facts, issues = case.facts, {code: detail for _, code, detail in case.working.issues}
    words = []
    if facts.profile.status != ContactStatus.ACTIVE:
        words.append(f"the contact is {facts.profile.status.replace('_', ' ')}")
    words += [one.words for one in facts.suppressions]
    return words + [_ISSUES[IssueCode(code)].format(detail) for code, detail in issues.items()]


def notes(case: Case) -> list[str]:
    """How far what is told can be relied on."""
    last = case.facts.last_plan
    if last is None:
        return ["No plan has been made yet: this is what the first one would begin with."]
    if not case.facts.up_to_date:
        return [f"This contact, a campaign or the settings have changed since the last plan, of {last}."]
    if last != date_of(case.today):
        return [f"The last plan was made for {last}."]
    return []
