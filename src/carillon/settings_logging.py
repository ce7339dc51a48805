"""The section of the configuration that is about logs. See `settings_sections`.

Import from `carillon.settings`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from carillon.settings_checks import one_of, whole
from carillon.settings_sections import Section


class Logging(Section):
    """What is written into `logs/`."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], one_of("debug", "info", "warning", "error")
    ] = "info"
    """The least important lines that are written."""
    format: Annotated[Literal["json", "console"], one_of("json", "console")] = "json"
    """JSON for programs, or a line for people."""
    retention_days: Annotated[int, whole(1, 3650, "days")] = 30
    """Days a log is kept."""
