"""Headers of received mail: anything may stand in them, and they are read all the same.

What belongs here: decoding, addresses, Message-IDs, dates, the identity of an email. What does not: what an
email is by its headers (`automatic`).
"""

from __future__ import annotations

import re
from binascii import Error as NotBase64
from collections.abc import Iterator
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import parsedate_to_datetime
from hashlib import sha256

LONGEST = 20_000
"""Characters of a header that are looked at."""
MOST_IDS = 100
_FOLD = re.compile(r"\r?\n[ \t]*|\r")
_ANGLE = re.compile(r"<\s*([^<>\s@]{1,64}@[^<>\s@]{1,255})\s*>")
_BARE = re.compile(r"[^\s<>@,;:\"()\[\]\\]{1,64}@[^\s<>@,;:\"()\[\]\\]{1,255}")
_ID = re.compile(r"<[^<>\s]{1,990}>")


def values(message: Message, name: str) -> Iterator[str]:
    """All headers of a name, unfolded and decoded."""
    for key, value in message.raw_items():
        if key.lower() == name.lower():
            yield decoded(str(value))


def value(message: Message, name: str) -> str:
    """The first header of a name; empty where there is none."""
    return next(values(message, name), "").strip()


def decoded(raw: str) -> str:
    """A header as people read it; `raw`: with bytes beyond ASCII as surrogates, as the parser leaves them."""
    flat = _FOLD.sub(" ", in_some_charset(raw[:LONGEST].encode("utf-8", "surrogateescape"), None))
    if "=?" not in flat:
        return flat
    try:
        pieces = decode_header(flat)
    except (HeaderParseError, NotBase64, ValueError, LookupError):
        return flat
    return "".join(
        piece if isinstance(piece, str) else in_some_charset(piece, charset) for piece, charset in pieces
    )


def in_some_charset(raw: bytes, charset: str | None) -> str:
    """Bytes as text: in the charset they claim, else as UTF-8, else as old programs on Windows wrote."""
    for name in (charset, "utf-8"):
        try:
            if name:
                return raw.decode(name)
        except (UnicodeError, LookupError, ValueError):
            continue
    return raw.decode("cp1252", "replace")


def addresses(text: str) -> tuple[str, ...]:
    """Email addresses in a header, in lower case; those in angle brackets where there are any."""
    found = _ANGLE.findall(text[:LONGEST]) or _BARE.findall(text[:LONGEST])
    return tuple(dict.fromkeys(one.strip("'").lower() for one in found))


def sender_of(message: Message) -> str | None:
    """Who wrote it."""
    return next(iter(addresses(value(message, "From"))), None)


def message_ids(text: str) -> tuple[str, ...]:
    """Message-IDs with their angle brackets, in order, each once."""
    return tuple(dict.fromkeys(_ID.findall(text[:LONGEST])))[:MOST_IDS]


def sent_at(message: Message) -> datetime | None:
    """By its Date header; without a zone it is UTC."""
    try:
        found = parsedate_to_datetime(value(message, "Date"))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def identity(message: Message, raw: bytes) -> str:
    """The same for every copy of an email, whatever mailbox and folder it is read from (05-listen)."""
    number = value(message, "Message-ID")
    if number:
        parts = [number, value(message, "From"), value(message, "Date")]
        return sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()
    # What servers add on the way stands above what the sender wrote, and differs from copy to copy.
    kept = [value(message, name) for name in ("From", "To", "Subject", "Date")]
    body = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[-1].replace(b"\r\n", b"\n").strip()
    return sha256("\n".join(kept).encode("utf-8", "replace") + b"\n\n" + body).hexdigest()
