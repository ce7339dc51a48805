"""How steps, statuses and histories are told on these pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carillon.advance.questions import ATTRIBUTE, Question, questions
from carillon.advance.written import Item
from carillon.words import ActionKind, ContactState, SequenceStatus, StepType

TONES = {
    SequenceStatus.ACTIVE: "good",
    SequenceStatus.SCHEDULED: "info",
    SequenceStatus.PAUSED: "warn",
}
STATES = {
    ContactState.PENDING: ("waits", ""),
    ContactState.SCHEDULED: ("scheduled", "info"),
    ContactState.SENT: ("first email sent", "info"),
    ContactState.FOLLOWUP_1: ("1 follow-up sent", "info"),
    ContactState.FOLLOWUP_2: ("2 follow-ups sent", "info"),
    ContactState.FOLLOWUP_3: ("3 or more sent", "info"),
    ContactState.REPLIED: ("replied", "good"),
    ContactState.BOUNCED: ("bounced", "bad"),
    ContactState.OPTED_OUT: ("opted out", "warn"),
    ContactState.COMPLETED: ("completed", ""),
}
KINDS = {
    StepType.EMAIL: ("Email", "mail", "Writes to the contact"),
    StepType.DELAY: ("Wait", "hourglass_empty", "Lets time go by"),
    StepType.CONDITION: ("Condition", "call_split", "Two ways: yes and no"),
    StepType.ACTION: ("Action", "bolt", "Tags, tells, calls"),
    StepType.EXIT: ("Exit", "logout", "Ends the sequence"),
}
"""Name, icon and what it does, of each type of a step."""
ACTIONS = {
    ActionKind.ADD_TAG: "Add a tag",
    ActionKind.REMOVE_TAG: "Take a tag away",
    ActionKind.SET_ATTRIBUTE: "Set an attribute",
    ActionKind.SMS: "Send an SMS",
    ActionKind.WEBHOOK: "Call a webhook",
    ActionKind.ENROLL: "Enroll in another sequence",
    ActionKind.EXIT: "Take out of another sequence",
    ActionKind.NOTIFY: "Notify the team",
}
UNITS = {"minutes": "minutes", "hours": "hours", "days": "days", "working_days": "working days"}
SIGNS = {
    "replied": "has replied",
    "opened": "has opened an email",
    "clicked": "has clicked a link",
    "bounced": "has bounced",
    "event": "an event has come",
    ATTRIBUTE: "field of the contact",
}
OPERATORS = {
    "is": "is",
    "is_not": "is not",
    "contains": "contains",
    "above": "is above",
    "below": "is below",
    "at_least": "is at least",
    "at_most": "is at most",
    "one_of": "is one of",
    "known": "is known",
}


def summary(item: Item) -> str:
    """What a step does, in a line."""
    said = item.settings
    match item.type:
        case StepType.EMAIL:
            return _email(said)
        case StepType.DELAY:
            return _delay(said)
        case StepType.CONDITION:
            return condition_words(said.get("when"))
        case StepType.ACTION:
            kind = said.get("kind")
            name = ACTIONS[ActionKind(kind)] if kind in list(ActionKind) else "Choose what it does"
            rest = [str(value) for key, value in said.items() if key != "kind" and value]
            return f"{name}: {' = '.join(rest)}" if rest else name
        case StepType.EXIT:
            return f"as {said.get('reason', 'completed')}"


def condition_words(plain: object) -> str:
    """A condition as a question."""
    found = questions(plain)
    if found is None:
        return "Several conditions together"
    how, rows = found
    return f" {'and' if how == 'all' else 'or'} ".join(_question(one) for one in rows)


def _email(said: Mapping[str, Any]) -> str:
    variants = said.get("variants") or []
    if variants:
        return f"{len(variants)} versions: {', '.join(str(one.get('template', '')) for one in variants)}"
    return str(said.get("template") or "Choose a template")


def _delay(said: Mapping[str, Any]) -> str:
    amount, unit = said.get("amount", ""), UNITS.get(str(said.get("unit")), str(said.get("unit", "")))
    found = f"{amount} {unit[:-1] if str(amount) == '1' else unit}"
    if at := said.get("at"):
        found = f"until {str(at)[:5]}" if str(amount) == "0" else f"{found}, until {str(at)[:5]}"
    return f"{found} after {said['since']}" if said.get("since") else found


def _question(one: Question) -> str:
    if one.about == ATTRIBUTE:
        value = "" if one.operator == "known" else f" {one.value}"
        is_known = one.operator == "known" and one.value == "no"
        words = f"{one.name or '…'} {'is not known' if is_known else OPERATORS[one.operator]}{value}"
        return f"not ({words})" if one.negated else words
    words = {"clicked": "clicked", "event": f"event {one.name or '…'}"}.get(one.about, one.about)
    if one.about == "clicked" and one.name:
        words = f"clicked {one.name}"
    if one.since:
        words = f"{words} since {one.since}"
    return f"not {words}" if one.negated else words
