"""Transports: what the dispatcher wants of them, and which there are.

What belongs here: the two protocols, owned by the dispatcher, and the table. A new transport is a file of
its own and one line of the table. No transport touches the store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from carillon.accounts import Account
from carillon.errors import CarillonError, InputError, SettingsError
from carillon.oauth import Credentials, Keep, tokens_of
from carillon.oauth_settings import XOAUTH2, OAuthSettings, grant_of
from carillon.send.outcomes import Envelope, Outcome
from carillon.send.transports import maildir, smtp
from carillon.send.transports.settings import TransportSettings, read_settings
from carillon.settings_checks import did_you_mean
from carillon.vault import Vault
from carillon.words import AccountKind


class Connection(Protocol):
    """One way to the other side, opened when first needed and again after an error.

    It carries one message at a time: whoever wants more asks for more connections.
    """

    async def deliver(self, envelope: Envelope, deadline: float) -> Outcome:
        """Hand over one message.

        `deadline` (of `clock.monotonic`): if it has passed when the message would be handed over for good
        (SMTP: before the final dot), it is not, and the outcome is Deferred. A fault of the other side is
        an outcome, never an exception; whoever cancels this does not know whether the message was sent.
        """
        ...

    async def close(self) -> None:
        """Take leave; the connection may be used again afterwards."""
        ...


class Transport(Protocol):
    """A way to send that an account is set up with."""

    @property
    def connections(self) -> int:
        """How many may be open at the same time."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether nothing leaves this machine: what may be used under `--now`."""
        ...

    def connection(self) -> Connection:
        """A new one; nothing is opened yet."""
        ...


@dataclass(frozen=True)
class Offer:
    """A transport one can choose."""

    settings: type[TransportSettings]
    make: Callable[[Any, Path, Credentials | None], Transport]
    """From settings, the workspace's folder and the secret; raises SettingsError where they do not do."""
    kind: AccountKind
    """How the day of an account with it looks, unless the account says otherwise."""


TRANSPORTS: Mapping[str, Offer] = {
    "maildir": Offer(maildir.MaildirSettings, maildir.MaildirTransport, AccountKind.RELAY),
    "smtp": Offer(smtp.SmtpSettings, smtp.SmtpTransport, AccountKind.RELAY),
}


def offer(name: str) -> Offer:
    """The transport of this name. Raises InputError, with the nearest name, where there is none."""
    if name not in TRANSPORTS:
        known = ", ".join(TRANSPORTS)
        raise InputError(
            f"there is no transport {name!r}{did_you_mean(name, TRANSPORTS)}; there are {known}."
        )
    return TRANSPORTS[name]


def checked_settings(transport: str, values: Mapping[str, Any]) -> TransportSettings:
    """The settings of an account's transport. Raises InputError that names what is wrong."""
    return read_settings(offer(transport).settings, transport, values)


def open_transport(account: Account, folder: Path, vault: Vault, keep: Keep | None = None) -> Transport:
    """The transport of an account, with its secret; nothing is opened yet.

    `keep`: what to do with a refresh token that takes the place of the one there was.
    Raises InputError or WorkspaceError where it cannot be, naming the account.
    """
    try:
        settings = checked_settings(account.transport, account.settings)
        secret: Credentials | None
        if isinstance(settings, OAuthSettings) and settings.auth == XOAUTH2:
            secret = tokens_of(grant_of(settings.model_dump(), account.secret, vault), keep)
        else:
            secret = vault.find(account.secret, settings.secret_variable)
            if settings.needs_secret and secret is None:
                raise SettingsError("its password is missing; give it with `carillon account set`.")
        return offer(account.transport).make(settings, folder, secret)
    except CarillonError as error:
        raise type(error)(f"account {account.name}: {error}") from None
