"""What webhook steps post: to a real server on loopback, signed, at least once, never to a private place."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from hmac import digest as hmac
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from carillon.advance.calls import PAUSES, deliver, secret_of
from carillon.advance.run import advance
from carillon.clock import ManualClock
from carillon.workspace import Workspace
from tests.contract.outbox import account, contacts, query
from tests.contract.sequence_world import add_sequence, enroll, later, steps


@contextmanager
def receiver(answers: list[int]) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A server that answers as told, then 204; its address and what it was given."""
    taken: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(answers.pop(0) if answers else 204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook", taken
        finally:
            server.shutdown()
            thread.join()


def allow_private(workspace: Workspace) -> None:
    safety = workspace.settings.safety.model_copy(update={"allow_private_webhooks": True})
    object.__setattr__(workspace, "settings", workspace.settings.model_copy(update={"safety": safety}))


def set_out(workspace: Workspace, url: str) -> None:
    account(workspace)
    contacts(workspace, 1)
    sequence = add_sequence(workspace, steps(("call", "action", {"kind": "webhook", "url": url})))
    enroll(workspace, sequence, 1)


def test_signed_and_told_apart_when_repeated(workspace: Workspace) -> None:
    allow_private(workspace)
    with receiver([503]) as (url, taken):
        set_out(workspace, url)
        assert advance(workspace).calls == {"later": 1}
        assert later(workspace, seconds=59).calls == {}
        assert later(workspace, seconds=2).calls == {"done": 1}
        assert later(workspace, days=2).calls == {}
    assert len(taken) == 2
    assert len({headers["idempotency-key"] for headers, _ in taken}) == 1
    secret = secret_of(workspace.folder, {})
    for headers, body in taken:
        signed = f"{headers['x-webhook-timestamp']}.".encode() + body
        assert headers["x-webhook-signature"] == hmac(secret, signed, "sha256").hex()
    told = json.loads(taken[0][1])
    assert (told["contact_id"], told["step"], told["visit"]) == (1, "call", 1)


def test_nobody_tries_for_ever(workspace: Workspace) -> None:
    allow_private(workspace)
    clock = workspace.clock
    assert isinstance(clock, ManualClock)
    with receiver([500] * 20) as (url, taken):
        set_out(workspace, url)
        advance(workspace)
        for _ in range(10):
            clock.advance(timedelta(days=1))
            deliver(workspace)
    assert len(taken) == len(PAUSES) + 1
    assert query(workspace, "select status, last_error from sequence_calls") == [
        ("failed", "the server answered 500")
    ]


def test_private_addresses_are_not_called(workspace: Workspace) -> None:
    with receiver([]) as (url, taken):
        set_out(workspace, url)
        assert advance(workspace).calls == {"later": 1}
    assert taken == []
    ((error,),) = query(workspace, "select last_error from sequence_calls")
    assert "allow_private_webhooks" in error
