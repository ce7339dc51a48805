"""docs/howto/api.md does what it says: its calls are made with curl, against a real server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.web.api.conftest import Api

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "api.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page is written for curl")
def test_the_page_does_what_it_says(sqlite_api: Api) -> None:
    said: list[str] = []
    shown = ran = 0
    for kind, block in re.findall(
        r"^```(sh|json)\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    ):
        if kind == "json":
            assert json.loads(said[-1]) == json.loads(block)
            shown += 1
        elif "curl" in block:
            said = _run(block, sqlite_api)
            ran += 1
    assert (ran, shown) == (7, 2)
    assert [row[:2] for row in sqlite_api.rows("select address, reason from suppressions")] == [
        ("rival@example.org", "by hand")
    ]
    assert sqlite_api.get("/contacts/1")["title"] == "Dr"
    assert sqlite_api.get("/events")["items"][0]["type"] == "visited_office"


def _run(block: str, api: Api) -> list[str]:
    """What each of its calls prints; all of them are JSON."""
    url = f"{str(api.client.base_url).rstrip('/')}/api/v1"
    ends = re.sub(r"(?m)^(curl .*(?:\\\n.*|\n .*)*)$", r"\1; echo; echo ----", block)
    done = subprocess.run(
        ["bash", "-euc", f"URL={url}\nKEY={api.key}\n{ends}"], capture_output=True, text=True, check=True
    )
    said = [part.strip() for part in done.stdout.split("----") if part.strip()]
    for one in said:
        json.loads(one)
    if "Idempotency-Key" in block:
        assert said[0] == said[1]
        assert json.loads(said[0])["new"] is True
    return said
