"""What tests of several folders share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.contract.databases import postgres_server

# A change is judged by the same examples as the one before it; `make soak` looks for new ones. How long one
# takes says more about the machine than about the code.
settings.register_profile("carillon", derandomize=not os.environ.get("CARILLON_SOAK"), deadline=None)
settings.load_profile("carillon")


BROWSER = Path(__file__).parent / "web" / "browser"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep in one process what shares something dear: a browser and its server, or a year that was lived."""
    for item in items:
        known = getattr(item, "_fixtureinfo", None)
        fixtures = known.name2fixturedefs.values() if known else ()
        if item.path.is_relative_to(BROWSER):
            item.add_marker(pytest.mark.xdist_group("browser"))
        elif any(one.scope == "module" for all_ in fixtures for one in all_):
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A PostgreSQL server, started when the first test wants it; the URL to it."""
    with postgres_server() as url:
        yield url
