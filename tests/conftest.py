"""What tests of several folders share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.contract.databases import postgres_server

# A change is judged by the same examples as the one before it; `make soak` looks for new ones.
settings.register_profile("the same each time", derandomize=True)
if not os.environ.get("CARILLON_SOAK"):
    settings.load_profile("the same each time")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A PostgreSQL server, started when the first test wants it; the URL to it."""
    with postgres_server() as url:
        yield url
