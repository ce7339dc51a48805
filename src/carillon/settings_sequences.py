"""The section of the configuration that is about sequences as a whole. See `settings_sections`.

Import from `carillon.settings`.
"""

from __future__ import annotations

from carillon.settings_sections import Flag, Section


class Sequences(Section):
    """What holds for all sequences."""

    count_in_frequency_limit: Flag = False
    """Whether their emails count in the planner's frequency limit, which then holds them back as well."""
