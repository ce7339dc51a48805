"""`carillon template`, `suppress` and `web` as they are typed."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from email import message_from_bytes, policy
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Run, command

GOOD = "<p>Hello {{ first_name }}</p>\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    file = tmp_path / "page.html"
    file.write_text(GOOD)
    return file


def test_a_new_workspace_has_templates(run: Run, empty: Path) -> None:
    listed = json.loads(run("-w", empty, "template", "list", "--json").out)
    assert len(listed) == 11
    assert all(one["active"] and one["version"] == 1 for one in listed)
    assert "birthday_standard_v1" in run("-w", empty, "template", "list").out
    shown = run("-w", empty, "template", "show", "aep_standard_v1")
    assert "prefers-color-scheme" in shown.out
    assert json.loads(run("-w", empty, "template", "show", "aep_standard_v1", "--json").out)["subject"]
    assert run("-w", empty, "template", "show", "aep_standrd_v1").code == 1


def test_from_a_file_to_an_email_that_is_looked_at(
    run: Run, planned: Path, page: Path, tmp_path: Path
) -> None:
    made = run("-w", planned, "template", "new", "mine", "--html", page, "--subject", "Hi {{ first_name }}")
    assert (made.code, made.out) == (0, "Made version 1 of mine.\n")
    out = tmp_path / "look"
    shown = run("-w", planned, "template", "preview", "mine", "--contact", "tom@example.com", "--out", out)
    assert shown.code == 0, shown.err
    assert "Subject: Hi Tom" in shown.out
    assert sorted(file.name for file in out.iterdir()) == ["mine.1.eml", "mine.1.html"]
    message = message_from_bytes((out / "mine.1.eml").read_bytes(), policy=policy.default)
    assert message["Subject"] == "Hi Tom"
    assert "Hello Tom" in (out / "mine.1.html").read_text()
    assert run("-w", planned, "template", "activate", "mine").out == "Activated version 1 of mine.\n"
    assert "Already in force" in run("-w", planned, "template", "activate", "mine").out
    document = json.loads(run("-w", planned, "template", "preview", "mine", "--json").out)
    assert (document["contact"], document["subject"]) == ("maria@example.com", "Hi Maria")


def test_what_is_wrong_is_not_activated(run: Run, empty: Path, page: Path) -> None:
    page.write_text("<p>\n{{ frist_name }}</p>")
    made = run("-w", empty, "template", "new", "mine", "--html", page, "--subject", "{{ nam }}")
    assert made.code == 0
    for words in (("activate", "mine"), ("preview", "mine")):
        told = run("-w", empty, "template", *words)
        assert told.code == 1
        assert (
            'mine version 1, html, line 2: there is no variable "frist_name"; did you mean "first_name"?'
            in told.err
        )
        assert 'mine version 1, subject, line 1: there is no variable "nam"; did you mean "name"?' in told.err
    listed = json.loads(run("-w", empty, "template", "list", "--json").out)
    assert [one["active"] for one in listed if one["name"] == "mine"] == [False]


def test_a_change_is_a_new_version(
    run: Run, empty: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("-w", empty, "template", "new", "mine", "--html", page, "--subject", "One", "--preheader", "x")
    changed = run("-w", empty, "template", "edit", "mine", "--subject", "Two", "--preheader", "")
    assert changed.out == "Made version 2 of mine.\n"
    shown = json.loads(run("-w", empty, "template", "show", "mine", "--version", "2", "--json").out)
    assert (shown["subject"], shown["html"], shown.get("preheader")) == ("Two", GOOD, None)
    assert "Nothing was changed" in run("-w", empty, "template", "edit", "mine", "--subject", "Two").out
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    assert run("-w", empty, "template", "edit", "mine").code == 2
    monkeypatch.setenv("EDITOR", "sed -i s/Hello/Dear/")
    assert run("-w", empty, "template", "edit", "mine").out == "Made version 3 of mine.\n"
    assert run("-w", empty, "template", "new", "mine").code == 2
    assert run("-w", empty, "template", "edit", "other", "--subject", "x").code == 1
    assert run("-w", empty, "template", "new", "a", "--html", "nowhere.html").code == 1


def test_a_test_is_sent_and_changes_nothing(run: Run, planned: Path, tmp_path: Path) -> None:
    box = tmp_path / "box"
    words = (
        "account",
        "add",
        "main",
        "--transport",
        "maildir",
        "--path",
        box,
        "--from",
        "ann@agency.example",
    )
    assert run("-w", planned, *words).code == 0
    for _ in range(2):
        sent = run(
            "-w", planned, "template", "send-test", "birthday_standard_v1", "--to", "me@example.com",
            "--account", "main", "--contact", "tom@example.com",
        )  # fmt: skip
        assert sent.code == 0, sent.err
    first, second = (box / "new").iterdir()
    message = message_from_bytes(first.read_bytes(), policy=policy.default)
    assert (message["To"].addresses[0].addr_spec, "Tom" in message["Subject"]) == ("me@example.com", True)
    assert second.exists()


def test_an_address_is_suppressed_and_let_go(run: Run, planned: Path) -> None:
    done = json.loads(run("-w", planned, "suppress", "Tom@Example.com", "--reason", "called", "--json").out)
    assert done == {"address": "tom@example.com", "scope": "all", "new": True, "cancelled": 0}
    assert "was suppressed already" in run("-w", planned, "suppress", "tom@example.com").out
    (row,) = json.loads(run("-w", planned, "suppress", "--json").out)
    assert (row["address"], row["reason"]) == ("tom@example.com", "called")
    assert run("-w", planned, "suppress", "tom@example.com", "--remove").code == 1
    assert run("-w", planned, "suppress", "tom@example.com", "--remove", "--reason", "asked").code == 0
    assert run("-w", planned, "suppress").out == "No address is suppressed.\n"
    assert run("-w", planned, "suppress", "nobody").code == 1
    assert run("-w", planned, "suppress", "--remove").code == 2


def test_the_server_serves_and_stops(empty: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = command("-w", empty, "web", "--port", str(port), "--public-only")
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as server:
        url, deadline = f"http://127.0.0.1:{port}/u/wrong", time.monotonic() + 30
        while True:
            try:
                answer = httpx.get(url, trust_env=False)
                break
            except httpx.ConnectError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert answer.status_code == 404
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=20)
    assert f"http://127.0.0.1:{port}" in said
    assert "public_url is not set" in said
    assert "Traceback" not in said
    assert "wrong" not in said
