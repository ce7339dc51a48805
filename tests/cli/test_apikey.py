"""Keys for programs: shown once, listed without their secret, revoked."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run


def test_a_key_is_shown_once_listed_and_revoked(empty: Path, run: Run) -> None:
    made = run("-w", empty, "apikey", "create", "crm", "--scope", "events")
    assert made.code == 0
    key = made.out.strip()
    assert key.startswith("carillon_")
    assert "only time" in made.err
    other = json.loads(run("-w", empty, "apikey", "create", "erp", "--scope", "events", "--json").out)
    assert other["key"] != key
    for words in (("list",), ("list", "--json")):
        shown = run("-w", empty, "apikey", *words).out
        assert "crm" in shown
        assert "erp" in shown
        assert key not in shown
        assert key[22:] not in shown
    assert run("-w", empty, "apikey", "revoke", "crm").code == 0
    found = {one["name"]: one for one in json.loads(run("-w", empty, "apikey", "list", "--json").out)["keys"]}
    assert found["crm"]["revoked_at"]
    assert not found["erp"]["revoked_at"]


def test_what_cannot_be_says_what_to_do(empty: Path, run: Run) -> None:
    assert "carillon apikey create" in run("-w", empty, "apikey", "list").out
    result = run("-w", empty, "apikey", "create", "crm", "--scope", "evnts")
    assert result.code == 1
    assert 'did you mean "events"' in result.err
    assert run("-w", empty, "apikey", "create", "crm").code == 2
    result = run("-w", empty, "apikey", "revoke", "crm")
    assert result.code == 1
    assert "carillon apikey create" in result.err
