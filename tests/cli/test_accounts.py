"""`carillon account` and what it says."""

from __future__ import annotations

import json
import sqlite3
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from carillon.vault import KEY_FILE, Vault
from tests.cli.conftest import Result, Run
from tests.doubles.smtp_server import Act, SmtpServer, in_a_thread

NOW = "2026-03-10T09:00"
SECRET = "s3cret wörd"


class Accounts:
    """Runs `carillon account ...` in a workspace."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self.folder = run, folder

    def __call__(self, *words: str | Path, **options: Any) -> Result:
        result = self.run("-w", self.folder, "account", *words, **options)
        assert SECRET not in result.out + result.err
        assert "Traceback" not in result.err
        return result

    def ok(self, *words: str | Path, **options: Any) -> str:
        result = self(*words, **options)
        assert result.code == 0, result.err
        return result.out

    def refused(self, *words: str | Path, code: int = 1, **options: Any) -> str:
        result = self(*words, **options)
        assert result.code == code, result.out + result.err
        return result.err

    def json(self, *words: str | Path) -> Any:
        return json.loads(self.ok(*words, "--json"))

    def smtp(self, name: str, server: SmtpServer | None = None, *words: str, **options: Any) -> str:
        port = str(server.port if server else 2525)
        start = ("add", name, "--transport", "smtp", "--from", "ann@example.com", "--host", "127.0.0.1")
        return self.ok(*start, "--port", port, *words, **options)

    def rows(self, statement: str) -> list[Any]:
        connection = sqlite3.connect(self.folder / "carillon.db")
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()


@pytest.fixture
def account(run: Run, empty: Path) -> Accounts:
    return Accounts(run, empty)


def test_a_maildir_account_delivers_its_test(account: Accounts, tmp_path: Path) -> None:
    said = account.ok(
        "add", "box", "--transport", "maildir", "--path", tmp_path / "mail", "--from", "ann@example.com",
        "--display-name", "Ann Müller", "--reply-to", "desk@example.com",
    )  # fmt: skip
    assert "Next: carillon account test box" in said
    assert "can send: an email to bob@example.org was accepted" in account.ok(
        "test", "box", "--to", "bob@example.org"
    )
    (file,) = (tmp_path / "mail" / "new").iterdir()
    message = message_from_bytes(file.read_bytes())
    assert message["To"] == "bob@example.org"
    assert message["Reply-To"] == "desk@example.com"
    assert message["Auto-Submitted"] == "auto-generated"
    assert "M=C3=BCller" in message["From"] or "M=FCller" in message["From"]
    account.ok("test", "box")
    assert len(list((tmp_path / "mail" / "new").iterdir())) == 2


def test_a_path_inside_the_workspace_moves_with_it(
    account: Accounts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(account.folder)
    account.ok("add", "in", "--transport", "maildir", "--path", "mail", "--from", "a@example.com")
    account.ok("add", "out", "--transport", "maildir", "--path", "../mail", "--from", "a@example.com")
    monkeypatch.chdir(tmp_path / "ws")
    assert [one["settings"]["path"] for one in account.json("list")] == [
        "mail",
        str(account.folder.resolve().parent / "mail"),
    ]


def test_an_smtp_account_is_shown_without_its_password(account: Accounts) -> None:
    account.smtp(
        "main", None, "--username", "ann", "--password-stdin", "--timezone", "America/New_York",
        "--daily-limit", "500", "--max-per-second", "5", "--max-per-minute", "60", "--max-per-hour", "1000",
        "--max-per-domain-per-minute", "20", "--group", "sales", "--set", "connections=10",
        stdin=f"{SECRET}\n".encode(),
    )  # fmt: skip
    (found,) = account.json("list")
    assert {key: found[key] for key in ("name", "address", "transport", "kind", "group", "status")} == {
        "name": "main",
        "address": "ann@example.com",
        "transport": "smtp",
        "kind": "relay",
        "group": "sales",
        "status": "active",
    }
    limits = ("daily_limit", "max_per_hour", "max_per_minute", "max_per_second", "max_per_domain_per_minute")
    assert [found[limit] for limit in limits] == [500, 1000, 60, 5, 20]
    assert (found["settings"]["connections"], found["settings"]["security"]) == (10, "none")
    assert found["password"] == "stored, encrypted"
    assert account.json("show", "main")["emails"] == {}
    assert "stored, encrypted" in account.ok("show", "main")
    assert "127.0.0.1:2525" in account.ok("list")
    ((stored, settings),) = account.rows("select secret, settings from accounts")
    assert SECRET not in stored + settings
    assert Vault(account.folder, {}).decrypt(stored).reveal() == SECRET
    for file in account.folder.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes()
    assert not any("gAAAA" in str(row) for row in account.rows("select * from audit_log"))


def test_a_password_in_a_variable_is_read_when_it_is_needed(
    account: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_a_thread(SmtpServer(users={"ann": SECRET})) as server:
        account.smtp("main", server, "--username", "ann", "--password-env", "SMTP_PASSWORD")
        assert "variable SMTP_PASSWORD, which is not set" in account.refused("test", "main")
        monkeypatch.setenv("SMTP_PASSWORD", SECRET)
        assert "was accepted as 1" in account.ok("test", "main")
        assert server.accepted[0].recipient == "ann@example.com"
        assert not (account.folder / KEY_FILE).exists()
        assert account.json("show", "main")["password"] == "in the variable SMTP_PASSWORD"
        # Stored instead, and back.
        said = account.ok("set", "main", "--password-stdin", stdin=f"{SECRET}\r\n".encode())
        assert "password  none -> stored" in said.replace("→", "->")
        monkeypatch.delenv("SMTP_PASSWORD")
        account.ok("test", "main")
        (account.folder / KEY_FILE).unlink()
        assert "key to the stored passwords is missing" in account.refused("test", "main")
        account.ok("set", "main", "--password-env", "OTHER")
        assert account.rows("select secret from accounts") == [(None,)]
        account.ok("set", "main", "--username", "")
        assert "no login" not in account.ok("test", "main")


@pytest.mark.parametrize(
    ("stage", "act", "words"),
    [
        ("greeting", Act.DROP, "cannot connect to 127.0.0.1"),
        (
            "auth",
            "535 5.7.8 Bad credentials",
            "refuses the login of ann: 535 5.7.8 Bad credentials. Check user",
        ),
        ("mail", "550 5.7.1 Not yours", "Check that this account may send from this address"),
        ("rcpt", "550 5.1.1 User unknown", "try another address with --to"),
        ("rcpt", "450 4.2.0 Greylisted", "try again later"),
        ("dot", Act.DROP, "may have been accepted. Look into the mailbox of ann@example.com"),
    ],
)
def test_what_failed_is_said_with_the_remedy(
    account: Accounts, stage: str, act: Act | str, words: str
) -> None:
    with in_a_thread(SmtpServer(users={"ann": SECRET}).on(stage, act)) as server:
        account.smtp("main", server, "--username", "ann", "--password-stdin", stdin=SECRET.encode())
        assert words in account.refused("test", "main")


def test_under_now_nothing_leaves_this_machine(account: Accounts, run: Run) -> None:
    with in_a_thread(SmtpServer()) as server:
        account.smtp("near", server)
        assert run("-w", account.folder, "--now", NOW, "account", "test", "near").code == 0
        account.ok(
            "add", "far", "--transport", "smtp", "--from", "a@example.com", "--host", "no.host.invalid"
        )
        result = run("-w", account.folder, "--now", NOW, "account", "test", "far")
        assert (result.code, "--really" in result.err) == (2, True)
        result = run("-w", account.folder, "--now", NOW, "account", "test", "far", "--really")
        assert (result.code, "there is no host" in result.err) == (1, True)


def test_an_account_is_paused_and_resumed(account: Accounts, run: Run) -> None:
    account.smtp("main")
    assert "main is paused" in account.ok("pause", "main")
    assert "already" in account.ok("pause", "main")
    assert account.json("show", "main")["status"] == "paused"
    assert "carillon account resume main" in account.ok("show", "main")
    assert run("-w", account.folder, "resume", "account", "main").code == 0
    assert account.json("show", "main")["status"] == "active"
    assert run("-w", account.folder, "pause", "account", "main").code == 0
    connection = sqlite3.connect(account.folder / "carillon.db")
    connection.execute("update accounts set status = 'error', last_error = 'login refused'")
    connection.commit()
    connection.close()
    assert "login refused" in account.ok("list")
    account.ok("resume", "main")
    assert account.json("show", "main")["last_error"] is None


def test_an_account_is_changed(account: Accounts) -> None:
    account.smtp("main", None, "--daily-limit", "5", "--display-name", "Ann")
    said = account.ok(
        "set", "main", "--daily-limit", "none", "--display-name", "", "--port", "2526", "--set", "hello=a.b"
    ).replace("→", "->")
    for line in (
        "daily_limit  5 -> none",
        "display_name  Ann -> none",
        "port  2525 -> 2526",
        "hello  none -> a.b",
    ):
        assert line in said
    assert "already" in account.ok("set", "main", "--port", "2526")
    account.ok("set", "main", "--set", "hello=")
    assert account.json("show", "main")["settings"]["hello"] is None
    assert "say what to change" in account.refused("set", "main", code=2)


def test_an_account_is_removed_if_nothing_names_it(account: Accounts) -> None:
    account.smtp("main")
    assert "did you mean" in account.refused("remove", "mian")
    assert "Removed the account main" in account.ok("remove", "main")
    assert account.json("list") == []
    assert "no accounts yet" in account.ok("list")


ADD = ("add", "x", "--transport", "smtp", "--from", "a@example.com", "--host", "mail.example.com")


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        ((*ADD, "--transport", "pigeon"), "there are maildir, smtp", 1),
        ((*ADD, "--from", "nobody"), "not an email address", 1),
        ((*ADD, "--path", "x"), "no setting", 1),
        (ADD[:6], "host is missing", 1),
        ((*ADD, "--port", "0"), "port", 1),
        ((*ADD, "--daily-limit", "0"), "would block all mail", 1),
        ((*ADD, "--daily-limit", "many"), "neither a whole number nor none", 2),
        ((*ADD, "--set", "connections"), "not KEY=VALUE", 2),
        ((*ADD, "--username", "ann"), "the password is missing", 2),
        ((*ADD, "--password-env", "PW"), "without a user", 2),
        ((*ADD, "--password-stdin", "--password-env", "PW"), "one way", 2),
        ((*ADD, "--username", "ann", "--password-stdin"), "no password to read", 2),
        ((*ADD, "--username", "ann", "--password-env", SECRET), "not the name of an environment variable", 1),
        ((*ADD, "--security", "none", "--username", "a", "--password-env", "P"), "be read on its way", 1),
        ((*ADD, "--timezone", "Chicago"), 'did you mean "America/Chicago"', 1),
        (("test", "x"), "there is no account 'x'", 1),
    ],
)
def test_what_cannot_be_is_refused(account: Accounts, words: tuple[str, ...], said: str, code: int) -> None:
    assert said in account.refused(*words, code=code, stdin=b"\n")
    assert account.json("list") == []
    assert not (account.folder / KEY_FILE).exists()


def test_a_name_is_taken_once(account: Accounts) -> None:
    account.smtp("main")
    assert "already" in account.refused("add", "main", *ADD[2:])
