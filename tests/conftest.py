"""What tests of several folders share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.contract.databases import postgres_server

# A change is judged by the same examples as the one before it; `make soak` looks for new ones. How long one
# takes says more about the machine than about the code.
settings.register_profile("carillon", derandomize=not os.environ.get("CARILLON_SOAK"), deadline=None)
settings.load_profile("carillon")


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A PostgreSQL server, started when the first test wants it; the URL to it."""
    with postgres_server() as url:
        yield url
