"""A made-up book of contacts of any size, the same every time, written straight into a workspace."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import zipcodes
from sqlalchemy import text

from carillon.addresses import seeds
from carillon.campaigns import Instance
from carillon.clock import SystemClock
from carillon.settings import write_default_settings
from carillon.store.bulk import insert_rows
from carillon.store.campaigns import create
from carillon.workspace import Workspace, at

SEED = 20261122
CAMPAIGNS = (
    ("rate_increase", "Rates north", 10, 60),
    ("rate_increase", "Rates south", 11, 75),
    ("seasonal_promo", "Autumn", 20, 40),
    ("policy_update", "New terms", 15, 50),
)
"""Type, name, one contact in so many, and days to the trigger date."""
STEP = 100_000
COLUMNS = ("id", "email", "first_name", "last_name", "phone_number", "zip_code", "state", "birth_date",
           "effective_date", "status", "created_at", "updated_at", "seed")  # fmt: skip


def make_workspace(folder: Path, contacts: int, url: str | None = None) -> Workspace:
    """A workspace for insurance with so many contacts, spread over the country's ZIPs."""
    folder.mkdir(parents=True)
    write_default_settings(folder, "insurance")
    environ = {"CARILLON_PROCESSING__BATCH_SIZE": "100000"}
    if url is not None:
        environ["CARILLON_DATABASE__URL"] = url
    workspace = at(folder, environ, SystemClock())
    workspace.database.migrate()
    for low in range(0, contacts, STEP):
        rows = _rows(low, min(STEP, contacts - low))
        workspace.database.write(lambda connection, r=rows: insert_rows(connection, "contacts", COLUMNS, r))
    return workspace


def change_some(workspace: Workspace, share: float) -> int:
    """Give a share of the contacts, evenly spread, another birth date. Returns how many."""
    step = round(1 / share)
    done = workspace.database.write(
        lambda connection: (
            connection.execute(
                text(
                    "update contacts set birth_date = '1961-' || substr(birth_date, 6)"
                    f" where id % {step} = 0 and birth_date not like '%-02-29'"
                )
            ).rowcount
        )
    )
    return int(done)


def add_campaigns(workspace: Workspace, today: date) -> int:
    """Five open campaigns: one for everybody, four for every so manieth contact. Returns the targets."""
    now = workspace.clock.now()

    def add(connection) -> int:  # type: ignore[no-untyped-def]
        targets = 0
        create(
            connection,
            Instance(0, "initial_blast", "Welcome", start=today + timedelta(days=20)),
            now,
            "bench",
        )
        for type_, name, every, ahead in CAMPAIGNS:
            metadata = {"target_all_contacts": False}
            made = create(connection, Instance(0, type_, name, metadata=metadata), now, "bench")
            targets += connection.execute(
                text(
                    "insert into contact_campaigns (contact_id, campaign_instance_id, trigger_date)"
                    f" select id, {made.id}, '{today + timedelta(days=ahead)}'"
                    f" from contacts where id % {every} = 0"
                )
            ).rowcount
        return targets

    return int(workspace.database.write(add))


def mark_sent(workspace: Workspace, day: int) -> None:
    """What release and dispatch would leave of one day: its planned rows, sent, in the outbox."""

    def send(connection) -> None:  # type: ignore[no-untyped-def]
        connection.exec_driver_sql(
            "insert into outbox (id, contact_id, kind, email_type, event, send, ideal, status, priority, run)"
            " select p.id, p.id >> 31, (p.id >> 16) & 16383, k.email_type, p.id & 65535, p.send, p.ideal,"
            " 'sent', (p.state >> 8) & 255, p.run"
            f" from plan p join plan_kinds k on k.kind = (p.id >> 16) & 16383 where p.send = {day}"
            " and p.state & 15 = 0"
        )
        connection.exec_driver_sql(f"delete from plan where send = {day} and state & 15 = 0")

    workspace.database.write(send)


def _rows(low: int, count: int):  # type: ignore[no-untyped-def]
    chance = np.random.default_rng([SEED, low])
    places = _places()
    place = chance.integers(0, len(places), count)
    emails = [f"person{number}@example.com" for number in range(low, low + count)]
    birth = chance.integers(-13_000, 9_500, count).astype("datetime64[D]").astype(str)
    effective = chance.integers(15_000, 20_500, count).astype("datetime64[D]").astype(str)
    moment = "2026-11-01T00:00:00+00:00"
    return zip(
        range(low + 1, low + count + 1),
        emails,
        ["Anna"] * count,
        ["Sample"] * count,
        ["+15550100"] * count,
        places["zip_code"].gather(place),
        places["state"].gather(place),
        birth.tolist(),
        effective.tolist(),
        ["active"] * count,
        [moment] * count,
        [moment] * count,
        seeds(emails).astype(np.int64).tolist(),
        strict=True,
    )


def _places() -> pl.DataFrame:
    global _cached
    if _cached is None:
        _cached = pl.DataFrame(
            [{"zip_code": z["zip_code"], "state": z["state"]} for z in zipcodes.list_all()]
        ).unique(maintain_order=True)
    return _cached


_cached: pl.DataFrame | None = None
