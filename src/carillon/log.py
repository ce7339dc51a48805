"""The logs: what the program did, a line each, with ids that lead to rows (08-operations, section 3).

What belongs here: how lines are written and put away. What does not: reading them (`watch.logs`), and what
only a person at the screen wants to know (`cli.output`).

`logs/app.log` has every line; what concerns a campaign also stands in `logs/campaigns/NAME.log`. A line is
written by one call that opens the file by its name, so that several processes may write and any of them may
put the file away. No line has a secret, an address or an answer in it: ids lead there.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from carillon.clock import Clock
from carillon.settings_logging import Logging

FOLDER, APP, CAMPAIGNS = "logs", "app.log", "campaigns"
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")

Log = structlog.typing.FilteringBoundLogger
"""`log.info("released", day="2026-11-23", emails=12)`: what happened, and its ids and counts by name."""


def open_log(folder: Path, settings: Logging, clock: Clock) -> Log:
    """The log of the workspace in `folder`. Nothing is made before the first line."""

    def stamped(_logger: object, level: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        at = clock.now().isoformat(timespec="milliseconds")
        return {"timestamp": at, "level": level, "event": line.pop("event"), **line}

    log: Log = structlog.wrap_logger(
        _Files(folder / FOLDER),
        processors=[stamped, _json if settings.format == "json" else _console],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[settings.level]),
        cache_logger_on_first_use=False,
    )
    return log


def campaign_file(name: str) -> str:
    """The file of a campaign, inside the folder `CAMPAIGNS`."""
    return f"{_UNSAFE.sub('_', name)[:100]}.log"


def put_away(folder: Path, today: date, days: int) -> int:
    """Give the logs of a workspace the day's name and remove those that are too old. Returns how many.

    What was written on the day before goes by that day; called again the same day it does nothing more.
    """
    gone, logs = 0, folder / FOLDER
    yesterday = (today - timedelta(days=1)).isoformat()
    for file in sorted((*logs.glob("*.log"), *(logs / CAMPAIGNS).glob("*.log"))):
        dated = re.search(r"\.(\d{4}-\d{2}-\d{2})\.log$", file.name)
        if dated is None:
            kept = file.with_suffix(f".{yesterday}.log")
            if not kept.exists():
                file.rename(kept)
        elif date.fromisoformat(dated[1]) < today - timedelta(days=days):
            file.unlink(missing_ok=True)
            gone += 1
    return gone


def _json(
    _logger: object, _level: str, line: MutableMapping[str, Any]
) -> tuple[tuple[Any, str], dict[str, Any]]:
    text = structlog.processors.JSONRenderer(ensure_ascii=False, default=_plain)(None, "", dict(line))
    return (line.get("campaign"), str(text)), {}


def _console(
    _logger: object, _level: str, line: MutableMapping[str, Any]
) -> tuple[tuple[Any, str], dict[str, Any]]:
    at, level, event, *rest = line.items()
    words = " ".join(f"{name}={_one_line(value)}" for name, value in rest)
    return (line.get("campaign"), f"{at[1]} {level[1]:<8} {_one_line(event[1])} {words}".rstrip()), {}


def _one_line(value: object) -> str:
    text = str(_plain(value))
    return repr(text) if "\n" in text or (" " in text and "=" in text) else text


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


class _Files:
    """Takes finished lines. A disk that is full must not keep mail from leaving: what fails is left out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _write(self, campaign: str | None, text: str) -> None:
        files = [self._folder / APP]
        if campaign:
            files.append(self._folder / CAMPAIGNS / campaign_file(str(campaign)))
        for file in files:
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("a", encoding="utf-8", errors="backslashreplace") as out:
                    out.write(f"{text}\n")
            except OSError:
                return

    debug = info = warning = error = _write
