"""What every face does with sequences, where more than one room is needed: templates are checked by `send`,
steps are read by `advance`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from carillon.accounts import DEFAULT_GROUP
from carillon.advance.graph import templates_of
from carillon.advance.written import Written
from carillon.errors import InputError
from carillon.send.lint import Finding
from carillon.send.preview import findings
from carillon.sequences import EmailSettings, Sequence
from carillon.store import (
    accounts,
    audit,
    dispatch,
    enrolling,
    enrollments,
    outreach,
    sequence_edits,
    sequence_starts,
    sequences,
    templates,
)
from carillon.store.engine import Connection
from carillon.store.enrolling import Enrolled
from carillon.store.sequence_edits import Applied, Outlook
from carillon.store.sequence_starts import Start
from carillon.templates import Source
from carillon.words import ExitReason, OutreachStatus
from carillon.workspace import Workspace

LATE = timedelta(hours=1)
"""How long ago a start may lie that was meant for now: clocks differ, and people take their time."""


@dataclass(frozen=True)
class Checked:
    """What keeps a sequence from beginning."""

    missing: list[str]
    """Templates its steps name of which no version is in force."""
    errors: dict[Source, list[Finding]]
    """What is wrong with those that are, where something is."""

    def require(self, name: str) -> None:
        """Raise InputError unless the sequence may begin."""
        if self.missing:
            raise InputError(
                f"the sequence {name} cannot begin: no version of {', '.join(self.missing)} is in force. "
                "Make it with `carillon template new`, then `carillon template activate`."
            )
        if self.errors:
            raise InputError(f"the sequence {name} cannot begin before its templates are mended.")


def complete(connection: Connection, written: Written) -> Sequence:
    """A sequence as it was written, with what its outreach campaign says."""
    campaign = written.sequence.campaign
    defaults = None if campaign is None else outreach.find(connection, campaign).defaults
    return written.complete(defaults)


def apply(workspace: Workspace, written: Written, by: str) -> Applied:
    """Make the sequence that is written, or edit the one of its name. Raises InputError."""
    now = workspace.clock.now()
    return workspace.database.write(lambda c: sequence_edits.apply(c, complete(c, written), now, by))


def outlook(workspace: Workspace, written: Written) -> tuple[Outlook, int]:
    """What `apply` would do, and the version that is stored now (0: none). Raises InputError."""
    with workspace.database.snapshot() as connection:
        wanted = complete(connection, written)
        found = sequence_edits.outlook(connection, wanted)
        version = 0 if found.made else sequences.find(connection, wanted.name).version
    return found, version


def checked(workspace: Workspace, sequence: Sequence) -> Checked:
    """Look at the templates of a sequence; those that come with Carillon are made where they are missing."""
    _ensure_defaults(workspace)
    named = templates_of(sequence)
    with workspace.database.snapshot() as connection:
        known = templates.in_force(connection, named)
        errors = {
            source: found
            for source in known.values()
            if (found := [one for one in findings(workspace, connection, source) if one.is_error])
        }
    return Checked([name for name in named if name not in known], errors)


def start(workspace: Workspace, name: str, by: str, at: datetime | None = None) -> Start:
    """Let a sequence begin now or `at` a moment to come; its templates are checked first.

    Raises InputError where it cannot begin, and for a moment that was meant otherwise: long past.
    """
    now, zone = workspace.clock.now(), workspace.settings.workspace.zone
    if at is not None and at < now - LATE:
        raise InputError(
            f"the sequence {name} cannot begin at {at.astimezone(zone):%Y-%m-%d %H:%M}: that is past. Name a "
            "moment to come, or none to begin now."
        )
    with workspace.database.snapshot() as connection:
        sequence = sequences.find(connection, name)
    found = checked(workspace, sequence)
    if found.errors and not found.missing:
        said = "; ".join(
            f"{source.name} version {source.version}, {one}" for source, all_of in found.errors.items()
            for one in all_of
        )  # fmt: skip
        raise InputError(f"the sequence {name} cannot begin before its templates are mended: {said}")
    found.require(name)
    return workspace.database.write(lambda c: sequence_starts.start(c, name, now, by, zone, at))


def warnings(workspace: Workspace, sequence: Sequence) -> list[str]:
    """What keeps the emails of a sequence from leaving, a sentence each."""
    with workspace.database.snapshot() as connection:
        groups = {one.group for one in accounts.accounts(connection) if one.is_active}
        campaign = None if sequence.campaign is None else outreach.find(connection, sequence.campaign)
        is_paused = dispatch.workspace_paused(connection)
    usual = sequence.settings.account_group or DEFAULT_GROUP
    wanted = {
        step.settings.account_group or usual
        for step in sequence.steps
        if isinstance(step.settings, EmailSettings)
    }
    found = [
        f"There is no active account in the group {group}: its emails wait for one. "
        "`carillon account add` makes it."
        for group in sorted(wanted - groups)
    ]
    if campaign is not None and campaign.status is not OutreachStatus.ACTIVE:
        found.append(
            f"Its outreach campaign {campaign.name} is {campaign.status}: nothing leaves until "
            "`carillon outreach resume`."
        )
    if is_paused:
        found.append("All mail of the workspace is paused: nothing leaves until `carillon resume`.")
    return found


def enroll(
    connection: Connection, workspace: Workspace, name: str, rows: pl.DataFrame, by: str
) -> tuple[Enrolled, Start]:
    """Enroll those whom rows (`store.meant.COLUMNS`) mean, and say how the sequence stands then."""
    now, zone = workspace.clock.now(), workspace.settings.workspace.zone
    sequence = sequences.find(connection, name, to_change=True)
    done = enrolling.enroll(connection, sequence, [rows], now, by, zone)
    return done, sequence_starts.standing(connection, done.sequence, zone)


def take_out(connection: Connection, name: str, people: Collection[int], now: datetime, by: str) -> int:
    """End the way of contacts through a sequence; what is scheduled for them in it is cancelled.

    Returns how many were on their way.
    """
    sequence = sequences.find(connection, name)
    found = enrollments.open_of(connection, sequence.id, people)
    done = enrollments.stop(connection, found, ExitReason.MANUAL, now, f"by {by}")
    if done:
        before = {"contacts": sorted(people)}
        audit.note(connection, by, f"taken out of sequence {name}", now, before, None)
    return done


def _ensure_defaults(workspace: Workspace) -> None:
    with workspace.database.snapshot() as connection:
        if not templates.lacks_defaults(connection):
            return
    workspace.database.write(lambda c: templates.ensure_defaults(c, workspace.clock.now()))
