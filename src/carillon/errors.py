"""Everything that can go wrong, drawn once and sorted by whose fault it is.

    CarillonError
    +-- Yours: fixed by the person at the keyboard
    |   +-- UsageError            the command's words are off (exit 2)
    |   +-- SettingsError         carillon.yaml or the environment
    |   +-- InputError            a file or value handed in
    |   +-- TemplateFault         a template that cannot be read or rendered
    |   +-- WorkspaceError        the folder or its database cannot be used as it is
    +-- Refused                   a mail server or provider did not take what it was given
    +-- Busy                      another process holds what this one needs; try again later
    +-- Ours: a defect in Carillon; nothing was written
        +-- PlanBreach            a plan that breaks its own rules was about to be stored
        +-- ChecksumMismatch      stored checksums do not match what is stored

An error's text is shown to people as it is: it says what is wrong, where, and what to do.
"""

from __future__ import annotations


class CarillonError(Exception):
    """The root: everything Carillon raises on purpose."""

    exit_code = 1


class Yours(CarillonError):
    """Something handed in cannot be used as it is."""


class UsageError(Yours):
    """The command's words are off."""

    exit_code = 2


class SettingsError(Yours):
    """The configuration is wrong; the text names file, line, key and the nearest right one."""

    def __init__(self, text: str, problems: tuple[tuple[str, str], ...] = ()) -> None:
        """`problems`: each with the key it is about ("section.key") and its own words, for forms."""
        super().__init__(text)
        self.problems = problems


class InputError(Yours):
    """A file or a value handed in cannot be used; the text names the place and the remedy."""


class TemplateFault(Yours):
    """A template cannot be read or rendered; the text names template, part, line and the remedy."""


class WorkspaceError(Yours):
    """The workspace folder or its database cannot be used as it is."""


class Refused(CarillonError):
    """A mail server or provider did not take what it was given; the text has its words and the remedy."""


class Busy(CarillonError):
    """Another process holds what this one needs."""


class Ours(CarillonError):
    """A defect in Carillon. Nothing was written."""


class PlanBreach(Ours):
    """A plan that breaks one of its own rules was about to be stored."""


class ChecksumMismatch(Ours):
    """Stored checksums do not match what is stored."""
