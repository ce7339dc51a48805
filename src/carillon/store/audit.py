"""The audit log: what people and programs did on purpose. Rows are added and never changed.

All writing happens in the caller's transaction: a deed and its row are there together or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from carillon.store.json_values import object_of
from carillon.store.moments import as_moment, moment, moment_of
from carillon.store.paging import Slice, sliced


@dataclass(frozen=True)
class Deed:
    """One row."""

    id: int
    who: str
    what: str
    when: datetime | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def note(
    connection: Connection,
    who: str,
    what: str,
    when: datetime,
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
) -> None:
    """Add a row. `before` and `after`: what is different now, never a secret."""
    note_all(connection, who, when, [(what, before, after)])


def note_all(
    connection: Connection,
    who: str,
    when: datetime,
    deeds: Sequence[tuple[str, Mapping[str, object] | None, Mapping[str, object] | None]],
) -> None:
    """Add a row for each deed: what, and what was different before and after it."""
    if not deeds:
        return
    connection.execute(
        text(
            'insert into audit_log (who, what, "when", "before", "after")'
            " values (:who, :what, :when, :before, :after)"
        ),
        [
            {
                "who": who,
                "what": what,
                "when": moment(when),
                "before": None if before is None else json.dumps(before, ensure_ascii=False),
                "after": None if after is None else json.dumps(after, ensure_ascii=False),
            }
            for what, before, after in deeds
        ],
    )


@dataclass(frozen=True)
class Which:
    """Some of the deeds; None: whatever it is."""

    words: str = ""
    """Stand somewhere in the row; upper and lower case are the same."""
    since: datetime | None = None
    until: datetime | None = None
    """Before this moment."""


def page(connection: Connection, before: int | None, limit: int, which: Which = Which()) -> Slice[Deed]:
    """Deeds, the newest first; `before`: those older than this one."""
    conditions = [] if before is None else ["id < :before"]
    for sign, bound in ((">=", which.since), ("<", which.until)):
        conditions += [] if bound is None else [f'"when" {sign} {as_moment(connection, bound)}']
    if which.words:
        # Said without "like", whose signs would need marks of their own.
        row = "lower(who || ' ' || what || ' ' || coalesce({}, '') || ' ' || coalesce({}, ''))".format(
            *(f'cast("{name}" as text)' for name in ("before", "after"))
        )
        conditions.append(f"replace({row}, :words, '') <> {row}")
    only = f" where {' and '.join(conditions)}" if conditions else ""
    values = {"before": before, "limit": limit + 1, "words": which.words.lower()}
    rows = connection.execute(
        text(
            'select id, who, what, "when", "before", "after" from audit_log'
            f"{only} order by id desc limit :limit"
        ),
        {name: value for name, value in values.items() if value is not None and (name != "words" or value)},
    ).all()
    return sliced(
        rows,
        limit,
        lambda row: Deed(
            int(row[0]), row[1], row[2], moment_of(row[3]), object_of(row[4]), object_of(row[5])
        ),
        lambda row: (int(row[0]),),
    )
