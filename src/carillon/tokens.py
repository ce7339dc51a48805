"""Signed links: `send` writes them into emails, the public endpoints read them.

What belongs here: what a token says, how it is signed, and the keys. What does not: what is done when one
comes back. A token is `KEYID.PAYLOAD.SIGNATURE`; the signature is HMAC-SHA256 (128 bits of it) under a key of
its own for each purpose, so that a link to look at an email cannot be turned into one that unsubscribes.
Nothing in it expires: people unsubscribe from emails years old. Keys live outside the database, in
`carillon.links.key` beside it or in CARILLON_LINK_KEYS: the first one signs links, all of them verify, and
the last (the oldest, which stays) marks Message-IDs.
"""

from __future__ import annotations

import re
import secrets
import struct
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from hmac import compare_digest
from hmac import digest as hmac
from pathlib import Path
from urllib.parse import urlsplit

from carillon.errors import SettingsError, WorkspaceError
from carillon.keyfile import make_once

KEY_FILE = "carillon.links.key"
KEY_VARIABLE = "CARILLON_LINK_KEYS"
LONGEST_TOKEN = 6000
LONGEST_MARK = 37
"""Characters: 16 of an id, a dot, 20 of its proof."""
LONGEST_URL = 4000
"""Characters of a link that may be tracked; longer ones stay as they are."""
_KEY_BYTES, _SIGNATURE_BYTES = 32, 16
_IDS = struct.Struct(">qq")
_KEY_LINE = re.compile(r"([A-Za-z0-9_-]{1,16}):([A-Za-z0-9+/]{43}=)")
_MARK = re.compile(r"([0-9a-f]{1,16})\.([0-9a-f]{20})")
_UNSIGNED = (1 << 64) - 1
_TOKEN = re.compile(r"([A-Za-z0-9_-]{1,16})\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{22})")


class Purpose(Enum):
    """What a link is for; the value is a part of its key and of its address."""

    UNSUBSCRIBE = "u"
    VIEW = "v"
    OPEN = "o"
    CLICK = "c"
    WARMUP = "w"
    """No link: the header of warm-up mail. `contact` is the account that gets it, `schedule` the message."""


@dataclass(frozen=True)
class Ticket:
    """What a token says. `schedule` 0: a preview or a test, about which nothing is recorded."""

    contact: int
    schedule: int
    url: str = ""
    """Where a click goes."""


class LinkKeys:
    """Keys by id; the first signs."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._signing = next(iter(keys))
        self._derived = {
            (purpose, name): hmac(key, b"carillon link " + purpose.value.encode(), "sha256")
            for purpose in Purpose
            for name, key in keys.items()
        }
        self._addresses = [hmac(key, b"carillon address", "sha256") for key in keys.values()]
        self._marks = [hmac(key, b"carillon mark", "sha256") for key in keys.values()]

    def hashes(self, address: str) -> list[str]:
        """What is kept of a forgotten address, given in lower case: by every key, the signing one first."""
        return [hmac(key, address.encode(), "sha256").hex() for key in self._addresses]

    def mark(self, schedule: int) -> str:
        """A short proof that an email is ours, for its Message-ID; the same whichever key signs."""
        return f"{schedule & _UNSIGNED:x}.{_proof(self._marks[-1], schedule)}"

    @staticmethod
    def is_mark(text: str) -> bool:
        """Whether a text looks like a mark; only `marked` says whether it is one of ours."""
        return _MARK.fullmatch(text) is not None

    def marked(self, mark: str) -> int | None:
        """The schedule a mark was made for; None for one we did not make."""
        found = _MARK.fullmatch(mark)
        if found is None:
            return None
        schedule = int(found[1], 16)
        schedule -= (schedule >> 63) << 64
        ours = (compare_digest(_proof(key, schedule), found[2]) for key in self._marks)
        return schedule if any(ours) else None

    def sign(self, purpose: Purpose, ticket: Ticket) -> str:
        """A token that `read` with the same purpose gives back.

        Raises ValueError for a link that is not plain http or https.
        """
        if ticket.url and not trackable(ticket.url):
            raise ValueError("only http and https links are signed")
        payload = _IDS.pack(ticket.contact, ticket.schedule) + ticket.url.encode()
        signature = hmac(self._derived[purpose, self._signing], payload, "sha256")[:_SIGNATURE_BYTES]
        return f"{self._signing}.{_text(payload)}.{_text(signature)}"

    def read(self, purpose: Purpose, token: str) -> Ticket | None:
        """What a token says; None for one that we did not sign for this purpose."""
        parts = _TOKEN.fullmatch(token) if len(token) <= LONGEST_TOKEN else None
        if parts is None:
            return None
        name, *encoded = parts.groups()
        key = self._derived.get((purpose, name))
        try:
            payload, signature = (urlsafe_b64decode(one + "=" * (-len(one) % 4)) for one in encoded)
        except (NotBase64, ValueError):
            return None
        # One spelling per token: what base64 decoders overlook may not pass for the same link.
        if key is None or [_text(payload), _text(signature)] != encoded or len(payload) < _IDS.size:
            return None
        if not compare_digest(hmac(key, payload, "sha256")[:_SIGNATURE_BYTES], signature):
            return None
        contact, schedule = _IDS.unpack_from(payload)
        return Ticket(contact, schedule, payload[_IDS.size :].decode())


def trackable(url: str) -> bool:
    """Whether a link may go through the click address: http or https, a host, nothing odd."""
    if len(url) > LONGEST_URL or any(character <= " " or character in "\x7f\\" for character in url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False


def open_keys(folder: Path, environ: Mapping[str, str]) -> LinkKeys:
    """The workspace's keys: from the environment, else from its file, which is made at first use.

    Raises SettingsError where the variable, WorkspaceError where the file holds no keys.
    """
    if given := environ.get(KEY_VARIABLE):
        keys = dict(_keys(given.split(",")))
        if not keys:
            raise SettingsError(
                f"{KEY_VARIABLE} holds no keys; write them as ID:BASE64, the signing one first"
            )
        return LinkKeys(keys)
    file = folder / KEY_FILE
    try:
        if not file.exists():
            key = b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
            make_once(file, f"{secrets.token_hex(3)}:{key}\n")
        keys = dict(_keys(file.read_text(encoding="ascii").split("\n")))
    except (OSError, UnicodeDecodeError) as error:
        raise WorkspaceError(f"the keys of links in {file} cannot be read or made: {error}") from None
    if not keys:
        raise WorkspaceError(
            f"{file} holds no key. Put it back from a copy: links in emails already sent need the old keys."
        )
    return LinkKeys(keys)


def _keys(lines: list[str]) -> Iterator[tuple[str, bytes]]:
    for line in lines:
        if found := _KEY_LINE.fullmatch(line.strip()):
            yield found[1], b64decode(found[2])


def _proof(key: bytes, schedule: int) -> str:
    return hmac(key, schedule.to_bytes(8, "big", signed=True), "sha256")[:10].hex()


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
