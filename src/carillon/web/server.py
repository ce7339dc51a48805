"""Serving: uvicorn, set up so that it says nothing about itself and writes no token into a log."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from carillon.errors import WorkspaceError
from carillon.store import users
from carillon.tokens import LinkKeys, open_keys
from carillon.web.public import public_app
from carillon.web.visit import Site
from carillon.workspace import Workspace

MOST_CONNECTIONS = 500
GRACE_SECONDS = 5
"""How long requests under way may take when the server is to close."""
BACKLOG = 2048
LARGEST_FRAME = 4_000_000
"""Bytes of one message of a page: a template with its pictures fits."""


class _Server(uvicorn.Server):
    """One that leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def opened(current: Callable[[], Workspace], environ: Mapping[str, str], local_only: bool = False) -> Site:
    """A site; with a one-time token where there is no user to sign in."""
    with current().database.snapshot() as connection:
        is_open = not users.are_there_any(connection)
    return Site(current, environ, secrets.token_urlsafe(24) if is_open else None, local_only)


async def serve(
    site: Site,
    host: str,
    port: int,
    stop: asyncio.Event,
    *,
    public_only: bool = False,
    begun: Callable[[], object] = bool,
) -> None:
    """Serve until `stop` is set; `begun` is called once it listens.

    Raises WorkspaceError where it cannot listen.
    """
    workspace = site.current()
    keys = open_keys(workspace.folder, site.environ)
    if public_only:
        app: ASGIApp = public_app(workspace, keys, site.environ)
    else:
        # Its imports take seconds on a busy machine, in which the dispatcher on this loop has to go on.
        app = await asyncio.to_thread(_whole, site, keys)
    config = uvicorn.Config(
        app,
        lifespan="off" if public_only else "on",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=16_384,
        ws_max_size=LARGEST_FRAME,
    )
    server = _Server(config)
    with _listening(host, port) as listening:
        begun()
        serving = asyncio.create_task(server.serve([listening]))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.should_exit = True
            stopping.cancel()
            await serving


def _whole(site: Site, keys: LinkKeys) -> ASGIApp:
    from carillon.web.app import Application

    return Application(site, keys)


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
