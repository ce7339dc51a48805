"""A made-up book of contacts of any size, the same every time, written straight into a workspace."""

from __future__ import annotations

import json
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
from carillon.store.bulk import insert_rows, is_sqlite
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


VARIED = (*COLUMNS, "company", "industry", "tags")
_SYLLABLES = ("ba", "cor", "den", "el", "fi", "gra", "hol", "ing", "jo", "ker", "lan", "mor", "nes", "o",
              "per", "qui", "ros", "sam", "ton", "ul", "ver", "wil", "yo", "zel")  # fmt: skip
_FIRST = ("Anna", "Maria", "Robert", "James", "Linda", "Susan", "David", "Karen", "Zelda", "Omar")
_OFTEN = (0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05, 0.03, 0.015, 0.005)


def make_workspace(folder: Path, contacts: int, url: str | None = None, *, varied: bool = False) -> Workspace:
    """A workspace for insurance with so many contacts, spread over the country's ZIPs.

    `varied`: with names, companies, tags and statuses like people's; one in ten is called Sample.
    """
    folder.mkdir(parents=True)
    write_default_settings(folder, "insurance")
    environ = {"CARILLON_PROCESSING__BATCH_SIZE": "100000"}
    if url is not None:
        environ["CARILLON_DATABASE__URL"] = url
    workspace = at(folder, environ, SystemClock())
    workspace.database.migrate()
    if varied:
        workspace.database.write(lambda c: _fill(c, contacts))
        return workspace
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


def _fill(connection, contacts: int) -> None:  # type: ignore[no-untyped-def]
    """Varied contacts; their indexes are made when all are there, which is many times faster."""
    run = connection.exec_driver_sql
    sqlite = is_sqlite(connection)
    saved = (
        "select type, name, sql from sqlite_master where tbl_name = 'contacts' and sql is not null"
        " and type in ('index', 'trigger') order by type"
        if sqlite
        else "select 'index', indexname, indexdef from pg_indexes where tablename = 'contacts'"
        " and indexname <> 'contacts_pkey'"
    )
    made = run(saved).all()
    for kind, name, _ in made:
        run(f"drop {kind} {name}")
    run("insert into changes (contact_id) values (0)")
    for low in range(0, contacts, STEP):
        insert_rows(connection, "contacts", VARIED, _varied(low, min(STEP, contacts - low)))
    for _, _, statement in made:
        run(statement)
    if sqlite:
        run(
            "insert into contact_tags (tag, contact_id) select t.value, c.id from contacts c"
            " join json_each(c.tags) t where c.tags is not null order by t.value, c.id"
        )


def _varied(low: int, count: int):  # type: ignore[no-untyped-def]
    """The same people with more about them. Tags: of a fifth, of a tenth, of one list, of one in 100,000."""
    chance = np.random.default_rng([SEED, low, 1])
    first = chance.choice(_FIRST, count, p=_OFTEN).tolist()
    parts = chance.choice(_SYLLABLES, (count, 3)).tolist()
    sample, sort, state = chance.random((3, count)).tolist()
    for place, row in enumerate(_rows(low, count)):
        one = dict(zip(COLUMNS, row, strict=True))
        one["first_name"] = first[place]
        if sample[place] > 0.1:
            one["last_name"] = "".join(parts[place]).capitalize()
        tags = [name for name, most in (("customer", 0.3), ("newsletter", 0.1)) if sort[place] < most]
        tags += ["list of may"] if 500_000 <= one["id"] < 550_000 else []
        tags += ["vip"] if one["id"] % 100_000 == 17 else []
        one["tags"] = json.dumps(tags) if tags else None
        one["company"], one["industry"] = f"{one['last_name']} & Co", parts[place][0]
        one["status"] = (
            "bounced" if one["id"] % 5000 == 0 else "opted_out" if state[place] < 0.01 else "active"
        )
        yield tuple(one[name] for name in VARIED)


def _places() -> pl.DataFrame:
    global _cached
    if _cached is None:
        _cached = pl.DataFrame(
            [{"zip_code": z["zip_code"], "state": z["state"]} for z in zipcodes.list_all()]
        ).unique(maintain_order=True)
    return _cached


_cached: pl.DataFrame | None = None
