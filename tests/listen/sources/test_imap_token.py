"""`imap` by XOAUTH2 against a real Dovecot that asks a real endpoint whose a token is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carillon.accounts import Account
from carillon.errors import SettingsError
from carillon.listen.sources import by_xoauth2, open_mailbox
from carillon.listen.sources.imap import ImapMailbox, ImapSettings
from carillon.listen.sources.mail import NotReached
from carillon.oauth import AccessTokens, Grant
from carillon.vault import SecretText, Vault
from tests.doubles.imap_server import PASSWORD, ImapServer, imap_server
from tests.doubles.token_endpoint import REFRESH_TOKEN, TokenEndpoint, refusal, token_endpoint


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[ImapServer, TokenEndpoint]]:
    with token_endpoint() as endpoint, imap_server(token_info=endpoint.info_url) as server:
        yield server, endpoint


@pytest.fixture
def endpoint(running: tuple[ImapServer, TokenEndpoint]) -> TokenEndpoint:
    found = running[1]
    found.asked.clear()
    found.answers.clear()
    return found


@pytest.fixture
def server(running: tuple[ImapServer, TokenEndpoint]) -> ImapServer:
    return running[0]


def tokens_from(endpoint: TokenEndpoint) -> AccessTokens:
    return AccessTokens(Grant(endpoint.url, "c-1", None, SecretText(REFRESH_TOKEN)))


def open_(port: int, tokens: AccessTokens, user: str = "ann") -> None:
    values = {"host": "127.0.0.1", "port": port, "username": user, "answer_timeout": 5}
    mailbox = ImapMailbox(ImapSettings(**values), Path("/"), tokens)
    assert mailbox.folders(("INBOX",)) == ["INBOX"]
    mailbox.close()


def refusal_of(port: int, tokens: AccessTokens, user: str = "ann") -> NotReached:
    with pytest.raises(NotReached) as caught:
        open_(port, tokens, user)
    for secret in (REFRESH_TOKEN, "access-"):
        assert secret not in str(caught.value)
    return caught.value


def test_a_token_logs_in_and_one_withdrawn_is_replaced(server: ImapServer, endpoint: TokenEndpoint) -> None:
    tokens = tokens_from(endpoint)
    open_(server.port, tokens)
    open_(server.port, tokens)
    assert len(endpoint.asked) == 1
    endpoint.good.clear()
    open_(server.port, tokens)
    assert len(endpoint.asked) == 2


def test_a_fresh_token_that_is_refused_is_not_tried_again(
    server: ImapServer, endpoint: TokenEndpoint
) -> None:
    tokens = tokens_from(endpoint)
    found = refusal_of(server.port, tokens, "bob")
    assert found.login
    assert "refuses the login of bob" in str(found)
    assert "what the sign-in allows" in str(found)
    assert len(endpoint.asked) == 1


def test_no_token(server: ImapServer, endpoint: TokenEndpoint) -> None:
    endpoint.answers = [refusal("invalid_grant", "revoked"), (503, {}, b"")]
    found = refusal_of(server.port, tokens_from(endpoint))
    assert found.login
    assert "Sign in again" in str(found)
    assert not refusal_of(server.port, tokens_from(endpoint)).login


def test_a_server_without_xoauth2(endpoint: TokenEndpoint) -> None:
    with imap_server() as plain:
        assert "offers no login by XOAUTH2" in str(refusal_of(plain.port, tokens_from(endpoint)))


def test_whose_secret_is_taken(server: ImapServer, endpoint: TokenEndpoint, tmp_path: Path) -> None:
    """As for sending, unless the mailbox says otherwise. A password is never taken for a token."""
    vault = Vault(tmp_path, {"PW": PASSWORD, "TOKEN": REFRESH_TOKEN})
    stored = vault.encrypt(SecretText(REFRESH_TOKEN))
    oauth = {"oauth_token_url": endpoint.url, "oauth_client_id": "c-1"}
    sending = {"auth": "xoauth2", **oauth}
    inbox: dict[str, Any] = {"source": "imap", "host": "127.0.0.1", "port": server.port, "username": "ann"}

    def account(settings: dict[str, Any], secret: str | None, **more: Any) -> Account:
        return Account(1, "main", "ann@a.example", "smtp", settings, secret, {**inbox, **more})

    for by_token, one in (
        (True, account(sending, stored)),
        (True, account(sending | {"oauth_refresh_token_env": "TOKEN"}, None)),
        (True, account({}, "not read", auth="xoauth2", **oauth, oauth_refresh_token_env="TOKEN")),
        (False, account(sending, "not read", password_env="PW")),
        (False, account({"password_env": "PW"}, None)),
        (False, account({"password_env": "PW"}, None, auth="password")),
    ):
        assert by_xoauth2(one) is by_token
        open_mailbox(one, tmp_path, vault).close()
    with pytest.raises(SettingsError, match="password of the mailbox is missing"):
        open_mailbox(account(sending, stored, auth="password"), tmp_path, vault)
    with pytest.raises(SettingsError, match="refresh token is missing"):
        open_mailbox(account({}, stored, auth="xoauth2", **oauth), tmp_path, vault)
    with pytest.raises(SettingsError, match="needs --oauth-token-url"):
        open_mailbox(account({}, stored, auth="xoauth2"), tmp_path, vault)
