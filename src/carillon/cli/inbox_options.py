"""The options of `carillon account add` and `set` about where an account's mail arrives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
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
    from carillon.cli.account_options import password, place
    from carillon.listen.sources import SOURCE, by_xoauth2, checked_inbox, oauth_missing, sends_by_password
    from carillon.vault import Vault

    if not options:
        return account
    if options.path == "" or options.settings.get("host") == "":
        return replace(account, inbox=None, inbox_secret=None)
    if options.path:
        inbox = {SOURCE: "maildir", "path": place(Path(options.path), workspace.folder)}
        checked_inbox(inbox)
        return replace(account, inbox=inbox, inbox_secret=None)
    before = account.inbox if account.inbox and account.inbox.get(SOURCE) == "imap" else {}
    user = account.settings.get("username") or account.address
    merged = {"username": user, **before, **options.settings, SOURCE: "imap"}
    inbox = {key: value for key, value in merged.items() if value != ""}
    secret = account.inbox_secret
    if options.password_stdin:
        inbox.pop("password_env", None)
    elif "password_env" in options.settings:
        secret = None
    checked = checked_inbox(inbox)
    kept = {key: value for key, value in checked.model_dump().items() if key in inbox}
    made = replace(account, inbox={SOURCE: "imap", **kept}, inbox_secret=secret)
    if options.password_stdin:
        vault = Vault(workspace.folder, os.environ)
        made = replace(made, inbox_secret=vault.encrypt(password("Password of the mailbox: ")))
    if by_xoauth2(made):
        if missing := oauth_missing(made):
            raise UsageError(f"the mailbox needs {missing}: --set imap_{missing}=... says it.")
        return replace(made, inbox_secret=None)
    if not (made.inbox_secret or checked.secret_variable or sends_by_password(account)):
        raise UsageError(
            "the password of the mailbox is missing: give --imap-password-env VAR or --imap-password-stdin."
        )
    return made
