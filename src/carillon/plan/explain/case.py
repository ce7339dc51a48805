"""One contact under question: its rows as plain numbers, as stored and as the next run would have them.

What is asked of the planner's own code is asked here: `next` is its working set after conflicts and
frequency, deadlines and windows are the rules'. What to say about it stands in the files beside this one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from carillon.campaigns import Campaign
from carillon.keys import FOLLOWUP_BIT, KIND_MASK, KIND_SHIFT, event_of, is_followup, kind_of
from carillon.limits import FOLLOWUP_GRACE_DAYS
from carillon.plan import campaign_books
from carillon.plan.calendar import Calendar, Span
from carillon.plan.choose import choose
from carillon.plan.explain.answer import Facts
from carillon.plan.followups import Followed
from carillon.plan.ledger import Ledger
from carillon.plan.place import LAST_EXCLUSION
from carillon.plan.rows import Rows, Sent, Stored, find
from carillon.plan.working import Task, Working
from carillon.settings import Settings
from carillon.variants import templates_for, variant_words
from carillon.words import FIRST_CAMPAIGN, UNKNOWN_KIND, Kind, SkipReason, Tier, email_type

_NAMES = {
    Kind.BIRTHDAY: "birthday",
    Kind.EFFECTIVE_DATE: "effective-date",
    Kind.AEP: "AEP",
    Kind.POST_WINDOW: "post-window",
}


@dataclass(frozen=True)
class Row:
    """One email of the contact; days are day numbers."""

    key: int
    kind: int
    event: int
    followup: bool
    send: int
    ideal: int
    reason: SkipReason
    priority: int
    pinned: bool
    tier: int
    final: bool
    """Of stored rows: whether the next run leaves them settled."""

    @property
    def is_campaign(self) -> bool:
        return self.kind >= FIRST_CAMPAIGN and not self.followup

    @property
    def parent(self) -> int:
        """The key of the email that a follow-up answers."""
        return self.key & ~FOLLOWUP_BIT


class Case:
    """`working`: the contact alone, as the planner would begin with it on `task.today`."""

    def __init__(self, working: Working, task: Task, settings: Settings, facts: Facts) -> None:
        self.working, self.task, self.settings, self.facts = working, task, settings, facts
        self.today = task.today
        self.eligible = bool(working.people.eligible[0])
        self.calendar = Calendar(working.people, task.rules.windows, settings)
        self.campaigns = {FIRST_CAMPAIGN + one.instance.id: one for one in task.campaigns.all}
        self._windows: dict[tuple[int, SkipReason], Span | None] = {}
        self.next = {row.key: row for row in _rows_of(_chosen(working, task))}
        settled = {key for key, row in self.next.items() if row.final}
        self.stored = {row.key: row for row in _rows_of(working.stored, settled)}

    # ---- words and names ----

    def campaign(self, row: Row) -> Campaign | None:
        """The campaign an email or follow-up belongs to; None also where that is gone."""
        return self.campaigns.get(row.kind)

    def campaign_name(self, kind: int) -> str | None:
        return self.task.campaigns.names.get(kind - FIRST_CAMPAIGN)

    def type_of(self, row: Row) -> str:
        """Its email type, as the view shows it."""
        if row.followup:
            return Tier(row.tier).email_type
        if row.kind >= FIRST_CAMPAIGN and row.kind not in self.campaigns:
            return "campaign"
        return email_type(row.kind, self.task.campaigns.types)

    def template_of(self, row: Row) -> str | None:
        """The template it takes."""
        campaign, settings = self.campaign(row), self.settings
        if row.followup:
            return campaign_books.followup_template(settings, campaign, Tier(row.tier))
        if campaign is not None:
            return templates_for(campaign, self.working.people.seed[:1], settings.features.ab_testing)[0]
        if row.kind >= FIRST_CAMPAIGN:
            return None
        template: str = getattr(settings.email_templates, Kind(row.kind).email_type).email
        return template

    def variant(self, kind: int, followup: bool, template: str | None) -> str | None:
        """Which template of its campaign's A/B test an email takes, in words."""
        campaign = None if followup else self.campaigns.get(kind)
        if campaign is None:
            return None
        return variant_words(campaign, template, self.settings.features.ab_testing) or None

    def name(self, kind: int) -> str:
        """An email as people call it: `birthday email`, `email of the campaign "Spring"`."""
        if kind < FIRST_CAMPAIGN:
            return f"{_NAMES[Kind(kind)]} email"
        name = self.campaign_name(kind)
        if kind == UNKNOWN_KIND:
            return "email from elsewhere"
        return "email of a campaign that is gone" if name is None else f'email of the campaign "{name}"'

    # ---- what the rules say ----

    def deadline(self, row: Row) -> int:
        """The last day on which it may leave."""
        end = int(self.task.campaigns.end[self._instance(row.kind)])
        if row.followup:
            return min(row.ideal + FOLLOWUP_GRACE_DAYS, end)
        days = np.array([row.event], np.int32), np.array([row.ideal], np.int32)
        return min(int(self.task.rules.deadline(*days)[0]), end)

    def is_lawful(self, row: Row) -> bool:
        """Whether exclusion windows bind it."""
        return not row.is_campaign or bool(self.task.campaigns.lawful[self._instance(row.kind)])

    def window_of(self, row: Row) -> Span | None:
        """The window that a skipped row lies in."""
        if row.reason == SkipReason.NONE or row.reason > LAST_EXCLUSION:
            return None
        asked = (row.send, row.reason)
        if asked not in self._windows:
            self._windows[asked] = self.calendar.blame(*asked)
        return self._windows[asked]

    def is_named(self, row: Row) -> bool:
        """Whether it is the email of a target of its own."""
        return bool((self.working.targets.key == row.key).any())

    def known_since(self, row: Row) -> int | None:
        """The day from which a campaign's email could be planned, as far as that is known still."""
        campaigns, instance = self.task.campaigns, self._instance(row.kind)
        if not row.is_campaign or not instance:
            return None
        known, targets = int(campaigns.known[instance]), self.working.targets
        return max([known, *targets.added[targets.key == row.key].tolist()])

    def is_open(self, row: Row) -> bool:
        """Whether a stored row may still go, whatever its day: skipped for now, and in time."""
        return row.key in self.next and not row.final and self.deadline(row) >= self.today

    # ---- what has left ----

    def sent_on(self, key: int) -> int | None:
        """The day for which this very email left the planner's hands."""
        sent = self.working.sent
        found, at = find(np.array([key]), sent.key)
        return int(sent.send[at[0]]) if found[0] else None

    def sent_of(self, kind: int, followups: bool = False) -> Sent:
        """What has left of one kind, with or without its follow-ups."""
        sent = self.working.sent
        return sent.take((kind_of(sent.key) == kind) & (followups | ~is_followup(sent.key)))

    def reaction(self, row: Row) -> Followed | None:
        """What a follow-up is made of today, one row; None where its email calls for none any more."""
        followed = self.working.followed
        found, at = find(np.array([row.key]), followed.key)
        return followed.take(at[:1]) if found[0] else None

    def _instance(self, kind: int) -> int:
        return int(self.task.campaigns.of_kinds(np.array([kind], np.int32))[0][0])


def kind_in(key: int) -> int:
    """The kind that a key names."""
    return (key >> KIND_SHIFT) & KIND_MASK


def _rows_of(frame: Rows | Stored, settled: Collection[int] = ()) -> list[Row]:
    """`settled`: keys of final rows, for a frame that does not know."""
    keys = frame.key.tolist()
    final = frame.final.tolist() if isinstance(frame, Rows) else [key in settled for key in keys]
    columns = (
        keys,
        kind_of(frame.key).tolist(),
        event_of(frame.key).tolist(),
        is_followup(frame.key).tolist(),
        frame.send.tolist(),
        frame.ideal.tolist(),
        map(SkipReason, frame.reason.tolist()),
        frame.priority.tolist(),
        frame.pinned.tolist(),
        frame.tier.tolist(),
        final,
    )
    return [Row(*values) for values in zip(*columns, strict=True)]


def _chosen(working: Working, task: Task) -> Rows:
    """The contact's rows as the next run has them before it looks at anybody else."""
    rows = working.rows
    if len(rows) == 0:
        return rows
    rows = rows.take(np.arange(len(rows)))
    ledger = Ledger(working.people, rows, working.sent, task.codes)
    return ledger.result(choose(ledger, task.rules))
