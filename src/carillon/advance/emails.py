"""The emails of sequences: who may be written to, on which day, by which account and with which template.

Pure. Sequences are marketing: an email waits for the first day outside the windows of its contact's state,
at the same time of day. An enrollment stays with its account; those without one are dealt out among the
accounts of the step's or the sequence's group, in proportion to what these have left (02-pace §4).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from carillon.accounts import DEFAULT_GROUP, Account
from carillon.addresses import identity, seed
from carillon.advance.delays import day_in, on_day
from carillon.advance.steps import Placed
from carillon.columns import Bools, Index, People
from carillon.contact_texts import known_zones_of, people_of
from carillon.days import FAR
from carillon.dealing import NO_ROOM, Room, deal
from carillon.local_time import Moments
from carillon.rates import SECOND, limits_of
from carillon.sequences import EmailSettings
from carillon.settings import Warmup
from carillon.store.advance_facts import PEOPLE, Campaign
from carillon.variants import Seeds, choose
from carillon.windows import Windows
from carillon.words import AccountKind, ContactStatus, ExitReason, SkipReason

_DAY = 24 * 3600 * SECOND
_64_BITS = (1 << 64) - 1


@dataclass(frozen=True)
class Readers:
    """The contacts of a page, columns of its length."""

    people: People
    zone: Index
    """The place of each one's time zone among `zones`."""
    zones: tuple[ZoneInfo, ...]
    unknown: Bools
    """Those whose zone is not known and is taken to be the workspace's."""
    identities: pl.DataFrame
    """What their seeds are, or are made of."""
    industries: Sequence[str]
    """As outcomes name them; empty: not known."""
    refused: Sequence[str | None]
    """Why nobody may write to them; None: one may."""

    @classmethod
    def of(cls, frame: pl.DataFrame, n: int, default: ZoneInfo) -> Readers:
        """From `store.advance_facts.people`, for a page of `n`."""
        places = pl.DataFrame({"place": np.arange(n)}).with_columns(id=pl.col("place"))
        # A text that is not there is empty: so the rules read it.
        every = places.join(frame, "place", "left", maintain_order="left").with_columns(
            pl.col("suppressed", *PEOPLE).fill_null("")
        )
        known = known_zones_of(every)
        lives = [zone or default for zone in known]
        zones = tuple(dict.fromkeys(lives))
        place = {zone: at for at, zone in enumerate(zones)}
        refused = map(_refusal, every["email"].to_list(), every["status"].to_list(), every["suppressed"])
        return cls(
            people_of(every),
            np.array([place[zone] for zone in lives], np.int64),
            zones,
            np.array([zone is None for zone in known], bool),
            every.select("seed", "email", "external_id"),
            every["industry"].str.strip_chars().str.to_lowercase().to_list(),
            list(refused),
        )

    def living(self, otherwise: str | None) -> tuple[Index, tuple[ZoneInfo, ...]]:
        """Places of zones, and the zones; `otherwise`: of those whose own is not known."""
        if otherwise is None:
            return self.zone, self.zones
        return np.where(self.unknown, len(self.zones), self.zone), (*self.zones, ZoneInfo(otherwise))

    def seeds(self, rows: Index) -> Seeds:
        """The contacts' seeds; of one without, made of who it is."""
        some = self.identities[rows].rows()
        found = [int(stored) & _64_BITS if stored else seed(identity(*who)) for stored, *who in some]
        return np.array(found, np.uint64)


def allowed(
    readers: Readers, rows: Index, at: Moments, windows: Windows, zone: ZoneInfo, lawful: Bools
) -> tuple[Index, Moments]:
    """The first days on which emails may leave that are wanted at `at`, and when on them; `FAR`: never.

    `zone`: the workspace's, whose days count; `lawful`: whether windows bind an email.
    """
    day = day_in(zone, at).astype(np.int32)
    first = day.copy()
    shut = np.flatnonzero(lawful & (windows.reasons(readers.people, rows, day) != SkipReason.NONE))
    first[shut] = windows.open_after(readers.people, rows[shut], day[shut])
    moved = np.flatnonzero((first != day) & (first != FAR))
    leaves = at.copy()
    leaves[moved] = on_day(zone, at[moved], first[moved].astype(np.int64))
    return first.astype(np.int64), leaves


def templates(placed: Placed, readers: Readers, rows: Index) -> list[str]:
    """Which template each contact gets: one of several by the contact's seed, always the same."""
    choices = settings_of(placed).choices
    if len(choices) == 1:
        return [choices[0].template] * len(rows)
    name = f"{placed.sequence.name} {placed.step.key}"
    chosen = choose(readers.seeds(rows), name, [one.weight for one in choices])
    return [choices[place].template for place in chosen.tolist()]


def metadata(placed: Placed, campaign: Campaign | None) -> str:
    """What an email carries for the template and the dispatcher, as JSON."""
    settings = settings_of(placed)
    told: dict[str, object] = {
        "sequence": placed.sequence.name,
        "campaign": campaign and campaign.name,
        "subject": settings.subject,
        "default_subject": campaign and campaign.default_subject,
        "sender_name": campaign and campaign.sender_name,
        "respect_exclusion_windows": None if settings.respect_exclusion_windows else False,
    }
    return json.dumps({key: value for key, value in told.items() if value is not None}, ensure_ascii=False)


def group_of(placed: Placed) -> str:
    """The accounts a step's email may leave through."""
    return settings_of(placed).account_group or placed.sequence.settings.account_group or DEFAULT_GROUP


def settings_of(placed: Placed) -> EmailSettings:
    """Of an email step."""
    assert isinstance(placed.step.settings, EmailSettings)
    return placed.step.settings


class Senders:
    """The accounts of a pass, and what each has left today."""

    def __init__(
        self,
        accounts: Sequence[Account],
        taken: Mapping[int, int],
        slots: Mapping[int, int],
        usual: Mapping[int, int],
    ) -> None:
        """`taken`: emails of today that accounts have been given or have sent. Of mailboxes, `slots`: free
        ones to come, less the emails that wait for one; `usual`: slots of a day."""
        self._active = [one for one in accounts if one.is_active]
        self._known = {one.id for one in accounts}
        self._days = {one.id: _limit(one, usual) for one in self._active}
        self._left = {
            one.id: slots.get(one.id, 0)
            if one.kind == AccountKind.MAILBOX
            else None
            if (limit := self._days[one.id]) is None
            else limit - taken.get(one.id, 0)
            for one in self._active
        }

    def is_known(self, account: int) -> bool:
        """Whether an account is still there."""
        return account in self._known

    def choose(self, group: str, some: int) -> Index:
        """Accounts of a group for so many emails; `NO_ROOM` where it has none that is active.

        What the day has no room for is dealt out in proportion to the limits, and leaves on later days.
        """
        # Another program may have stored a limit of 0: such an account sends nothing on any day.
        ids = [one.id for one in self._active if one.group == group and self._days[one.id] != 0]
        chosen = np.full(some, NO_ROOM, np.int64)
        if not ids:
            return chosen
        left = [None if (n := self._left[one]) is None else max(0, n) for one in ids]
        place = deal(chosen, [Room(one, 0, 0, _DAY) for one in left])
        later = np.flatnonzero(place == NO_ROOM)
        if len(later):
            limits = [self._days[one] or 0 for one in ids]
            days = -(-len(later) // sum(limits))
            place[later] = deal(chosen[later], [Room(limit * days, 0, 0, _DAY) for limit in limits])
        for at, n in enumerate(np.bincount(place, minlength=len(ids)).tolist()):
            if (was := self._left[ids[at]]) is not None:
                self._left[ids[at]] = was - n
        return np.array(ids, np.int64)[place]


def _limit(account: Account, usual: Mapping[int, int]) -> int | None:
    """Emails a day that an account can take; None: as many as there are."""
    if account.kind == AccountKind.MAILBOX:
        return usual.get(account.id, account.daily_limit or Warmup().most)
    return limits_of(account).per_day


def _refusal(email: str, status: str, suppressed: str) -> str | None:
    if not email:
        return ExitReason.ERROR.value
    if status == ContactStatus.BOUNCED:
        return ExitReason.BOUNCED.value
    if status != ContactStatus.ACTIVE:
        return ExitReason.OPTED_OUT.value
    return ExitReason.SUPPRESSED.value if suppressed else None
