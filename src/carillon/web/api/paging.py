"""Lists a page at a time: a cursor says where the next page begins, and stays right while rows come and go.

A cursor is what the list is ordered by, of the last row that was given: opaque to callers, and worth nothing
to who makes one up.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel, Field

from carillon.store.contact_lookup import MOST_ID
from carillon.store.paging import Slice
from carillon.web.api.problems import Problem

T = TypeVar("T")
LONGEST_CURSOR = 2_000
USUAL, MOST = 50, 500

Limit = Annotated[int, Query(ge=1, le=MOST, description="Rows of a page, at most.")]
Cursor = Annotated[
    str | None,
    Query(max_length=LONGEST_CURSOR, description="`next` of the page before; none: the first page."),
]
Id = Annotated[int, Path(ge=1, le=MOST_ID)]
Text = Annotated[str, Query(min_length=1, max_length=200)]


class Page(BaseModel, Generic[T]):
    """Some of a list."""

    items: list[T]
    next: str | None = Field(None, description="The cursor of the next page; null: this is the last.")


def after(cursor: str | None) -> int:
    """The id a page begins behind, of a list by id; 0: the first page."""
    found = keys_of(cursor)
    if found is None:
        return 0
    if len(found) != 1 or not _is_id(found[0]):
        raise _wrong()
    return int(found[0])


def after_key(cursor: str | None) -> tuple[str, int] | None:
    """The text and id a page begins behind, of a list by a text."""
    found = keys_of(cursor)
    if found is None:
        return None
    if len(found) != 2 or not isinstance(found[0], str) or not _is_id(found[1]) or "\0" in found[0]:
        raise _wrong()
    return found[0], int(found[1])


def after_pair(cursor: str | None) -> tuple[int, int] | None:
    """The number and id a page begins behind, of a list by a number."""
    found = keys_of(cursor)
    if found is None:
        return None
    if len(found) != 2 or not (_is_id(found[0]) and _is_id(found[1])):
        raise _wrong()
    return int(found[0]), int(found[1])


def keys_of(cursor: str | None) -> list[str | int] | None:
    """What a cursor holds. Raises Problem for what is none."""
    if cursor is None:
        return None
    try:
        found = json.loads(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        raise _wrong() from None
    if not isinstance(found, list):
        raise _wrong()
    return found


def cursor_of(*keys: str | int) -> str:
    """A cursor for the page behind these."""
    return urlsafe_b64encode(json.dumps(keys, separators=(",", ":")).encode()).decode().rstrip("=")


def next_of(found: Slice[object]) -> str | None:
    """The cursor of the page behind one."""
    return None if found.last is None else cursor_of(*found.last)


def cut(items: Sequence[T], ids: Sequence[int], cursor: str | None, limit: int) -> tuple[list[T], str | None]:
    """A page of a list that is short enough to be read whole; `ids` ascending."""
    behind = after(cursor)
    rest = [place for place, number in enumerate(ids) if number > behind]
    taken = rest[:limit]
    following = cursor_of(ids[taken[-1]]) if len(rest) > limit else None
    return [items[place] for place in taken], following


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST_ID


def _wrong() -> Problem:
    return Problem(422, "the cursor is none: give `next` of the page before, as it was")
