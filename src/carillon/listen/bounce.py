"""Delivery reports: whom they name, and whether the address, the mailbox or the message was the trouble.

`flufl.bounce` knows the many shapes such reports have; the parts of RFC 3464 tell action and status. What
belongs here: reading a report. What does not: whether it is about an email of ours (`match`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from email.message import Message

from flufl.bounce import all_failures

from carillon.listen.body import content, parts, text_of
from carillon.listen.headers import addresses, message_ids, value
from carillon.listen.verdict import Failure
from carillon.refusals import ENHANCED, NOBODY
from carillon.words import Bounce

LONGEST_WORDS = 1000
MOST_FAILURES = 50
_LINES_AFTER = 8
"""Lines behind an address in which its trouble is told."""
_FULL = re.compile(
    r"(?:mailbox|inbox|account|user|quota|storage|recipient).{0,40}\b(?:full|exceeded|out of storage)"
    r"|over ?quota|quota (?:exceeded|full)|exceed.{0,30}quota|not enough (?:storage|disk|space)"
    r"|insufficient (?:system )?storage|disk quota|mailbox size limit|postfach.{0,20}voll",
    re.IGNORECASE,
)
_BLOCKED = re.compile(
    r"\bspam|blacklist|blocklist|black list|block list|blocked|reputation|\bpolicy|\bdmarc\b|\bspf\b|\bdkim\b"
    r"|\bdnsbl\b|\brbl\b|spamhaus|barracuda|content (?:rejected|filter)|unsolicited|not authorized to send"
    r"|sender (?:address )?(?:rejected|denied)|message (?:was )?rejected|rejected due to|virus|malware"
    r"|too large|message size|size limit|restricted to",
    re.IGNORECASE,
)
_GONE = re.compile(
    r"(?:account|mailbox|user).{0,40}(?:disabled|inactive|deactivated|suspended|closed|terminated)"
    r"|recipient address rejected: access denied|mailbox unavailable"
    r"|no longer (?:valid|active|available|in use)|couldn't be found|could not be found|wasn't found at"
    r"|address rejected|not listed in|unrouteable address"
    r"|host (?:or domain name )?not found|domain (?:name )?not found|domain.{0,40}(?:does not|doesn't) exist"
    r"|no such domain|name service error|doesn't have a .{0,60} account|does not have a .{0,60} account"
    r"|all relevant mx records point to non-existent|unknown host|nxdomain|adresse.{0,40}(?:nicht|existe)"
    r"|recipientnotfound|resolver\.adr\.",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"\bwarning\b.{0,60}(?:delay|not yet|still|could not send)|delivery (?:status notification )?\(?delay"
    r"|delayed|has not yet been delivered|will (?:be retried|retry|keep trying|continue)"
    r"|no action is required",
    re.IGNORECASE,
)
_FAILED_SUBJECT = re.compile(
    r"undeliver|unzustellbar|non remis|non remise|no se (?:puede|pudo) entregar|fail(?:ed|ure)"
    r"|return(?:ed|ing) (?:mail|to sender)|delivery (?:status|problem|error|report)|could not be delivered"
    r"|nicht zugestellt|unzustellbarkeit|mancato recapito|onbestelbaar|rejected",
    re.IGNORECASE,
)
_HARD = ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.1", "5.4.4", "5.4.310",
         "5.7.13", "5.7.17")  # fmt: skip
_SOFT = ("5.2.2", "5.2.4", "5.3.1", "5.3.2", "5.4.5", "5.4.6", "5.4.7", "5.4.14", "5.4.300", "5.4.316")
_OURS = ("5.1.7", "5.1.8", "5.1.9", "5.2.3", "5.3.4")
"""About the sender or the message."""
_ROUGH = ("5.0.0", "5.5.0", "5.2.0", "5.3.0", "5.4.0", "5.4.1", "5.7.0", "5.7.1", "5.5.1", "5.5.4")
"""Given for everything: the words tell more."""

# It tells each of its patterns that it tries.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)


def failures(message: Message, subject: str, surely: bool) -> tuple[Failure, ...]:
    """What a report says of each recipient it names; empty for what is no report.

    `surely`: what fails by its subject is a report also where it names nobody.
    """
    permanent, temporary = _known_shapes(message)
    text = text_of(message)
    told = list(_of_parts(message)) or [
        _from_words(recipient, _words_about(recipient, text), text) for recipient in sorted(permanent)
    ]
    if not told:
        told = [Failure(recipient, None, "delayed", None, None) for recipient in sorted(temporary)]
    if not told and surely and _FAILED_SUBJECT.search(subject):
        told.append(_from_words(None, text, text))
    return tuple(told[:MOST_FAILURES])


def returned_ids(message: Message) -> tuple[str, ...]:
    """Message-IDs of what a report returns: in enclosed headers, in its fields, or in its text."""
    found: list[str] = []
    for part in parts(message)[1:]:
        kind = part.get_content_type()
        if kind == "text/rfc822-headers":
            found += _ids_in(content(part))
        elif not kind.startswith("multipart/"):
            found += message_ids(value(part, "Message-ID"))
            found += message_ids(value(part, "Original-Message-ID"))
    return tuple(dict.fromkeys([*found, *_ids_in(text_of(message))]))


def _ids_in(text: str) -> tuple[str, ...]:
    lines = re.findall(r"^[> \t]*Message-ID:\s*(<[^<>\s]{1,990}>)", text, re.IGNORECASE | re.MULTILINE)
    return message_ids(" ".join(lines[:10]))


def _known_shapes(message: Message) -> tuple[set[str], set[str]]:
    """Addresses that failed for good, and those still tried, as `flufl.bounce` finds them."""
    try:
        temporary, permanent = all_failures(message)
    except Exception:
        # It raises what it meets in malformed mail, of any kind; such mail proves nothing by its shape.
        return set(), set()
    both = (permanent, temporary)
    first, second = ({address for one in some for address in _decoded(one)} for some in both)
    return first, second


def _decoded(address: object) -> tuple[str, ...]:
    return addresses(address.decode("ascii", "replace") if isinstance(address, bytes) else str(address))[:1]


def _of_parts(message: Message) -> Iterator[Failure]:
    """The blocks of message/delivery-status parts, one for each recipient."""
    for part in parts(message):
        inside = part.get_payload()
        if part.get_content_type() != "message/delivery-status" or not isinstance(inside, list):
            continue
        for block in inside:
            if not isinstance(block, Message):
                continue
            recipient = _recipient(block)
            action = value(block, "Action").lower().split(" ")[0]
            if not recipient and not action:
                continue
            yield _failure(
                recipient,
                action,
                value(block, "Status"),
                _typed(value(block, "Diagnostic-Code"))[:LONGEST_WORDS],
            )


def _recipient(block: Message) -> str | None:
    for name in ("Original-Recipient", "X-Original-Recipient", "Final-Recipient", "X-Actual-Recipient"):
        if found := addresses(_typed(value(block, name))):
            return found[0]
    return None


def _typed(field: str) -> str:
    """A field without its type: `rfc822; person@example.com`."""
    return field.partition(";")[2].strip() if ";" in field.split(" ")[0] else field.strip()


def _failure(recipient: str | None, action: str, status: str, words: str) -> Failure:
    code = ENHANCED.search(status)
    if action.startswith("delay") or (not action and code and code[1] == "4"):
        return Failure(recipient, None, "delayed", code and code[0], words or None)
    if action in ("delivered", "relayed", "expanded") or (code and code[1] == "2"):
        return Failure(recipient, None, action or "delivered", code and code[0], words or None)
    return _from_words(recipient, f"{code[0] if code else ''} {words}".strip(), words)


def _from_words(recipient: str | None, words: str, shown: str) -> Failure:
    """A failure that is told in words, perhaps with codes among them."""
    if _DELAYED.search(words[:4000]) and not NOBODY.search(words):
        return Failure(recipient, None, "delayed", None, _short(shown))
    codes = [found[0] for found in ENHANCED.finditer(words)]
    code = next((one for one in codes if one[:1] == "5" and one not in _ROUGH), codes[0] if codes else None)
    return Failure(recipient, kind_of(code, words), "failed", code, _short(shown))


def _short(words: str) -> str | None:
    return " ".join(words.split())[:LONGEST_WORDS] or None


def _words_about(recipient: str, text: str) -> str:
    """The lines behind an address, where reports in plain words tell the trouble; else all of it."""
    lines = text.split("\n")
    for place, line in enumerate(lines):
        if recipient in line.lower():
            return "\n".join(lines[place : place + _LINES_AFTER])
    return text[:4000]


def kind_of(code: str | None, words: str) -> Bounce:
    """Hard, soft or blocked: by the enhanced status code; where that says little, by the words."""
    if code in _HARD:
        return Bounce.HARD
    if code in _SOFT:
        return Bounce.SOFT
    if code in _OURS:
        return Bounce.BLOCKED
    if code and code[0] == "4":
        return Bounce.SOFT
    if code is None or code in _ROUGH:
        return _by_words(code, words)
    if code.startswith(("5.6.", "5.7.")):
        return Bounce.BLOCKED
    return Bounce.HARD if code.startswith("5.1.") else _by_words(code, words)


def _by_words(code: str | None, words: str) -> Bounce:
    if _FULL.search(words):
        return Bounce.SOFT
    if NOBODY.search(words) or _GONE.search(words):
        return Bounce.HARD
    if _BLOCKED.search(words) or (code or "").startswith("5.7."):
        return Bounce.BLOCKED
    return Bounce.SOFT
