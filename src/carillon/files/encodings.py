"""Which encoding a text file is in, decided on all of it before a line is read.

A list of three million names whose only accent is in the last row must not fail there, nor turn all
accents into pairs of signs. So the whole file is decoded once, in chunks, and thrown away: about
a second per gigabyte.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from carillon.errors import InputError

_CHUNK = 1 << 20
_UNDEFINED_IN_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_MIXED = "carillon.windows-1252"


class Encoding(NamedTuple):
    """How to decode a file; `note` says it to people where it is not plain UTF-8."""

    name: str
    errors: str = "strict"
    note: str = ""


def _as_windows(error: UnicodeError) -> tuple[str, int]:
    """Decodes the bytes that are not UTF-8 as Windows-1252, or Latin-1 where that has no sign."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    broken = error.object[error.start : error.end]
    name = "latin-1" if _UNDEFINED_IN_CP1252.search(broken) else "cp1252"
    return broken.decode(name), error.end


codecs.register_error(_MIXED, _as_windows)


def detect(raw: BinaryIO, place: str) -> Encoding:
    """The encoding of a seekable stream, left at its start."""
    start = raw.read(_CHUNK)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        found = _checked(raw, Encoding("utf-16"), place)
    elif name := _unmarked_utf16(start):
        found = _checked(raw, Encoding(name, note="read as UTF-16"), place)
    else:
        if len(start) == _CHUNK and not re.search(rb"[\r\n]", start):
            raise InputError(f"{place}: the first megabyte holds no line break, so this is not a CSV file.")
        found = _utf8_or_older(raw)
    raw.seek(0)
    return found


def _unmarked_utf16(start: bytes) -> str:
    """UTF-16 without a byte order mark shows in ASCII text: every other byte is zero."""
    even, odd = start[::2], start[1::2]
    for name, zeros, letters in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros.count(0) > 0.7 * len(letters) and letters.count(0) == 0:
            return name
    return ""


def _checked(raw: BinaryIO, encoding: Encoding, place: str) -> Encoding:
    try:
        for _ in _decoded(raw, encoding.name, "strict"):
            pass
    except UnicodeDecodeError:
        raise InputError(f"{place}: its UTF-16 text is damaged or cut off. Save it again as UTF-8.") from None
    return encoding


def _utf8_or_older(raw: BinaryIO) -> Encoding:
    try:
        for _ in _decoded(raw, "utf-8", "strict"):
            pass
    except UnicodeDecodeError:
        return _older(raw)
    return Encoding("utf-8-sig")


def _older(raw: BinaryIO) -> Encoding:
    """Not UTF-8 throughout: is it an older encoding, or UTF-8 with some foreign bytes in it?

    Files put together from several exports are mixed. They are told by their many well-formed UTF-8
    characters: in an older encoding those come about only by rare accidents.
    """
    broken = well_formed = 0
    for text in _decoded(raw, "utf-8", "surrogateescape"):
        strays = len(re.findall("[\udc80-\udcff]", text))
        broken += strays
        well_formed += len(re.findall("[^\x00-\x7f]", text)) - strays
    if well_formed > broken:
        return Encoding("utf-8-sig", _MIXED, f"{broken} bytes are not UTF-8; read as Windows-1252")
    raw.seek(0)
    if any(_UNDEFINED_IN_CP1252.search(chunk) for chunk in iter(lambda: raw.read(_CHUNK), b"")):
        return Encoding("latin-1", note="read as Latin-1 (ISO 8859-1)")
    return Encoding("cp1252", note="read as Windows-1252")


def _decoded(raw: BinaryIO, name: str, errors: str) -> Iterator[str]:
    raw.seek(0)
    decoder = codecs.getincrementaldecoder(name)(errors)
    while chunk := raw.read(_CHUNK):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)
