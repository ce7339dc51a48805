"""`carillon user`: who may sign in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", PASSWORD)
    monkeypatch.setenv("SHORT", "short")


def test_a_users_life(empty: Path, run: Run) -> None:
    def state() -> dict[str, object]:
        found = json.loads(run("-w", empty, "user", "list", "--json").out)["users"]
        return dict(found[0]) if found else {}

    assert "carillon user add" in run("-w", empty, "user", "list").out
    assert run("-w", empty, "user", "add", "ann", "--role", "admin", "--password-env", "PW").code == 0
    assert state()["role"] == "admin"
    shown = run("-w", empty, "user", "list").out
    assert "ann" in shown
    assert "argon2" not in shown + json.dumps(state())
    assert run("-w", empty, "user", "set-role", "ANN", "viewer").code == 0
    assert state()["role"] == "viewer"
    assert run("-w", empty, "user", "disable", "ann").code == 0
    assert state()["disabled_at"]
    assert run("-w", empty, "user", "enable", "ann").code == 0
    assert not state()["disabled_at"]
    for words in (("password", "ann", "--password-env", "PW"), ("totp-reset", "ann"), ("remove", "ann")):
        assert run("-w", empty, "user", *words).code == 0
    assert state() == {}


def test_what_cannot_be_says_what_to_do(empty: Path, run: Run) -> None:
    result = run("-w", empty, "user", "add", "ann", "--password-env", "SHORT")
    assert result.code == 1
    assert "12 to 200 characters" in result.err
    result = run("-w", empty, "user", "add", "ann", "--password-env", "NONE")
    assert result.code == 2
    assert "NONE is not set" in result.err
    assert "--password-env" in run("-w", empty, "user", "add", "ann", stdin=b"").err
    assert run("-w", empty, "user", "add", "ann", "--role", "king", "--password-env", "PW").code == 2
    assert "no user 'tom'" in run("-w", empty, "user", "remove", "tom").err


def test_a_window_says_what_it_needs(empty: Path, run: Run) -> None:
    result = run("-w", empty, "web", "--window", "--port", "1")
    assert result.code == 2
    assert 'pip install "carillon-mail[desktop]"' in result.err
    assert run("-w", empty, "web", "--window", "--public-only").code == 2
