"""Why an email is skipped, in words: windows, campaigns held up, conflicts, frequency, no day left."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from carillon.days import date_of
from carillon.keys import is_followup, kind_of
from carillon.plan.campaigns import came_too_late
from carillon.plan.explain.case import Case, Row
from carillon.words import FIRST_CAMPAIGN, UNKNOWN_KIND, InstanceStatus, Kind, SkipReason

_EARLIER = "by the rules of an earlier run"


def why(case: Case, row: Row, beside: Iterable[Row]) -> str:
    """Why a row is skipped; `beside`: the contact's rows of the same plan."""
    if row.reason == SkipReason.FREQUENCY_LIMIT:
        rules = case.task.rules
        return (
            f"at most {rules.emails_per_period} emails may go in {rules.period_days} days, and these "
            f"come first: {_neighbours(case, row, beside)}"
        )
    if row.reason == SkipReason.CAMPAIGN_CONFLICT:
        return _conflict(case, row, beside)
    if row.reason == SkipReason.CAMPAIGN_INACTIVE:
        return _inactive(case, row)
    if row.reason == SkipReason.MISSED:
        return _missed(case, row)
    return _excluded(case, row, beside)


def hold_ups(case: Case, row: Row) -> list[str]:
    """What holds the row's campaign up as a whole."""
    campaign = case.campaign(row)
    if campaign is None:
        return []
    found, name = [], f'the campaign "{campaign.instance.name}"'
    if campaign.instance.status != InstanceStatus.ACTIVE:
        found.append(f"{name} is {campaign.instance.status}")
    if not campaign.active:
        own = "active" in campaign.overridden
        found.append(
            f"{name} is set to active: false" if own else f"the type {campaign.type.name} is not active"
        )
    return found


def _excluded(case: Case, row: Row, beside: Iterable[Row]) -> str:
    window, word = case.window_of(row), row.reason.word.replace("_", " ")
    if window is None:
        return f"{word} ({_EARLIER})"
    if window.last is None:
        return window.words
    span = f"{word} ({window.first} to {window.last})"
    if row.pinned:
        return f"the day it was moved to by hand lies in the {span}"
    if row.send != row.ideal:
        days = "the next one lies" if row.followup else "the days to catch up lie"
        return f"its day, {date_of(row.ideal)}, had passed, and {days} in the {span}"
    return f"its day lies in the {span}{_made_up(case, row, beside)}"


def _made_up(case: Case, row: Row, beside: Iterable[Row]) -> str:
    """Which post-window email follows, if one does."""
    if row.kind == Kind.POST_WINDOW or row.followup:
        return ""
    those = [other for other in beside if other.kind == Kind.POST_WINDOW and not other.followup]
    free = case.calendar.open_after(row.send) if those else None
    for other in those:
        if free is not None and other.event == free - 1 and other.reason == SkipReason.NONE:
            return f"; the post-window email on {date_of(other.send)} makes up for it"
    return ""


def _inactive(case: Case, row: Row) -> str:
    campaign, held_up = case.campaign(row), hold_ups(case, row)
    if held_up:
        words, last = " and ".join(held_up), case.deadline(row)
        waits = not row.followup and last >= case.today
        return (
            f"{words}; it goes as soon as that is over, by {date_of(last)} at the latest" if waits else words
        )
    start = None if campaign is None else campaign.instance.start
    end = None if campaign is None else campaign.instance.end
    ideal = date_of(row.ideal)
    if campaign is not None and start is not None and ideal < start and not row.followup:
        return f'its day, {ideal}, is before the campaign "{campaign.instance.name}" starts, on {start}'
    if campaign is not None and end is not None and ideal > end:
        return f'its day, {ideal}, is after the campaign "{campaign.instance.name}" ended, on {end}'
    return f"campaign inactive ({_EARLIER})"


def _missed(case: Case, row: Row) -> str:
    known = case.known_since(row)
    days = (np.array([day], np.int32) for day in (row.ideal, row.event, known or 0))
    if known is None or not came_too_late(*days)[0]:
        last = case.deadline(row)
        return f"missed: no allowed day was left until its last day, {date_of(last)}"
    made = int(case.task.campaigns.known[row.kind - FIRST_CAMPAIGN])
    what = "the target was added" if known > made else "the campaign was made"
    past = f"its day, {date_of(row.ideal)},"
    if row.event != row.ideal:
        past += f" and its trigger date, {date_of(row.event)},"
    return f"missed: {what} on {date_of(known)}, when {past} had passed"


def _conflict(case: Case, row: Row, beside: Iterable[Row]) -> str:
    """Which campaign email stays on that day, and by what."""
    rule = "only one campaign email goes to a contact on a day"
    only = f"{rule}, and on {date_of(row.send)} that is"
    sent = case.working.sent
    kind = kind_of(sent.key)
    same = (kind >= FIRST_CAMPAIGN) & (kind != UNKNOWN_KIND) & ~is_followup(sent.key)
    same &= sent.counts & (sent.send == row.send) & (sent.key != row.key)
    for left in kind[same].tolist():
        return f"{only} the {case.name(left)}, which has left already"
    for other in beside:
        clashes = other.is_campaign and other.reason == SkipReason.NONE and other.send == row.send
        if not clashes or other.key == row.key:
            continue
        if other.pinned:
            how = "moved there by hand"
        elif other.priority < row.priority:
            how = f"of priority {other.priority}, before {row.priority}"
        else:
            how = f"of the same priority, {other.priority}, but made first"
        return f"{only} the {case.name(other.kind)} ({how})"
    return f"{rule}, and another one came first when this was planned"


def _neighbours(case: Case, row: Row, beside: Iterable[Row]) -> str:
    """Emails that count for the frequency limit around a row's day."""
    period, sent = case.task.rules.period_days, case.working.sent
    near = {
        other.key: (other.send, case.name(other.kind))
        for other in beside
        if other.reason == SkipReason.NONE and not other.followup
    }
    counts = sent.counts & ~is_followup(sent.key)
    for key, send, kind in zip(
        sent.key[counts].tolist(), sent.send[counts].tolist(), kind_of(sent.key[counts]).tolist(), strict=True
    ):
        near[key] = (send, case.name(kind))
    close = [
        f"{name} on {date_of(day)}"
        for day, name in sorted(value for key, value in near.items() if key != row.key)
        if abs(day - row.send) < period
    ]
    return ", ".join(close) or "none any more"
