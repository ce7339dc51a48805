"""The slow planner: the rules of planning, one contact and one row at a time, to judge the fast one.

It is written from the specification, `docs/decisions/0001-how-the-planner-reads-its-rules.md` and
`0003-campaigns-and-follow-ups.md`, and shares nothing with `carillon.plan`: no code, no arrays, no tricks.
Where the two disagree, the sentence in the decisions pages decides which of them is wrong. `T` in comments
is `today`. It may be as slow as it likes; it must be possible to check it against the pages sentence by
sentence.

It is one long file on purpose: whoever checks it against the pages reads it from top to bottom.
What does not belong here: speed, the store, and which campaign emails and follow-ups there could be
(`reference_campaigns` says that; here they are placed like everything else).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date

from tests.plan.reference_campaigns import Campaigns, candidates
from tests.plan.reference_facts import (
    AEP,
    AGE,
    BIRTHDAY,
    BIRTHDAY_WINDOW,
    CHAIN_DAYS,
    CONFLICT,
    COUNTS_AS_SENT,
    DAY,
    EFFECTIVE_DATE,
    EFFECTIVE_DATE_WINDOW,
    EXCLUSIONS,
    FIRST_CAMPAIGN,
    FREQUENCY,
    INACTIVE,
    MISSED,
    POST_WINDOW,
    SAME_EVENT_DAYS,
    YEAR_ROUND,
    Contact,
    Extra,
    Key,
    Row,
    Rules,
    Sent,
    WindowRule,
    anniversary,
    date_in,
    days_from,
    deadline_of,
    parse_date,
    row_hash,
    splitmix64,
)


def default_rules() -> Rules:
    """The specification's defaults, with the state rules of 01-plan section 3 but without follow-ups."""
    return Rules(
        year_round={"CT", "MA", "NY", "WA"},
        birthday_windows={
            "CA": WindowRule(30, 60),
            "ID": WindowRule(0, 63),
            "KY": WindowRule(0, 60),
            "OK": WindowRule(0, 60),
            "NV": WindowRule(0, 60, use_month_start=True),
            "MD": WindowRule(0, 30),
            "VA": WindowRule(0, 30),
            "OR": WindowRule(0, 31),
        },
        effective_date_windows={"MO": WindowRule(30, 33)},
    )


@dataclass
class Result:
    """All the planner's rows after the run, and what it has to say about them."""

    rows: list[Row]
    issues: set[tuple[int, str]]
    eligible: int
    cap: int
    over_cap: dict[date, int]
    """Days from T on that stay above the threshold, and how many emails they hold."""


# ---------------------------------------------------------------------------------------------------
# Contacts


def present(text: str | None) -> bool:
    return text is not None and text.strip() != ""


def valid_email(text: str) -> bool:
    """Words joined by dots, an @, and a domain with a top level: enough to tell clear cases apart."""
    atom = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
    label = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
    return re.fullmatch(rf"{atom}(?:\.{atom})*@(?:{label}\.)+[A-Za-z]{{2,}}", text) is not None


def state_of_zip(text: str, state_of: Callable[[str], str | None]) -> str | None:
    """The state of `12345`, `12345-6789` or `123456789`; None for anything else."""
    if not re.fullmatch(r"[0-9]{5}(?:-?[0-9]{4})?", text):
        return None
    return state_of(text[:5])


def without_bad_dates(contact: Contact, today: date) -> Contact:
    """The contact as planning sees it: an invalid date is the same as none."""
    born = parse_date(contact.birth_date)
    return replace(
        contact,
        birth_date=contact.birth_date if born is not None and born <= today else None,
        effective_date=contact.effective_date if parse_date(contact.effective_date) else None,
    )


def lacks_anchor(contact: Contact, state: str, rules: Rules) -> bool:
    """Whether its state has a window whose anchor date is unknown."""
    return (state in rules.birthday_windows and contact.birth_date is None) or (
        state in rules.effective_date_windows and contact.effective_date is None
    )


def look_at(
    raw: Contact, rules: Rules, today: date, state_of: Callable[[str], str | None]
) -> tuple[Contact, str | None, set[str]]:
    """The contact without its bad dates, its state if it is eligible, and all that is wrong with it."""
    contact = without_bad_dates(raw, today)
    issues: set[str] = set()

    email_ok = present(raw.email) and valid_email(raw.email or "")
    if not present(raw.email):
        issues.add("missing_email")
    elif not email_ok:
        issues.add("invalid_email")

    state = None
    if not present(raw.zip_code):
        issues.add("missing_zip")
    else:
        state = state_of_zip(raw.zip_code or "", state_of)
        if state is None:
            issues.add("invalid_zip")

    if present(raw.birth_date) and contact.birth_date is None:
        issues.add("invalid_birth_date")
    if present(raw.effective_date) and contact.effective_date is None:
        issues.add("invalid_effective_date")

    anchorless = state is not None and lacks_anchor(contact, state, rules)
    if anchorless:
        issues.add("missing_anchor_date")

    eligible = (
        raw.status == "active"
        and not raw.suppressed
        and "marketing" not in raw.refuses
        and email_ok
        and state is not None
        and not (anchorless and rules.unknown_anchor == "exclude")
    )
    return contact, state if eligible else None, issues


# ---------------------------------------------------------------------------------------------------
# Windows


def windows_holding(contact: Contact, state: str, day: date, rules: Rules) -> list[tuple[str, date, date]]:
    """The windows of the contact that hold `day`: reason, first day, last day; the birthday's first."""
    holding = []
    for reason, origin_text, windows in (
        (BIRTHDAY_WINDOW, contact.birth_date, rules.birthday_windows),
        (EFFECTIVE_DATE_WINDOW, contact.effective_date, rules.effective_date_windows),
    ):
        origin = parse_date(origin_text)
        rule = windows.get(state)
        if origin is None or rule is None:
            continue
        extension = rules.pre_window_days if rule.extension is None else rule.extension
        for year in range(day.year - 2, day.year + 3):  # a window is shorter than a year
            anchor = anniversary(origin, year)
            if rule.use_month_start:
                anchor = anchor.replace(day=1)
            first = anchor - (rule.before + extension) * DAY
            last = anchor + rule.after * DAY
            if first <= day <= last:
                holding.append((reason, first, last))
    return holding


def excluded(contact: Contact, state: str, day: date, rules: Rules) -> str | None:
    """Why the contact may not be written to on `day`, or None. A birth date is taken as it stands:
    whether it is still in the future is for `without_bad_dates` to say."""
    if state in rules.year_round:
        return YEAR_ROUND
    holding = windows_holding(contact, state, day, rules)
    if holding:
        return holding[0][0]
    born = parse_date(contact.birth_date)
    age = rules.age_exclusion.get(state)
    if born is not None and age is not None and day >= anniversary(born, born.year + age):
        return AGE
    return None


def is_blackout(day: date, rules: Rules) -> bool:
    return day in rules.blackout_dates or day.weekday() in rules.blackout_weekdays


# ---------------------------------------------------------------------------------------------------
# Candidates


@dataclass
class Draft:
    """A row in the making: what it is, what was stored of it, and where it stands now."""

    contact: Contact
    state: str
    kind: int
    event: date
    ideal: date
    deadline: date
    priority: int
    code: int
    respects_windows: bool = True
    followup: bool = False
    held_up: bool = False
    starts: date | None = None
    ends: date | None = None
    known: date | None = None
    tier: str | None = None
    stored: Row | None = None
    send: date = date.min
    reason: str | None = None
    pinned: bool = False
    sticky: bool = False
    by_rule_5: bool = False

    @property
    def key(self) -> Key:
        return self.kind, self.event, self.followup

    @property
    def hash(self) -> int:
        return row_hash(self.contact.seed, self.code, self.event)

    @property
    def is_campaign(self) -> bool:
        return self.kind >= FIRST_CAMPAIGN and not self.followup

    def excluded_on(self, day: date, rules: Rules) -> str | None:
        """The window reason on `day`, for a row that cares for windows."""
        return excluded(self.contact, self.state, day, rules) if self.respects_windows else None

    @property
    def is_inactive(self) -> bool:
        """Whether its campaign does not write on the ideal day."""
        return (
            self.held_up
            or (self.starts is not None and self.ideal < self.starts)
            or (self.ends is not None and self.ideal > self.ends)
        )

    @property
    def is_targeted(self) -> bool:
        """Whether somebody chose to write to this contact: a campaign's candidate, and no test's."""
        return self.known is not None

    @property
    def is_known_too_late(self) -> bool:
        return self.known is not None and self.ideal < self.known and self.event < self.known

    @property
    def answers_an_email(self) -> bool:
        """Whether it is a follow-up with rules of its own (not one that a test made up)."""
        return self.tier is not None

    def allowed_on(self, day: date, rules: Rules) -> bool:
        return not is_blackout(day, rules) and self.excluded_on(day, rules) is None

    def skip(self, day: date, reason: str) -> None:
        self.send, self.reason = day, reason

    def row(self) -> Row:
        return Row(
            self.contact.id,
            self.kind,
            self.event,
            self.send,
            self.ideal,
            self.reason,
            self.priority,
            self.pinned,
            self.followup,
            self.tier,
        )


def ideal_day(kind: int, event: date, rules: Rules) -> date:
    """The day an anniversary-type email should go."""
    before = {
        BIRTHDAY: rules.birthday_days_before,
        EFFECTIVE_DATE: rules.effective_date_days_before,
        AEP: 0,
        POST_WINDOW: -1,
    }
    return event - before[kind] * DAY


def anniversary_draft(contact: Contact, state: str, kind: int, event: date, rules: Rules) -> Draft:
    """The candidate of one of the four anniversary types for this event."""
    ideal = ideal_day(kind, event, rules)
    deadline = deadline_of(event, ideal, rules)
    code = splitmix64(kind)
    return Draft(contact, state, kind, event, ideal, deadline, rules.priorities[kind], code)


def is_welcome(extra: Extra, contact: Contact, campaigns: Campaigns) -> bool:
    """Whether the contact's address is not suppressed for this email: an unsubscribe is from marketing, which
    a regulatory notice is not (a follow-up to it is), and a campaign type can be refused by its name, with
    its follow-ups."""
    topic = next((one.type for one in campaigns.instances if one.kind == extra.kind), None)
    is_notice = topic == "regulatory_notice" and not extra.followup
    return topic not in contact.refuses and (is_notice or "marketing" not in contact.refuses)


def extra_draft(contact: Contact, state: str, extra: Extra) -> Draft:
    return Draft(
        contact,
        state,
        extra.kind,
        extra.event,
        extra.ideal,
        extra.deadline,
        extra.priority,
        extra.code,
        extra.respects_windows,
        extra.followup,
        extra.held_up,
        extra.starts,
        extra.ends,
        extra.known,
        extra.tier,
    )


def next_anniversary(origin_text: str | None, today: date) -> date | None:
    """The first anniversary strictly after T that is at least a year after the date itself."""
    origin = parse_date(origin_text)
    if origin is None:
        return None
    year = max(today.year, origin.year + 1)
    while anniversary(origin, year) <= today:
        year += 1
    return anniversary(origin, year)


def is_anniversary(origin_text: str | None, event: date) -> bool:
    """Whether `event` is an anniversary of the date, at least a year after it."""
    origin = parse_date(origin_text)
    return origin is not None and event.year > origin.year and event == anniversary(origin, event.year)


def is_aep_date(event: date, rules: Rules) -> bool:
    """Whether `event` is a configured AEP date."""
    if rules.aep_years and event.year not in rules.aep_years:
        return False
    return any(event == date_in(event.year, month, day) for month, day in rules.aep_dates)


def next_aep(rules: Rules, today: date) -> date | None:
    """The first configured AEP date on T or later."""
    years = rules.aep_years or [today.year, today.year + 1]
    dates = [date_in(year, month, day) for year in years for month, day in rules.aep_dates]
    return min((day for day in dates if day >= today), default=None)


def next_events(contact: Contact, rules: Rules, today: date) -> list[tuple[int, date]]:
    """Kind and event of the candidates that follow from the contact's dates alone."""
    events = [
        (BIRTHDAY, next_anniversary(contact.birth_date, today)),
        (EFFECTIVE_DATE, next_anniversary(contact.effective_date, today)),
        (AEP, next_aep(rules, today)),
    ]
    return [(kind, event) for kind, event in events if event is not None]


def already_sent(key: Key, sent: Iterable[Sent], rules: Rules) -> bool:
    """Whether the contact's outbox holds this very row, or an email that was sent for its event."""
    kind, event, followup = key
    for row in sent:
        if row.kind != kind or row.followup != followup:
            continue
        if row.event == event:
            return True
        if followup or kind not in (BIRTHDAY, EFFECTIVE_DATE, AEP) or row.status not in COUNTS_AS_SENT:
            continue
        if kind == AEP and row.event is not None and is_aep_date(row.event, rules):
            continue  # two configured dates are two events
        if abs((row.send - event).days) <= SAME_EVENT_DAYS:
            return True
    return False


def post_window_event(
    contact: Contact, state: str, skipped_on: date, sent: Iterable[Sent], rules: Rules
) -> date | None:
    """The last day of the chain of windows that begins with those holding `skipped_on`, if an email is
    to follow it. Where no window holds that day any more (the rule or the contact changed), none does."""
    holding = windows_holding(contact, state, skipped_on, rules)
    if not holding:
        return None
    earliest = min(first for _, first, _ in holding)
    if any(
        row.kind == POST_WINDOW and not row.followup and row.status in COUNTS_AS_SENT and row.send >= earliest
        for row in sent
    ):
        return None
    day = skipped_on
    while holding:
        day = max(last for _, _, last in holding) + DAY
        if (day - skipped_on).days > CHAIN_DAYS:
            return None
        holding = windows_holding(contact, state, day, rules)
    if excluded(contact, state, day, rules) is not None:  # year-round, or too old by then
        return None
    return day - DAY


# ---------------------------------------------------------------------------------------------------
# Verdict and placing


def is_settled(row: Row, today: date) -> bool:
    """A stored skipped row whose day has passed."""
    return row.reason is not None and row.send < today


def is_final(row: Row, today: date) -> bool:
    """Rule 1: a settled row stays as it is, except a campaign's that only waits for its campaign."""
    return is_settled(row, today) and (row.reason != INACTIVE or row.followup)


def is_history(row: Row, today: date) -> bool:
    """Whether a settled row stays though nothing causes it any more: its event is past, or it is the one
    follow-up that its initial email gets."""
    return is_settled(row, today) and (row.event <= today or row.followup)


def place(draft: Draft, rules: Rules, today: date) -> bool:
    """Rules 2 to 6 for one row that is not final. False: there is no such row (too late to make it)."""
    stored = draft.stored

    # 2. Pinned rows keep their day and are checked against windows only, and wait for their campaign.
    if stored is not None and stored.pinned and stored.send >= today:
        draft.pinned = True
        draft.send = stored.send
        draft.reason = draft.excluded_on(stored.send, rules)
        if draft.reason is None and draft.held_up:
            draft.reason = INACTIVE
        return True

    # Past its deadline no follow-up is newly made, not even a skipped one.
    if draft.answers_an_email and stored is None and draft.deadline < today:
        return False

    # 3. A window on the ideal day; then a campaign that does not write on it, or learnt of it too late.
    reason = draft.excluded_on(draft.ideal, rules)
    if reason is None and draft.is_inactive:
        reason = INACTIVE
    if reason is None and draft.is_known_too_late:
        reason = MISSED
    if reason is not None:
        draft.skip(draft.ideal, reason)
        return True

    # 4. Sticky: the day it has, while that day is still good.
    if (
        stored is not None
        and stored.reason in (None, FREQUENCY, CONFLICT)
        and stored.ideal == draft.ideal
        and today <= stored.send <= draft.deadline
        and draft.allowed_on(stored.send, rules)
    ):
        draft.send = stored.send
        draft.sticky = True
        return True

    # 4. A skip of an earlier catch-up stands while its window does.
    if (
        stored is not None
        and stored.reason in EXCLUSIONS
        and stored.ideal == draft.ideal
        and today <= stored.send <= draft.deadline
    ):
        reason = draft.excluded_on(stored.send, rules)
        if reason is not None:
            draft.skip(stored.send, reason)
            return True

    # A follow-up that is due goes tomorrow.
    if draft.answers_an_email and draft.ideal <= today:
        place_tomorrow(draft, rules, today)
        return True

    # 5. The ideal day is still to come: that day, or the first one after it that is no blackout day.
    if draft.ideal >= today:
        if not is_blackout(draft.ideal, rules):
            draft.send = draft.ideal
            draft.by_rule_5 = True
            return True
        for day in days_from(draft.ideal + DAY, draft.deadline):
            if draft.allowed_on(day, rules):
                draft.send = day
                draft.by_rule_5 = True
                return True
        draft.skip(draft.ideal, MISSED)
        return True

    # 6. The ideal day is past. After the deadline there is nothing left to do, but to say so of a target ...
    if draft.deadline < today:
        if stored is None and not draft.is_targeted:
            return False
        draft.skip(draft.ideal if stored is None else stored.send, MISSED)
        return True
    # ... before it, catch up.
    last = min(today + rules.catch_up_days * DAY, draft.deadline)
    allowed = [day for day in days_from(today + DAY, last) if draft.allowed_on(day, rules)]
    if allowed:
        draft.send = allowed[draft.hash % len(allowed)]
        return True
    if draft.allowed_on(today, rules):
        draft.send = today
        return True
    first = today + DAY if today + DAY <= draft.deadline else today
    reason = draft.excluded_on(first, rules)
    if reason is not None:
        draft.skip(first, reason)
    else:
        draft.skip(draft.ideal, MISSED)
    return True


def place_tomorrow(draft: Draft, rules: Rules, today: date) -> None:
    """Where a follow-up goes whose ideal day is T or past: no choice by hash, and no way round a window."""
    if draft.deadline < today:
        assert draft.stored is not None
        draft.skip(draft.stored.send, MISSED)
        return
    for day in days_from(today + DAY, draft.deadline):
        if not is_blackout(day, rules):
            draft.send = day
            draft.reason = draft.excluded_on(day, rules)
            return
    draft.skip(draft.ideal, MISSED)


def smooth(drafts: list[Draft], settled: list[Row], soft_limit: int, rules: Rules, today: date) -> None:
    """Rule 7: spread the free effective-date rows of an ideal day that has too many of them."""
    rows = [d for d in drafts if d.kind == EFFECTIVE_DATE and not d.followup and d.reason is None]
    per_ideal_day = Counter(d.ideal for d in rows)
    per_ideal_day.update(
        row.ideal
        for row in settled
        if row.kind == EFFECTIVE_DATE and not row.followup and row.reason in (FREQUENCY, CONFLICT)
    )
    reach = (rules.ed_smoothing_days - 1) // 2
    for draft in rows:
        if not draft.by_rule_5 or per_ideal_day[draft.ideal] <= soft_limit:
            continue
        first = max(draft.ideal - reach * DAY, today + DAY)
        last = min(draft.ideal + reach * DAY, draft.deadline)
        allowed = [day for day in days_from(first, last) if draft.allowed_on(day, rules)]
        if allowed:
            draft.send = allowed[draft.hash % len(allowed)]


def plan_contact(
    contact: Contact,
    state: str,
    stored: list[Row],
    sent: list[Sent],
    extra: list[Extra],
    rules: Rules,
    today: date,
    unsubscribed: bool = False,
) -> tuple[list[Row], list[Draft]]:
    """One eligible contact up to rule 6: its final rows, and its other rows with a first day each.

    `unsubscribed`: it gets the emails in `extra` and nothing else.
    """
    final: list[Row] = []
    drafts: list[Draft] = []
    stored_by_key = {row.key: row for row in stored}

    def take(draft: Draft) -> None:
        """Give a candidate its place: it is final already, was sent already, or is placed now."""
        draft.stored = stored_by_key.pop(draft.key, None)
        if draft.stored is not None and is_final(draft.stored, today):
            final.append(draft.stored)
        elif not already_sent(draft.key, sent, rules) and place(draft, rules, today):
            drafts.append(draft)

    # This year's candidates, and the campaigns and follow-ups that exist.
    for kind, event in [] if unsubscribed else next_events(contact, rules, today):
        take(anniversary_draft(contact, state, kind, event, rules))
    for one in extra:
        take(extra_draft(contact, state, one))

    # Stored rows that are no candidates any more, but whose cause holds.
    for row in list(stored_by_key.values()):
        cause_holds = not (row.followup or unsubscribed) and (
            (row.kind == BIRTHDAY and is_anniversary(contact.birth_date, row.event))
            or (row.kind == EFFECTIVE_DATE and is_anniversary(contact.effective_date, row.event))
            or (row.kind == AEP and is_aep_date(row.event, rules))
        )
        if cause_holds:
            take(anniversary_draft(contact, state, row.kind, row.event, rules))

    # Without a cause only history stays. A post-window row's cause is not known yet.
    for row in list(stored_by_key.values()):
        if is_history(row, today):
            final.append(stored_by_key.pop(row.key))

    # What windows kept back is followed by an email after the last of them.
    skipped_on = {
        row.send
        for row in [*final, *(draft.row() for draft in drafts)]
        if row.reason in (BIRTHDAY_WINDOW, EFFECTIVE_DATE_WINDOW)
        and row.kind != POST_WINDOW
        and not (row.followup or unsubscribed)
    }
    chain_ends = {post_window_event(contact, state, day, sent, rules) for day in skipped_on}
    final_keys = {row.key for row in final}
    for event in sorted(end for end in chain_ends if end is not None):
        if (POST_WINDOW, event, False) not in final_keys:
            take(anniversary_draft(contact, state, POST_WINDOW, event, rules))
    return final, drafts


# ---------------------------------------------------------------------------------------------------
# Conflicts, frequency, cap


@dataclass(frozen=True)
class Kept:
    """An email a contact certainly gets, as conflicts and frequency see it."""

    day: date
    is_campaign: bool


def breach(day: date, is_campaign: bool, others: list[Kept], rules: Rules) -> str | None:
    """Why one more email on `day` is too much beside the others, or None."""
    if is_campaign and any(other.is_campaign and other.day == day for other in others):
        return CONFLICT
    for start in days_from(day - (rules.period_days - 1) * DAY, day):
        end = start + (rules.period_days - 1) * DAY
        if 1 + sum(start <= other.day <= end for other in others) > rules.max_per_period:
            return FREQUENCY
    return None


class Settling:
    """Step 9 of 01b: conflicts and frequency, then the cap, until the cap moves nothing."""

    def __init__(self, drafts: list[Draft], sent: list[Sent], cap: int, rules: Rules, today: date) -> None:
        self.rules, self.today, self.cap = rules, today, cap
        self.drafts = [d for d in drafts if d.reason is None]
        self.by_contact: dict[int, list[Draft]] = defaultdict(list)
        for draft in self.drafts:
            self.by_contact[draft.contact.id].append(draft)
        counting = [row for row in sent if row.status in COUNTS_AS_SENT]
        self.outbox_per_day = Counter(row.send for row in counting if row.kind is not None)
        self.outbox: dict[int, list[Kept]] = defaultdict(list)
        for row in counting:
            if not row.followup:
                is_campaign = row.kind is not None and row.kind >= FIRST_CAMPAIGN
                self.outbox[row.contact_id].append(Kept(row.send, is_campaign))

    def run(self) -> None:
        while True:
            self.judge()
            if not self.balance():
                return

    def judge(self) -> None:
        """Conflicts and frequency from scratch, contact by contact. Losers keep their day."""
        for contact_id, drafts in self.by_contact.items():
            counted = [d for d in drafts if not d.followup]
            kept = list(self.outbox[contact_id])
            kept += [Kept(d.send, d.is_campaign) for d in counted if d.pinned]
            in_order = sorted(
                (d for d in counted if not d.pinned), key=lambda d: (d.priority, d.send, d.kind, d.event)
            )
            for draft in in_order:
                draft.reason = breach(draft.send, draft.is_campaign, kept, self.rules)
                if draft.reason is None:
                    kept.append(Kept(draft.send, draft.is_campaign))

    def counts(self) -> Counter[date]:
        """Cap-counted emails per day from T on."""
        counts = Counter(d.send for d in self.drafts if d.reason is None)
        counts.update(self.outbox_per_day)
        return Counter({day: count for day, count in counts.items() if day >= self.today})

    def is_over(self, count: int) -> bool:
        return count > self.cap * self.rules.overage

    def may_go(self, draft: Draft, day: date) -> bool:
        """Whether a kept row may move to a later day, whatever that day's count."""
        if day > draft.deadline or not draft.allowed_on(day, self.rules):
            return False
        if draft.followup:
            return True
        others = self.outbox[draft.contact.id] + [
            Kept(other.send, other.is_campaign)
            for other in self.by_contact[draft.contact.id]
            if other is not draft and other.reason is None and not other.followup
        ]
        return breach(day, draft.is_campaign, others, self.rules) is None

    def balance(self) -> bool:
        """Bring days above the threshold back to the cap, in order of days. Whether anything moved."""
        counts = self.counts()
        moved = False
        for day in sorted(counts):
            if not self.is_over(counts[day]):
                continue
            movable = [
                draft
                for draft in self.drafts
                if draft.send == day
                and draft.reason is None
                and not draft.pinned
                and any(
                    counts[later] < self.cap and self.may_go(draft, later)
                    for later in days_from(day + DAY, draft.deadline)
                )
            ]
            movable.sort(key=best_first)
            victims = movable[-(counts[day] - self.cap) :]
            last = max((draft.deadline for draft in victims), default=day)
            for later in days_from(day + DAY, last):
                arrived: set[int] = set()
                for draft in list(victims):
                    if counts[later] >= self.cap:
                        break
                    if draft.contact.id in arrived or not self.may_go(draft, later):
                        continue
                    draft.send = later
                    counts[day] -= 1
                    counts[later] += 1
                    arrived.add(draft.contact.id)
                    victims.remove(draft)
                    moved = True
        return moved


def best_first(draft: Draft) -> tuple[int, bool, int, str, int, date, bool]:
    """The order in which rows hold on to a full day."""
    return (
        draft.priority,
        not draft.sticky,
        draft.hash,
        draft.contact.email or "",
        draft.kind,
        draft.event,
        draft.followup,
    )


# ---------------------------------------------------------------------------------------------------
# The whole


def cap_of(eligible: int, rules: Rules) -> int:
    return max(1, int(eligible * rules.cap_share))


def soft_limit_of(cap: int, rules: Rules) -> int:
    return max(1, min(rules.ed_soft_limit, int(cap * rules.ed_soft_share)))


def plan(
    contacts: list[Contact],
    stored: list[Row],
    sent: list[Sent],
    extra: list[Extra],
    rules: Rules,
    today: date,
    state_of: Callable[[str], str | None],
    *,
    campaigns: Campaigns | None = None,
) -> Result:
    """Everything that should be stored for the planner after a run on `today`."""
    stored_of: dict[int, list[Row]] = defaultdict(list)
    sent_of: dict[int, list[Sent]] = defaultdict(list)
    extra_of: dict[int, list[Extra]] = defaultdict(list)
    for row in stored:
        stored_of[row.contact_id].append(row)
    for gone in sent:
        sent_of[gone.contact_id].append(gone)
    for one in [*extra, *candidates(contacts, sent, campaigns or Campaigns(), rules, today)]:
        extra_of[one.contact_id].append(one)

    issues: set[tuple[int, str]] = set()
    rows: list[Row] = []
    drafts: list[Draft] = []
    eligible = 0
    for raw in contacts:
        contact, state, codes = look_at(raw, rules, today, state_of)
        issues |= {(raw.id, code) for code in codes}
        mine = stored_of[raw.id]
        unsubscribed = "marketing" in raw.refuses
        if unsubscribed:
            contact, state, _ = look_at(replace(raw, refuses=()), rules, today, state_of)
        if state is None:
            rows += [row for row in mine if is_history(row, today)]
            continue
        eligible += not unsubscribed
        wanted = [one for one in extra_of[raw.id] if is_welcome(one, raw, campaigns or Campaigns())]
        final, placed = plan_contact(
            contact, state, mine, sent_of[raw.id], wanted, rules, today, unsubscribed
        )
        rows += final
        drafts += placed

    cap = cap_of(eligible, rules)
    smooth(drafts, rows, soft_limit_of(cap, rules), rules, today)
    settling = Settling(drafts, sent, cap, rules, today)
    settling.run()
    rows += [draft.row() for draft in drafts]
    rows.sort(key=lambda row: (row.contact_id, row.kind, row.event, row.followup))
    over_cap = {day: count for day, count in settling.counts().items() if settling.is_over(count)}
    return Result(rows, issues, eligible, cap, over_cap)
