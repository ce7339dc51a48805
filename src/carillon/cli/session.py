"""What every command is given: which workspace, whose clock, which screen."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from carillon.cli.output import Screen
from carillon.clock import Clock, OffsetClock, SystemClock
from carillon.errors import UsageError

if TYPE_CHECKING:
    from carillon.workspace import Workspace


@dataclass(frozen=True)
class Session:
    """The global options, and the streams."""

    folder: Path
    now: str | None
    screen: Screen

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """The workspace, open."""
        from carillon.workspace import open_workspace

        workspace = open_workspace(self.folder, os.environ, self.clock(self.folder))
        try:
            yield workspace
        finally:
            workspace.close()

    def clock(self, folder: Path) -> Clock:
        """The system's clock, or one that begins at `--now`; without an offset in the workspace's zone."""
        if self.now is None:
            return SystemClock()

        def zone() -> ZoneInfo:
            from carillon.settings import load_settings

            return load_settings(folder, os.environ).workspace.zone

        start = moment_option(self.now, "--now", zone)
        return OffsetClock(start)


def session(context: typer.Context) -> Session:
    """The session of a command's context."""
    found = context.obj
    assert isinstance(found, Session)
    return found


def moment_option(text: str, option: str, zone: Callable[[], ZoneInfo]) -> datetime:
    """The moment an option gives; `zone`: where it is, if it names no offset."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is not a moment; write it like 2026-03-01T08:30 or 2026-03-01T08:30+01:00."
        ) from None
    return found.replace(tzinfo=zone()) if found.tzinfo is None else found


def day_option(text: str | None, option: str) -> date | None:
    """The date an option gives."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is not a date; write it like 2026-03-01.") from None
