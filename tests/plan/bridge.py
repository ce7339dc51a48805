"""Lets the fast planner run on the reference's worlds: plain objects to columns and back."""

from __future__ import annotations

import random
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl

from carillon.columns import People
from carillon.days import date_of, day_number
from carillon.keys import FOLLOWUP_BIT, KIND_MASK, contact_of, event_of, is_followup, kind_of, pack
from carillon.packing import pack_state
from carillon.plan.rows import Rows, Sent, Wanted, find
from carillon.plan.rules import Rules
from carillon.plan.settle import Books, Settled, by_day, settle
from carillon.plan.spread import smoothed
from carillon.plan.working import Task, Working, merge, work_on
from carillon.settings import Settings
from carillon.words import SkipReason
from tests.plan import reference
from tests.plan.worlds import World

WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
NOTHING = np.zeros(0, np.int64)
CODES = np.array([reference.splitmix64(1000 + kind if kind >= 16 else kind) for kind in range(32)], np.uint64)


def settings_of(rules: reference.Rules) -> Settings:
    """The reference's rules as a configuration."""
    window = {
        kind: {
            state: {
                "window_before_days": rule.before,
                "window_after_days": rule.after,
                "pre_window_extension_days": rule.extension,
                "use_month_start": rule.use_month_start,
            }
            for state, rule in getattr(rules, kind).items()
        }
        for kind in ("birthday_windows", "effective_date_windows")
    }
    return Settings.model_validate(
        {
            "timing_constants": {
                "birthday_email_days_before": rules.birthday_days_before,
                "effective_date_days_before": rules.effective_date_days_before,
                "pre_window_exclusion_days": rules.pre_window_days,
                "blackout_dates": sorted(rules.blackout_dates),
                "blackout_weekdays": [WEEKDAYS[day] for day in sorted(rules.blackout_weekdays)],
            },
            "aep_config": {
                "default_dates": [f"{month:02d}-{day:02d}" for month, day in rules.aep_dates],
                "years": rules.aep_years,
            },
            "priorities": {
                word: rules.priorities[kind]
                for kind, word in enumerate(("birthday", "effective_date", "aep", "post_window"))
            },
            "load_balancing": {
                "daily_send_percentage_cap": str(rules.cap_share),
                "ed_daily_soft_limit": rules.ed_soft_limit,
                "ed_soft_limit_percentage": str(rules.ed_soft_share),
                "ed_smoothing_window_days": rules.ed_smoothing_days,
                "overage_threshold": str(rules.overage),
                "catch_up_spread_days": rules.catch_up_days,
                "max_shift_days": rules.max_shift_days,
                "max_emails_per_contact_per_period": rules.max_per_period,
                "period_days": rules.period_days,
            },
            "state_rules": {
                "year_round_exclusion": sorted(rules.year_round),
                "age_exclusion": rules.age_exclusion,
                "unknown_anchor": rules.unknown_anchor,
                **window,
            },
        }
    )


def key_of(contact: int, kind: int | None, event: date | None, followup: bool = False) -> int:
    number = 0 if event is None else day_number(event)
    key = int(pack(np.array([contact]), KIND_MASK if kind is None else kind, np.array([number]))[0])
    return key | (FOLLOWUP_BIT if followup else 0)


def reason_of(word: str | None) -> int:
    return 0 if word is None else int(SkipReason[word.upper()])


def planned_by_carillon(world: World, batches: random.Random | None = None, fresh: bool = False) -> Settled:
    """The fast planner's answer; `batches` cuts and shuffles the contacts at random."""
    rules = Rules.of(settings_of(world.rules))
    task = Task(
        rules,
        day_number(world.today),
        fresh,
        np.array(sorted(c.id for c in world.contacts if c.suppressed), np.int64),
        CODES,
        _extra_of(world),
    )
    contacts = list(world.contacts)
    cuts = [0, len(contacts)]
    if batches is not None:
        batches.shuffle(contacts)
        cuts = sorted({0, len(contacts), *(batches.randrange(len(contacts)) for _ in range(3))})
    parts = [_batch(world, contacts[low:high], task) for low, high in pairwise(cuts)]
    working = merge(parts)
    stored, today = working.stored, task.today
    books = Books(
        planned=by_day(stored.send[stored.reason == 0], None, today),
        left=_left(world),
        smoothing=by_day(stored.ideal[smoothed(stored)], None, today),
        eligible_elsewhere=0,
    )
    return settle(working, books, task, lambda _days, _working: None)


def rows_of(rows: Rows) -> list[reference.Row]:
    """The fast planner's rows as the reference's."""
    return [
        reference.Row(
            contact_id=int(contact_of(rows.key)[n]),
            kind=int(kind_of(rows.key)[n]),
            event=date_of(int(event_of(rows.key)[n])),
            send=date_of(int(rows.send[n])),
            ideal=date_of(int(rows.ideal[n])),
            reason=SkipReason(int(rows.reason[n])).word if rows.reason[n] else None,
            priority=int(rows.priority[n]),
            pinned=bool(rows.pinned[n]),
            followup=bool(is_followup(rows.key)[n]),
        )
        for n in range(len(rows))
    ]


def _batch(world: World, contacts: list[reference.Contact], task: Task) -> Working:
    ids = {contact.id for contact in contacts}
    frame = pl.DataFrame(
        [
            {
                "id": str(contact.id),
                "seed": str(int(np.uint64(contact.seed).astype(np.int64))),
                "email": contact.email or "",
                "zip_code": contact.zip_code or "",
                "state": "",
                "birth_date": contact.birth_date or "",
                "effective_date": contact.effective_date or "",
                "status": contact.status,
                "external_id": "",
            }
            for contact in contacts
        ]
    )
    stored = [row for row in world.stored if row.contact_id in ids]
    reason = np.array([reason_of(row.reason) for row in stored], np.uint8)
    priority = np.array([row.priority for row in stored], np.uint8)
    pinned = np.array([row.pinned for row in stored], bool)
    plan = [
        np.array([key_of(row.contact_id, row.kind, row.event, row.followup) for row in stored], np.int64),
        np.array([day_number(row.send) for row in stored], np.int64),
        np.array([day_number(row.ideal) for row in stored], np.int64),
        pack_state(reason, priority, pinned),
    ]
    sent = [row for row in world.sent if row.contact_id in ids]
    outbox = [
        np.array(column, np.int64)
        for column in (
            [0] * len(sent),
            [row.contact_id for row in sent],
            [KIND_MASK if row.kind is None else row.kind for row in sent],
            [row.followup for row in sent],
            [0 if row.event is None else day_number(row.event) for row in sent],
            [day_number(row.send) for row in sent],
            [row.status not in ("failed", "cancelled") for row in sent],
        )
    ]
    return work_on(task, frame, plan, outbox)


def _left(world: World) -> np.ndarray:
    today = day_number(world.today)
    days = [
        day_number(row.send) - today
        for row in world.sent
        if row.status not in ("failed", "cancelled") and row.send >= world.today
    ]
    return np.bincount(np.array(days, np.int64)).astype(np.int64) if days else NOTHING


def _extra_of(world: World):  # type: ignore[no-untyped-def]
    def extra(people: People, _sent: Sent) -> Wanted:
        mine = [one for one in world.extra if one.contact_id in set(people.id.tolist())]
        if not mine:
            return Wanted.none()
        _, who = find(np.array([one.contact_id for one in mine], np.int64), people.id)
        return Wanted(
            np.array([key_of(one.contact_id, one.kind, one.event, one.followup) for one in mine], np.int64),
            who,
            np.array([day_number(one.ideal) for one in mine], np.int32),
            np.array([day_number(one.deadline) for one in mine], np.int32),
            np.array([one.priority for one in mine], np.uint8),
            np.array([one.respects_windows for one in mine], bool),
        )

    return extra
