"""Where an account's mail arrives, as somebody wants it: settings checked together, secrets put away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from carillon.accounts import Account
from carillon.errors import InputError
from carillon.listen.sources import (
    SOURCE,
    by_xoauth2,
    checked_inbox,
    oauth_missing,
    open_mailbox,
    sends_by_password,
)
from carillon.store import inboxes
from carillon.store.sign_ins import keeper
from carillon.vault import SecretText, Vault
from carillon.workspace import Workspace


class InboxSecretMissing(InputError):
    """There has to be a password for the mailbox, and none was given."""


class InboxSettingMissing(InputError):
    """Logging in with OAuth takes a setting that was not given: `key`."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the mailbox needs {key}")
        self.key = key


@dataclass(frozen=True)
class Opened:
    """What was found in a mailbox."""

    folders: list[str]
    place: str
    pushes: bool
    """Whether it tells of news by itself."""


def without_inbox(account: Account) -> Account:
    """The account; its mail is read no more."""
    return replace(account, inbox=None, inbox_secret=None)


def by_maildir(account: Account, path: str) -> Account:
    """Its mail arrives in a Maildir (a path, relative to the workspace's folder if it lies in there)."""
    inbox = {SOURCE: "maildir", "path": path}
    checked_inbox(inbox)
    return replace(account, inbox=inbox, inbox_secret=None)


def by_imap(
    account: Account, given: Mapping[str, Any], secret: Callable[[], SecretText] | None, vault: Vault
) -> Account:
    """Its mail arrives at a server; an empty text takes a setting away. `secret`: asks for a new password.

    Raises InputError where the settings do not go together, and its subclasses above.
    """
    before = account.inbox if account.inbox and account.inbox.get(SOURCE) == "imap" else {}
    user = account.settings.get("username") or account.address
    merged = {"username": user, **before, **given, SOURCE: "imap"}
    inbox = {key: value for key, value in merged.items() if value != ""}
    stored = account.inbox_secret
    if secret is not None:
        inbox.pop("password_env", None)
    elif "password_env" in given:
        stored = None
    checked = checked_inbox(inbox)
    kept = {key: value for key, value in checked.model_dump().items() if key in inbox}
    made = replace(account, inbox={SOURCE: "imap", **kept}, inbox_secret=stored)
    if secret is not None:
        made = replace(made, inbox_secret=vault.encrypt(secret()))
    if by_xoauth2(made):
        if missing := oauth_missing(made):
            raise InboxSettingMissing(missing)
        return replace(made, inbox_secret=None)
    if not (made.inbox_secret or checked.secret_variable or sends_by_password(account)):
        raise InboxSecretMissing("the password of the mailbox is missing.")
    return made


def try_inbox(workspace: Workspace, account: Account, vault: Vault) -> Opened:
    """Log in to the account's mailbox and look which folders are there; a wait after a fault is over then.

    Raises CarillonError that tells what keeps us from it.
    """
    assert account.inbox is not None
    mailbox = open_mailbox(account, workspace.folder, vault, keeper(workspace.database, vault, account.id))
    try:
        folders = mailbox.folders(workspace.settings.listening.folders)
        found = Opened(sorted(folders), checked_inbox(account.inbox).place, mailbox.pushes)
    finally:
        mailbox.close()
    workspace.database.write(lambda connection: inboxes.try_again(connection, account.id))
    return found
