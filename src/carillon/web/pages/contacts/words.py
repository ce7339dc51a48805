"""What codes and statuses of contacts are called on pages, and how they look."""

from __future__ import annotations

from carillon.words import ContactStatus, IssueCode

STATUSES = {one.value: one.value.replace("_", " ") for one in ContactStatus}
ISSUES = {one.value: one.value.replace("_", " ") for one in IssueCode}
_TONES = {
    ContactStatus.ACTIVE: "good",
    ContactStatus.OPTED_OUT: "warn",
    ContactStatus.BOUNCED: "bad",
}
LONGEST = 120
"""Characters of a title."""


def standing(status: str, is_suppressed: bool) -> tuple[str, str]:
    """Whether a contact may be written to, in a word and a tone."""
    if is_suppressed:
        return "suppressed", "bad"
    return STATUSES.get(status, status), _TONES.get(ContactStatus(status), "") if status in STATUSES else ""


def plain(word: str) -> str:
    """A name of the database as people read it."""
    if word == "aep":
        return "AEP"
    return word.replace("_", " ").replace("campaign ", "campaign: ", 1)


def shortened(words: str) -> str:
    """Cut where a title would not end."""
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}…"
