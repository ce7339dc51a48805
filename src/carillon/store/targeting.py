"""A campaign's targets changed: some, all there are, or all for ever. One place for every face.

All writing happens in the caller's transaction. Rows are those of `campaign_targets`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl
from sqlalchemy import Connection

from carillon.campaigns import FIRST_DAY, LAST_DAY, Campaign, Instance, Outlook, outlook, usual_trigger
from carillon.errors import InputError
from carillon.store import campaign_targets, campaigns, meant
from carillon.store.campaign_targets import Outcome


@dataclass(frozen=True)
class Everybody:
    """What became of the wish that a campaign goes to all contacts, or no longer does."""

    campaign: Campaign
    changed: bool
    """Whether it was otherwise before."""
    removed: int
    """Named targets that were taken away with it."""


def check_date(campaign: Campaign, trigger: date | None) -> None:
    """Raise InputError for a trigger date that no email can be planned for."""
    if trigger is not None and outlook(campaign, trigger, date.min, 0) is Outlook.NEVER:
        raise InputError(
            f"the trigger date {trigger}: no email can be planned for it. It, and the day "
            f"{campaign.days_before_event} days before it, must lie between {FIRST_DAY} and {LAST_DAY}."
        )


def rows_of(contacts: Iterable[tuple[int | None, str | None, str | None, date | None]]) -> pl.DataFrame:
    """Rows out of contact id, external id, address and trigger date; the line is the place, from 0."""
    given = list(contacts)
    days = pl.Series("trigger_date", [one[3].isoformat() if one[3] else None for one in given], pl.String)
    return meant.rows_of(one[:3] for one in given).with_columns(days)


def add_some(
    connection: Connection, campaign: Campaign, rows: pl.DataFrame, trigger: date | None, today: date,
    now: datetime,
) -> Outcome:  # fmt: skip
    """Make contacts targets on the dates of their rows, else on `trigger`, else on the usual one.

    Raises InputError for a date that no email can be planned for.
    """
    day = trigger or usual_trigger(campaign, today)
    dated = rows.with_columns(pl.col("trigger_date").fill_null(day.isoformat()))
    for one in dated["trigger_date"].unique():
        check_date(campaign, date.fromisoformat(one))
    return campaign_targets.add(connection, campaign.instance.id, [dated], now)


def remove_some(
    connection: Connection, campaign: Campaign, rows: pl.DataFrame, trigger: date | None
) -> Outcome:
    """Take targets away: on the dates of their rows, else on `trigger`, else on all dates."""
    dated = rows
    if trigger is not None:
        dated = rows.with_columns(pl.col("trigger_date").fill_null(trigger.isoformat()))
    return campaign_targets.remove(connection, campaign.instance.id, [dated])


def go_to_everybody(
    connection: Connection, campaign: Campaign, wanted: bool, now: datetime, by: str
) -> Everybody:
    """Let a campaign go to all contacts, also those to come; or no more, nor to anybody by name."""

    def flagged(old: Instance) -> Instance:
        return replace(old, metadata=old.metadata | {"target_all_contacts": wanted})

    instance, changed = campaign.instance, campaign.target_all_contacts != wanted
    if changed:
        instance, _ = campaigns.change(connection, instance.name, flagged, now, by)
    removed = 0 if wanted else campaign_targets.remove_everybody(connection, instance.id, None)
    return Everybody(replace(campaign, instance=instance), changed, removed)


def outlooks(
    campaign: Campaign, by_date: Mapping[str, int], today: date, max_shift_days: int
) -> dict[str, int]:
    """How many of some targets, counted by trigger date, have which outlook."""
    found: dict[str, int] = {}
    for day, n in by_date.items():
        word = outlook(campaign, date.fromisoformat(day), today, max_shift_days).value
        found[word] = found.get(word, 0) + n
    return found
