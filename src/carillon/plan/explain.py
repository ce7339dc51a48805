"""What becomes of each email of one contact over the next year, and why: in words and dates.

Pure, and asks only what the planner asks: the working set of one contact, `place`, `smooth`, `choose` and
the windows. What is stored is what will happen; the rest says why, and what the next run would change.
Words for people are made here, so that every face says the same.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date

import numpy as np

from carillon.days import date_of
from carillon.keys import event_of, is_followup, kind_of
from carillon.plan import candidates
from carillon.plan.calendar import Calendar, Span
from carillon.plan.choose import choose
from carillon.plan.ledger import Ledger
from carillon.plan.place import LAST_EXCLUSION
from carillon.plan.reasons import ideal_words, name_of, why_moved
from carillon.plan.rows import Rows, Stored, Wanted, find
from carillon.plan.working import Task, Working
from carillon.settings import Settings
from carillon.store.people import Left, Profile
from carillon.words import ContactStatus, IssueCode, Kind, SkipReason, Status

YEAR = 365
BACK_DAYS = 90
"""How far explanations look back."""
PLANNED, NOT_PLANNED_YET, NOT_CONSIDERED = Status.PRE_SCHEDULED.value, "not_planned_yet", "not_considered"

_LEFT = {
    Status.SCHEDULED: "released: it goes on that day",
    Status.PROCESSING: "being sent now",
    Status.SENT: "sent",
    Status.DELIVERED: "sent and delivered",
    Status.BOUNCED: "sent, but it bounced",
    Status.FAILED: "could not be sent",
    Status.CANCELLED: "cancelled by hand, which is final for its event",
    Status.IN_DOUBT: "may have been sent: the answer never came",
}


@dataclass(frozen=True)
class Email:
    """One email and what becomes, or became, of it."""

    email_type: str
    status: str
    words: str
    event: date | None = None
    day: date | None = None
    """When it goes, went, or was to go."""
    ideal: date | None = None
    moved_by: str | None = None
    skip_reason: str | None = None
    window: Span | None = None
    """What excludes its day."""
    next_run: str | None = None
    """What the next run of the planner would change, where the plan is not up to date."""


@dataclass(frozen=True)
class Facts:
    """What is known of the contact beside its working set."""

    profile: Profile
    suppression: str | None
    left: list[Left]
    planned_on: dict[int, date]
    """By key, the day of the run that wrote the row."""
    last_plan: date | None
    up_to_date: bool
    """Whether nothing the planner reads of the contact, or of the rules, has changed since."""


@dataclass(frozen=True)
class Explanation:
    """One contact's year."""

    contact: Profile
    eligible: bool
    why_not: list[str]
    """Why it may not be written to; also what is wrong with its data."""
    windows: list[Span]
    emails: list[Email]
    """Ahead, ascending by day; those without a day last."""
    past: list[Email] = field(default_factory=list)
    """The last 90 days, ascending."""
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Plain values; dates stay dates."""
        return asdict(self)


def explain(working: Working, task: Task, settings: Settings, facts: Facts) -> Explanation:
    """`working`: the contact alone, as the planner would begin with it on `task.today`."""
    story = _Story(working, task, settings, facts)
    ahead, past = story.stored()
    for email in story.left():
        (ahead if email.day and email.day >= date_of(task.today) else past).append(email)
    ahead += story.not_planned_yet()
    ahead += story.not_considered({email.email_type for email in ahead})
    ahead.sort(key=lambda email: (email.day is None, email.day or date.max))
    past.sort(key=lambda email: email.day or date.min)
    eligible = bool(working.people.eligible[0])
    return Explanation(
        facts.profile,
        eligible,
        story.why_not(),
        story.calendar.spans(task.today, task.today + YEAR),
        ahead,
        past,
        story.notes(),
    )


class _Story:
    def __init__(self, working: Working, task: Task, settings: Settings, facts: Facts) -> None:
        self._working, self._task, self._settings, self._facts = working, task, settings, facts
        self._today = task.today
        self.calendar = Calendar(working.people, task.rules.windows, settings)
        self._next = _chosen(working, task)

    # ---- what is stored ----

    def stored(self) -> tuple[list[Email], list[Email]]:
        """Stored rows ahead, and settled ones of the last days."""
        ahead, past = [], []
        stored = self._working.stored
        for at in range(len(stored)):
            row = stored.take(slice(at, at + 1))
            send, event = int(row.send[0]), int(event_of(row.key)[0])
            if send >= self._today or event > self._today:
                ahead.append(self._planned(row) if row.reason[0] == 0 else self._skipped(row))
            elif send >= self._today - BACK_DAYS:
                past.append(self._planned(row) if row.reason[0] == 0 else self._skipped(row))
        return ahead, past

    def _planned(self, row: Stored) -> Email:
        kind, event = int(kind_of(row.key)[0]), int(event_of(row.key)[0])
        ideal = self._ideal(row)
        found, at = find(row.key, self._next.key)
        deadline = int(self._next.deadline[at[0]]) if found[0] else self._deadline(event, ideal)
        lawful = bool(self._next.lawful[at[0]]) if found[0] else True
        on = self._facts.planned_on.get(int(row.key[0]))
        moved = why_moved(self._working, self._task, row, deadline, lawful, on)
        why = ideal_words(kind, event, ideal)
        if moved is None:
            words = f"planned on its ideal day: {why}"
        else:
            words = f"planned, moved from {date_of(ideal)} ({why}): {moved.words}"
        return self._email(row, PLANNED, words, moved_by=moved.by.value if moved else None)

    def _skipped(self, row: Stored) -> Email:
        reason, send = SkipReason(int(row.reason[0])), int(row.send[0])
        window = self.calendar.blame(send, reason) if reason <= LAST_EXCLUSION else None
        words = f"skipped: {self._blame(row, reason, window)}"
        if send < self._today:
            words += "; that is final for this event"
        return self._email(row, Status.SKIPPED.value, words, skip_reason=reason.word, window=window)

    def _blame(self, row: Stored, reason: SkipReason, window: Span | None) -> str:
        send, ideal = int(row.send[0]), self._ideal(row)
        if reason == SkipReason.FREQUENCY_LIMIT:
            rules = self._task.rules
            return (
                f"at most {rules.emails_per_period} emails may go in {rules.period_days} days, and these "
                f"come first: {self._neighbours(row)}"
            )
        if reason == SkipReason.MISSED:
            last = self._deadline(int(event_of(row.key)[0]), ideal)
            return f"missed: no allowed day was left until its last day, {date_of(last)}"
        if reason > LAST_EXCLUSION:
            return reason.word.replace("_", " ")
        if window is None:
            return f"{reason.word.replace('_', ' ')} (by the rules of an earlier run)"
        if window.last is None:
            return window.words
        span = f"{reason.word.replace('_', ' ')} ({window.first} to {window.last})"
        if send != ideal:
            return f"its day, {date_of(ideal)}, had passed, and the days to catch up lie in the {span}"
        return f"its day lies in the {span}{self._made_up(row, send)}"

    def _made_up(self, row: Stored, send: int) -> str:
        """Which post-window email follows, if one does."""
        free = self.calendar.open_after(send)
        if free is None or kind_of(row.key)[0] == Kind.POST_WINDOW or is_followup(row.key)[0]:
            return ""
        stored = self._working.stored
        after = (kind_of(stored.key) == Kind.POST_WINDOW) & (event_of(stored.key) == free - 1)
        after &= stored.reason == SkipReason.NONE
        days = stored.send[after]
        return f"; the post-window email on {date_of(int(days[0]))} makes up for it" if len(days) else ""

    def _neighbours(self, row: Stored) -> str:
        """Emails that count for the frequency limit around a row's day."""
        period, send = self._task.rules.period_days, int(row.send[0])
        stored, sent = self._working.stored, self._working.sent
        near = {}
        for frame, counts in ((stored, stored.reason == SkipReason.NONE), (sent, sent.counts)):
            which = counts & ~is_followup(frame.key) & (np.abs(frame.send - send) < period)
            which &= frame.key != row.key[0]
            for key, day in zip(frame.key[which], frame.send[which], strict=True):
                near[int(key)] = (int(day), name_of(int(kind_of(np.array([key]))[0])))
        return (
            ", ".join(f"{name} on {date_of(day)}" for day, name in sorted(near.values())) or "none any more"
        )

    def _email(self, row: Stored, status: str, words: str, **more: object) -> Email:
        kind, event = int(kind_of(row.key)[0]), int(event_of(row.key)[0])
        return Email(
            "followup" if is_followup(row.key)[0] else _type_of(kind),
            status,
            words,
            date_of(event),
            date_of(int(row.send[0])),
            date_of(self._ideal(row)),
            next_run=self._change(row),
            **more,  # type: ignore[arg-type]
        )

    def _ideal(self, row: Stored) -> int:
        return int(row.ideal[0])

    def _deadline(self, event: int, ideal: int) -> int:
        days = np.array([event], np.int32), np.array([ideal], np.int32)
        return int(self._task.rules.deadline(*days)[0])

    # ---- what the next run would do ----

    def _change(self, row: Stored) -> str | None:
        """What the next run would do to a stored row; None where it stays."""
        found, at = find(row.key, self._next.key)
        if not found[0]:
            return "the next plan removes it"
        reason = SkipReason(int(self._next.reason[at[0]]))
        send = int(self._next.send[at[0]])
        if reason != row.reason[0]:
            if reason == SkipReason.NONE:
                return f"the next plan sends it, about {date_of(send)}"
            return f"the next plan skips it ({reason.word.replace('_', ' ')})"
        if reason == SkipReason.NONE and send != row.send[0]:
            return f"the next plan moves it to about {date_of(send)}"
        return None

    def not_planned_yet(self) -> list[Email]:
        """What the next run would add."""
        known, _ = find(self._next.key, self._working.stored.key)
        new = self._next.take(np.flatnonzero(~known))
        emails = []
        for at in range(len(new)):
            kind, event, ideal = int(new.kind[at]), int(new.event[at]), int(new.ideal[at])
            reason = SkipReason(int(new.reason[at]))
            about = f"about {date_of(int(new.send[at]))}"
            verdict = f"plans it, {about}" if not reason else f"skips it ({reason.word.replace('_', ' ')})"
            emails.append(
                Email(
                    _type_of(kind),
                    NOT_PLANNED_YET,
                    f"not planned yet: the next plan {verdict}; ideal is {ideal_words(kind, event, ideal)}",
                    date_of(event),
                    date_of(int(new.send[at])),
                    date_of(ideal),
                    skip_reason=reason.word if reason else None,
                )
            )
        return emails

    # ---- what has left ----

    def left(self) -> list[Email]:
        """Emails of the last days, and those released for the next."""
        emails = []
        for one in self._facts.left:
            if one.send < self._today - BACK_DAYS:
                continue
            ideal = None if one.ideal is None else date_of(one.ideal)
            words = _LEFT[Status(one.status)]
            if ideal is not None and one.ideal != one.send:
                words += f" (its ideal day was {ideal})"
            event = None if one.event is None else date_of(one.event)
            emails.append(Email(one.email_type, one.status, words, event, date_of(one.send), ideal))
        return emails

    # ---- what was not considered ----

    def not_considered(self, told: set[str]) -> list[Email]:
        """A line for each type of which there is nothing else to tell."""
        people, task = self._working.people, self._task
        wanted = candidates.anniversaries(people, task.rules, self._today)
        left = candidates.not_sent_yet(
            wanted, self._working.stored, self._working.sent, task.rules, self._today
        )
        emails = []
        for kind in Kind:
            if kind.email_type in told:
                continue
            mine = wanted.take(kind_of(wanted.key) == kind)
            if not people.eligible[0]:
                words = "this contact cannot be written to"
            elif len(mine):
                words = self._why_none(kind, mine, left)
            else:
                words = self._no_cause(kind)
            emails.append(Email(kind.email_type, NOT_CONSIDERED, f"not considered: {words}"))
        return emails

    def _why_none(self, kind: Kind, mine: Wanted, left: Wanted) -> str:
        event = int(event_of(mine.key)[0])
        if find(mine.key, left.key)[0][0]:
            return f"its last day, {date_of(int(mine.deadline[0]))}, had passed before it could be planned"
        sent = self._working.sent
        same = sent.take(kind_of(sent.key) == kind)
        nearest = int(np.argmin(np.abs(event_of(same.key) - event)))
        day = date_of(int(same.send[nearest]))
        return f"already sent for this event, {date_of(event)}: on {day}"

    def _no_cause(self, kind: Kind) -> str:
        profile = self._facts.profile
        if kind == Kind.AEP:
            return "no AEP date is configured from today on (aep_config)"
        if kind == Kind.POST_WINDOW:
            return "no exclusion window holds back an email that it could make up for"
        given = profile.birth_date if kind == Kind.BIRTHDAY else profile.effective_date
        name = "birth date" if kind == Kind.BIRTHDAY else "effective date"
        return f'the {name} "{given}" cannot be used' if given else f"there is no {name}"

    # ---- the contact ----

    def why_not(self) -> list[str]:
        """Why the contact may not be written to, and what is wrong with its data."""
        facts, issues = self._facts, {code: detail for _, code, detail in self._working.issues}
        words = []
        if facts.profile.status != ContactStatus.ACTIVE:
            words.append(f"the contact is {facts.profile.status.replace('_', ' ')}")
        if facts.suppression is not None:
            words.append(f"its address is suppressed{facts.suppression and f': {facts.suppression}'}")
        return words + [_ISSUES[IssueCode(code)].format(detail) for code, detail in issues.items()]

    def notes(self) -> list[str]:
        """How far what is told can be relied on."""
        last = self._facts.last_plan
        if last is None:
            return ["No plan has been made yet: this is what the first one would begin with."]
        if not self._facts.up_to_date:
            return [f"This contact or the settings have changed since the last plan, of {last}."]
        if last != date_of(self._today):
            return [f"The last plan was made for {last}."]
        return []


_ISSUES = {
    IssueCode.MISSING_EMAIL: "there is no email address",
    IssueCode.INVALID_EMAIL: 'the email address "{}" is not valid',
    IssueCode.MISSING_ZIP: "there is no ZIP code, so the state and its rules are unknown",
    IssueCode.INVALID_ZIP: 'the ZIP code "{}" is not a US ZIP code, so the state and its rules are unknown',
    IssueCode.INVALID_BIRTH_DATE: 'the birth date "{}" cannot be used',
    IssueCode.INVALID_EFFECTIVE_DATE: 'the effective date "{}" cannot be used',
    IssueCode.STATE_MISMATCH: "the state given is {}",
    IssueCode.MISSING_ANCHOR_DATE: "the state has an exclusion window, but the date it depends on is unknown",
}


def _chosen(working: Working, task: Task) -> Rows:
    """The contact's rows as the next run has them before it looks at anybody else."""
    rows = working.rows
    if len(rows) == 0:
        return rows
    rows = rows.take(np.arange(len(rows)))
    ledger = Ledger(working.people, rows, working.sent, task.codes)
    return ledger.result(choose(ledger, task.rules))


def _type_of(kind: int) -> str:
    return Kind(kind).email_type if kind in list(Kind) else "campaign"
