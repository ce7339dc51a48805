"""Old emails become history: which of them left, what each was about, and whose identity it has.

    contact and event known -> the planner's own id, so that it never plans this email again
    the same once more      -> the first that was sent has the id, the others a negative one
    anything unknown        -> a negative id: it counts for frequency only

Pure arithmetic on columns; the steps of `decide` are only right in their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from carillon.columns import Bools, Frame, Index
from carillon.days import NO_DAY, Days
from carillon.files.adopt import words
from carillon.files.adopt.emails import Emails, Ints, Names
from carillon.files.adopt.events import nearest_anniversary, nearest_of, nearest_owned, owned
from carillon.files.adopt.followups import parents
from carillon.files.adopt.people import Known
from carillon.keys import EVENT_MASK, FOLLOWUP_BIT, pack
from carillon.words import FIRST_CAMPAIGN, UNKNOWN_KIND, Kind, Status, email_type

STATUSES = (words.PENDING, Status.SENT, Status.DELIVERED, Status.BOUNCED, Status.IN_DOUBT, Status.FAILED,
            Status.CANCELLED)  # fmt: skip
"""What a status code stands for; of two emails with one identity the lower code has it."""
PENDING, SENT = 0, 1
FARTHEST_EVENT = 366
"""A stored event further from the send day than this is a slip."""
_INSTANCE_BITS = 14
NO_ROW = -(1 << 62)
"""The row of an email of which there is no more than a target's word."""


@dataclass(frozen=True)
class Rules:
    """What the workspace and the old campaigns say."""

    days_before: Mapping[Kind, int]
    aep_days: Days
    campaigns: Mapping[int, int]
    """Instance id -> days from its email to the event."""
    campaign_types: Mapping[int, str]
    rate_increase: int
    """Id of the instance of emails that are rate increases without a campaign."""
    followup_days: int
    """Days from an email to its follow-up."""
    today: int


@dataclass(frozen=True)
class Targets(Frame):
    """Who was to be written to by a campaign, and for which day."""

    contact: Ints
    instance: Ints
    day: Days


@dataclass(frozen=True)
class Outgone(Frame):
    """Emails for the outbox. `event`, `ideal`: `NO_DAY` for none; `instance`, `parent`: 0 for none."""

    row: Ints
    name: Names
    id: Ints
    contact: Ints
    kind: Ints
    followup: Bools
    event: Days
    send: Days
    ideal: Days
    type: Ints
    """Into `Decided.types`."""
    status: Ints
    """Into `STATUSES`."""
    instance: Ints
    parent: Ints


@dataclass(frozen=True)
class Decided:
    """What becomes of the old emails."""

    outgone: Outgone
    types: list[str]
    targets: Targets
    """Of the rate increases without a campaign."""
    events: Counter[str]
    """How the events of emails that have one were found."""
    aside: Counter[str]
    """Why rows are not taken."""
    unknown_types: Counter[str]
    unknown_statuses: Counter[str]
    repeated: int
    """Emails whose identity an earlier one has."""


def decide(
    emails: Emails, types: Sequence[str], statuses: Sequence[str], known: Known, rules: Rules,
    targets: Targets, tracked: Names,
) -> Decided:  # fmt: skip
    """`targets` of the old campaigns; `tracked`: emails that someone clicked in or answered."""
    return _Decision(types, statuses, known, rules).run(emails, targets, tracked)


class _Decision:
    def __init__(self, types: Sequence[str], statuses: Sequence[str], known: Known, rules: Rules) -> None:
        self._types, self._statuses, self._known, self._rules = types, statuses, known, rules
        self._aside: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._repeated = 0
        kinds = [words.kind_of_type(text) for text in types]
        self._kind_of = np.array([UNKNOWN_KIND if kind is None else int(kind) for kind in kinds], np.int64)
        self._follows = np.array([words.followup_type(text) is not None for text in types], bool)
        self._rate = np.array([words.is_rate_increase(text) for text in types], bool)
        last = max((0, *rules.campaigns))
        self._before = np.zeros(FIRST_CAMPAIGN + last + 1, np.int64)
        self._exists = np.zeros(last + 1, bool)
        for kind, days in rules.days_before.items():
            self._before[kind] = days
        for instance, days in rules.campaigns.items():
            self._before[FIRST_CAMPAIGN + instance] = days
            self._exists[instance] = True

    def run(self, emails: Emails, targets: Targets, tracked: Names) -> Decided:
        codes = [STATUSES.index(words.status_of(text)) for text in self._statuses]
        status = np.array(codes, np.int64)[emails.status] if codes else emails.status
        # A word that is not known may mean that it was sent, unless its day is still to come.
        strange = np.array([words.plain(text) not in words.STATUSES for text in self._statuses], bool)
        if strange.any():
            ahead = strange[emails.status] & (emails.send > self._rules.today)
            status = np.where(ahead, PENDING, status)
        # An email that was clicked in has left, whatever the old program had time to note.
        went = (status == PENDING) & (emails.acted | np.isin(emails.name, tracked) & (emails.name != 0))
        status = np.where(went, SENT, status)

        kind, instance = self._kinds(emails)
        rate = instance == self._rules.rate_increase
        owner, there = self._owners(emails.contact)
        send, event = self._days(emails, kind)
        self._put_aside((status == PENDING) & ~rate, "not sent: planned anew")
        self._put_aside(((status != PENDING) | rate) & ~there, "its contact is gone")
        taken = there & ((status != PENDING) | rate)
        self._put_aside(taken & (send == NO_DAY), "neither a day nor an event")
        taken &= send != NO_DAY

        rows = np.flatnonzero(taken)
        emails, status, owner = emails.take(rows), status[rows], owner[rows]
        kind, instance, send, event = kind[rows], instance[rows], send[rows], event[rows]
        event = self._anniversaries(kind, owner, send, event)
        event = self._campaigns(kind, instance, owner, send, event, status, targets)
        rate = instance == self._rules.rate_increase
        named = Targets(emails.contact[rate], instance[rate], event[rate])

        gone = np.flatnonzero(status != PENDING)
        outgone = self._outgone(
            emails.take(gone), status[gone], kind[gone], instance[gone], send[gone], event[gone]
        )
        unknown = (outgone.kind == UNKNOWN_KIND) & ~outgone.followup
        return Decided(
            outgone,
            self._words(),
            named,
            self._events,
            self._aside,
            self._counted(emails.type[gone][unknown], self._types),
            Counter({text: n for text, n in self._counted(emails.status[gone], self._statuses).items()
                     if words.plain(text) not in words.STATUSES}),
            self._repeated,
        )  # fmt: skip

    # -- what each is about ----------------------------------------------------------------------

    def _kinds(self, emails: Emails) -> tuple[Ints, Ints]:
        """Kind and campaign instance (0: none) of each; follow-ups are of no kind yet."""
        kind = self._kind_of[emails.type] if len(self._kind_of) else emails.type
        follows = self._follows[emails.type] if len(self._follows) else np.zeros(len(emails), bool)
        open_ = (kind == UNKNOWN_KIND) & ~follows
        fits = open_ & (emails.instance > 0) & (emails.instance < len(self._exists))
        instance = np.where(fits, emails.instance, 0)
        instance = np.where(self._exists[instance], instance, 0)
        if len(self._rate):
            instance[open_ & (instance == 0) & self._rate[emails.type]] = self._rules.rate_increase
        return np.where(instance > 0, FIRST_CAMPAIGN + instance, kind), instance

    def _owners(self, contact: Ints) -> tuple[Index, Bools]:
        """Where each one's contact stands among the known ones, and whether it does."""
        if len(self._known.id) == 0:
            return np.zeros(len(contact), np.int64), np.zeros(len(contact), bool)
        at = np.minimum(np.searchsorted(self._known.id, contact), len(self._known.id) - 1)
        return at, self._known.id[at] == contact

    def _days(self, emails: Emails, kind: Ints) -> tuple[Days, Days]:
        """The day each was sent, and its event as far as it was stored and can be meant."""
        send, event = emails.send, emails.event
        plannable = (event > 0) & (event <= EVENT_MASK)
        event = np.where(plannable, event, NO_DAY)
        slip = (send != NO_DAY) & (event != NO_DAY) & (np.abs(event - send) > FARTHEST_EVENT)
        event = np.where(slip, NO_DAY, event)
        send = np.where((send == NO_DAY) & (event != NO_DAY), event - self._offset(kind), send)
        return send.astype(np.int32), event.astype(np.int32)

    def _anniversaries(self, kind: Ints, owner: Index, send: Days, event: Days) -> Days:
        """The event of each anniversary email that does not name one: the nearest to its day + offset."""
        anniversary = kind < FIRST_CAMPAIGN
        self._events["as stored"] += int((anniversary & (event != NO_DAY)).sum())
        open_ = np.flatnonzero(anniversary & (event == NO_DAY))
        wanted = (send[open_] + self._before[kind[open_]]).astype(np.int32)
        found = np.full(len(open_), NO_DAY, np.int32)
        known, some = self._known, kind[open_]
        for of, codes, first in (
            (Kind.BIRTHDAY, known.birth_code, known.birth_year),
            (Kind.EFFECTIVE_DATE, known.effective_code, known.effective_year),
        ):
            mine = np.flatnonzero(some == of)
            who = owner[open_[mine]]
            years = (first[who] + np.int16(1)).astype(np.int16)
            found[mine] = nearest_anniversary(codes[who], years, wanted[mine])
        mine = np.flatnonzero(some == Kind.AEP)
        found[mine] = nearest_of(self._rules.aep_days, wanted[mine])
        mine = np.flatnonzero(some == Kind.POST_WINDOW)
        found[mine] = wanted[mine]
        found = _plannable(found)
        self._events["the nearest"] += int((found != NO_DAY).sum())
        self._events["none near"] += int((found == NO_DAY).sum())
        event = event.copy()
        event[open_] = found
        return event

    def _campaigns(
        self,
        kind: Ints,
        instance: Ints,
        owner: Index,
        send: Days,
        event: Days,
        status: Ints,
        targets: Targets,
    ) -> Days:
        """The event of each campaign email: its target's day, also where it was stored a little off."""
        at, there = self._owners(targets.contact)
        mine = _owner(at[there], targets.instance[there])
        days = np.unique(owned(mine, targets.day[there]))
        event = event.copy()
        campaign = instance > 0
        rate = instance == self._rules.rate_increase
        stored = event != NO_DAY
        # What was planned without an event may be what another one was sent for: that one goes first.
        steps = (
            campaign & ~rate,
            rate & stored,
            rate & ~stored & (status != PENDING),
            rate & ~stored & (status == PENDING),
        )
        for step in steps:
            rows = np.flatnonzero(step)
            if len(rows) == 0:
                continue
            who = _owner(owner[rows], instance[rows])
            wanted = (send[rows] + self._before[kind[rows]]).astype(np.int32)
            exact = stored[rows] & (rate[rows] | np.isin(owned(who, event[rows]), days))
            near = nearest_owned(days, who, wanted)
            best = np.where(near != NO_DAY, near, np.where(stored[rows], event[rows], wanted))
            event[rows] = _plannable(np.where(exact, event[rows], best))
            days = np.union1d(days, owned(who, event[rows])) if rate[rows].any() else days
        return event

    # -- whose identity it has -------------------------------------------------------------------

    def _outgone(
        self, emails: Emails, status: Ints, kind: Ints, instance: Ints, send: Days, event: Days
    ) -> Outgone:
        follows = self._follows[emails.type] if len(self._follows) else np.zeros(len(emails), bool)
        key = np.where(
            (event != NO_DAY) & (kind != UNKNOWN_KIND) & ~follows,
            pack(emails.contact, kind.astype(np.int32), np.where(event == NO_DAY, 0, event)),
            0,
        )
        parent = np.zeros(len(emails), np.int64)
        rows = np.flatnonzero(follows)
        parent[rows] = parents(emails, key, send, event, rows, self._rules.followup_days)
        key = np.where(parent > 0, parent | FOLLOWUP_BIT, key)
        kind = np.where(parent > 0, (parent >> 16) & UNKNOWN_KIND, kind)
        event = np.where(parent > 0, parent & EVENT_MASK, np.where(follows, NO_DAY, event)).astype(np.int32)
        instance = np.where(
            follows & (kind >= FIRST_CAMPAIGN) & (kind < UNKNOWN_KIND), kind - FIRST_CAMPAIGN, instance
        )
        ideal = np.where((event != NO_DAY) & ~follows, event - self._offset(kind), NO_DAY).astype(np.int32)
        type_ = np.where((instance > 0) & ~follows, len(self._types) + instance, emails.type)
        ids = _ids(key, status, send)
        # What another one stands for has no event: to the planner an event's email is one email.
        again = (key != 0) & (ids < 0)
        self._repeated = int(again.sum())
        event, ideal = (np.where(again, NO_DAY, days).astype(np.int32) for days in (event, ideal))
        parent = np.where(again, 0, parent)
        return Outgone(
            emails.row, emails.name, ids, emails.contact, kind, follows, event, send, ideal, type_, status,
            instance, parent,
        )  # fmt: skip

    def _offset(self, kind: Ints) -> Ints:
        """Days from each kind's email to its event; 0 where the kind is not known."""
        known = kind < len(self._before)
        return np.where(known, self._before[np.where(known, kind, 0)], 0)

    def _words(self) -> list[str]:
        """Our word for each type the old program had, then for each instance by id."""
        found = []
        for text in self._types:
            kind = words.kind_of_type(text)
            ours = words.followup_type(text) or (kind.email_type if kind is not None else None)
            found.append(ours or text.strip().lower() or "unknown")
        return found + [
            email_type(FIRST_CAMPAIGN + one, self._rules.campaign_types) if self._exists[one] else ""
            for one in range(len(self._exists))
        ]

    def _put_aside(self, which: Bools, why: str) -> None:
        if which.any():
            self._aside[why] += int(which.sum())

    @staticmethod
    def _counted(numbers: Ints, listed: Sequence[str]) -> Counter[str]:
        distinct, n = np.unique(numbers, return_counts=True)
        return Counter({listed[no]: int(count) for no, count in zip(distinct, n, strict=True)})


def with_targets_sent(outgone: Outgone, sent: Targets, types_before: int, rules: Rules) -> Outgone:
    """With an email for each target that was written to by its own account and by no email's.

    `types_before`: how many of `Decided.types` stand before those of the instances.
    """
    kind = FIRST_CAMPAIGN + sent.instance
    key = pack(sent.contact, kind.astype(np.int32), sent.day)
    _, first = np.unique(key, return_index=True)
    first = first[~np.isin(key[first], outgone.id)]
    sent, key, kind = sent.take(first), key[first], kind[first]
    before = np.array([rules.campaigns[one] for one in sent.instance.tolist()], np.int64)
    ideal = (sent.day - before).astype(np.int32)
    zero = np.zeros(len(key), np.int64)
    more = Outgone(
        zero + NO_ROW, zero.astype(np.uint64), key, sent.contact, kind, zero.astype(bool), sent.day, ideal,
        ideal, types_before + sent.instance, zero + SENT, sent.instance, zero,
    )  # fmt: skip
    return Outgone.concat([outgone, more])


def _plannable(event: Days) -> Days:
    """Only days that have a place in an id."""
    return np.where((event > 0) & (event <= EVENT_MASK), event, NO_DAY).astype(np.int32)


def _owner(contact: Index, instance: Ints) -> Ints:
    return (contact << _INSTANCE_BITS) | instance


def _ids(key: Ints, status: Ints, send: Days) -> Ints:
    """The key for the first that was sent with it (0: no key), negative numbers for all others."""
    # Delivered is sent.
    order = np.lexsort((send, np.maximum(status, STATUSES.index(Status.DELIVERED)), key))
    ordered = key[order]
    first = np.ones(len(key), bool)
    first[1:] = ordered[1:] != ordered[:-1]
    owns = np.zeros(len(key), bool)
    owns[order] = first & (ordered != 0)
    ids = key.copy()
    ids[~owns] = -1 - np.arange(int((~owns).sum()))
    return ids
