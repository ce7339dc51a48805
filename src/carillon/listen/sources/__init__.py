"""Sources: what the listener wants of a mailbox, and which kinds there are.

What belongs here: the protocol, owned by the listener (`listen.run`), and the table. A new source is a file
of its own and one line of the table. No source touches the store: how far a folder is read is handed in, and
handed out again with what was read, so that both are stored together or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from carillon.accounts import Account
from carillon.connection_settings import ConnectionSettings, read_settings
from carillon.errors import InputError, SettingsError
from carillon.listen.sources import imap, maildir
from carillon.listen.sources.mail import Batch, Mark, Marked
from carillon.oauth import Credentials, Keep, tokens_of
from carillon.oauth_settings import NEEDED, XOAUTH2, grant_of, oauth_keys
from carillon.settings_checks import did_you_mean
from carillon.vault import Vault


class Mailbox(Protocol):
    """An open mailbox. One thread works with it; only `abort` may be called by another.

    Every method raises NotReached where the other side cannot be reached or does not do what it should;
    the mailbox is then of no more use than to be closed.
    """

    @property
    def pushes(self) -> bool:
        """Whether it tells of news by itself, so that `wait` ends as soon as there is some."""
        ...

    def folders(self, wanted: tuple[str, ...]) -> list[str]:
        """Those of the wanted folders that are there, the first of them last: `wait` is about that one."""
        ...

    def news(self, folder: str, mark: Mark, since: date) -> Iterator[Batch]:
        """What arrived in a folder after `mark`, in batches of bounded size, the oldest first.

        Where the mark is of no use (nothing was read yet, or the folder was numbered anew), what arrived
        on `since` or later. Nothing is marked as read, and nothing changes for whoever else reads it.
        """
        ...

    def stored(self, batch: Batch) -> None:
        """What was made of the batch is stored."""
        ...

    def marked(self, header: str, spam: str | None, since: date) -> list[Marked]:
        """Messages with this header: unread ones of the inbox, and all in the folder for spam.

        Each is told once. `spam`: that folder; None: the one the mailbox has for it. A mailbox in which
        nothing can be put right has none.
        """
        ...

    def put_right(self, found: Sequence[Marked]) -> None:
        """Mark such messages as read, and move those in the folder for spam to the inbox."""
        ...

    def wait(self, seconds: float, stop: Event) -> None:
        """Wait so long, but not longer than until `stop` is set or, where it `pushes`, there is news."""
        ...

    def close(self) -> None:
        """Take leave; never raises."""
        ...

    def abort(self) -> None:
        """Let whatever is waiting for the other side fail at once; never raises."""
        ...


@dataclass(frozen=True)
class Offer:
    """A kind of mailbox an account can have."""

    settings: type[ConnectionSettings]
    open: Callable[[Any, Path, Credentials | None], Mailbox]
    """From settings, the workspace's folder and the secret: connected and logged in."""


SOURCES: Mapping[str, Offer] = {
    "imap": Offer(imap.ImapSettings, imap.ImapMailbox),
    "maildir": Offer(maildir.MaildirSettings, maildir.MaildirMailbox),
}
SOURCE = "source"
"""The key of `Account.inbox` that names one of them; the others are its settings."""


def checked_inbox(inbox: Mapping[str, Any]) -> ConnectionSettings:
    """The settings of an account's mailbox. Raises InputError that names what is wrong."""
    return read_settings(
        _offer(inbox).settings,
        f"the mailbox ({inbox[SOURCE]})",
        {key: value for key, value in inbox.items() if key != SOURCE},
    )


def by_xoauth2(account: Account) -> bool:
    """Whether OAuth logs in to the mailbox: as it says or, without a password of its own, as for sending."""
    inbox = account.inbox or {}
    if inbox.get(SOURCE) != "imap":
        return False
    own_password = account.inbox_secret or inbox.get("password_env")
    return (inbox.get("auth") or (None if own_password else account.settings.get("auth"))) == XOAUTH2


def oauth_missing(account: Account) -> str | None:
    """The key that a mailbox logged in to with OAuth still needs."""
    keys = _oauth_keys(account)
    needed = NEEDED if _stored_token(account) else (*NEEDED, "oauth_refresh_token_env")
    return next((key for key in needed if key not in keys), None)


def sends_by_password(account: Account) -> bool:
    """Whether there is a password for sending."""
    by_token = account.settings.get("auth") == XOAUTH2
    return not by_token and bool(account.secret or account.settings.get("password_env"))


def _oauth_keys(account: Account) -> dict[str, Any]:
    """As for sending, but for what the mailbox says itself."""
    return oauth_keys(account.settings) | oauth_keys(account.inbox or {})


def _stored_token(account: Account) -> str | None:
    return account.secret if account.settings.get("auth") == XOAUTH2 else None


def open_mailbox(account: Account, folder: Path, vault: Vault, keep: Keep | None = None) -> Mailbox:
    """The mailbox of an account that has one. Without a secret of its own it takes the account's.

    `keep`: what to do with a refresh token that takes the place of the one there was.
    Raises NotReached where the other side cannot be reached or refuses the login, and InputError,
    SettingsError or WorkspaceError where it is not set up right.
    """
    assert account.inbox is not None
    settings = checked_inbox(account.inbox)
    secret: Credentials | None = None
    if by_xoauth2(account):
        secret = tokens_of(grant_of(_oauth_keys(account), _stored_token(account), vault), keep)
    elif settings.needs_secret:
        secret = vault.find(account.inbox_secret, settings.secret_variable, "--imap-password-stdin")
        if secret is None and sends_by_password(account):
            secret = vault.find(account.secret, account.settings.get("password_env"))
        if secret is None:
            raise SettingsError("the password of the mailbox is missing: give --imap-password-env VAR.")
    return _offer(account.inbox).open(settings, folder, secret)


def _offer(inbox: Mapping[str, Any]) -> Offer:
    name = str(inbox.get(SOURCE))
    if name not in SOURCES:
        hint = did_you_mean(name, SOURCES)
        raise InputError(f"there is no kind of mailbox {name!r}{hint}; there are {', '.join(SOURCES)}.")
    return SOURCES[name]
