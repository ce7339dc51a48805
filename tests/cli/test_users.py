"""`carillon user`: who may sign in."""

from __future__ import annotations

import json
import socket
import sys
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


def test_a_window_says_what_it_needs(
    empty: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra, then a screen, then a toolkit; and whatever is missing, the server has ended."""
    monkeypatch.setitem(sys.modules, "webview", None)
    result = run("-w", empty, "web", "--window", "--port", "1")
    assert result.code == 2
    assert 'pip install "carillon-mail[desktop]"' in result.err
    assert run("-w", empty, "web", "--window", "--public-only").code == 2
    monkeypatch.delitem(sys.modules, "webview")
    (tmp_path / "webview.py").write_text(
        "settings = {}\n"
        "def create_window(title, address, **size):\n    assert '/enter?token=' in address\n"
        "def start():\n    raise RuntimeError('You must have either QT or GTK.')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    for screen in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(screen, raising=False)
    if sys.platform.startswith("linux"):
        result = run("-w", empty, "web", "--window", "--port", port)
        assert (result.code, "neither DISPLAY nor WAYLAND_DISPLAY" in result.err) == (1, True)
    monkeypatch.setenv("DISPLAY", ":99")
    result = run("-w", empty, "web", "--window", "--port", port)
    assert (result.code, "either QT or GTK). On Linux" in result.err) == (1, True), result.err
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(port))) != 0
