"""Single values of a contact: how each is read, and why one cannot be.

What belongs here: functions of a value or a column of values. What does not: dates and places, which have
their own modules, and what becomes of a contact whose value cannot be read (`contacts`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from carillon import addresses
from carillon.files.mapping import ATTRIBUTE, RESERVED


class ValueFault(ValueError):
    """Why a value cannot be used; the text of the error is for the report."""


def trimmed(texts: pl.Series) -> pl.Series:
    """Without surrounding blanks, also the invisible ones web pages bring along; empty is null."""
    bare = texts.str.strip_chars()
    if bare.str.contains("[\u200b\u2060\ufeff]").any():
        blanks = r"[\s\x{200b}\x{2060}\x{feff}]+"
        bare = bare.str.replace_all(f"^{blanks}|{blanks}$", "")
    return bare.set(bare == "", None)


def one_line(texts: pl.Series) -> pl.Series:
    """Line breaks and control characters as blanks: names and companies go into subject lines."""
    # Not NUL: a row that holds one is rejected, whichever column it is in.
    controls = "[\x01-\x1f\x7f\x85\u2028\u2029]+"
    return texts.str.replace_all(controls, " ") if texts.str.contains(controls).any() else texts


def bare_addresses(texts: pl.Series) -> pl.Series:
    """Addresses out of `mailto:` links and `Name <address>`."""
    dressed = texts.str.contains("(?i)^mailto:|>$")
    if not dressed.any():
        return texts
    inner = texts.str.replace("^.*<([^<>]*)>$", "$1").str.strip_chars()
    link = inner.str.contains("(?i)^mailto:")
    address = inner.str.replace(r"(?i)^mailto:\s*", "")
    return address.str.replace(r"\?.*$", "").zip_with(link, address)


def why_no_address(text: str | None) -> str:
    """What is wrong with an invalid address, as far as it can be told."""
    if not text:
        return "no email address"
    if text.count("@") > 1 and addresses.is_valid(text.replace(";", ",").replace(" ", ",").split(",")[0]):
        return "more than one email address; keep one"
    if "@" not in text:
        return "not an email address: it has no @"
    if any(character.isspace() for character in text):
        return "not a valid email address: it has a blank in it"
    return "not a valid email address"


def timezone(text: str) -> str:
    """A zone name of the IANA data, as it is spelled there."""
    try:
        return ZoneInfo(text.replace(" ", "_")).key
    except (ValueError, OSError, KeyError):
        raise ValueFault("not a time zone; write it as America/Chicago") from None


def tags(text: str) -> str | None:
    """Tags as a JSON list, out of a comma or semicolon separated list or a JSON list."""
    found: list[Any] = text.replace(";", ",").split(",")
    if text.startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueFault(
                'not a JSON list; write tags as: first, second, or ["first", "second"]'
            ) from None
    names = list(dict.fromkeys(name for tag in found if (name := str(tag).strip())))
    written = json.dumps(names, ensure_ascii=False)
    if not _storable(written):
        raise ValueFault("the tags hold NUL or half characters, so they are not text")
    return written if names else None


READERS: dict[str, Callable[[str], str | None]] = {"timezone": timezone, "tags": tags}
"""Targets whose few distinct values are read one by one."""


def json_object(text: str) -> dict[str, Any]:
    """The attributes a JSON text gives."""
    try:
        found = json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError):
        raise ValueFault('not JSON; write attributes as {"colour": "blue"}') from None
    if not isinstance(found, dict):
        raise ValueFault('JSON, but not an object; write attributes as {"colour": "blue"}')
    if taken := sorted(name for name in found if name.lower() in RESERVED):
        raise ValueFault(f'"{taken[0]}" cannot be an attribute: that name has a meaning in templates')
    try:
        written = json.dumps(found, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise ValueFault("the JSON holds a number that is too large") from None
    if not _storable(written):
        raise ValueFault("the JSON holds NUL or half characters, so it is not text")
    return found


def _storable(written: str) -> bool:
    """Both are legal in JSON text and refused by PostgreSQL."""
    return "\\u0000" not in written and not any("\ud800" <= letter <= "\udfff" for letter in written)


def _no_json(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def attribute_objects(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """One JSON object per row out of the `attributes.NAME` columns; null where they are all empty."""
    pairs = [pl.lit(None, pl.String)]
    for column in columns:
        name = json.dumps(column.removeprefix(ATTRIBUTE), ensure_ascii=False)
        # {"v":"text"} is cut to "text": the one way Polars has to write a JSON string.
        value = pl.struct(pl.col(column).alias("v")).struct.json_encode().str.slice(5).str.head(-1)
        pairs.append(pl.when(pl.col(column).is_not_null()).then(pl.lit(f"{name}:") + value))
    joined = pl.concat_str(pairs, separator=",", ignore_nulls=True)
    objects = frame.select("line", pl.when(joined != "").then("{" + joined + "}").alias("attributes"))
    return objects["attributes"]


def merged_objects(texts: pl.Series, objects: pl.Series) -> tuple[list[str | None], dict[int, str]]:
    """JSON texts of a file with the attributes of its other columns, which win; faults by position."""
    merged: list[str | None] = []
    faults: dict[int, str] = {}
    for i, (text, more) in enumerate(zip(texts, objects, strict=True)):
        try:
            found = json_object(text) | json.loads(more or "{}")
        except ValueFault as fault:
            faults[i] = f"{fault}; left out"
            merged.append(more)
        else:
            merged.append(json.dumps(found, ensure_ascii=False, separators=(",", ":")) if found else None)
    return merged, faults
