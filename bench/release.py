"""`python -m bench.release`: a day of planned emails dealt out to 200 accounts, and what it costs.

Three casts: relays without limits; relays with a rate and a daily limit; and half of them mailboxes with a
day of 200 slots each, so that most of the room is the relays'. Each release runs in a process of its own, so
that its peak memory is known. The floor is one statement that moves the same rows from the plan into the
outbox, with one account and one moment for all, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from bench.book import make_workspace
from bench.postgres import server
from carillon.accounts import Account
from carillon.clock import ManualClock, Stopwatch
from carillon.days import day_number
from carillon.keys import CONTACT_SHIFT
from carillon.pace.run import release
from carillon.store import accounts, templates
from carillon.store.bulk import insert_rows, is_sqlite
from carillon.store.moments import stamp
from carillon.workspace import Workspace, at

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
"""One in the morning where the workspace is, on a Monday."""
ACCOUNTS, SLOTS = 200, 200
CASTS = ("relays", "limited relays", "half mailboxes")


def fill(workspace: Workspace, cast: str) -> None:
    """One email of today for each contact, and the accounts."""
    today = day_number(workspace.today())

    def work(connection: Connection) -> None:
        run = connection.exec_driver_sql
        run(
            f"insert into plan (id, send, ideal, state, run) select (id << {CONTACT_SHIFT}) | {today + 14},"
            f" {today}, {today} - id % 3, (1 + id % 5) << 8, 1 from contacts"
        )
        run(
            "insert into plan_kinds (kind, email_type, email_template, send_time)"
            " values (0, 'birthday', 'birthday_standard_v1', '08:30') on conflict (kind) do update"
            " set email_template = excluded.email_template"
        )
        templates.ensure_defaults(connection, NOW)
        for number in range(ACCOUNTS):
            accounts.create(connection, _account(cast, number), NOW, "bench")
        if cast == CASTS[2]:
            begin, apart = NOW + timedelta(hours=8), timedelta(seconds=150)
            columns = ("account_id", "send_at", "local_date", "activity_period")
            slots = [
                (account, stamp(begin + place * apart), workspace.today().isoformat(), "normal")
                for account in range(2, ACCOUNTS + 1, 2)
                for place in range(SLOTS)
            ]
            insert_rows(connection, "send_slots", columns, slots)

    workspace.database.write(work)
    with workspace.database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("analyze")


def _account(cast: str, number: int) -> Account:
    name, path = f"account{number}", {"path": "out"}
    made = Account(0, name, f"{name}@agency.example", "maildir", path)
    if cast == CASTS[0]:
        return made
    if cast == CASTS[2] and number % 2:
        return Account(0, name, made.address, "maildir", path, kind="mailbox")
    return Account(0, name, made.address, "maildir", path, daily_limit=40_000, max_per_second=1)


def floor(connection: Connection, today: int) -> None:
    """Move the rows and do nothing else."""
    made = f"'{stamp(NOW)}'"
    run = connection.exec_driver_sql
    run(
        "insert into outbox (id, contact_id, kind, followup, email_type, event, send, ideal, send_time,"
        " status, priority, run, email_template, send_at, account_id, attempts, channel, created_at,"
        " updated_at, domain)"
        f" select p.id, p.id >> {CONTACT_SHIFT}, 0, 0, 'birthday', p.id & 65535, p.send, p.ideal, '08:30',"
        f" 'scheduled', (p.state >> 8) & 255, p.run, 'birthday_standard_v1', {_moment(connection)}, 1, 0,"
        f" 'email', {made}, {made}, 'example.com' from plan p where p.send = {today} order by p.id"
    )
    run(f"insert into changes (contact_id) select id >> {CONTACT_SHIFT} from plan where send = {today}")
    run(f"delete from plan where send = {today}")


def _moment(connection: Connection) -> str:
    return f"'{stamp(NOW)}'" + ("" if is_sqlite(connection) else "::timestamptz")


def child(folder: Path, what: str) -> None:
    """One release, or the floor, told as JSON on standard output."""
    workspace = at(folder, os.environ, ManualClock(NOW))
    watch = Stopwatch()
    if what == "floor":
        workspace.database.write(lambda connection: floor(connection, day_number(workspace.today())))
        found: dict[str, float] = {}
    else:
        report = release(workspace)
        found = {"released": report.released, "no_room": report.no_room}
    seconds = watch.seconds()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mib": peak, **found}))


def run_child(folder: Path, environ: dict[str, str], what: str) -> dict[str, float]:
    order = [sys.executable, "-m", "bench.release", "--child", str(folder), what]
    done = subprocess.run(
        order, env={"PATH": "/usr/bin:/bin", **environ}, stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def measure(emails: int, base: Path, url: Callable[[str], str | None], casts: list[str]) -> list[dict]:  # type: ignore[type-arg]
    """Each cast once, and the floor, on workspaces of their own."""
    found = []
    for cast in (*casts, "floor"):
        name = f"{cast.replace(' ', '_')}_{emails}"
        address = url(name)
        workspace = make_workspace(base / name, emails, address)
        fill(Workspace(workspace.folder, workspace.settings, workspace.database, ManualClock(NOW)), cast)
        workspace.close()
        environ = {} if address is None else {"CARILLON_DATABASE__URL": address}
        done = run_child(base / name, environ, cast)
        found.append({"cast": cast, "emails": emails, **done})
        shutil.rmtree(base / name, ignore_errors=True)
        Console(stderr=True).print(f"{emails:,} by {cast}: {done['seconds']:.1f} s", style="dim")
    lowest = found.pop()["seconds"]
    return [one | {"floor": lowest, "of_floor": one["seconds"] / lowest} for one in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--emails", type=int, nargs="+", default=[100_000, 1_000_000, 3_000_000])
    parser.add_argument("--casts", nargs="+", default=list(CASTS), choices=CASTS)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--child", nargs=2, metavar=("DIR", "WHAT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(Path(options.child[0]), options.child[1])
        return
    results = []
    for emails in options.emails:
        base = Path(tempfile.mkdtemp(prefix="carillon-bench-"))
        try:
            if options.database == "sqlite":
                results += measure(emails, base, lambda _: None, options.casts)
            else:
                with server() as running:
                    results += measure(emails, base, lambda name, r=running: created(r, name), options.casts)  # type: ignore[misc]
        finally:
            shutil.rmtree(base, ignore_errors=True)
    table = Table(title=f"A day released over {ACCOUNTS} accounts on {options.database}")
    for heading in ("cast", "emails", "seconds", "emails/s", "x floor", "growth", "peak MiB", "no room"):
        table.add_column(heading, justify="left" if heading == "cast" else "right")
    per_email: dict[str, float] = {}
    for one in results:
        share = one["seconds"] / one["emails"]
        one["growth"] = share / per_email.setdefault(one["cast"], share)
        table.add_row(
            one["cast"],
            f"{one['emails']:,}",
            f"{one['seconds']:.1f}",
            f"{one['emails'] / one['seconds']:,.0f}",
            f"{one['of_floor']:.2f}",
            f"{one['growth']:.2f}",
            f"{one['peak_mib']:,.0f}",
            f"{one['no_room']:,}",
        )
    Console(stderr=True).print(table)
    print(json.dumps({"database": options.database, "results": results}))


def created(running: str, name: str) -> str:
    """The URL of a new database on a server."""
    from carillon.store.engine import open_database

    admin = open_database(running, Path())
    name = "".join(letter if letter.isalnum() else "_" for letter in name)
    with admin.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(f"create database {name}")
    admin.close()
    return running.replace("/postgres?", f"/{name}?")


if __name__ == "__main__":
    main()
