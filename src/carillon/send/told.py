"""What an email of a sequence carries beside its template: see `advance.emails.metadata`, which writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from carillon.store.dispatch import Claimed
from carillon.store.json_values import object_of
from carillon.store.recipients import About
from carillon.templates import Source
from carillon.words import SEQUENCE_EMAIL


def told(row: Claimed) -> Mapping[str, str | bool]:
    """By word; nothing for emails that are no sequence's."""
    if row.email_type != SEQUENCE_EMAIL:
        return {}
    return object_of(row.metadata) or {}


def ignores_windows(row: Claimed) -> bool:
    """Whether its step says that it goes whatever the windows say."""
    return told(row).get("respect_exclusion_windows") is False


def about(row: Claimed) -> About | None:
    """The outreach campaign, else the sequence, as templates see a campaign."""
    words = told(row)
    name = words.get("campaign") or words.get("sequence")
    return About(str(name), SEQUENCE_EMAIL) if name else None


def with_subject(source: Source, row: Claimed) -> Source:
    """The template with the subject of the step, or of the campaign where the template has none."""
    words = told(row)
    subject = words.get("subject") or source.subject or words.get("default_subject")
    return source if subject == source.subject else replace(source, subject=str(subject))
