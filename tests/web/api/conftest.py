"""The API on a real server on loopback, over a workspace on SQLite or PostgreSQL."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

import httpx
import pytest
import uvicorn
from sqlalchemy import text
from starlette.types import ASGIApp

from carillon.store import apikeys
from carillon.web.api import PATH, served
from carillon.workspace import Workspace
from tests.contract.conftest import kind, make_workspace, workspace

__all__ = ["kind", "make_workspace", "workspace"]


class Api:
    """Somebody who calls, with a key for everything unless it says otherwise."""

    def __init__(self, client: httpx.Client, workspace: Workspace) -> None:
        self.client, self.workspace = client, workspace
        self.key = self.new_key("all", *apikeys.SCOPES)

    def new_key(self, name: str, *scopes: str) -> str:
        now = self.workspace.clock.now()
        return self.workspace.database.write(lambda c: apikeys.create(c, name, scopes, now, "ann"))[1]

    def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = "", **headers: str
    ) -> httpx.Response:
        """A call with a body of JSON, or of bytes as they are; `headers`: names with _ for -."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["Authorization"] = f"Bearer {key or self.key}"
        if isinstance(body, bytes):
            sent.setdefault("Content-Type", "application/json")
            return self.client.request(method, PATH + path, content=body, headers=sent)
        more = {} if body is None else {"json": body}
        return self.client.request(method, PATH + path, headers=sent, **more)

    def get(self, path: str, status: int = 200) -> Any:
        """What is answered to a GET."""
        return self._answer(self.call("GET", path), status)

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        """What is answered to a POST."""
        return self._answer(self.call("POST", path, body), status)

    def _answer(self, found: httpx.Response, status: int) -> Any:
        assert found.status_code == status, found.text
        kind = found.headers["content-type"]
        assert kind == ("application/json" if status < 400 else "application/problem+json")
        return found.json()

    def pages(self, path: str, limit: int) -> list[Any]:
        """All items of a list, a page at a time."""
        found: list[Any] = []
        cursor = ""
        while True:
            page = self.get(f"{path}{'&' if '?' in path else '?'}limit={limit}{cursor}")
            assert len(page["items"]) <= limit
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = f"&cursor={page['next']}"

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.workspace.database.snapshot() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def some_contacts(self, *more: dict[str, Any]) -> None:
        """Maria in California (1) and Tom in New York (2), and more."""
        people = [
            {"email": "maria@example.com", "first_name": "Maria", "last_name": "Lopez", "zip_code": "90210",
             "birth_date": "1960-06-15", "effective_date": "2020-09-01", "tags": ["gold"]},
            {"email": "tom@example.com", "first_name": "Tom", "last_name": "Lee", "zip_code": "10001"},
        ]  # fmt: skip
        assert self.post("/contacts/bulk", [*people, *more])["created"] == 2 + len(more)


@contextmanager
def listening(app: ASGIApp, lifespan: Literal["off", "on"] = "off") -> Iterator[str]:
    """An application on a free port; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="error", server_header=False, lifespan=lifespan
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


def unending(url: str, path: str, headers: dict[str, str], most: int, begin: bytes = b"") -> tuple[int, int]:
    """POST a body that begins so and never ends; the status of the answer, and how much was sent before it.

    Gives up after `most` bytes, with the status 0.
    """
    host, port = url.removeprefix("http://").split(":")
    lines = {"Host": f"{host}:{port}", "Transfer-Encoding": "chunked", **headers}
    head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{name}: {one}\r\n" for name, one in lines.items())
    part = begin + b"x" * 50_000
    sent = 0
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode() + b"\r\n")
        while sent < most and not select.select([connection], [], [], 0.002)[0]:
            with suppress(ConnectionError):
                connection.sendall(b"%x\r\n%b\r\n" % (len(part), part))
            sent += len(part)
        if sent >= most:
            return 0, sent
        return int(connection.recv(100).split()[1]), sent


@contextmanager
def calling(workspace: Workspace) -> Iterator[Api]:
    """The API of a workspace on a free port."""
    with (
        listening(served(workspace)) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=60) as client,
    ):
        yield Api(client, workspace)


@pytest.fixture
def api(workspace: Workspace) -> Iterator[Api]:
    with calling(workspace) as found:
        yield found


@pytest.fixture
def sqlite_api(make_workspace: Any) -> Iterator[Api]:
    """The same where the database makes no difference."""
    with calling(make_workspace("sqlite")) as found:
        yield found
