"""Old emails as numbers: read block by block, every distinct word once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from carillon.columns import Bools, Frame
from carillon.days import NO_DAY, Days
from carillon.files import values
from carillon.files.dates import DateColumn, nearest

COLUMNS = ("name", "contact", "type", "status", "send", "actual", "created", "year", "month", "day",
           "event", "instance", "parent")  # fmt: skip
"""What is read of an old email, as text."""

Names = npt.NDArray[np.uint64]
"""Old ids, which may be numbers or texts: hashes of them, good for this process. 0 is none."""
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Emails(Frame):
    """Old emails in the order of their rows. `type` and `status` point into lists of distinct words."""

    row: Ints
    name: Names
    contact: Ints
    """0 where it is no number."""
    instance: Ints
    type: Ints
    status: Ints
    send: Days
    event: Days
    """As it was stored; `NO_DAY` where it was not."""
    acted: Bools
    """Whether it says when it was really sent."""
    parent: Names


class Reading:
    """Collects blocks into one frame."""

    def __init__(self, today: date) -> None:
        self.types: list[str] = []
        self.statuses: list[str] = []
        self._numbers: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self._dates = DateColumn("mdy", nearest(today))
        self._parts: list[Emails] = []

    def block(self, frame: pl.DataFrame) -> None:
        """A block of `row` and `COLUMNS`."""
        send, actual, created = (self._days(frame[name]) for name in ("send", "actual", "created"))
        for other in (actual, created):
            send = np.where(send == NO_DAY, other, send)
        self._parts.append(
            Emails(
                row=frame["row"].to_numpy(),
                name=names(frame["name"]),
                contact=numbers(frame["contact"]),
                instance=numbers(frame["instance"]),
                type=self._words(frame["type"], 0),
                status=self._words(frame["status"], 1),
                send=send.astype(np.int32),
                event=self._events(frame),
                acted=actual != NO_DAY,
                parent=names(frame["parent"]),
            )
        )

    def emails(self) -> Emails:
        """All of them."""
        if not self._parts:
            columns = {name: pl.Series(name, [], dtype=pl.String) for name in COLUMNS}
            self.block(pl.DataFrame({"row": pl.Series([], dtype=pl.Int64), **columns}))
        return Emails.concat(self._parts)

    def _words(self, texts: pl.Series, which: int) -> Ints:
        known, listed = self._numbers[which], (self.types, self.statuses)[which]
        texts = texts.fill_null("")
        for text in texts.unique().sort():
            if text not in known:
                known[text] = len(listed)
                listed.append(text)
        if not len(texts):
            return np.zeros(0, np.int64)
        return texts.replace_strict(known, return_dtype=pl.Int64).to_numpy()

    def _days(self, texts: pl.Series) -> Days:
        read, _ = self._dates.read(day_part(texts))
        return iso_days(read)

    def _events(self, frame: pl.DataFrame) -> Days:
        """From year, month and day where they are a date (29 February any year), else from a whole date."""
        year, month, day = (
            frame[name].cast(pl.Float64, strict=False).cast(pl.Int64, strict=False).cast(pl.String)
            for name in ("year", "month", "day")
        )
        texts = year + "-" + month.str.zfill(2) + "-" + day.str.zfill(2)
        read = iso_days(texts)
        leap = texts.str.ends_with("-02-29").fill_null(False).to_numpy() & (read == NO_DAY)
        if leap.any():
            read = np.where(leap, iso_days(texts.str.head(-1) + "8"), read)
        return np.where(read == NO_DAY, self._days(frame["event"]), read).astype(np.int32)


def names(texts: pl.Series) -> Names:
    """Old ids as they are compared; 0 for none."""
    hashed = texts.hash(7).to_numpy() | np.uint64(1)
    return np.where(texts.is_null().to_numpy(), np.uint64(0), hashed)


def day_part(texts: pl.Series) -> pl.Series:
    """Dates without the time of day that may follow them."""
    return values.trimmed(texts).str.replace(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ].*$", "$1")


def iso_days(texts: pl.Series) -> Days:
    """Day numbers of ISO dates; `NO_DAY` for all else."""
    # Years beyond four digits are read as well, and are no dates of ours.
    fine = texts.str.contains(r"^(?:1[89]|2[01])[0-9]{2}-")
    days = texts.str.to_date("%Y-%m-%d", strict=False).to_physical()
    return days.set(~fine.fill_null(False), None).fill_null(NO_DAY).to_numpy().astype(np.int32)


def numbers(texts: pl.Series) -> Ints:
    """Whole numbers; 0 for all else."""
    return texts.cast(pl.Int64, strict=False).fill_null(0).to_numpy()
