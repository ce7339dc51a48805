"""Serving: uvicorn, set up so that it says nothing about itself and writes no token into a log."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from carillon.errors import WorkspaceError
from carillon.tokens import open_keys
from carillon.web.public import public_app
from carillon.workspace import Workspace

MOST_CONNECTIONS = 500
GRACE_SECONDS = 5
"""How long requests under way may take when the server is to close."""
BACKLOG = 2048


class _Server(uvicorn.Server):
    """One that leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(workspace: Workspace, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve the public endpoints until `stop` is set. Raises WorkspaceError where it cannot listen."""
    app = public_app(workspace, open_keys(workspace.folder, os.environ), os.environ)
    config = uvicorn.Config(
        app,
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=16_384,
    )
    server = _Server(config)
    with _listening(host, port) as listening:
        serving = asyncio.create_task(server.serve([listening]))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.should_exit = True
            stopping.cancel()
            await serving


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens, or words for why there is none."""
    try:
        (family, kind, number, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        found = socket.socket(family, kind, number)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
            found.listen(BACKLOG)
        except BaseException:
            found.close()
            raise
    except OSError as error:
        raise WorkspaceError(
            f"the server cannot listen on {host}, port {port} ({error.strerror or error}). Stop what uses "
            "it, or choose another with web.host and web.port in carillon.yaml."
        ) from None
    with found:
        yield found
