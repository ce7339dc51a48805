"""A token endpoint on loopback (RFC 6749 section 6) that answers as a test wants.

`with token_endpoint() as endpoint`, then `endpoint.url`, `endpoint.asked` and `endpoint.answers`. It also
says whose a token is, as mail servers ask: `endpoint.info_url` with the token at its end.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REFRESH_TOKEN = "refresh-s3cret"
CLIENT_SECRET = "client-s3cret"


@dataclass
class TokenEndpoint:
    """It gives out access-1, access-2 and so on to whoever has the refresh token and the client's secret."""

    port: int = 0
    user: str = "ann"
    expires_in: Any = 3600
    delay: float = 0.0
    """Seconds before each answer."""
    refresh_tokens: list[str] = field(default_factory=lambda: [REFRESH_TOKEN])
    """Those that are good."""
    renewing: bool = False
    """Whether each refresh token is good once and followed by another."""
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    """Status, headers and body of the next answers, instead of good ones."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """The fields of every request."""
    good: set[str] = field(default_factory=set)
    """The access tokens that mail servers take."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/token"

    @property
    def info_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/info?access_token="

    def answer(self, fields: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """To a request for a token."""
        self.asked.append(fields)
        number = len(self.asked)
        time.sleep(self.delay)
        if self.answers:
            return self.answers.pop(0)
        refresh_token = fields.get("refresh_token", "")
        if fields.get("grant_type") != "refresh_token" or refresh_token not in self.refresh_tokens:
            return refusal("invalid_grant", f"The token {refresh_token} has been expired or revoked.")
        if fields.get("client_secret", CLIENT_SECRET) != CLIENT_SECRET:
            return refusal("invalid_client")
        found = {"access_token": f"access-{number}", "token_type": "Bearer", "expires_in": self.expires_in}
        self.good = {f"access-{number}"}
        if self.renewing:
            self.refresh_tokens = [f"{REFRESH_TOKEN}-{number}"]
            found["refresh_token"] = self.refresh_tokens[0]
        return 200, {}, json.dumps(found).encode()


def refusal(error: str, description: str = "") -> tuple[int, dict[str, str], bytes]:
    """An answer as RFC 6749 section 5.2 has it."""
    return 400, {}, json.dumps({"error": error, "error_description": description}).encode()


@contextmanager
def token_endpoint(**options: Any) -> Iterator[TokenEndpoint]:
    """One that runs."""
    endpoint = TokenEndpoint(**options)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
            self.say(*endpoint.answer({key: values[0] for key, values in parse_qs(body).items()}))

        def do_GET(self) -> None:
            (token,) = parse_qs(urlsplit(self.path).query)["access_token"]
            if token in endpoint.good:
                self.say(200, {}, json.dumps({"email": endpoint.user}).encode())
            else:
                self.say(*refusal("invalid_token"))

        def say(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is written to the screen."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
