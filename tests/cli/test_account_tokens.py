"""Accounts that log in with OAuth, on the command line: set up, tried out, changed, no secret anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carillon.vault import Vault
from tests.cli.conftest import Result, Run
from tests.cli.test_accounts import Accounts
from tests.doubles.imap_server import imap_server
from tests.doubles.smtp_server import SmtpServer, in_a_thread
from tests.doubles.token_endpoint import CLIENT_SECRET, REFRESH_TOKEN, TokenEndpoint, token_endpoint

START = ("add", "main", "--transport", "smtp", "--from", "ann@agency.example", "--host", "127.0.0.1")
STDIN = f"{REFRESH_TOKEN}\n".encode()


class Discreet(Accounts):
    """Nothing it prints or stores in the open may be one of the secrets."""

    def __call__(self, *words: str | Path, **options: object) -> Result:
        result = super().__call__(*words, **options)
        stored = str(self.rows("select * from accounts")) + str(self.rows("select * from audit_log"))
        for secret in (REFRESH_TOKEN, CLIENT_SECRET, "access-"):
            assert secret not in result.out + result.err + stored
        return result


@pytest.fixture
def account(run: Run, empty: Path) -> Discreet:
    return Discreet(run, empty)


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    with token_endpoint() as found:
        yield found


def oauth(endpoint: TokenEndpoint) -> tuple[str, ...]:
    return (
        "--username", "ann", "--auth", "xoauth2",
        "--oauth-token-url", endpoint.url, "--oauth-client-id", "c-1",
    )  # fmt: skip


def test_one_sign_in_for_sending_and_reading(account: Discreet, endpoint: TokenEndpoint) -> None:
    smtp = SmtpServer(users={"ann": "access-1"}, auth="XOAUTH2")
    endpoint.renewing = True
    with in_a_thread(smtp), imap_server(token_info=endpoint.info_url) as imap:
        servers = ("--port", str(smtp.port), "--imap-host", "127.0.0.1", "--imap-port", str(imap.port))
        account.ok(*START, *servers, *oauth(endpoint), "--oauth-refresh-token-stdin", stdin=STDIN)
        said = account.ok("test", "main")
        assert "main can send" in said
        assert "main can be read: INBOX" in said
        assert len(endpoint.asked) == 1
        # The refresh token was good once only: the one that came with the access token is what is stored.
        (stored,) = account.rows("select secret from accounts")
        renewed = f"{REFRESH_TOKEN}-1"
        assert Vault(account.folder, {}).decrypt(stored[0]).reveal() == renewed
        assert account.json("show", "main")["password"] == "stored, encrypted"
        shown = account.ok("show", "main")
        assert "refresh token" in shown
        assert "oauth client id" in shown
        assert "oauth scope" not in shown

        # Signed out by the provider: said with the remedy, and mended by it.
        endpoint.refresh_tokens = ["another-s3cret"]
        account.ok("set", "main", "--oauth-scope", "mail")
        assert "Sign in again" in account.refused("test", "main")
        said = account.ok("set", "main", "--oauth-refresh-token-stdin", stdin=b"another-s3cret\n")
        assert "refresh token" in said
        assert "another-s3cret" not in said
        smtp.users["ann"] = f"access-{len(endpoint.asked) + 1}"
        assert "main can send" in account.ok("test", "main")
        assert endpoint.asked[-1]["scope"] == "mail"


def test_secrets_from_the_environment(
    account: Discreet, endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = ("--oauth-refresh-token-env", "TOKEN", "--oauth-client-secret-env", "CLIENT")
    with in_a_thread(SmtpServer(users={"ann": "access-1"}, auth="XOAUTH2")) as smtp:
        account.ok(*START, "--port", str(smtp.port), *oauth(endpoint), *variables)
        assert "refresh token is to come from the environment variable TOKEN" in account.refused(
            "test", "main"
        )
        monkeypatch.setenv("TOKEN", REFRESH_TOKEN)
        assert "client's secret is to come from the environment variable CLIENT" in account.refused(
            "test", "main"
        )
        monkeypatch.setenv("CLIENT", CLIENT_SECRET)
        assert "main can send" in account.ok("test", "main")
    assert account.json("show", "main")["password"] == "in the variable TOKEN"
    assert account.rows("select secret from accounts") == [(None,)]
    assert not (account.folder / "carillon.key").exists()


def test_from_a_password_to_a_token_and_back(account: Discreet, endpoint: TokenEndpoint) -> None:
    account.ok(*START, "--username", "ann", "--password-stdin", stdin=b"pw\n")
    assert "refresh token is missing" in account.refused("set", "main", *oauth(endpoint), code=2)
    account.ok("set", "main", *oauth(endpoint), "--oauth-refresh-token-stdin", stdin=STDIN)
    assert "password is missing" in account.refused("set", "main", "--auth", "password", code=2)
    account.ok("set", "main", "--auth", "password", "--password-env", "PW")
    (row,) = account.rows("select settings, secret from accounts")
    assert "oauth" not in row[0]
    assert row[1] is None


def test_a_mailbox_may_log_in_otherwise(account: Discreet, endpoint: TokenEndpoint) -> None:
    imap = ("--imap-host", "mail.example.com", "--imap-username", "ann")
    box = ("--transport", "maildir", "--path", "out", "--from", "ann@agency.example")
    words = ("add", "main", *box, *imap, "--set", "imap_auth=xoauth2")
    assert "needs oauth_token_url: --set imap_oauth_token_url=" in account.refused(*words, code=2)
    values = {"token_url": endpoint.url, "client_id": "c-1", "refresh_token_env": "TOKEN"}
    account.ok(
        *words, *(word for key, value in values.items() for word in ("--set", f"imap_oauth_{key}={value}"))
    )
    assert account.json("show", "main")["mailbox"]["oauth_client_id"] == "c-1"
    account.ok("set", "main", "--set", "imap_auth=", "--imap-password-stdin", stdin=b"pw\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--oauth-refresh-token-stdin",), "needs --auth xoauth2"),
        (("--auth", "xoauth2", "--password-stdin"), "--oauth-refresh-token-stdin is"),
        (("--oauth-refresh-token-stdin", "--oauth-refresh-token-env", "T"), "one way"),
    ],
)
def test_options_that_do_not_go_together(account: Discreet, words: tuple[str, ...], said: str) -> None:
    assert said in account.refused(*START, "--username", "ann", *words, code=2, stdin=STDIN)
