"""`carillon web`: the server."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import typer

from carillon.cli.session import session
from carillon.cli.signals import stop_on_signals

if TYPE_CHECKING:
    from carillon.workspace import Workspace


def web(
    context: typer.Context,
    host: str = typer.Option(
        None, "--host", metavar="H", help="The address it listens on (default: web.host)."
    ),
    port: int = typer.Option(
        None, "--port", metavar="P", min=1, max=65535, help="The port it listens on (default: web.port)."
    ),
    public_only: bool = typer.Option(
        False, "--public-only", help="Only what the public needs; so far there is nothing else."
    ),
) -> None:
    """Serve links in emails, webhooks and events of programs.

    Stop it with Ctrl-C. `carillon run` serves the same. `sending.public_url` is where it is reached from
    outside, usually through a web server with TLS.
    """
    del public_only
    here = session(context)
    with here.workspace() as workspace:
        from carillon.web.hooks import troubles

        settings = workspace.settings
        host, port = host or settings.web.host, port or settings.web.port
        if settings.sending.public_url is None:
            here.screen.warn("sending.public_url is not set: emails have no links to this server.")
        for trouble in troubles(settings, os.environ):
            here.screen.warn(trouble)
        here.screen.note(f"Listening on http://{host}:{port}; stop with Ctrl-C.")
        asyncio.run(_serve(workspace, host, port))


async def _serve(workspace: Workspace, host: str, port: int) -> None:
    from carillon.web.server import serve

    await serve(workspace, host, port, stop_on_signals())
