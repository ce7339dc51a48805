"""A day's mail ready to leave: a workspace, a real SMTP server, real dispatchers, each a process of its own.

What belongs here: setting the scene and asking it. What does not: any expectation.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from carillon.accounts import Account
from carillon.clock import SystemClock
from carillon.days import day_number
from carillon.keys import CONTACT_SHIFT
from carillon.store import accounts
from carillon.store.bulk import insert_rows
from carillon.store.engine import Connection
from carillon.store.moments import stamp
from carillon.workspace import Workspace, at
from tests.doubles.smtp_server import Record, read_record

ROOT = Path(__file__).parents[2]
TEMPLATE = "birthday_standard_v1"
NO_WINDOWS_ZIP = "75201"
PATIENCE_SECONDS = 300.0
"""Longer than an email that was put off waits before it is tried again."""


@dataclass
class Day:
    """A workspace with mail that is due, and the server it goes to."""

    workspace: Workspace
    record_file: Path
    connections: int
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    # -- the scene ------------------------------------------------------------------------------------

    def add(self, emails: int, first: int = 1, *, send_at: datetime | None = None, **more: Any) -> list[int]:
        """Contacts `first`, `first` + 1, ... with an email each; returns the emails' ids.

        They are of tomorrow, so that midnight is no matter.
        """
        today = day_number(self.workspace.today())
        moment = stamp(send_at or datetime.now(UTC) - timedelta(minutes=1))
        people = range(first, first + emails)
        ids = [(one << CONTACT_SHIFT) | (today + 15) for one in people]
        row = {
            "kind": 0, "followup": 0, "email_type": "birthday", "event": today + 15, "send": today + 1,
            "ideal": today + 1, "status": "scheduled", "priority": 5, "email_template": TEMPLATE,
            "send_at": moment, "account_id": 1, "attempts": 0, "channel": "email", "domain": "example.com",
        } | more  # fmt: skip

        def work(connection: Connection) -> None:
            insert_rows(
                connection,
                "contacts",
                ("id", "email", "first_name", "zip_code", "status"),
                [
                    (one, f"person{one}@example.com", f"Person {one}", NO_WINDOWS_ZIP, "active")
                    for one in people
                ],
            )
            insert_rows(
                connection,
                "outbox",
                ("id", "contact_id", *row),
                [(number, one, *row.values()) for number, one in zip(ids, people, strict=True)],
            )

        self.workspace.database.write(work)
        return ids

    def execute(self, statement: str) -> None:
        self.workspace.database.write(lambda connection: connection.exec_driver_sql(statement))

    def end_leases(self) -> None:
        """As if a minute had passed: also the living lose their claims, and must notice."""
        self.execute("update outbox set lease_until = '2020-01-01T00:00:00.000Z' where status = 'processing'")

    # -- dispatchers ----------------------------------------------------------------------------------

    def start(self, *words: str, command: str = "send") -> subprocess.Popen[str]:
        """`carillon send`, or another command that sends, in a process of its own."""
        with (self.workspace.folder / "dispatchers.log").open("a") as log:
            process = self._popen(log, command, *words)
        self.processes.append(process)
        return process

    def kill(self, process: subprocess.Popen[str], how: signal.Signals) -> int:
        process.send_signal(how)
        code = process.wait(PATIENCE_SECONDS)
        self.processes.remove(process)
        return code

    def carillon(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Another command, to its end."""
        with self._popen(subprocess.PIPE, *words) as process:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def finish(self) -> None:
        """Run dispatchers in peace until nothing is scheduled."""
        for _ in range(20):
            self.end_leases()
            # What was put off for a minute need not be waited for.
            self.execute("update outbox set send_at = '2020-01-01T00:00:00.000Z' where status = 'scheduled'")
            done = self.carillon("send", "--once")
            assert done.returncode == 0, done.stderr + done.stdout
            counts = self.counts()
            if not counts["scheduled"] and not counts["processing"]:
                return
        raise AssertionError(f"mail stays where it is: {counts}")

    # -- questions ------------------------------------------------------------------------------------

    def rows(self, columns: str, rest: str = "") -> list[tuple[Any, ...]]:
        with self.workspace.database.snapshot() as connection:
            found = connection.exec_driver_sql(f"select {columns} from outbox {rest}")
            return [tuple(row) for row in found]

    def counts(self) -> Counter[str]:
        """Emails by status."""
        return Counter(dict(self.rows("status, count(*)", "group by status")))

    def record(self) -> Record:
        return read_record(self.record_file)

    def wait_until_taken(self, emails: int) -> int:
        """Wait until the server has taken so many, or there is no more; returns how many it has."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            taken = self.record().taken.total()
            if taken >= emails or not self.counts().keys() & {"scheduled", "processing"}:
                return taken
            assert all(one.poll() is None for one in self.processes), "a dispatcher ended by itself"
            time.sleep(0.01)
        raise AssertionError(f"after {PATIENCE_SECONDS} s {taken} of {emails} emails")

    def _popen(self, output: int | IO[str], *words: str) -> subprocess.Popen[str]:
        order = [sys.executable, "-m", "carillon", "-w", str(self.workspace.folder), *words]
        return subprocess.Popen(order, cwd=ROOT, stdout=output, stderr=output, text=True, env=_environment())


@contextmanager
def day_of(
    folder: Path, url: str, *, connections: int = 4, server: tuple[str, ...] = (), **limits: Any
) -> Iterator[Day]:
    """A day on the database at `url`. `server`: words for the SMTP server; `limits`: of the account."""
    (folder / "carillon.yaml").write_text(
        f"database: {{url: '{url}'}}\nprocessing: {{max_retry_attempts: 5, retry_delay: 0}}\n",
        encoding="utf-8",
    )
    workspace = at(folder, {}, SystemClock())
    record = folder / "record.txt"
    order = [sys.executable, "-m", "tests.doubles.smtp_server", "--record", str(record), *server]
    with subprocess.Popen(order, cwd=ROOT, stdout=subprocess.PIPE, text=True) as smtp:
        assert smtp.stdout is not None
        port = int(smtp.stdout.readline())
        settings = {"host": "127.0.0.1", "port": port, "security": "none", "connections": connections}
        account = replace(Account(0, "main", "ann@agency.example", "smtp", settings), **limits)
        workspace.database.write(lambda c: accounts.create(c, account, datetime.now(UTC), "test"))
        day = Day(workspace, record, connections)
        try:
            yield day
        finally:
            for process in list(day.processes):
                day.kill(process, signal.SIGKILL)
            smtp.kill()
            workspace.close()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("CARILLON_")}
