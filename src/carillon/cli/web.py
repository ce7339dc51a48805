"""`carillon web`: the server."""

from __future__ import annotations

import typer

from carillon.cli.session import session

HOST, PORT = "127.0.0.1", 8323


def web(
    context: typer.Context,
    host: str = typer.Option(HOST, "--host", metavar="H", help="The address it listens on."),
    port: int = typer.Option(PORT, "--port", metavar="P", min=1, max=65535, help="The port it listens on."),
    public_only: bool = typer.Option(
        False, "--public-only", help="Only the links in emails; so far there is nothing else."
    ),
) -> None:
    """Serve the links in emails: unsubscribe, read in the browser, opens and clicks. Stop it with Ctrl-C.

    `sending.public_url` is where it is reached from outside, usually through a web server with TLS.
    """
    del public_only
    here = session(context)
    with here.workspace() as workspace:
        from carillon.web.server import serve

        here.screen.note(f"Listening on http://{host}:{port}; stop with Ctrl-C.")
        if workspace.settings.sending.public_url is None:
            here.screen.warn("sending.public_url is not set: emails have no links to this server.")
        serve(workspace, host, port)
