"""The options of `carillon account add` and `set` about where an account's mail arrives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from carillon.cli.shared_options import Options
from carillon.errors import UsageError

if TYPE_CHECKING:
    from carillon.accounts import Account
    from carillon.workspace import Workspace

HOST = typer.Option(
    None, "--imap-host", metavar="H", help='The server its mail arrives at, to be read ("": none).'
)
PORT = typer.Option(
    None, "--imap-port", metavar="P", help="Its port (default: as usual for --imap-security)."
)
SECURITY = typer.Option(
    None,
    "--imap-security",
    metavar="none|starttls|tls",
    help="How the connection is encrypted (default: starttls on port 143, none to this machine, else tls).",
)
USERNAME = typer.Option(
    None, "--imap-username", metavar="U", help="Who logs in (default: as for sending, else its address)."
)
PASSWORD_ENV = typer.Option(
    None,
    "--imap-password-env",
    metavar="VAR",
    help="Read the password from this variable (default: the password for sending).",
)
PASSWORD_STDIN = typer.Option(
    False, "--imap-password-stdin", help="Read the password now, and store it encrypted."
)
PATH = typer.Option(
    None, "--inbox-path", metavar="DIR", help='A Maildir its mail arrives in, instead of a server ("": none).'
)
PREFIX = "imap_"
"""Of settings in `--set`, such as imap_ca_file=FILE."""
OPTIONS: Options = {
    "imap_host": (str, HOST),
    "imap_port": (int, PORT),
    "imap_security": (str, SECURITY),
    "imap_username": (str, USERNAME),
    "imap_password_env": (str, PASSWORD_ENV),
    "imap_password_stdin": (bool, PASSWORD_STDIN),
    "inbox_path": (str, PATH),
}


@dataclass(frozen=True)
class InboxGiven:
    """What the options say."""

    settings: Mapping[str, Any]
    """Of the mailbox; an empty text takes one away."""
    path: str | None
    password_stdin: bool

    def __bool__(self) -> bool:
        return bool(self.settings) or self.path is not None or self.password_stdin


def inbox_given(values: Mapping[str, Any]) -> InboxGiven:
    """The options out of a command's parameters. Raises UsageError for those that do not go together."""
    settings = {
        key: values[f"{PREFIX}{key}"]
        for key in ("host", "port", "security", "username", "password_env")
        if values[f"{PREFIX}{key}"] is not None
    }
    for pair in values["more"]:
        key, _, value = pair.partition("=")
        if key.strip().startswith(PREFIX):
            settings[key.strip().removeprefix(PREFIX)] = value
    found = InboxGiven(settings, values["inbox_path"], bool(values["imap_password_stdin"]))
    if found.password_stdin and settings.get("password_env"):
        raise UsageError("give the password one way: --imap-password-env or --imap-password-stdin.")
    if found.path and (found.settings or found.password_stdin):
        raise UsageError("mail arrives in one place: give --inbox-path or the --imap options.")
    return found


def inbox_applied(workspace: Workspace, account: Account, options: InboxGiven) -> Account:
    """The account with its mailbox as the options want it, checked.

    A password is read and encrypted here. Raises UsageError or InputError where they do not go together.
    """
    from carillon.cli.account_options import password
    from carillon.connection_settings import place_of
    from carillon.listen.setup import (
        InboxSecretMissing,
        InboxSettingMissing,
        by_imap,
        by_maildir,
        without_inbox,
    )
    from carillon.vault import Vault

    if not options:
        return account
    if options.path == "" or options.settings.get("host") == "":
        return without_inbox(account)
    if options.path:
        return by_maildir(account, place_of(Path(options.path), workspace.folder))

    def ask() -> Any:
        return password("Password of the mailbox: ")

    vault = Vault(workspace.folder, os.environ)
    try:
        return by_imap(account, options.settings, ask if options.password_stdin else None, vault)
    except InboxSettingMissing as error:
        raise UsageError(f"the mailbox needs {error.key}: --set imap_{error.key}=... says it.") from None
    except InboxSecretMissing:
        raise UsageError(
            "the password of the mailbox is missing: give --imap-password-env VAR or --imap-password-stdin."
        ) from None
