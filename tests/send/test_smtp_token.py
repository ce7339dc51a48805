"""The SMTP transport with AUTH XOAUTH2: tokens that are good, too old, withdrawn or not to be had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carillon.accounts import Account
from carillon.errors import InputError, SettingsError
from carillon.oauth import AccessTokens, Grant
from carillon.send.outcomes import Deferred, Delivered, Outcome
from carillon.send.transports import checked_settings, open_transport
from carillon.send.transports.smtp import SmtpSettings, SmtpTransport
from carillon.vault import SecretText, Vault
from tests.doubles.smtp_server import Act, SmtpServer
from tests.doubles.token_endpoint import REFRESH_TOKEN, TokenEndpoint, refusal, token_endpoint
from tests.send.smtp_letters import letter, soon, with_server


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    with token_endpoint() as found:
        yield found


def settings(endpoint: TokenEndpoint, **more: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "username": "ann",
        "auth": "xoauth2",
        "oauth_token_url": endpoint.url,
        "oauth_client_id": "c-1",
        "connect_timeout": 10,
    } | more


def tokens_from(endpoint: TokenEndpoint) -> AccessTokens:
    return AccessTokens(Grant(endpoint.url, "c-1", None, SecretText(REFRESH_TOKEN)))


def outcome(server: SmtpServer, tokens: AccessTokens, endpoint: TokenEndpoint, **more: Any) -> Outcome:
    """Of one letter over a connection of its own."""

    async def work(running: SmtpServer) -> Outcome:
        values = settings(endpoint, port=running.port, **more)
        connection = SmtpTransport(SmtpSettings.model_validate(values), Path(), tokens).connection()
        found = await connection.deliver(letter(), soon())
        await connection.close()
        return found

    return with_server(server, work)


def server(token: str, **options: Any) -> SmtpServer:
    """That takes one token from ann."""
    return SmtpServer(users={"ann": token}, auth=options.pop("auth", "LOGIN XOAUTH2 PLAIN"))


def refused(found: Outcome, words: str) -> Deferred:
    assert isinstance(found, Deferred)
    assert found.account
    assert words in found.why
    for secret in (REFRESH_TOKEN, "access-"):
        assert secret not in found.why
    return found


def test_a_token_logs_in_and_is_used_again(endpoint: TokenEndpoint) -> None:
    tokens = tokens_from(endpoint)
    for _ in range(2):
        good = server("access-1")
        assert isinstance(outcome(good, tokens, endpoint), Delivered)
        assert good.commands.count("AUTH") == 1
    assert len(endpoint.asked) == 1


def test_a_token_that_was_withdrawn_is_replaced_once(endpoint: TokenEndpoint) -> None:
    tokens = tokens_from(endpoint)
    tokens.get()
    good = server("access-2")
    assert isinstance(outcome(good, tokens, endpoint), Delivered)
    assert good.commands.count("AUTH") == 2
    bad = server("another")
    found = refused(outcome(bad, tokens, endpoint), "refuses the login of ann: 535 5.7.8")
    assert "Check the user name, what the sign-in allows" in found.why
    assert bad.commands.count("AUTH") == 2
    assert len(endpoint.asked) == 3


def test_a_fresh_token_that_is_refused_is_not_tried_again(endpoint: TokenEndpoint) -> None:
    bad = server("another")
    refused(outcome(bad, tokens_from(endpoint), endpoint), "refuses the login of ann: 535")
    assert (bad.commands.count("AUTH"), len(endpoint.asked)) == (1, 1)


def test_a_server_that_cannot_check_it_now_is_not_asked_twice(endpoint: TokenEndpoint) -> None:
    tokens = tokens_from(endpoint)
    tokens.get()
    busy = server("access-1").on("auth", "454 4.7.0 Temporary authentication failure")
    refused(outcome(busy, tokens, endpoint), "cannot check the login now: 454")
    assert (busy.commands.count("AUTH"), len(endpoint.asked)) == (1, 1)
    refused(outcome(server("access-1").on("auth", Act.DROP), tokens, endpoint), "while logging in")


def test_without_a_token_no_connection_is_made(endpoint: TokenEndpoint) -> None:
    endpoint.answers = [refusal("invalid_grant", "revoked")]
    unused = server("access-1")
    refused(outcome(unused, tokens_from(endpoint), endpoint), "invalid_grant: revoked. Sign in again")
    endpoint.answers = [(503, {"Retry-After": "90"}, b"")]
    assert refused(outcome(unused, tokens_from(endpoint), endpoint), "status 503").retry_after == 90
    endpoint.delay = 1.5
    found = outcome(unused, tokens_from(endpoint), endpoint, connect_timeout=1)
    refused(found, "no access token for 127.0.0.1:")
    assert unused.connections == 0


def test_a_server_without_xoauth2(endpoint: TokenEndpoint) -> None:
    bad = server("access-1", auth="PLAIN LOGIN")
    refused(outcome(bad, tokens_from(endpoint), endpoint), "offers no login by XOAUTH2")
    assert "AUTH" not in bad.commands


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"username": None}, "needs username as well"),
        ({"oauth_token_url": None, "oauth_client_id": None}, "needs oauth_token_url, oauth_client_id as"),
        ({"password_env": "PW"}, "leave password_env out"),
        ({"auth": "password"}, "oauth_client_id is of no use without auth xoauth2"),
        ({"auth": "oauthbearer"}, "password or xoauth2"),
        ({"host": "mail.example.com", "security": "none"}, "could be read on its way"),
    ],
)
def test_settings_that_cannot_be(endpoint: TokenEndpoint, values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        checked_settings("smtp", settings(endpoint, **values))


def test_where_the_secrets_come_from(endpoint: TokenEndpoint, tmp_path: Path) -> None:
    vault = Vault(tmp_path, {"TOKEN": "from-env", "CLIENT": "c-secret"})
    account = Account(1, "main", "a@example.com", "smtp", settings(endpoint))
    with pytest.raises(SettingsError, match="account main: the refresh token is missing"):
        open_transport(account, tmp_path, vault)
    stored = vault.encrypt(SecretText("from-vault"))
    variables = {"oauth_refresh_token_env": "TOKEN", "oauth_client_secret_env": "CLIENT"}
    for values, secret in (({}, stored), (variables, None)):
        account = Account(1, "main", "a@example.com", "smtp", settings(endpoint, **values), secret)
        transport = open_transport(account, tmp_path, vault)
        assert isinstance(transport, SmtpTransport)
        assert isinstance(transport.secret, AccessTokens)
        with pytest.raises(Exception, match="invalid_grant"):
            transport.secret.get()
    assert [one["refresh_token"] for one in endpoint.asked] == ["from-vault", "from-env"]
    assert [one.get("client_secret") for one in endpoint.asked] == [None, "c-secret"]
    with pytest.raises(SettingsError, match="the refresh token is to come from the environment variable"):
        open_transport(account, tmp_path, Vault(tmp_path, {}))
