"""What a received email is: one pure function from its bytes to a verdict.

What belongs here: the questions in their order, the first that is answered decides. Headers come before
wording, and reports before everything that looks like an answer. What does not: how each is answered.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from hashlib import sha256

from carillon.listen import automatic, bounce, complaints, headers, phrases
from carillon.listen.body import text_of
from carillon.listen.quote import new_text
from carillon.listen.subjects import own_words
from carillon.listen.verdict import Sort, Verdict

LONGEST = 2_000_000
"""Bytes of an email that are read: what comes later is attached."""
_TOKEN = re.compile(
    r"\bunsubscribe[ +]+([A-Za-z0-9_-]{1,16}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{22})(?![A-Za-z0-9_-])"
)
_TO = ("To", "Cc", "Delivered-To", "X-Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")


def read(raw: bytes, own: frozenset[str]) -> Verdict:
    """Judge one email; any bytes are judged. `own`: the addresses of our accounts, in lower case."""
    try:
        return judge(raw, own)
    except RecursionError:
        # Parts within parts without an end.
        return Verdict(Sort.UNRELATED, sha256(raw).hexdigest(), None, "", None)


def judge(raw: bytes, own: frozenset[str]) -> Verdict:
    """As `read`. Raises RecursionError for an email of thousands of parts within each other."""
    message = message_from_bytes(raw[:LONGEST], policy=compat32)
    found = _outside(message, raw)
    if found.sender in own and not automatic.is_from_a_mail_system(message, found.sender):
        return found
    if complaints.is_complaint(message):
        ids = (*bounce.returned_ids(message), *found.answers)
        return replace(
            found,
            sort=Sort.COMPLAINT,
            answers=ids,
            recipients=(*complaints.recipients(message), *found.recipients),
        )
    if automatic.is_from_a_mail_system(message, found.sender):
        surely = automatic.is_from_a_reporter(message, found.sender)
        failures = bounce.failures(message, found.subject, surely)
        if failures:
            ids = (*bounce.returned_ids(message), *found.answers)
            return replace(found, sort=Sort.BOUNCE, answers=ids, failures=failures)
    return _letter(message, found)


def _outside(message: Message, raw: bytes) -> Verdict:
    """What is known of every email; as it is, a copy of our own."""
    answers = headers.message_ids(headers.value(message, "In-Reply-To"))
    # The nearest stands last in References.
    answers += headers.message_ids(headers.value(message, "References"))[::-1]
    came_to = (
        one for name in _TO for line in headers.values(message, name) for one in headers.addresses(line)
    )
    return Verdict(
        Sort.OWN,
        headers.identity(message, raw),
        headers.sender_of(message),
        " ".join(headers.value(message, "Subject").split()),
        headers.sent_at(message),
        tuple(dict.fromkeys(answers)),
        tuple(dict.fromkeys(came_to)),
    )


def _letter(message: Message, found: Verdict) -> Verdict:
    """What is no report: written by a person, or by a program in somebody's place."""
    if message.get_content_type() == "multipart/report":
        return replace(found, sort=Sort.UNRELATED)
    new = new_text(text_of(message))
    token = _TOKEN.search(found.subject)
    if token is not None:
        return replace(found, sort=Sort.UNSUBSCRIBE, token=token[1], text=new)
    if automatic.is_from_a_list(message) and not found.answers:
        return replace(found, sort=Sort.LIST)
    sent = found.sent_at.date() if found.sent_at else None
    by_itself = automatic.answers_by_itself(message, found.sender)
    away = phrases.says_away(found.subject, new)
    if by_itself and not (found.answers or away):
        return replace(found, sort=Sort.UNRELATED)
    if by_itself or away:
        return replace(found, sort=Sort.AUTO_REPLY, text=new, back_on=_back(found, new, sent))
    if phrases.wants_out(new, own_words(found.subject)):
        return replace(found, sort=Sort.OPT_OUT, text=new)
    return replace(found, sort=Sort.REPLY, text=new)


def _back(found: Verdict, text: str, sent: date | None) -> date | None:
    return None if sent is None else phrases.back_on(found.subject, text, sent)
