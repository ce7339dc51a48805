"""Subjects: without what programs put in front of them, and compared with those of templates."""

from __future__ import annotations

import re

from carillon.listen.phrases import plain

_PREFIX = re.compile(
    r"^\s*(?:(?:re|aw|antw|antwort|wg|sv|vs|r|ref|rif|res|enc|fw|fwd|wtr|tr|rv|i|vb|bls|odp|pd|ynt|ilt|atb"
    r"|回复|回覆|答复|转发|轉寄|返信)\s*(?:\[\d+\]|\(\d+\))?\s*[:：]"
    r"|\[(?:ext|external|extern|externe|externo|spam|suspected spam|caution|warning)\]:?"
    r"|(?:automatic reply|auto(?:matic)? ?-?response|autoreply|out of office|automatische antwort"
    r"|abwesenheitsnotiz|abwesend|réponse automatique|respuesta automática|risposta automatica"
    r"|automatisch antwoord|resposta automática|accepted|declined|tentative|zugesagt|abgelehnt)\s*:)\s*",
    re.IGNORECASE,
)
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


def bare(subject: str) -> str:
    """A subject without prefixes, in whatever language and however many."""
    while found := _PREFIX.match(subject):
        subject = subject[found.end() :]
    return " ".join(subject.split())


def own_words(subject: str) -> str:
    """What the writer of an answer put as its subject; empty where it is that of what is answered."""
    return "" if _PREFIX.match(subject) else subject


def made_from(subject: str, source: str) -> bool:
    """Whether a subject answers one made from a template's source, whatever stood in the place of its tags.

    A source of hardly anything but tags could be any subject, and proves nothing.
    """
    pieces = [plain(piece) for piece in _TAG.split(source)]
    if sum(len(piece) for piece in pieces) < 6:
        return False
    pattern = ".{0,200}?".join(re.escape(piece) for piece in pieces)
    return re.fullmatch(pattern, plain(bare(subject))) is not None
