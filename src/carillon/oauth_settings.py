"""The keys of an account, or of its mailbox, about logging in with OAuth 2.0 instead of a password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator

from carillon.connection_settings import ConnectionSettings, Variable, is_this_machine
from carillon.errors import SettingsError
from carillon.oauth import Grant
from carillon.settings_checks import one_of, shown, text
from carillon.vault import Vault

XOAUTH2 = "xoauth2"
PREFIX = "oauth_"
"""Of all keys but `auth`."""
NEEDED = ("oauth_token_url", "oauth_client_id")
STDIN = "--oauth-refresh-token-stdin"


def _token_url(value: object) -> str:
    word = text(value)
    try:
        parts = urlsplit(word)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("https", "http") or parts.username is not None or parts.fragment:
        raise ValueError(
            f"{shown(word)} is not the address of a token endpoint; write it like https://login.example.com/token"
        )
    if parts.scheme == "http" and not is_this_machine(host):
        raise ValueError("without encryption the refresh token could be read on its way; use https")
    return word


Auth = Annotated[Literal["password", "xoauth2"], one_of("password", "xoauth2")]


class OAuthSettings(ConnectionSettings):
    """What a way out or in says about its login. The secrets are a refresh token and perhaps a client's."""

    auth: Auth | None = None
    oauth_token_url: Annotated[str, BeforeValidator(_token_url)] | None = None
    oauth_client_id: Annotated[str, BeforeValidator(text)] | None = None
    oauth_scope: Annotated[str, BeforeValidator(text)] | None = None
    """Not given: what was granted at the sign-in."""
    oauth_refresh_token_env: Variable | None = None
    """The variable that holds the refresh token, if it is not stored."""
    oauth_client_secret_env: Variable | None = None
    """The variable that holds the client's secret, if it has one."""


def oauth_keys(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings that are about OAuth and say something."""
    return {key: value for key, value in settings.items() if key.startswith(PREFIX) and value is not None}


def grant_of(settings: Mapping[str, Any], stored: str | None, vault: Vault) -> Grant:
    """What to ask for access tokens with. `stored`: the refresh token, encrypted.

    Raises SettingsError or WorkspaceError for what is missing or cannot be read.
    """
    keys = oauth_keys(settings)
    for key in NEEDED:
        if key not in keys:
            raise SettingsError(f"auth xoauth2 needs --{key.replace('_', '-')}.")
    variable = keys.get("oauth_refresh_token_env")
    refresh_token = vault.find(stored, variable, STDIN, "refresh token")
    if refresh_token is None:
        raise SettingsError(f"the refresh token is missing: `carillon account set NAME {STDIN}` takes one.")
    client_secret = vault.find(
        None, keys.get("oauth_client_secret_env"), "--oauth-client-secret-env VAR", "client's secret"
    )
    return Grant(
        token_url=keys["oauth_token_url"],
        client_id=keys["oauth_client_id"],
        scope=keys.get("oauth_scope"),
        refresh_token=refresh_token,
        client_secret=client_secret,
    )
