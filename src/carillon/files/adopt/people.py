"""Contacts of an older scheduler, tidied as an import's are, but none is ever left out.

What can be read is brought into our form; what cannot stays as it is, so that the next plan reports it as
an issue and someone can put it right. Ids stay.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from carillon import addresses
from carillon.columns import Bools
from carillon.days import NO_DAY, Codes, Days, Years, split
from carillon.errors import InputError
from carillon.files import values
from carillon.files.adopt import words
from carillon.files.adopt.emails import day_part
from carillon.files.consents import in_utc
from carillon.files.dates import DateColumn, nearest, never_future
from carillon.files.duplicates import Seen
from carillon.files.places import restored_zips, state_code
from carillon.words import ContactStatus
from carillon.zips import STATES, state_indices

HIGHEST_ID = (1 << 32) - 1
_SHORT = ("first_name", "last_name", "phone_number", "company", "industry", "title")
_UTC = ZoneInfo("UTC")


@dataclass(frozen=True)
class Known:
    """The contacts, as far as their history needs them; ascending by id."""

    id: np.ndarray
    birth_code: Codes
    birth_year: Years
    effective_code: Codes
    effective_year: Years


@dataclass
class Counts:
    """What the report says about contacts."""

    contacts: int = 0
    not_active: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    """The old program's words for those that are taken for active."""
    shared_addresses: int = 0
    """Contacts that were given an external id because an earlier one has their address."""
    unreadable: Counter[str] = field(default_factory=Counter)
    """By column: values that stay as they are."""


class Tidying:
    """Tidies one table, block after block in the order of its rows; used once."""

    def __init__(self, today: date) -> None:
        self.counts = Counts()
        self._addresses, self._externals = Seen(), Seen()
        self._dates = {
            "birth_date": DateColumn("mdy", never_future(today)),
            "effective_date": DateColumn("mdy", nearest(today)),
        }
        self._known: list[tuple[np.ndarray, Days, Days]] = []

    def block(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A block of `row`, `id`, the columns of contacts and flags as text; the same, tidy, with `seed`."""
        tidy = frame.with_columns(_ids(frame["id"]))
        self.counts.contacts += tidy.height
        tidy = tidy.with_columns(values.one_line(values.trimmed(tidy[name])) for name in _SHORT)
        tidy = tidy.with_columns(self._date(tidy[name]) for name in self._dates)
        tidy = tidy.with_columns(_places(tidy))
        tidy = tidy.with_columns(self._moment(tidy[name]) for name in ("created_at", "updated_at"))
        tidy = tidy.with_columns(self._consent(tidy["sms_consent_at"]), self._status(frame))
        tidy = tidy.with_columns(
            _each(tidy[name], read)
            for name, read in (
                ("timezone", values.timezone),
                ("tags", values.tags),
                ("attributes", _attributes),
            )
        )
        tidy = self._identified(tidy)
        self._known.append((tidy["id"].to_numpy(), _days(tidy["birth_date"]), _days(tidy["effective_date"])))
        return tidy

    def known(self) -> Known:
        """All contacts of the blocks so far. Raises InputError where an id is there twice."""
        empty = np.zeros(0, np.int32)
        parts = self._known or [(np.zeros(0, np.int64), empty, empty)]
        ids, birth, effective = (np.concatenate([part[n] for part in parts]) for n in range(3))
        order = np.argsort(ids, kind="stable")
        ids = ids[order]
        twice = ids[1:][ids[1:] == ids[:-1]]
        if len(twice):
            raise InputError(
                f"contacts has the id {twice[0]} more than once (and so {len(twice)} rows too many), so it "
                "cannot be told whose history is whose. Nothing was changed. Give each contact its own id."
            )
        return Known(ids, *split(birth[order]), *split(effective[order]))

    def _identified(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Addresses as they are compared, and an external id for whoever's address is taken."""
        email = values.bare_addresses(values.trimmed(frame["email"]))
        foreign = email.str.len_bytes() != email.str.len_chars()
        email = addresses.normalised(email).zip_with(foreign.fill_null(False), email)
        external = values.trimmed(frame["external_id"])
        ids, rows = frame["id"].to_numpy(), np.arange(frame.height)
        made = pl.Series([f"adopted-{one}" for one in ids.tolist()], dtype=pl.String)

        def first(identities: pl.Series, asked: Bools, seen: Seen) -> Bools:
            """Which of the rows asked about are the first with their identity."""
            where = rows[asked]
            found = np.zeros(frame.height, bool)
            if len(where):
                found[where] = (
                    seen.first_lines(addresses.seeds(identities.gather(where)), ids[where]) == ids[where]
                )
            return found

        named = external.is_not_null().to_numpy()
        own = first(external, named, self._externals)
        addressed = email.is_not_null().to_numpy() & ~named
        alone = first(addresses.normalised(email), addressed, self._addresses)
        taken = addressed & ~alone
        self.counts.shared_addresses += int(taken.sum())
        external = made.zip_with(pl.Series((named & ~own) | taken), external)
        # Who has no address yet must not share a seed with all the others.
        identity = external.fill_null(addresses.normalised(email)).fill_null(made)
        seed = pl.Series("seed", addresses.seeds(identity)).reinterpret(signed=True)
        return frame.with_columns(email.alias("email"), external.alias("external_id"), seed)

    def _date(self, texts: pl.Series) -> pl.Series:
        """A date in ISO form, without its time of day."""
        read, faults = self._dates[texts.name].read(day_part(texts))
        unread = read.is_in(list(faults)).fill_null(False)
        if unread.any():
            self.counts.unreadable[texts.name] += int(unread.sum())
            read = texts.zip_with(unread, read)
        return read

    def _moment(self, texts: pl.Series) -> pl.Series:
        return in_utc(texts, _UTC).fill_null(texts)

    def _consent(self, texts: pl.Series) -> pl.Series:
        """A consent must be certain; what is not is kept aside only."""
        return in_utc(texts, _UTC)

    def _status(self, frame: pl.DataFrame) -> pl.Series:
        status = pl.Series("status", [ContactStatus.ACTIVE.value]).new_from_index(0, frame.height)
        given = frame["status"]
        for word, n in given.drop_nulls().value_counts().iter_rows():
            meant = words.contact_status(word)
            status = status.set((given == word).fill_null(False), meant.value)
            if meant is ContactStatus.ACTIVE:
                self.counts.statuses[word] += n
        for column in words.OPT_OUT_COLUMNS:
            if column in frame.columns:
                said = ~frame[column].fill_null("").str.strip_chars().str.to_lowercase().is_in(list(words.NO))
                status = status.set(said, ContactStatus.OPTED_OUT.value)
        self.counts.not_active.update(
            {word: n for word, n in status.value_counts().iter_rows() if word != ContactStatus.ACTIVE}
        )
        return status


def _ids(texts: pl.Series) -> pl.Series:
    ids = texts.cast(pl.Int64, strict=False)
    bad = texts.filter(~ids.is_between(1, HIGHEST_ID).fill_null(False))
    if len(bad):
        raise InputError(
            f"contacts.id must be a whole number from 1 to {HIGHEST_ID}; found {bad[0] or 'none'!r}. "
            "Nothing was changed. Number the contacts anew, in contacts and in all that refers to them."
        )
    return ids


def _places(frame: pl.DataFrame) -> list[pl.Series]:
    """ZIPs with their zeros, and states by ZIP where there is none. One that differs is left to the plan,
    which corrects it and says so."""
    zips = values.trimmed(frame["zip_code"])
    zips = restored_zips(zips) if zips.is_not_null().any() else zips
    by_zip = pl.Series("state", [None, *STATES], dtype=pl.String)[state_indices(zips)]
    given = values.trimmed(frame["state"])
    read = _each(given, state_code, keep=True)
    return [zips.alias("zip_code"), read.fill_null(by_zip).alias("state")]


def _each(texts: pl.Series, read: object, keep: bool = False) -> pl.Series:
    """A column read by distinct value; what cannot be read is left empty, or kept as it is."""
    assert callable(read)
    found: dict[str, str | None] = {}
    for text in texts.drop_nulls().unique():
        try:
            found[text] = read(text.strip()) if text.strip() else None
        except values.ValueFault:
            found[text] = None
        if keep and found[text] is None:
            found[text] = text
    return texts.replace_strict(found, default=None, return_dtype=pl.String)


def _attributes(text: str) -> str | None:
    values.json_object(text)
    return text


def _days(texts: pl.Series) -> Days:
    """Day numbers of ISO dates, `NO_DAY` where there is none."""
    return (
        texts.str.to_date("%Y-%m-%d", strict=False)
        .to_physical()
        .fill_null(NO_DAY)
        .to_numpy()
        .astype(np.int32)
    )
