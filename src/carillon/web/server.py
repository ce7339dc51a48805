"""Serving: uvicorn, set up so that it says nothing about itself and writes no token into a log."""

from __future__ import annotations

import os

import uvicorn

from carillon.tokens import open_keys
from carillon.web.public import public_app
from carillon.workspace import Workspace

MOST_CONNECTIONS = 500


def serve(workspace: Workspace, host: str, port: int) -> None:
    """Serve the public endpoints until interrupted."""
    app = public_app(workspace, open_keys(workspace.folder, os.environ))
    uvicorn.run(
        app,
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=5,
        h11_max_incomplete_event_size=16_384,
    )
