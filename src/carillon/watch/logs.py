"""The logs, read from their end: the newest lines that somebody asks for (08-operations, section 3)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from carillon.log import APP, CAMPAIGNS, FOLDER, LEVELS, campaign_file

BLOCK = 1 << 16
MOST_BYTES = 64 << 20
"""Of logs that one look goes through; what is older is asked for by its day."""
_DATED = re.compile(r"\.(\d{4}-\d{2}-\d{2})\.log$")
_OF_TODAY = "9999-12-31"


@dataclass(frozen=True)
class Line:
    """One line of a log."""

    timestamp: str
    """ISO, in UTC; empty where the line is none of ours."""
    level: str
    event: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """Which lines: all that fit every one of these."""

    level: str = "debug"
    """At least so important."""
    campaign: str | None = None
    day: date | None = None
    """In UTC, as the lines are."""
    text: str = ""
    """Stands somewhere in the line; upper and lower case are the same."""


def newest(folder: Path, wanted: Wanted, limit: int) -> list[Line]:
    """Up to `limit` lines of the workspace in `folder`, the newest first."""
    found: list[Line] = []
    least, text = LEVELS[wanted.level], wanted.text.casefold()
    for raw in _backwards(_files(folder / FOLDER, wanted)):
        if text and text not in raw.casefold():
            continue
        line = parse(raw)
        if wanted.day is not None:
            if line.timestamp[:10] > wanted.day.isoformat():
                continue
            if line.timestamp[:10] < wanted.day.isoformat():
                break
        if LEVELS.get(line.level, LEVELS["error"]) >= least:
            found.append(line)
            if len(found) == limit:
                break
    return found


def campaigns(folder: Path) -> list[str]:
    """Names of the campaigns that have a log of their own, as their files are called."""
    files = (folder / FOLDER / CAMPAIGNS).glob("*.log")
    return sorted({_DATED.sub(".log", file.name).removesuffix(".log") for file in files})


def parse(raw: str) -> Line:
    """A line in either format; one that is none of ours is all event."""
    if raw.startswith("{"):
        try:
            told = json.loads(raw)
        except ValueError:
            return Line("", "", raw)
        at, level, event = (str(told.pop(name, "")) for name in ("timestamp", "level", "event"))
        return Line(at, level, event, told)
    at, level, event = [*raw.split(maxsplit=2), "", "", ""][:3]
    return Line(at, level, event) if level in LEVELS else Line("", "", raw)


def _files(logs: Path, wanted: Wanted) -> list[Path]:
    """The files in which they may be, the newest first."""
    file = logs / APP
    if wanted.campaign is not None:
        file = logs / CAMPAIGNS / campaign_file(wanted.campaign)
    kept = {_OF_TODAY: file}
    for one in file.parent.glob(f"{file.stem}.*.log"):
        if (dated := _DATED.search(one.name)) and one.name.startswith(f"{file.stem}.{dated[1]}"):
            kept[dated[1]] = one
    # A file goes by the day before it was put away, and may begin and end at any hour of its days.
    since = wanted.day.isoformat() if wanted.day is not None else ""
    return [kept[day] for day in sorted(kept, reverse=True) if day >= since and kept[day].exists()]


def _backwards(files: list[Path]) -> Iterator[str]:
    left = MOST_BYTES
    for file in files:
        with file.open("rb") as source:
            place, rest = source.seek(0, 2), b""
            while place and left > 0:
                size = min(BLOCK, place)
                place -= size
                left -= size
                source.seek(place)
                first, *lines = (source.read(size) + rest).split(b"\n")
                yield from (one.decode("utf-8", "replace") for one in reversed(lines) if one)
                rest = first
            if rest and not place:
                yield rest.decode("utf-8", "replace")
