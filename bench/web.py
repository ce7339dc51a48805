"""`python -m bench.web`: the API and the web application over a book of contacts of any size.

The API as its callers see it: a real server on loopback; of each kind of call so many, at places chosen by
chance, and the 95th percentile of their times. The pages by what they ask of the store (`bench.web_pages`).
With `--plan` the year is planned first, and the forecast of it and the calendar are asked for as well.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from random import Random

import httpx
import numpy as np
import uvicorn
from fastapi import FastAPI
from rich.console import Console
from rich.table import Table

from bench import web_pages
from bench.book import SEED, make_workspace
from bench.postgres import server
from bench.web_book import live
from carillon.clock import Stopwatch
from carillon.plan.run import Request, run
from carillon.store import apikeys
from carillon.web.api import PATH, api_app
from carillon.web.api.paging import cursor_of
from carillon.words import By
from carillon.workspace import Workspace

GOAL = 0.2
"""Seconds, the 95th percentile, of a page of contacts (09-performance)."""
GOAL_FORECAST = 1.0
STATES = ("CA", "NY", "TX", "WY", "VT", "GU")


@contextmanager
def calling(workspace: Workspace) -> Iterator[httpx.Client]:
    """A client of the API, with a key."""
    web = workspace.settings.web.model_copy(update={"api_calls_per_minute": 1_000_000})
    object.__setattr__(workspace, "settings", workspace.settings.model_copy(update={"web": web}))
    now = workspace.clock.now()
    key = workspace.database.write(lambda c: apikeys.create(c, "bench", apikeys.SCOPES, now, "bench"))[1]
    app = FastAPI(openapi_url=None)
    app.mount(PATH, api_app(workspace))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serving = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=serving.run, daemon=True)
    thread.start()
    while not serving.started:
        time.sleep(0.01)
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}{PATH}", headers=headers, trust_env=False, timeout=300
    ) as client:
        yield client
    serving.should_exit = True
    thread.join(10)


def calls(chance: Random, contacts: int) -> dict[str, Callable[[], dict[str, str]]]:
    """Kinds of calls for a page of contacts: what each asks for."""

    def anybody() -> int:
        return chance.randrange(contacts)

    def beginning() -> str:
        return f"person{anybody()}"[: chance.randint(1, 12)]

    def later(begin: str) -> str:
        return cursor_of(f"{begin}{anybody()}@example.com"[:40], anybody())

    def deep_in_a_search() -> dict[str, str]:
        begin = beginning()
        return {"email": begin, "cursor": later(begin)}

    return {
        "first page": lambda: {},
        "a page deep in the list": lambda: {"cursor": cursor_of(anybody())},
        "beginning of an address": lambda: {"email": beginning()},
        "deep in that": deep_in_a_search,
        "deep in a name of many": lambda: {"last_name": "sam", "cursor": cursor_of("sample", anybody())},
        "nobody's last name": lambda: {"last_name": f"x{anybody()}"},
        "state, deep in the list": lambda: {"state": chance.choice(STATES), "cursor": cursor_of(anybody())},
        "bounced": lambda: {"status": "bounced", "cursor": cursor_of(anybody())},
        "name in a state": lambda: {"last_name": "sam", "state": chance.choice(STATES)},
        "address in a state": lambda: {"email": "person1", "state": chance.choice(STATES)},
    }


def measured(client: httpx.Client, path: str, ask: Callable[[], dict[str, str]], n: int) -> list[float]:
    """Seconds of so many calls."""
    times = []
    for _ in range(n):
        watch = Stopwatch()
        answer = client.get(path, params=ask())
        times.append(watch.seconds())
        assert answer.status_code == 200, answer.text
    return times


def measure(workspace: Workspace, contacts: int, n: int, planned: bool) -> web_pages.Times:
    """All kinds of calls and pages."""
    if planned:
        run(workspace, Request(workspace.today()), lambda *_: None, lambda _: None)
    live(workspace)
    if not workspace.database.is_sqlite:
        with workspace.database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("vacuum analyze")
    found, slowest = web_pages.contacts(workspace, n)
    found |= web_pages.others(workspace, max(3, n // 10), planned)
    with calling(workspace) as client:
        for name, ask in calls(Random(SEED), contacts).items():
            found[f"API: {name}"] = measured(client, "/contacts", ask, n)
        if planned:
            found["API: emails of a day"] = measured(client, "/schedules", lambda: {}, n)
            for by in By:
                found[f"forecast of a year by {by}"] = measured(
                    client, "/plan/forecast", lambda by=by: {"by": by.value}, 3
                )
        bulk = [{"email": f"new{number}@example.com", "zip_code": "90210"} for number in range(10_000)]
        watch = Stopwatch()
        assert client.post("/contacts/bulk", json=bulk).status_code == 200
        found["10,000 contacts stored"] = [watch.seconds()]
    for seconds, words in slowest:
        print(f"{1000 * seconds:,.0f} ms  {words}", file=sys.stderr)
    return found


def show(found: dict[str, dict[str, float]]) -> None:
    table = Table("what", "calls", "median ms", "p95 ms", "longest ms")
    for name, one in found.items():
        table.add_row(
            name,
            f"{one['n']:,.0f}",
            *(f"{1000 * one[column]:,.1f}" for column in ("median", "p95", "longest")),
        )
    Console(stderr=True, width=110).print(table)


def lines(times: web_pages.Times, store: str) -> list[str]:
    """Rows for the figures in the README: all kinds that begin alike in one."""
    alike: web_pages.Times = {}
    for name, some in times.items():
        if "stored" not in name:
            head = name if "by state" in name else re.split(r":| of a year", name)[0]
            alike.setdefault(head, []).extend(some)
    found = []
    for head, some in alike.items():
        seconds = (*np.percentile(some, (50, 95)), max(some))
        told = " / ".join(f"{1000 * one:,.0f}" for one in seconds)
        found.append(f"| {store}: {head} | {told} ms ({len(some):,} calls) |")
    return found


def goal_of(name: str) -> float | None:
    """Seconds, the 95th percentile; None: there is none."""
    if "stored" in name or "by state" in name:
        return None
    return GOAL if name.startswith(("contacts", "API")) else GOAL_FORECAST


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--contacts", type=int, default=3_000_000)
    given.add_argument("--calls", type=int, default=100, help="of each kind")
    given.add_argument("--plan", action="store_true", help="plan the year first")
    given.add_argument("--postgres", action="store_true")
    options = given.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="carillon-bench-"))
    try:
        with server() if options.postgres else nullcontext() as url:
            workspace = make_workspace(folder / "w", options.contacts, url, varied=True)
            times = measure(workspace, options.contacts, options.calls, options.plan)
            workspace.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found = {
        name: {
            "n": len(some),
            "median": float(np.percentile(some, 50)),
            "p95": float(np.percentile(some, 95)),
            "longest": max(some),
        }
        for name, some in times.items()
    }
    show(found)
    print(*lines(times, "PostgreSQL" if options.postgres else "SQLite"), sep="\n", file=sys.stderr)
    above = [name for name, one in found.items() if (goal := goal_of(name)) and one["p95"] > goal]
    print(json.dumps({"contacts": options.contacts, "kinds": found, "above_goal": above}))


if __name__ == "__main__":
    main()
