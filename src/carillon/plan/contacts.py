"""Who is eligible: from contact rows as text to columns the rules can work on, and what is wrong with them.

Reading is forgiving, planning is not: a contact that cannot be planned gives an issue and is left out,
and nothing here ever raises because of data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from carillon.addresses import identity, seed, valid_addresses
from carillon.columns import Bools, People
from carillon.day_texts import blank, days_of
from carillon.days import FAR, NO_DAY, Days
from carillon.plan.rules import Rules
from carillon.store.planning import Suppressed
from carillon.words import REGULATORY_NOTICE, ContactStatus, IssueCode, Scope
from carillon.zips import STATES, state_indices

Issue = tuple[int, str, str]
"""Contact id, code, detail."""


@dataclass(frozen=True)
class Read:
    """Contacts of one batch, ascending by id, and what was found out on the way."""

    people: People
    born: Days
    """The day on which a birth date stops lying in the future; `FAR` where it does not."""
    issues: list[Issue]
    reachable: Bools
    """Who would be eligible but for an unsubscribe: a regulatory notice may go there."""
    refused: Mapping[str, Bools]
    """By campaign type, who wants none of its emails."""
    mended_seeds: list[tuple[int, int]] = field(default_factory=list)
    mended_states: list[tuple[int, str]] = field(default_factory=list)

    def open_to(self, topic: str, followup: bool) -> Bools:
        """Who may get emails (or follow-ups) of a type of campaigns, shape (people,): see `words.stops`."""
        notice = topic == REGULATORY_NOTICE and not followup
        allowed = self.reachable if notice else self.people.eligible
        return allowed & ~self.refused[topic] if topic in self.refused else allowed


def in_id_order(frame: pl.DataFrame) -> pl.DataFrame:
    """The same contacts, ascending by id."""
    ids = frame["id"].cast(pl.Int64).to_numpy()
    return frame[np.argsort(ids)] if len(ids) > 1 and (ids[1:] < ids[:-1]).any() else frame


def read(frame: pl.DataFrame, suppressed: Suppressed, rules: Rules, today: int) -> Read:
    """Columns of `store.planning.CONTACT_COLUMNS` as strings ("" for none) to people and issues.

    `frame` ascends by id.
    """
    ids = frame["id"].cast(pl.Int64).to_numpy()
    issues: list[Issue] = []

    def report(which: Bools, code: IssueCode, column: str | None = None) -> None:
        rows = np.flatnonzero(which)
        if len(rows):
            details = frame[column].gather(rows).to_list() if column else [""] * len(rows)
            issues.extend(zip(ids[rows].tolist(), [code.value] * len(rows), details, strict=True))

    good_email = valid_addresses(frame["email"])
    no_email = blank(frame["email"], ~good_email)
    report(no_email, IssueCode.MISSING_EMAIL)
    report(~good_email & ~no_email, IssueCode.INVALID_EMAIL, "email")

    state = state_indices(frame["zip_code"])
    no_zip = blank(frame["zip_code"], state == 0)
    report(no_zip, IssueCode.MISSING_ZIP)
    report(~no_zip & (state == 0), IssueCode.INVALID_ZIP, "zip_code")

    birth, bad_birth = days_of(frame["birth_date"])
    effective, bad_effective = days_of(frame["effective_date"])
    born = np.where(birth > today, birth, FAR).astype(np.int32)
    bad_birth |= birth > today
    birth[bad_birth] = NO_DAY
    report(bad_birth, IssueCode.INVALID_BIRTH_DATE, "birth_date")
    report(bad_effective, IssueCode.INVALID_EFFECTIVE_DATE, "effective_date")

    seeds, mended_seeds = _seeds(frame, ids)
    active = (frame["status"] == ContactStatus.ACTIVE).to_numpy()
    reachable = active & good_email & (state != 0)
    refused = suppressed.of(ids, frame["email"])
    if Scope.ALL in refused:
        reachable &= ~refused.pop(Scope.ALL)
    people = People.of(ids, seeds, state, birth, effective, reachable.copy())

    unknown = rules.windows.lacks_anchor(people)
    report(unknown & (state != 0), IssueCode.MISSING_ANCHOR_DATE)
    if rules.exclude_unknown_anchor:
        reachable[unknown] = people.eligible[unknown] = False
    if Scope.MARKETING in refused:
        people.eligible[refused.pop(Scope.MARKETING)] = False

    mended_states = _states(frame, ids, state, issues)
    return Read(people, born, issues, reachable, refused, mended_seeds, mended_states)


def _seeds(frame: pl.DataFrame, ids: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Each contact's seed; those that other programs left out are made from the address."""
    stored = frame["seed"].cast(pl.Int64, strict=False)
    missing = np.flatnonzero(stored.is_null().to_numpy())
    seeds = stored.fill_null(0).to_numpy().astype(np.uint64)
    mended = []
    for row in missing.tolist():
        made = seed(identity(frame["email"][row], frame["external_id"][row] or None))
        seeds[row] = made
        mended.append((int(ids[row]), int(np.uint64(made).astype(np.int64))))
    return seeds, mended


def _states(
    frame: pl.DataFrame, ids: np.ndarray, state: np.ndarray, issues: list[Issue]
) -> list[tuple[int, str]]:
    """States that differ from what the ZIP maps to: corrected, and reported if there was one."""
    names = pl.Series(["", *STATES]).gather(state)
    differs = np.flatnonzero((frame["state"] != names).to_numpy() & (state != 0))
    mended = []
    for row in differs.tolist():
        contact, given, mapped = int(ids[row]), frame["state"][row], names[row]
        mended.append((contact, mapped))
        if given:
            issues.append((contact, IssueCode.STATE_MISMATCH.value, f"{given}, but the ZIP is in {mapped}"))
    return mended
