"""`carillon web`: the server."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.session import session
from carillon.cli.signals import stop_on_signals
from carillon.errors import UsageError

if TYPE_CHECKING:
    from carillon.web.visit import Site


def web(
    context: typer.Context,
    host: str = typer.Option(
        None, "--host", metavar="H", help="The address it listens on (default: web.host)."
    ),
    port: int = typer.Option(
        None, "--port", metavar="P", min=1, max=65535, help="The port it listens on (default: web.port)."
    ),
    public_only: bool = typer.Option(
        False, "--public-only", help="Only links in emails, webhooks and events; no pages, no API."
    ),
    window: bool = typer.Option(
        False, "--window", help="Open it in a window of its own, and end when that is closed."
    ),
) -> None:
    """Serve the application: pages, API, links in emails, webhooks.

    Stop it with Ctrl-C. `carillon run` serves the same. `sending.public_url` is where it is reached from
    outside, usually through a web server with TLS. As long as there are no users only this machine may come
    in, by the link that is shown once; `carillon user add` makes users.
    """
    if window and public_only:
        raise UsageError("--window shows pages, and --public-only has none: use one of the two.")
    here = session(context)
    with here.workspace() as workspace:
        from carillon.jobs.current import Current
        from carillon.web.hooks import troubles
        from carillon.web.server import opened

        settings = workspace.settings
        host, port = host or settings.web.host, port or settings.web.port
        if settings.sending.public_url is None:
            here.screen.warn("sending.public_url is not set: emails have no links to this server.")
        for trouble in troubles(settings, os.environ):
            here.screen.warn(trouble)

        def tell(words: str, is_trouble: bool) -> None:
            (here.screen.warn if is_trouble else here.screen.note)(escape(words))

        current = Current(workspace, os.environ, tell)
        site = opened(current.get, os.environ, here.now is not None)
        if window:
            from carillon.web.window import show_window

            show_window(site, host, port)
            return
        if not public_only:
            here.screen.say(f"Open [bold]{site.entrance(host, port)}[/]")
        here.screen.note(f"Listening on http://{host}:{port}; stop with Ctrl-C.")
        asyncio.run(_serve(site, host, port, public_only))


async def _serve(site: Site, host: str, port: int, public_only: bool) -> None:
    from carillon.web.server import serve

    await serve(site, host, port, stop_on_signals(), public_only=public_only)
