"""Headers of an email: how they are stored and folded, and the short cut for those that need no folding.

The standard library folds names and subjects. It would also fold what must stay in one piece: a long link in
List-Unsubscribe or a long Message-ID becomes an encoded word there, which no mail program takes for a link.
So headers made of addresses of machines have a class of their own, which only breaks at blanks.
"""

from __future__ import annotations

import re
from email import policy
from email.headerregistry import Address, HeaderRegistry
from email.policy import EmailPolicy
from functools import lru_cache
from typing import Any

from carillon.errors import InputError

LONGEST_ADDRESS = 320
LINE = 78
"""Characters a line should not exceed (RFC 5322)."""
WIRE = policy.SMTP
"""How messages are written: CRLF, ASCII only."""
OPAQUE = ("message-id", "in-reply-to", "references", "list-unsubscribe", "list-unsubscribe-post", "list-id",
          "feedback-id", "auto-submitted", "x-carillon-warmup")  # fmt: skip

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?=.{{1,253}}$)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_WORDS = re.compile(r"[A-Za-z0-9]+(?: [A-Za-z0-9]+)*")
_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")


class Opaque:
    """A header for machines: printable ASCII, folded at blanks only, never encoded."""

    max_count = 1

    @classmethod
    def parse(cls, value: str, kwds: dict[str, Any]) -> None:
        if not _PLAIN.fullmatch(value):
            raise ValueError(f"a header for machines cannot hold {value[:80]!r}")
        kwds["decoded"], kwds["parse_tree"] = value, None

    def fold(self, *, policy: EmailPolicy[Any]) -> str:
        return opaque(self.name, str(self), policy.linesep)  # type: ignore[attr-defined]


def opaque(name: str, value: str, linesep: str = "\r\n") -> str:
    """A header for machines as it is written."""
    if len(name) + 2 + len(value) <= LINE:
        return f"{name}: {value}{linesep}"
    first, *others = value.split(" ")
    lines = [f"{name}: {first}"]
    for word in others:
        if len(lines[-1]) + 1 + len(word) <= LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(f" {word}")
    return linesep.join(lines) + linesep


def _registry() -> HeaderRegistry:
    registry = HeaderRegistry()
    for name in OPAQUE:
        registry.map_to_type(name, Opaque)  # type: ignore[arg-type]
    return registry


BODY_LINE = 76
"""Quoted-printable lines may not be longer (RFC 2045)."""
BUILD = WIRE.clone(header_factory=_registry(), max_line_length=BODY_LINE)
"""How messages are put together."""


@lru_cache(maxsize=1024)
def reachable(address: str) -> str:
    """An address as mail servers everywhere take it: a domain of another script in its ASCII form.

    Raises InputError where there is none.
    """
    place, at, domain = address.strip().rpartition("@")
    try:
        found = (
            f"{place}{at}{domain.encode('idna').decode()}" if not domain.isascii() else place + at + domain
        )
    except UnicodeError:
        found = ""
    if not _ADDRESS.fullmatch(found) or len(found) > LONGEST_ADDRESS:
        why = "" if place.isascii() else ": its part before the @ has characters few servers take"
        raise InputError(f"{address[:100]!r} is not an address that mail can be sent to{why}")
    return found


def address(name: str, place: str) -> Address:
    """A person with an address, as `reachable` gave it. Raises InputError for any other."""
    if not _ADDRESS.fullmatch(place) or len(place) > LONGEST_ADDRESS:
        raise InputError(f"{place[:100]!r} is not an address that mail can be sent to")
    return Address(display_name=name, addr_spec=place)


@lru_cache(maxsize=4096)
def mailbox(header: str, name: str, place: str) -> str:
    """From, To or Reply-To as it is written."""
    if _WORDS.fullmatch(name) and _ADDRESS.fullmatch(place):
        line = f"{header}: {name} <{place}>"
        if len(line) <= LINE:
            return f"{line}\r\n"
    return _folded(header, address(name, place))


@lru_cache(maxsize=4096)
def unstructured(header: str, value: str) -> str:
    """Subject as it is written."""
    if len(header) + 2 + len(value) <= LINE and _PLAIN.fullmatch(value) and "=?" not in value:
        return f"{header}: {value}\r\n"
    return _folded(header, value)


def _folded(header: str, value: Any) -> str:
    name, stored = BUILD.header_store_parse(header, value)
    return str(WIRE.fold(name, stored))


def one_line(text: str) -> str:
    """A text as it may stand in a header: on one line, without control characters."""
    text = " ".join(text.split())
    if not text.isprintable():
        text = "".join(character for character in text if character.isprintable())
        text = " ".join(text.split())
    return text
