"""What an account or a campaign says of the hour emails leave in, changed key by key.

In the caller's transaction, and in the log that belongs to it. Sequences say it in their files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from carillon.campaigns import Instance
from carillon.errors import InputError
from carillon.settings_checks import did_you_mean
from carillon.settings_timing import KEY, SmartOverride, override_from, with_override
from carillon.settings_values import plain
from carillon.store import accounts, audit, campaigns, outreach
from carillon.store.bulk import is_sqlite
from carillon.store.json_values import object_of
from carillon.store.timing_report import only

_LISTS = ("preferred_send_times", "preferred_days")


def change(
    connection: Connection,
    account: str | None,
    campaign: str | None,
    pairs: Mapping[str, str],
    now: datetime,
    by: str,
) -> None:
    """Let an account, or else a campaign, say this; an empty value takes back what was said.

    Raises InputError where there is none of the name, or it cannot say so.
    """
    if account is not None:
        found = accounts.find(connection, account, to_change=True)
        stored = connection.execute(
            text("select smart_scheduling from accounts where id = :id"), {"id": found.id}
        ).scalar()
        old = override_from(object_of(stored), f"account {account}")
        new = _changed(old, pairs, f"account {account}")
        _store(connection, "accounts", "smart_scheduling", found.id, None if new is None else plain(new))
        _note(connection, f"account {account}", old, new, now, by)
        return
    which = only(connection, campaign, None)
    if which.instance is not None:

        def edit(instance: Instance) -> Instance:
            old = override_from(instance.metadata.get(KEY), f"campaign {campaign}")
            new = _changed(old, pairs, f"campaign {campaign}")
            return replace(instance, metadata=with_override(instance.metadata, new))

        campaigns.change(connection, campaign or "", edit, now, by)
        return
    known = outreach.find(connection, campaign or "", to_change=True)
    new = _changed(known.smart_scheduling, pairs, f"campaign {campaign}")
    settings = connection.execute(
        text("select settings from outreach_campaigns where id = :id"), {"id": known.id}
    ).scalar()
    _store(connection, "outreach_campaigns", "settings", known.id, with_override(object_of(settings), new))
    _note(connection, f"outreach campaign {campaign}", known.smart_scheduling, new, now, by)


def _changed(old: SmartOverride | None, pairs: Mapping[str, str], whose: str) -> SmartOverride | None:
    said: dict[str, Any] = {} if old is None else dict(old.named)
    for key, value in pairs.items():
        if key not in SmartOverride.model_fields:
            raise InputError(
                f"there is no setting smart_scheduling.{key}{did_you_mean(key, SmartOverride.model_fields)}"
            )
        if not value:
            said.pop(key, None)
            continue
        said[key] = value.replace(",", " ").split() if key in _LISTS else value
    return override_from(said, whose)


def _store(connection: Connection, table: str, column: str, number: int, value: object) -> None:
    mark = ":value" if is_sqlite(connection) else "cast(:value as jsonb)"
    connection.execute(
        text(f"update {table} set {column} = {mark} where id = :id"),
        {"id": number, "value": None if value is None else json.dumps(value, ensure_ascii=False)},
    )


def _note(
    connection: Connection,
    what: str,
    old: SmartOverride | None,
    new: SmartOverride | None,
    now: datetime,
    by: str,
) -> None:
    before, after = ({KEY: None if one is None else plain(one)} for one in (old, new))
    if before != after:
        audit.note(connection, by, what, now, before, after)
