"""A real server on loopback, over a workspace with one email that was sent."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest
import uvicorn
from sqlalchemy import text

from carillon.clock import ManualClock
from carillon.days import day_number
from carillon.store import templates
from carillon.tokens import LinkKeys, Purpose, Ticket, open_keys
from carillon.web.public import public_app
from carillon.workspace import Workspace, at
from tests.contract.databases import sqlite_url

NOW = datetime(2026, 6, 4, 15, 30, tzinfo=UTC)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
SCHEDULE = 1_000


@dataclass
class Site:
    """The server, and what is behind it."""

    client: httpx.Client
    workspace: Workspace
    keys: LinkKeys

    def link(self, purpose: Purpose, contact: int = 1, schedule: int = SCHEDULE, url: str = "") -> str:
        return f"/{purpose.value}/{self.keys.sign(purpose, Ticket(contact, schedule, url))}"

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with self.workspace.database.snapshot() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def everything(self) -> list[list[tuple[object, ...]]]:
        """All that the public could change."""
        tables = ("suppressions", "contact_events", "raw_messages", "tracking_clicks", "outbox", "changes",
                  "contacts", "api_keys")  # fmt: skip
        return [self.rows(f"select * from {table}") for table in tables]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / "carillon.yaml").write_text(
        f"database: {{url: '{sqlite_url(tmp_path)}'}}\n"
        "sending: {public_url: 'https://mail.example.com', sender_name: Ann's Agency,"
        " postal_address: 12 Main Street}\n"
        "tracking: {opens: true, clicks: true}\n"
    )
    made = at(tmp_path, {}, ManualClock(NOW))
    day = day_number(date(2026, 6, 4))

    def fill(connection):  # type: ignore[no-untyped-def]
        templates.ensure_defaults(connection, NOW)
        for number, name in ((1, "Maria<b>"), (2, "Tom")):
            connection.execute(
                text("insert into contacts (id, email, first_name) values (:id, :email, :name)"),
                {"id": number, "email": f"{name[:3].lower()}@example.com", "name": name},
            )
        for number, kind, status in (
            (SCHEDULE, "birthday", "sent"),
            (SCHEDULE + 1, "effective_date", "scheduled"),
            (SCHEDULE + 2, "campaign_regulatory_notice", "scheduled"),
        ):
            connection.execute(
                text(
                    "insert into outbox (id, contact_id, kind, email_type, event, send, status,"
                    " email_template)"
                    " values (:id, 1, 0, :kind, :event, :day, :status, 'birthday_standard_v1')"
                ),
                {"id": number, "kind": kind, "event": day + 14, "day": day, "status": status},
            )

    made.database.write(fill)
    yield made
    made.close()


@contextmanager
def serving(workspace: Workspace, environ: Mapping[str, str]) -> Iterator[Site]:
    """The site, on a free port, with the secrets of `environ`."""
    keys = open_keys(workspace.folder, {})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = public_app(workspace, keys, environ)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", server_header=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    headers = {"User-Agent": BROWSER}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False) as client:
        yield Site(client, workspace, keys)
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def site(workspace: Workspace) -> Iterator[Site]:
    with serving(workspace, {}) as found:
        yield found
