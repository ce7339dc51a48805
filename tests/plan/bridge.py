"""Lets the fast planner run on the reference's worlds: plain objects to columns and back."""

from __future__ import annotations

import dataclasses
import random
from datetime import UTC, date, datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from carillon.campaigns import Campaign, CampaignType, Instance
from carillon.days import date_of, day_number
from carillon.keys import FOLLOWUP_BIT, KIND_MASK, contact_of, event_of, is_followup, kind_of, pack
from carillon.packing import pack_state
from carillon.plan.campaigns import Campaigns
from carillon.plan.hashing import code_table
from carillon.plan.rows import Rows
from carillon.plan.rules import Rules
from carillon.plan.settle import Books, Settled, by_day, check, settle
from carillon.plan.spread import smoothed
from carillon.plan.working import Batch, Task, Working, merge, work_on
from carillon.settings import Settings
from carillon.store.planning import Suppressed
from carillon.store.planning_campaigns import ANSWER_COLUMNS, TARGET_COLUMNS
from carillon.words import FIRST_CAMPAIGN, SkipReason, Standing, Tier
from tests.plan import reference
from tests.plan.reference_campaigns import json_object
from tests.plan.worlds import World

WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
NOTHING = np.zeros(0, np.int64)
ZONE = ZoneInfo("America/Chicago")


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
                "followup_days_after": rules.followup_days_after,
                "followup_lookback_days": rules.followup_lookback_days,
            },
            "features": {"campaigns": rules.campaigns, "followups": rules.followups},
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
    campaigns = Campaigns.of(campaigns_of(world), ZONE, world.rules.campaigns)
    task = Task(
        rules,
        day_number(world.today),
        fresh,
        suppressed(world),
        code_table({FIRST_CAMPAIGN + number: name for number, name in campaigns.names.items()}),
        campaigns,
        ZONE,
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
    settled = settle(working, books, task, lambda _days, _working: None)
    check(settled, task)
    return settled


def suppressed(world: World) -> Suppressed:
    """Who is suppressed for what."""
    found: dict[str, list[int]] = {"all": [c.id for c in world.contacts if c.suppressed]}
    for contact in world.contacts:
        for scope in contact.refuses:
            found.setdefault(scope, []).append(contact.id)
    return Suppressed({scope: np.array(sorted(ids), np.int64) for scope, ids in found.items()})


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
            tier=Tier(int(rows.tier[n])).email_type if is_followup(rows.key)[n] else None,
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
                "created_at": noon(contact.created),
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
        pack_state(reason, priority, pinned, np.array([tier_of(row.tier) for row in stored], np.uint8)),
    ]
    sent = [row for row in world.sent if row.contact_id in ids]
    outbox = [
        np.array(column, np.int64)
        for column in (
            [row.contact_id for row in sent],
            [KIND_MASK if row.kind is None else row.kind for row in sent],
            [row.followup for row in sent],
            [0 if row.event is None else day_number(row.event) for row in sent],
            [day_number(row.send) for row in sent],
            [standing_of(row.status) for row in sent],
            [row.priority for row in sent],
        )
    ]
    about = world.campaigns
    targets = [
        (str(t.contact_id), str(t.instance_id), t.trigger, noon(t.created), "pending")
        for t in about.targets
        if t.contact_id in ids
    ]
    answers = [(str(a.contact_id), noon(a.day), a.data or "") for a in about.answers if a.contact_id in ids]
    clicks = [key_of(c.contact_id, c.kind, c.event, c.followup) for c in about.clicks if c.contact_id in ids]
    return work_on(
        task,
        Batch(
            frame,
            plan,
            outbox,
            _texts(targets, TARGET_COLUMNS) if world.rules.campaigns else None,
            np.array(clicks, np.int64),
            _texts(answers, ANSWER_COLUMNS),
        ),
    )


def campaigns_of(world: World) -> list[Campaign]:
    """The reference's types and instances as Carillon's."""
    fields = [field.name for field in dataclasses.fields(CampaignType)]
    types = {
        one.name: CampaignType(**{name: getattr(one, name) for name in fields})
        for one in world.campaigns.types
    }
    return [
        Campaign(
            types[one.type],
            Instance(
                one.id,
                one.type,
                one.name,
                status=one.status,
                start=one.active_start,
                end=one.active_end,
                metadata=json_object(one.metadata),
                created=datetime.combine(one.created, time(18), UTC),
            ),
        )
        for one in world.campaigns.instances
    ]


def standing_of(status: str) -> int:
    """What the store's statement makes of an outbox status."""
    known = {
        "failed": Standing.UNSENT,
        "cancelled": Standing.UNSENT,
        "sent": Standing.SENT,
        "delivered": Standing.SENT,
        "scheduled": Standing.RELEASED,
        "processing": Standing.RELEASED,
    }
    return int(known.get(status, Standing.GONE))


def tier_of(word: str | None) -> int:
    return 0 if word is None else next(int(tier) for tier in Tier if tier.email_type == word)


def noon(day: date | None) -> str:
    """A moment of that day, as stored."""
    return "" if day is None else f"{day}T18:00:00Z"


def _texts(rows: list[tuple[str, ...]], columns: tuple[str, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _left(world: World) -> np.ndarray:
    today = day_number(world.today)
    days = [
        day_number(row.send) - today
        for row in world.sent
        if row.kind is not None and row.status not in ("failed", "cancelled") and row.send >= world.today
    ]
    return np.bincount(np.array(days, np.int64)).astype(np.int64) if days else NOTHING
