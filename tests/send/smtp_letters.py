"""Letters, connections and certificates for tests that talk SMTP."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import trustme

from carillon.clock import monotonic
from carillon.send.outcomes import Envelope, Outcome
from carillon.send.transports.smtp import SmtpSettings, SmtpTransport
from carillon.vault import SecretText
from tests.doubles.smtp_server import SmtpServer

T = TypeVar("T")


def letter(
    number: int = 1,
    text: str = "Hello\n",
    *,
    sender: str = "ann@example.com",
    recipient: str = "bob@example.org",
    data: bytes | None = None,
) -> Envelope:
    """A message of its own for each number; `text` with line feeds."""
    name = f"<{number}@example.com>"
    if data is None:
        head = f"From: Ann <ann@example.com>\nTo: Bob <bob@example.org>\nMessage-ID: {name}"
        lines = f"{head}\nSubject: {number}\nMIME-Version: 1.0\n\n{text}\n"
        data = lines.replace("\n", "\r\n").encode()
    return Envelope(name, sender, recipient, data)


def soon(seconds: float = 20) -> float:
    """A deadline so many seconds from now."""
    return monotonic() + seconds


def transport(
    server: SmtpServer | int, folder: Path = Path(), *, password: str | None = None, **settings: Any
) -> SmtpTransport:
    """To a server on this machine, or its port; not encrypted unless it is said."""
    port = server if isinstance(server, int) else server.port
    given = {"host": "127.0.0.1", "port": port, "security": "none", "connect_timeout": 10} | settings
    secret = None if password is None else SecretText(password)
    return SmtpTransport(SmtpSettings.model_validate(given), folder, secret)


def with_server(server: SmtpServer, work: Callable[[SmtpServer], Awaitable[T]]) -> T:
    """What `work` returns while the server runs."""

    async def go() -> T:
        async with server:
            return await work(server)

    return asyncio.run(go())


def outcomes(server: SmtpServer, *letters: Envelope, seconds: float = 20, **settings: Any) -> list[Outcome]:
    """The letters one after the other over one connection; `seconds`: for each."""

    async def work(running: SmtpServer) -> list[Outcome]:
        connection = transport(running, **settings).connection()
        found = [await connection.deliver(one, soon(seconds)) for one in letters]
        await connection.close()
        return found

    return with_server(server, work)


def certificates(folder: Path, host: str = "127.0.0.1") -> tuple[ssl.SSLContext, Path]:
    """A server's context for this host, and the file of the authority that vouches for it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    file = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return context, file
