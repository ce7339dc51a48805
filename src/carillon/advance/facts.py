"""What a page of enrollments knows: asked of the store when it is first needed, each question once.

With `run`, `turn` and `deeds` the only file of this room that opens the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from carillon.advance.conditions import ATTRIBUTES, Known
from carillon.advance.delays import ends
from carillon.advance.emails import Readers
from carillon.advance.steps import NONE, Page, latest
from carillon.columns import Bools, Index
from carillon.local_time import Moments
from carillon.sequences import DelaySettings, Sequence
from carillon.store import advance_facts as store
from carillon.store.engine import Connection
from carillon.words import DelayUnit

_NO_ZONE = (ZoneInfo("UTC"),)


class Facts:
    """Of one page, in its transaction."""

    def __init__(
        self,
        connection: Connection,
        page: Page,
        zone: ZoneInfo,
        inboxes: Mapping[int, int],
        flush: Callable[[], None],
    ) -> None:
        """`zone`: the workspace's; `inboxes`: accounts that listen, and up to when their mail was read;
        `flush`: stores what the page has done so far."""
        self._connection, self._page, self._zone, self._flush = connection, page, zone, flush
        self._inboxes = inboxes
        self._staged = False
        self._readers: Readers | None = None
        self._signs: Mapping[tuple[str, ...], Moments] | None = None
        self._happened: Mapping[tuple[str, ...], Moments] | None = None
        self._fields: dict[str, list[str | None]] = {}

    def readers(self) -> Readers:
        """The page's contacts."""
        if self._readers is None:
            frame = store.people(self._ask())
            self._readers = Readers.of(frame, len(self._page), self._zone)
        return self._readers

    def happened(self) -> Mapping[tuple[str, ...], Moments]:
        """By step, when each enrollment did it last."""
        if self._page.done:
            self._flush()
            self._happened = None
        if self._happened is None:
            self._happened = latest(store.happened(self._ask()), len(self._page))
        return self._happened

    def known(self, fields: Iterable[str], signs: bool, since: bool) -> Known:
        """For conditions that compare these fields, ask for signs, and count from steps."""
        wanted = {name if name in store.COMPARED else ATTRIBUTES for name in fields}
        if missing := sorted(wanted - self._fields.keys()):
            self._read_fields(missing)
        if signs and self._signs is None:
            self._signs = latest(store.signs(self._ask()), len(self._page))
        happened = self.happened() if since else {}
        return Known(self._page.enrolled, self._signs or {}, happened, self._fields)

    def forget_fields(self) -> None:
        """Contacts were changed."""
        self._fields.clear()

    def last_emails(self) -> Index:
        """The email of each enrollment that left last; 0: none did."""
        found = np.zeros(len(self._page), np.int64)
        places, emails = store.last_emails(self._ask())
        found[places] = emails
        return found

    def unread(self, rows: Index) -> Bools:
        """Whether an enrollment's account listens and its mailbox was not read since the step fell due."""
        accounts = self._page.account[rows]
        read = {one: self._inboxes.get(one) for one in set(accounts.tolist())}
        until = [np.iinfo(np.int64).max if (at := read[one]) is None else at for one in accounts.tolist()]
        return np.array(until, np.int64) < self._page.due[rows]

    def arrival(self, rows: Index, delay: DelaySettings, sequence: Sequence, at: Moments) -> Moments:
        """When a delay ends that enrollments arrive at: see `steps.Arrival`."""
        if delay.since is not None:
            since = self.happened().get((delay.since,))
            if since is not None:
                at = np.where(since[rows] == NONE, at, since[rows])
        if delay.unit in (DelayUnit.MINUTES, DelayUnit.HOURS):
            return ends(at, delay, np.zeros(len(rows), np.int64), _NO_ZONE, sequence.settings)
        readers = self.readers()
        return ends(at, delay, readers.zone[rows], readers.zones, sequence.settings)

    def _read_fields(self, names: list[str]) -> None:
        frame = store.fields(self._ask(), names)
        places = frame["place"].to_list()
        for name in names:
            column: list[str | None] = [None] * len(self._page)
            for place, value in zip(places, frame[name].to_list(), strict=True):
                column[place] = value
            self._fields[name] = column

    def _ask(self) -> Connection:
        if not self._staged:
            page = self._page
            store.stage_page(self._connection, page.id, page.contact, np.arange(len(page)))
            self._staged = True
        return self._connection


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return round(moment.timestamp() * 1000)
