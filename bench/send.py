"""`python -m bench.send`: from claim to recorded, into Postfix's `smtp-sink`.

Two-part emails of about 5 kB over ten connections, beside `smtp-source` (C), nodemailer (pooled),
django-post-office and a plain loop of `EmailMessage` and aiosmtplib (`send_others`), in one run; then
claiming and recording alone, and two dispatchers on PostgreSQL beside one. What it needs it fetches into
`--cache`, or into a folder that is gone afterwards; without `smtp-sink` a small sink in Python stands in,
and is the slower half of every figure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import send_others as others
from bench.postgres import server as postgres
from bench.send_others import CONNECTIONS, HTML, TEXT
from carillon.accounts import Account
from carillon.clock import Stopwatch, SystemClock
from carillon.days import day_number
from carillon.keys import CONTACT_SHIFT
from carillon.rates import Limits
from carillon.send.books import StoreBooks
from carillon.send.run import dispatch
from carillon.store import accounts, templates
from carillon.store.bulk import insert_rows
from carillon.store.dispatch import Outcome
from carillon.store.engine import Connection, open_database
from carillon.store.intents import Intent
from carillon.store.moments import stamp
from carillon.templates import Source
from carillon.words import Status
from carillon.workspace import Workspace, at

GROUPS = (10, 100)
"""Emails recorded together where claiming and recording are measured alone."""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def sink(postfix: Path | None) -> Iterator[int]:
    """A server that takes everything; its port."""
    port = free_port()
    if postfix is None:
        order, environ = [sys.executable, "-m", "bench.send", "--sink", str(port)], dict(os.environ)
    else:
        order = [str(postfix / "usr/sbin/smtp-sink"), "-u", "nobody", f"127.0.0.1:{port}", "1000"]
        environ = others.postfix_environment(postfix)
    with subprocess.Popen(order, env=environ) as process:
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield port
        finally:
            process.kill()


async def python_sink(port: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                writer.write(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 2.0.0 Ok\r\n")
            else:
                writer.write(b"250 2.0.0 Ok\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        await asyncio.Event().wait()


def make_workspace(folder: Path, url: str, port: int, emails: int) -> Workspace:
    """A workspace with so many emails that are due."""
    folder.mkdir()
    (folder / "carillon.yaml").write_text(f"database: {{url: '{url}'}}\n", encoding="utf-8")
    database = open_database(url, folder)
    database.migrate()
    database.close()
    workspace = at(folder, {}, SystemClock())
    today, now = day_number(workspace.today()), datetime.now(UTC)
    settings = {"host": "127.0.0.1", "port": port, "security": "none", "connections": CONNECTIONS}

    def work(connection: Connection) -> None:
        accounts.create(connection, Account(0, "main", "ann@agency.example", "smtp", settings), now, "bench")
        made = templates.add(
            connection, Source("five", 0, "Hello {{ first_name }}", HTML, TEXT), now, "bench"
        )
        templates.activate(connection, "five", made.version, now, "bench")
        people = range(1, emails + 1)
        columns = ("id", "email", "first_name", "zip_code", "birth_date", "status")
        rows = [
            (one, f"p{one}@example.com", f"Person{one}", "75201", "1960-06-18", "active") for one in people
        ]
        insert_rows(connection, "contacts", columns, rows)
        row = {
            "kind": 0, "followup": 0, "email_type": "birthday", "event": today + 15, "send": today + 1,
            "ideal": today + 1, "status": "scheduled", "priority": 5, "email_template": "five",
            "send_at": stamp(now - timedelta(minutes=5)), "account_id": 1, "attempts": 0,
            "channel": "email", "domain": "example.com",
        }  # fmt: skip
        ids = ((one << CONTACT_SHIFT) | (today + 15) for one in people)
        mail = [(number, number >> CONTACT_SHIFT, *row.values()) for number in ids]
        insert_rows(connection, "outbox", ("id", "contact_id", *row), mail)

    workspace.database.write(work)
    return workspace


def dispatched(folder: Path, workers: int) -> float:
    """Seconds that so many dispatchers, each a process of its own, need for all that is due."""
    order = [sys.executable, "-m", "bench.send", "--child", str(folder)]
    children = [
        subprocess.Popen(order, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    watch = Stopwatch()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "done\n"
    seconds = watch.seconds()
    for child in children:
        child.communicate()
    return seconds


def one_dispatcher(folder: Path) -> None:
    workspace = at(folder, {}, SystemClock())
    print("ready", flush=True)
    sys.stdin.readline()
    asyncio.run(dispatch(workspace, asyncio.Event(), once=True, local_only=False))
    print("done", flush=True)


def claim_and_record(workspace: Workspace, emails: int, group: int) -> float:
    """Emails a second without rendering and network: outcomes and intents in groups, as the engine's."""
    account = Account(1, "main", "ann@agency.example", "smtp")
    books = StoreBooks(workspace, account, Limits(), lambda *_: {}, frozenset())
    basis = "||".join(("p{0}@example.com", "1960-06-18")).replace("||", "|") + "||75201"
    done: list[Outcome] = []
    now, watch = stamp(datetime.now(UTC)), Stopwatch()
    while rows := books.claim(CONNECTIONS * 16):
        for begin in range(0, len(rows), group):
            part = rows[begin : begin + group]
            intents = [
                Intent(row.id, row.token, f"<{row.id}@x>", basis.format(row.contact_id)) for row in part
            ]
            allowed = books.commit(done, intents)
            assert len(allowed) == len(part)
            done = [
                Outcome(row.id, row.token, Status.SENT, provider_id="Q", render_hash="0" * 64, sent_at=now)
                for row in part
            ]
    books.commit(done, [])
    return emails / watch.seconds()


def measure(base: Path, port: int, emails: int, cache: Path, postfix: Path | None) -> dict[str, float]:
    """Emails a second, by what sends them."""
    found: dict[str, float] = {}

    def ours(name: str, url: str, workers: int) -> None:
        workspace = make_workspace(base / name.replace(" ", "-"), url, port, emails)
        found[name] = emails / dispatched(workspace.folder, workers)
        with workspace.database.snapshot() as connection:
            sent = connection.exec_driver_sql(
                "select count(*) from outbox where status = 'sent'"
            ).scalar_one()
        assert sent == emails, f"{sent} of {emails} sent"
        workspace.close()

    def alone(name: str, url: str, group: int) -> None:
        workspace = make_workspace(base / name.replace(" ", "-"), url, port, emails)
        found[name] = claim_and_record(workspace, emails, group)
        workspace.close()

    ours("carillon, SQLite", f"sqlite:///{base / 'one.db'}", 1)
    if postfix is not None:
        found["smtp-source"] = others.smtp_source(postfix, port, emails)
    if (node := others.fetched(cache, "nodemailer")) is not None:
        found["nodemailer"] = others.nodemailer(node, port, emails)
    # These two take their time: a part of the emails is enough to know their speed.
    found["EmailMessage + aiosmtplib"] = asyncio.run(others.plain_loop(port, emails // 10))
    if (office := others.fetched(cache, "office")) is not None:
        found["django-post-office"] = others.post_office(office, base, port, emails // 10)
    for group in GROUPS:
        alone(f"claim and record, SQLite, groups of {group}", f"sqlite:///{base / f'alone{group}.db'}", group)
    with postgres() as url:
        names = ("one", "two", *(f"alone{group}" for group in GROUPS))
        admin = open_database(url, base)
        for name in names:
            with admin.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                connection.exec_driver_sql(f"create database {name}")
        admin.close()
        named = {name: url.replace("/postgres?", f"/{name}?") for name in names}
        ours("carillon, PostgreSQL", named["one"], 1)
        ours("carillon, PostgreSQL, two dispatchers", named["two"], 2)
        for group in GROUPS:
            alone(f"claim and record, PostgreSQL, groups of {group}", named[f"alone{group}"], group)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--emails", type=int, default=20_000)
    parser.add_argument("--cache", type=Path, help="a folder to keep what is fetched")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--sink", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return one_dispatcher(options.child)
    if options.sink:
        return asyncio.run(python_sink(options.sink))
    base = Path(tempfile.mkdtemp(prefix="carillon-bench-"))
    cache = (options.cache or base / "cache").absolute()
    try:
        postfix = others.fetched(cache, "postfix")
        with sink(postfix) as port:
            found = measure(base, port, options.emails, cache, postfix)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    ours = found["carillon, SQLite"]
    table = Table(title=f"{options.emails:,} emails over {CONNECTIONS} connections")
    for heading in ("what", "emails/s", "carillon on SQLite is"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for name, speed in found.items():
        table.add_row(name, f"{speed:,.0f}", f"{ours / speed:.2f} x")
    Console().print(table)
    print(json.dumps({"emails": options.emails, "sink": "smtp-sink" if postfix else "python",
                      "per_second": {name: round(speed, 1) for name, speed in found.items()}}))  # fmt: skip
    return None


if __name__ == "__main__":
    main()
