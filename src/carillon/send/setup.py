"""How an account sends, as somebody wants it: settings checked together, and the secret put away.

What is kept is what was given: a default may change with the program. A secret is asked for once, and only
where it is of use; it leaves here encrypted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from carillon.accounts import Account
from carillon.errors import InputError
from carillon.oauth_settings import XOAUTH2
from carillon.send.transports import checked_settings
from carillon.vault import SecretText, Vault


class SecretMissing(InputError):
    """There has to be a secret, and none was given."""


class SecretUnused(InputError):
    """A secret was given, and nobody logs in."""


@dataclass(frozen=True)
class Way:
    """How an account logs in, and how its secret is called."""

    what: str
    variable: str
    """The setting that names the variable with the secret."""


BY_PASSWORD = Way("password", "password_env")
BY_TOKEN = Way("refresh token", "oauth_refresh_token_env")


def way_of(settings: Mapping[str, Any]) -> Way:
    """How an account with these settings logs in."""
    return BY_TOKEN if settings.get("auth") == XOAUTH2 else BY_PASSWORD


def set_up(
    account: Account, given: Mapping[str, Any], secret: Callable[[Way], SecretText] | None, vault: Vault
) -> Account:
    """The account with its transport's settings as wanted; an empty text takes one away.

    `secret`: asks for a new one that is to be stored; None: there is none to be stored. Raises InputError
    where the settings do not go together, and its subclasses above.
    """
    settings = {key: value for key, value in {**account.settings, **given}.items() if value != ""}
    way = way_of(settings)
    stored = account.secret
    if way is not way_of(account.settings):
        # What the other way to log in was set up with is of no use any more.
        stored = None
        settings = {
            key: value
            for key, value in settings.items()
            if key in given or not key.startswith("password_env" if way is BY_TOKEN else "oauth_")
        }
    if secret is not None:
        settings.pop(way.variable, None)
    elif way.variable in given:
        stored = None
    checked = checked_settings(account.transport, settings)
    if not checked.needs_secret:
        if secret is not None or given.get(way.variable):
            raise SecretUnused("a password without a user is of no use: give a user name as well.")
        settings.pop(way.variable, None)
        stored = None
    elif secret is not None:
        stored = vault.encrypt(secret(way))
    elif stored is None and checked.secret_variable is None:
        raise SecretMissing(f"the {way.what} is missing.")
    kept = {key: value for key, value in checked.model_dump().items() if key in settings}
    return replace(account, settings=kept, secret=stored)
