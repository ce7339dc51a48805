"""Email addresses: what a valid one is, and the identity and seed a contact has by it.

What belongs here: syntax only. Whether an address exists or may be written to is known elsewhere
(suppression, bounces). The planner, the import and the CLI all ask here, so that an address is valid in
all of them or in none. A change of `seed` would shuffle every plan there is: it never changes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import email_validator
import numpy as np
import numpy.typing as npt
import polars as pl

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})+"
_ADDRESS = rf"^{_ATOM}(?:\.{_ATOM})*@{_DOMAIN}$"
# Lengths are tested apart: counted repetitions make the regex three times slower. The first
# alternative is a top level domain without a letter.
_MISFIT = r"\.[0-9-]+$|[A-Za-z0-9-]{64}[A-Za-z0-9.-]*$"
_MAX_LENGTH, _MAX_LOCAL = 254, 64


def valid_addresses(emails: pl.Series) -> npt.NDArray[np.bool_]:
    """Which of these are syntactically valid addresses; null is not.

    ASCII addresses are judged as columns; the few others go one by one through email-validator.
    """
    frame = emails.cast(pl.String).alias("email").to_frame()
    email = pl.col("email")
    domain = email.str.slice(email.str.find("@", literal=True))
    shape = email.str.contains(_ADDRESS)
    size = (email.str.len_bytes() <= _MAX_LENGTH) & (email.str.find("@", literal=True) <= _MAX_LOCAL)
    verdict = frame.select((shape & size & ~domain.str.contains(_MISFIT)).fill_null(False)).to_series()
    valid: npt.NDArray[np.bool_] = verdict.to_numpy(writable=True)
    for row in _foreign(frame["email"]):
        valid[row] = _valid_international(frame["email"][row])
    return valid


def _valid_international(email: str) -> bool:
    """Whether an address with letters outside ASCII is valid (RFC 6531)."""
    try:
        # Domains under .test pass, as they do in ASCII.
        found = email_validator.validate_email(email, check_deliverability=False, test_environment=True)
    except email_validator.EmailNotValidError:
        return False
    domain = found.ascii_domain or ""
    return bool(re.fullmatch(_DOMAIN, domain)) and not re.search(_MISFIT, "@" + domain)


def is_valid(email: str) -> bool:
    """Whether one address is syntactically valid."""
    return bool(valid_addresses(pl.Series([email], dtype=pl.String))[0])


def normalise(email: str) -> str:
    """An address as it is compared: without surrounding blanks, ignoring case."""
    return email.strip().lower()


def normalised(emails: pl.Series) -> pl.Series:
    """The same for a column."""
    lower = emails.str.strip_chars().str.to_lowercase()
    # Polars and Python know different versions of Unicode; what an address is must not depend on that.
    rows = _foreign(emails)
    return lower.scatter(rows, [normalise(emails[row]) for row in rows]) if rows else lower


def _foreign(texts: pl.Series) -> list[int]:
    """The rows that hold a character outside ASCII."""
    found: list[int] = (texts.str.len_bytes() != texts.str.len_chars()).fill_null(False).arg_true().to_list()
    return found


def identity(email: str, external_id: str | None = None) -> str:
    """What makes a contact the same contact: its external id where it has one, else its address."""
    return (external_id or "").strip() or normalise(email)


def seed(identity: str) -> int:
    """The number all of a contact's stable choices come from: 64 bits of its identity's SHA-256.

    `identity` is hashed as it is: see `identity()`, which lower-cases addresses but not external ids.
    """
    return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big")


def seeds(identities: Iterable[str]) -> npt.NDArray[np.uint64]:
    """The same for many: 1.4 µs each, nearly all of it inside hashlib."""
    sha256 = hashlib.sha256
    digests = b"".join([sha256(each.encode()).digest() for each in identities])
    return np.frombuffer(digests, dtype=">u8").reshape(-1, 4)[:, 0].astype(np.uint64)
