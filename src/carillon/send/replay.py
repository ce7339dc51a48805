"""What the sent journal says, each email once: the reading side of `journal`, and nothing of the store.

Of an email's lines the last one counts; only `sent` stays, whatever follows. A line that was cut off by a
crash was never waited for: what it would have said had not happened, or is said by the intent before it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from carillon.errors import WorkspaceError
from carillon.send.journal import FOLDER, INTENT
from carillon.store.replay import SCHEMA, UNSENT
from carillon.words import Status

SLACK = timedelta(days=1)
"""Files may be this much older than the last intent a database knows and are still read."""
NEWEST_FILES, TAIL = 3, 65_536
"""What is looked at before each dispatch: the ends (bytes) of so many files."""
_LINE = {
    "schedule_id": pl.Int64,
    "outcome": pl.String,
    "at": pl.String,
    "message_id": pl.String,
    "account_id": pl.Int64,
    "contact_id": pl.Int64,
    "enrollment_id": pl.Int64,
    "step_key": pl.String,
}
_OF_SEQUENCES = ["contact_id", "enrollment_id", "step_key"]
_BECOMES = {
    INTENT: Status.IN_DOUBT.value,
    **{word.value: word.value for word in (Status.SENT, Status.BOUNCED, Status.IN_DOUBT)},
}


@dataclass(frozen=True)
class Journalled:
    """What was read."""

    lines: pl.DataFrame
    """As `store.replay.SCHEMA`: a row for each email."""
    files: int
    is_there: bool
    """Whether the workspace has a journal at all."""
    damaged: dict[str, int]
    """Lines that could not be read (or not all of them), by file."""

    def has(self, schedule: int) -> bool:
        return bool((self.lines["id"] == schedule).any())


def read(folder: Path, since: datetime | None, zone: ZoneInfo) -> Journalled:
    """The journal of the workspace in `folder`, without files last written a day or more before `since`.

    Raises WorkspaceError for a file that cannot be read.
    """
    home, parts, damaged, files = folder / FOLDER, [], {}, 0
    for path in sorted(home.glob("*.jsonl")):
        with _told(path):
            if since is not None and path.stat().st_mtime < (since - SLACK).timestamp():
                continue
            frame, bad = _lines(path.read_bytes())
        files += 1
        if bad:
            damaged[path.name] = bad
        parts.append(_condensed(frame))
    lines = _condensed(pl.concat(parts)) if parts else pl.DataFrame(schema=_LINE)
    return Journalled(_for_store(lines, zone), files, home.is_dir(), damaged)


def last_sent(folder: Path) -> set[int]:
    """The last email noted as sent, of each of the journal's newest files. Cheap."""
    found: set[int] = set()
    paths = [(path.stat().st_mtime, path) for path in (folder / FOLDER).glob("*.jsonl")]
    for _, path in sorted(paths)[-NEWEST_FILES:]:
        with _told(path), path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            ends = [one for line in file.read().split(b"\n") for one in _objects(line)]
        sent = [one["schedule_id"] for one in ends if one is not None and one["outcome"] == Status.SENT]
        found.update(sent[-1:])
    return found


def _lines(data: bytes) -> tuple[pl.DataFrame, int]:
    """Lines in order, and how many were damaged."""
    whole, end, torn = data.rpartition(b"\n")
    torn, damaged = _mended(torn)
    try:
        frame = _parsed(whole + end + torn)
    except pl.exceptions.PolarsError:
        whole, more = _mended(whole)
        frame, damaged = _parsed(whole + end + torn), damaged + more
    return frame.filter(pl.col("schedule_id").is_not_null() & pl.col("outcome").is_not_null()), damaged


def _parsed(data: bytes) -> pl.DataFrame:
    if not data.strip():
        return pl.DataFrame(schema=_LINE)
    return pl.read_ndjson(io.BytesIO(data), schema=_LINE)


def _mended(data: bytes) -> tuple[bytes, int]:
    """Only what can be read, a line each, and how many lines were damaged."""
    lines, damaged = data.split(b"\n"), 0
    for number, line in enumerate(lines):
        if line.startswith(b"{") and line.endswith(b"}") and line.find(b"{", 1) < 0:
            continue
        found = list(_objects(line))
        damaged += None in found
        lines[number] = b"\n".join(json.dumps(one).encode() for one in found if one is not None)
    return b"\n".join(lines), damaged


def _objects(line: bytes) -> Iterator[dict[str, Any] | None]:
    """What can be made out in a line; None for what cannot.

    After a crash the next line begins where the one that was cut off ends.
    """
    said, at, whole = line.decode("utf-8", "replace"), 0, True
    decode = json.JSONDecoder().raw_decode
    while (begin := said.find("{", at)) >= 0:
        try:
            found, at = decode(said, begin)
        except ValueError:
            at, whole = begin + 1, False
            continue
        if isinstance(found.get("schedule_id"), int) and isinstance(found.get("outcome"), str):
            yield {name: found.get(name) for name in _LINE}
    if not whole or (said.strip() and not at):
        yield None


def _condensed(lines: pl.DataFrame) -> pl.DataFrame:
    """One line for each email: the last one, or the last that says it was sent."""
    ids = lines["schedule_id"].to_numpy()
    is_sent = (lines["outcome"] == Status.SENT.value).to_numpy()
    order = np.lexsort((is_sent, ids))
    is_last = np.append(ids[order][1:] != ids[order][:-1], True)[: len(ids)]
    last = lines[order[is_last]]
    whose = lines.filter(pl.col("contact_id").is_not_null())
    if not whose.height:
        return last
    whose = whose.select("schedule_id", *_OF_SEQUENCES).unique("schedule_id", keep="last")
    return last.drop(_OF_SEQUENCES).join(whose, on="schedule_id", how="left").select(list(_LINE))


def _for_store(lines: pl.DataFrame, zone: ZoneInfo) -> pl.DataFrame:
    at = pl.col("at").str.to_datetime("%Y-%m-%dT%H:%M:%S%.3fZ", time_zone="UTC", strict=False)
    day = at.dt.convert_time_zone(zone.key).dt.date().cast(pl.Int32).cast(pl.Int64)
    return lines.select(
        pl.col("schedule_id").alias("id"),
        pl.col("outcome").replace_strict(_BECOMES, default=UNSENT).alias("became"),
        pl.when(at.is_not_null()).then("at").alias("at"),
        day.alias("day"),
        "message_id",
        "account_id",
        *_OF_SEQUENCES,
    ).select(list(SCHEMA))


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WorkspaceError(
            f"{path} cannot be read ({error.strerror}), and it says what was sent. Give yourself permission "
            "to read it."
        ) from error
