"""`release`, `send`, `doubts` and `suppress` as they are typed: what they say, ask and refuse."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Run, command

NOW = "2026-06-02T09:00"


@pytest.fixture
def ready(empty: Path, contacts: Path, run: Run) -> Path:
    """Two emails of a campaign planned for today, whose template has no version in force."""
    settings = empty / "carillon.yaml"
    settings.write_text(settings.read_text().replace("percentage_cap: 0.07", "percentage_cap: 1"))
    page = empty / "page.html"
    page.write_text("<p>Hello {{ first_name }}</p>")
    for words in (
        ("import", "contacts", contacts),
        (
            "account",
            "add",
            "main",
            "--transport",
            "maildir",
            "--path",
            empty / "out",
            "--from",
            "a@agency.example",
        ),
        ("template", "new", "spring", "--html", page, "--subject", "Hi"),
        ("campaign", "create", "rate_increase", "Spring", "--email-template", "spring"),
        ("campaign", "target", "Spring", "--contact", "tom@example.com", "--trigger-date", "2026-06-16"),
        ("campaign", "target", "Spring", "--contact", "lee@example.com", "--trigger-date", "2026-06-16"),
        ("plan",),
    ):
        result = run("-w", empty, "--now", NOW, *words)
        assert result.code == 0, result.err
    return empty


def said(run: Run, folder: Path, *words: str) -> str:
    result = run("-w", folder, "--now", NOW, *words)
    assert result.code == 0, result.err
    return result.out


def sending(folder: Path, **safety: str) -> None:
    """Change the section `safety`."""
    file = folder / "carillon.yaml"
    text = file.read_text()
    for key, value in safety.items():
        old = next(line for line in text.splitlines() if line.startswith(f"  {key}:"))
        text = text.replace(old, f"  {key}: {value}")
    file.write_text(text)


def test_a_missing_template_is_told_with_the_remedy_and_mended(ready: Path, run: Run) -> None:
    health = json.loads(run("-w", ready, "--now", NOW, "health", "--json").out)
    assert any("no version in force" in issue for issue in health["issues"])
    told = said(run, ready, "release")
    assert "2 emails not released" in told
    assert "carillon template activate spring" in told
    waiting = json.loads(said(run, ready, "send", "--once", "--json"))
    assert waiting["waiting"] == {"template": 2}
    assert waiting["lacking"][0]["template"] == "spring"
    assert "planned, and there is no template for them" in said(run, ready, "send", "--once")
    said(run, ready, "template", "activate", "spring")
    assert "Released 2 emails" in said(run, ready, "release")
    assert "main: sent 2" in said(run, ready, "send", "--once")


def test_a_dry_run_says_so(ready: Path, run: Run) -> None:
    said(run, ready, "template", "activate", "spring")
    said(run, ready, "release")
    sending(ready, dry_run="true")
    told = said(run, ready, "send", "--once")
    assert "Dry run: nothing was sent" in told
    assert "main: written 2" in told
    assert "2  due; this was a dry run" in told
    assert "written before 2" in said(run, ready, "send", "--once")
    assert len(list((ready / "out" / "new").iterdir())) == 2
    document = json.loads(said(run, ready, "send", "--once", "--json"))
    assert (document["dry_run"], document["waiting"]) == (True, {"dry_run": 2})
    sending(ready, dry_run="false")
    assert "main: sent 2" in said(run, ready, "send", "--once")


@pytest.mark.parametrize(("answer", "sent"), [("n\n", False), ("y\n", True)])
def test_on_a_terminal_it_asks_before_the_first_email(ready: Path, run: Run, answer: str, sent: bool) -> None:
    said(run, ready, "template", "activate", "spring")
    said(run, ready, "release")
    sending(ready, confirm_before_send="true")
    primary, terminal = pty.openpty()
    os.write(primary, answer.encode())
    done = subprocess.run(
        command("-w", ready, "--now", NOW, "send", "--once"),
        stdin=terminal, stdout=subprocess.PIPE, stderr=terminal, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(terminal)
    asked = os.read(primary, 10_000).decode()
    os.close(primary)
    assert "Send 2 emails through 1 account?" in asked
    assert done.returncode == (0 if sent else 1)
    assert ("main: sent 2" in done.stdout) == sent


def test_without_a_terminal_it_needs_a_yes(ready: Path, run: Run) -> None:
    sending(ready, confirm_before_send="true")
    assert "Nothing was due" in said(run, ready, "send", "--once"), "there is nothing to ask about"
    said(run, ready, "template", "activate", "spring")
    said(run, ready, "release")
    refused = run("-w", ready, "--now", NOW, "send", "--once")
    assert (refused.code, "--yes" in refused.err) == (2, True)
    assert "main: sent 2" in said(run, ready, "send", "--once", "--yes")


def test_doubts_are_settled_by_the_account(ready: Path, run: Run) -> None:
    said(run, ready, "template", "activate", "spring")
    said(run, ready, "release")
    with closing(sqlite3.connect(ready / "carillon.db")) as database, database:
        database.execute("update outbox set status = 'in_doubt', intent_at = '2026-01-01T10:00:00.000Z'")
    for wrong in (["--all"], ["--sent"], ["1", "--all", "--sent"], ["--all", "--sent", "--unsent"]):
        assert run("-w", ready, "doubts", *wrong).code == 2
    assert "no account" in run("-w", ready, "doubts", "--all", "--sent", "--account", "nobody").err
    early = ("doubts", "--all", "--sent", "--before", "2025-01-01T00:00")
    assert said(run, ready, *early) == "No email is in doubt.\n"
    assert len(json.loads(said(run, ready, "doubts", "--since", "2026-01-01", "--json"))["doubts"]) == 2
    told = said(run, ready, "doubts", "--all", "--sent", "--account", "main")
    assert told == "Settled 2 emails: they count as sent.\n"
    again = json.loads(said(run, ready, "doubts", "--all", "--sent", "--json"))
    assert (again["settled"], again["doubts"]) == (0, [])


def test_what_failed_is_listed_and_sent_again(ready: Path, run: Run) -> None:
    said(run, ready, "template", "activate", "spring")
    said(run, ready, "release")
    assert said(run, ready, "failed") == "No email has failed.\n"
    with closing(sqlite3.connect(ready / "carillon.db")) as database, database:
        database.execute("update outbox set status = 'failed', last_error = 'the login was refused'")
    for wrong in (["--again"], ["--all"], ["1"], ["1", "--all", "--again"]):
        assert run("-w", ready, "failed", *wrong).code == 2
    assert "the login was refused" in said(run, ready, "failed")
    assert said(run, ready, "failed", "--days", "1").startswith("2 emails of the last 1 day failed:")
    listed = json.loads(said(run, ready, "failed", "--json"))
    assert (listed["n"], {one["account"] for one in listed["failed"]}) == (2, {"main"})
    assert "cannot be sent again" in run("-w", ready, "--now", NOW, "failed", "77", "--again").err
    one = str(listed["failed"][0]["id"])
    assert said(run, ready, "failed", one, "--again") == "1 email leaves with the next dispatch.\n"
    with closing(sqlite3.connect(ready / "carillon.db")) as database, database:
        database.execute("update outbox set account_id = null where status = 'failed'")
    assert "1 email cannot" in said(run, ready, "failed", "--all", "--again")
    assert "main: sent 1" in said(run, ready, "send", "--once")


def test_doubts_tell_the_policy(ready: Path, run: Run) -> None:
    assert json.loads(said(run, ready, "doubts", "--json"))["policy"] == "hold"
    sending(ready, on_doubt="maybe")
    assert "assume_sent" in run("-w", ready, "doubts").err


def test_everyone_at_a_domain_is_suppressed_and_let_go_again(ready: Path, run: Run) -> None:
    said(run, ready, "template", "activate", "spring")
    said(run, ready, "release")
    told = said(run, ready, "suppress", "Example.com", "--domain", "--reason", "they asked")
    assert told == "Everyone at example.com will not be written to again (all); 2 waiting emails cancelled.\n"
    assert "was suppressed already" in said(run, ready, "suppress", "@example.com")
    explained = said(run, ready, "explain", "lee@example.com")
    assert "everyone at example.com is suppressed: they asked" in explained
    assert "removed" in said(run, ready, "plan")
    assert json.loads(said(run, ready, "forecast", "--json"))["eligible"] == 0
    again = said(run, ready, "suppress", "example.com", "--domain", "--remove", "--reason", "a mistake")
    assert again == "Everyone at example.com may be written to again; the next plan sees to it.\n"
    said(run, ready, "plan")
    assert json.loads(said(run, ready, "forecast", "--json"))["eligible"] == 4


def test_a_topic_is_a_campaign_type(ready: Path, run: Run) -> None:
    told = said(run, ready, "suppress", "lee@example.com", "--scope", "rate_increase")
    assert "lee@example.com will not be written to again (rate_increase)" in told
    said(run, ready, "plan")
    explained = said(run, ready, "explain", "lee@example.com")
    assert "its address is suppressed for rate_increase" in explained
    assert "this contact gets no emails of the type rate_increase" in explained
    assert "planned" in explained, "the others go on"
    wrong = run("-w", ready, "suppress", "lee@example.com", "--scope", "rate_increse")
    assert (wrong.code, 'did you mean "rate_increase"' in wrong.err) == (1, True)
    wrong = run("-w", ready, "suppress", "nobody")
    assert (wrong.code, "neither an email address nor a domain" in wrong.err) == (1, True)
