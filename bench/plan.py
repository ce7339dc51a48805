"""`python -m bench.plan`: the first plan, the floor under it, and the next day's re-plan.

For each size: seconds to read and place, to settle and to write, peak memory; the floor (the same rows
and index written into an empty table and nothing else); the next day with today's emails sent and 0.5 %
of the contacts changed; and, once, a scheduler that works contact by contact.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.book import add_campaigns, change_some, make_workspace, mark_sent
from bench.postgres import server
from carillon.clock import Stopwatch, SystemClock
from carillon.days import day_number
from carillon.plan.run import Request, run
from carillon.store.bulk import insert_arrays, is_sqlite, read_integers
from carillon.store.engine import open_database
from carillon.workspace import at

TODAY = date(2026, 11, 22)
CHANGED = 0.005
CONTACTS_BY_HAND = 3_000
ENVIRON = {"CARILLON_PROCESSING__BATCH_SIZE": "100000"}


def plan_once(folder: Path, environ: dict[str, str], today: date) -> dict[str, float]:
    """Plan in a process of its own, so that its peak memory is known."""
    order = [sys.executable, "-m", "bench.plan", "--child", str(folder), today.isoformat()]
    done = subprocess.run(
        order, env={"PATH": "/usr/bin:/bin", **environ}, capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def child(folder: Path, today: date) -> None:
    """One run, told as JSON on standard output."""
    import os

    workspace = at(folder, os.environ, SystemClock())
    watch = Stopwatch()
    report = run(workspace, Request(today), lambda *_: None, lambda _: None)
    seconds = watch.seconds()
    print(
        json.dumps(
            {
                "seconds": seconds,
                **report.seconds,
                "rows": report.planned + report.skipped,
                "added": report.added,
                "contacts_read": report.contacts_read,
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "over_cap_days": len(report.over_cap),
            }
        )
    )


def floor(folder: Path, environ: dict[str, str], url: str) -> float:
    """Seconds to write the stored rows and their index into an empty table of another database."""
    workspace = at(folder, environ, SystemClock())
    with workspace.database.snapshot() as connection:
        columns = ("id", "send", "ideal", "state", "run")
        arrays = read_integers(connection, columns, "from plan order by id")
    order = arrays[0].argsort()
    arrays = [array[order] for array in arrays]
    workspace.close()
    other = open_database(url, folder)
    create = "create table floor_plan (id {} primary key, send integer not null, ideal integer not null,"
    create += " state integer not null, run integer not null)"

    def write(connection) -> None:  # type: ignore[no-untyped-def]
        connection.exec_driver_sql(create.format("integer" if is_sqlite(connection) else "bigint"))
        insert_arrays(connection, "floor_plan", columns, arrays)
        connection.exec_driver_sql("create index floor_by_day on floor_plan (send)")

    watch = Stopwatch()
    other.write(write)
    seconds = watch.seconds()
    other.write(lambda connection: connection.exec_driver_sql("drop table floor_plan"))
    other.close()
    return seconds


def by_hand() -> float:
    """Contacts a second of a planner that goes contact by contact and email by email."""
    import numpy as np
    from tests.plan import reference

    chance = np.random.default_rng(7)
    zips = {"90001": "CA", "75201": "TX", "33101": "FL", "10001": "NY", "63101": "MO", "60601": "IL"}
    names = list(zips)
    contacts = [
        reference.Contact(
            id=number,
            email=f"person{number}@example.com",
            seed=int(chance.integers(0, 2**63)),
            zip_code=names[int(chance.integers(0, len(names)))],
            birth_date=str(np.datetime64(int(chance.integers(-13_000, 9_500)), "D")),
            effective_date=str(np.datetime64(int(chance.integers(15_000, 20_500)), "D")),
        )
        for number in range(1, CONTACTS_BY_HAND + 1)
    ]
    watch = Stopwatch()
    reference.plan(contacts, [], [], [], reference.default_rules(), TODAY, state_of=zips.get)
    return CONTACTS_BY_HAND / watch.seconds()


def measure(contacts: int, base: Path, url: str | None, campaigns: bool) -> dict[str, float]:
    """All figures of one size."""
    folder = base / f"book-{contacts}"
    environ = dict(ENVIRON)
    if url is not None:
        environ["CARILLON_DATABASE__URL"] = url
    workspace = make_workspace(folder, contacts, url)
    targets = add_campaigns(workspace, TODAY) if campaigns else 0
    first = plan_once(folder, environ, TODAY)
    lowest = floor(folder, environ, url or f"sqlite:///{folder / 'floor.db'}")
    mark_sent(workspace, day_number(TODAY))
    changed = change_some(workspace, CHANGED)
    workspace.close()
    following = plan_once(folder, environ, TODAY + timedelta(days=1))
    return {
        "contacts": contacts,
        "targets": targets,
        **first,
        "floor": lowest,
        "of_floor": first["seconds"] / lowest,
        "contacts_per_second": contacts / first["seconds"],
        "changed": changed,
        "next_day": following["seconds"],
        "next_day_read": following["contacts_read"],
        "next_day_share": following["seconds"] / first["seconds"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, nargs="+", default=[100_000, 1_000_000, 3_000_000])
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument(
        "--campaigns", action="store_true", help="with five open campaigns, one of which targets everybody"
    )
    parser.add_argument("--child", nargs=2, metavar=("DIR", "TODAY"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(Path(options.child[0]), date.fromisoformat(options.child[1]))
        return
    console = Console()
    hand = by_hand()
    results = []
    for contacts in options.contacts:
        base = Path(tempfile.mkdtemp(prefix="carillon-bench-"))
        try:
            if options.database == "sqlite":
                results.append(measure(contacts, base, None, options.campaigns))
            else:
                with server() as url:
                    results.append(measure(contacts, base, url, options.campaigns))
        finally:
            shutil.rmtree(base, ignore_errors=True)
        console.print(f"{contacts:,} contacts done in {results[-1]['seconds']:.1f} s", style="dim")
    what = "plan with five campaigns" if options.campaigns else "plan"
    table = Table(title=f"{what} on {options.database}; by hand: {hand:,.0f} contacts/s")
    for heading in ("contacts", "rows", "read s", "settle s", "write s", "total s", "floor s", "x floor",
                    "x by hand", "peak MiB", "next day s", "share"):  # fmt: skip
        table.add_column(heading, justify="right")
    for result in results:
        result["by_hand"] = result["contacts_per_second"] / hand
        table.add_row(
            f"{result['contacts']:,.0f}",
            f"{result['rows']:,.0f}",
            *(f"{result[name]:.1f}" for name in ("read", "settle", "write", "seconds", "floor")),
            f"{result['of_floor']:.2f}",
            f"{result['by_hand']:.0f}",
            f"{result['peak_mib']:,.0f}",
            f"{result['next_day']:.2f}",
            f"{result['next_day_share']:.3f}",
        )
    console.print(table)
    print(json.dumps({"database": options.database, "by_hand_per_second": hand, "results": results}))


if __name__ == "__main__":
    main()
