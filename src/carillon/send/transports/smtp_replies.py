"""What an SMTP server's refusals mean: one table from stage, code and words to an outcome.

What belongs here: reading replies; no network. Permanent words are taken as permanent only where they are
about the recipient or the message; what is about us (login, sender, permission to relay) is the account's,
however final the server says it. Only a refusal that says that the address does not exist suppresses it.
"""

from __future__ import annotations

import re
from enum import Enum

from carillon.refusals import ENHANCED, NOBODY
from carillon.send.outcomes import Deferred, Delivered, Rejected
from carillon.send.transports.smtp_wire import Reply

GREYLISTED_SECONDS = 300.0
"""How long most greylists want a sender to wait, where they do not say."""
SHORTEST_WAIT, LONGEST_WAIT = 30.0, 4 * 3600.0


class Stage(Enum):
    """What was being said; the value is how people are told."""

    MAIL = "the sender"
    RCPT = "the recipient"
    DATA = "the message, before it was sent"
    DOT = "the message"


_GREYLIST = re.compile(r"gr[ae]y[- ]?list", re.IGNORECASE)
_WAIT = re.compile(
    r"(?:in|for|after|retry|wait|delay)\D{0,20}?([0-9]{1,5})\s*(s\b|sec|m\b|min|h\b|hour)", re.IGNORECASE
)
_CLOCK = re.compile(
    r"(?:in|for|after|retry|wait|delay)\D{0,20}?([0-9]{2}):([0-9]{2}):([0-9]{2})\b", re.IGNORECASE
)
_UNITS = {"s": 1, "m": 60, "h": 3600}
_RELAY = re.compile(
    r"relay(?:ing)? (?:access )?(?:is )?(?:denied|not (?:allowed|permitted))|unable to relay"
    r"|not (?:allowed|permitted) to relay|authentication (?:is )?required",
    re.IGNORECASE,
)
_SENDER = re.compile(r"\b(?:sender|mail from|from address|return[- ]path)\b", re.IGNORECASE)
_RECIPIENT = re.compile(r"\b(?:recipient|rcpt|user|mailbox)\b", re.IGNORECASE)
_QUEUED = re.compile(r"queued as ([^\s;,>)]+)|\bid=([^\s;,>)]+)", re.IGNORECASE)
_TOO_LARGE = {"5.3.4", "5.2.3"}
_BAD_SENDER = {"5.1.7", "5.1.8"}


def enhanced(reply: Reply) -> str | None:
    """The enhanced status code (RFC 3463) of a refusal, if it gives one of its own class."""
    found = ENHANCED.search(reply.text)
    return found[0] if found and found[1] == str(reply.code)[0] else None


def accepted(reply: Reply) -> Delivered:
    """The message was taken."""
    found = _QUEUED.search(reply.text)
    return Delivered((found[1] or found[2]) if found else None)


def refused(stage: Stage, reply: Reply, where: str) -> Deferred | Rejected:
    """A 4xx or 5xx reply. `where`: the server, as people know it."""
    code = enhanced(reply)
    why = f"{where} refuses {stage.value}: {reply}"
    if reply.code < 500:
        return Deferred(why, wait_asked(reply), account=stage is Stage.MAIL)
    if code in _TOO_LARGE:
        return Rejected(why, code, suppress=False, blocked=False)
    if stage is Stage.MAIL or _is_about_us(reply, code):
        return Deferred(f"{why}. {_remedy(stage, reply)}", account=True)
    return Rejected(
        why,
        code or str(reply.code),
        suppress=_no_such_address(reply, code),
        blocked=code is not None and code.startswith("5.7."),
    )


def wait_asked(reply: Reply) -> float | None:
    """Seconds after which a server wants to be asked again, if it says so or is known to mean it."""
    seconds: float | None = None
    if found := _WAIT.search(reply.text):
        seconds = int(found[1]) * _UNITS[found[2][0].lower()]
    elif found := _CLOCK.search(reply.text):
        seconds = int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])
    elif _GREYLIST.search(reply.text):
        seconds = GREYLISTED_SECONDS
    return None if seconds is None else min(LONGEST_WAIT, max(SHORTEST_WAIT, seconds))


def _is_about_us(reply: Reply, code: str | None) -> bool:
    """Whether the server refuses us and not the recipient, also if it says so late."""
    if reply.code == 530 or code in _BAD_SENDER or _RELAY.search(reply.text):
        return True
    return code is not None and code.startswith("5.1.") and _names_only_the_sender(reply)


def _no_such_address(reply: Reply, code: str | None) -> bool:
    if code is None or code.startswith(("5.0.", "5.4.", "5.5.")):
        return bool(NOBODY.search(reply.text)) and not _names_only_the_sender(reply)
    return code.startswith("5.1.") or code == "5.2.1"


def _names_only_the_sender(reply: Reply) -> bool:
    return bool(_SENDER.search(reply.text)) and not _RECIPIENT.search(reply.text)


def _remedy(stage: Stage, reply: Reply) -> str:
    if "starttls" in reply.text.lower():
        return "It wants an encrypted connection: give the account --security starttls."
    if reply.code == 530 or _RELAY.search(reply.text):
        return "It wants a login or does not relay for this account: check user name and password."
    if stage is Stage.MAIL or _SENDER.search(reply.text):
        return "Check that this account may send from this address."
    return "Check the account's settings."
