"""What came back from old emails: clicks, answers to the health questions, unsubscriptions.

Answers are about people's health: they are moved, never counted by what they say, and never shown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from carillon.columns import Bools
from carillon.days import NO_DAY
from carillon.files.adopt import words
from carillon.files.adopt.emails import Ints, Names, names
from carillon.files.adopt.history import Outgone
from carillon.files.consents import in_utc
from carillon.words import EventKind

COLUMNS = ("email", "contact", "type", "moment", "data", "url", "ip", "agent")
"""What is read of an event, as text."""


@dataclass
class Signs:
    """Rows for our tables, and whom not to write to."""

    clicks: list[pl.DataFrame] = field(default_factory=list)
    events: list[pl.DataFrame] = field(default_factory=list)
    opted_out: list[Ints] = field(default_factory=list)
    aside: Counter[str] = field(default_factory=Counter)
    clicked: int = 0
    answered: int = 0


def evidence(frame: pl.DataFrame) -> Names:
    """Emails that someone clicked in or answered, so that they must have been sent."""
    meant = _meant(frame["type"])
    return names(frame["email"].filter(pl.Series((meant == "click") | (meant == "answer"))).drop_nulls())


class Reading:
    """Old events block by block, once it is known what became of the emails."""

    def __init__(self, known: Ints, emails: Names, contacts: Ints, sent: Outgone, fallback: str) -> None:
        """`known`: ids of contacts, ascending; `emails` and `contacts`: every old email and its contact;
        `fallback`: the moment of what says none and belongs to no sent email."""
        self.signs = Signs()
        self._known, self._fallback = known, fallback
        order = np.argsort(emails, kind="stable")
        self._emails, self._contacts = emails[order], contacts[order]
        mine = np.flatnonzero(sent.name != 0)
        mine = mine[np.argsort(sent.name[mine], kind="stable")]
        self._sent = sent.take(mine)

    def block(self, frame: pl.DataFrame, keep_others: bool) -> None:
        """A block of `row` and `COLUMNS`. `keep_others`: events of other types are kept under their name."""
        email = names(frame["email"])
        given = frame["contact"].cast(pl.Int64, strict=False).fill_null(0).to_numpy()
        at, found = _look_up(self._emails, email)
        contact = np.where(found, self._contacts[at] if len(self._contacts) else 0, given)
        at, left = _look_up(self._sent.name, email)
        moment = self._moments(frame["moment"], at, left)
        there = np.isin(contact, self._known)
        meant = _meant(frame["type"])
        signs = self.signs

        rows = (meant == "click") & there
        number = pl.Series(self._sent.id[at] if len(self._sent) else np.zeros(len(at), np.int64))
        number = number.set(pl.Series(~left), None)
        clicks = {"contact_id": pl.Series(contact), "email_schedule_id": number, "url": frame["url"],
                  "clicked_at": moment, "ip_address": frame["ip"], "user_agent": frame["agent"]}  # fmt: skip
        _add(signs.clicks, pl.DataFrame(clicks), rows)
        signs.clicked += int(rows.sum())

        answers = (meant == "answer") & there
        signs.answered += int(answers.sum())
        kept = answers | ((meant == "other") & there & keep_others)
        kind = pl.Series(np.where(answers, EventKind.ELIGIBILITY_ANSWERED.value, "")).zip_with(
            pl.Series(answers), frame["type"].fill_null("unknown")
        )
        events = {"contact_id": pl.Series(contact), "event_type": kind, "event_data": frame["data"],
                  "created_at": moment}  # fmt: skip
        _add(signs.events, pl.DataFrame(events), kept)

        gone = (meant == "unsubscribe") & there
        if gone.any():
            signs.opted_out.append(np.unique(contact[gone]))
        signs.aside["events of a contact that is gone"] += int((~there).sum())
        for text, n in (
            frame["type"].filter(pl.Series((meant == "other") & there & ~kept)).value_counts().iter_rows()
        ):
            signs.aside[f"events of the type {text}"] += n

    def _moments(self, texts: pl.Series, at: Ints, left: Bools) -> pl.Series:
        """When it was; else noon of the day the email was sent."""
        read = in_utc(texts, ZoneInfo("UTC"))
        if not read.is_null().any():
            return read
        day = np.where(left, self._sent.send[at] if len(self._sent) else 0, NO_DAY)
        sent = pl.Series(np.where(day == NO_DAY, 0, day).astype(np.int32)).cast(pl.Date).cast(pl.String)
        sent = (sent + "T12:00:00Z").set(pl.Series(day == NO_DAY), self._fallback)
        return read.fill_null(sent)


def _meant(types: pl.Series) -> np.ndarray:
    found = {}
    for text in types.drop_nulls().unique():
        word = words.plain(text)
        found[text] = next(
            (
                meaning
                for meaning, known in (
                    ("click", words.CLICKS),
                    ("answer", words.ANSWERS),
                    ("unsubscribe", words.UNSUBSCRIPTIONS),
                )
                if word in known
            ),
            "other",
        )
    return types.replace_strict(found, default="other", return_dtype=pl.String).to_numpy()


def _look_up(line: Names, wanted: Names) -> tuple[Ints, Bools]:
    if len(line) == 0:
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    at = np.minimum(np.searchsorted(line, wanted), len(line) - 1)
    return at, (line[at] == wanted) & (wanted != 0)


def _add(parts: list[pl.DataFrame], frame: pl.DataFrame, rows: Bools) -> None:
    if rows.any():
        parts.append(frame.filter(pl.Series(rows)))
