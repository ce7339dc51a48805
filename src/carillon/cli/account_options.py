"""The options of `carillon account add` and `set`, and what they make of an account."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from carillon.cli.inbox_options import PREFIX
from carillon.errors import UsageError

if TYPE_CHECKING:
    from carillon.accounts import Account
    from carillon.workspace import Workspace

NAME = typer.Argument(..., metavar="NAME", help="The account's name.")
FROM = typer.Option(None, "--from", metavar="ADDRESS", help="The address it sends from.")
DISPLAY_NAME = typer.Option(None, "--display-name", metavar="TEXT", help='The name before it ("": none).')
REPLY_TO = typer.Option(None, "--reply-to", metavar="ADDRESS", help='Where answers go ("": to the sender).')
HOST = typer.Option(None, "--host", metavar="H", help="smtp: the server.")
PORT = typer.Option(None, "--port", metavar="P", help="smtp: its port (default: as usual for --security).")
SECURITY = typer.Option(
    None,
    "--security",
    metavar="none|starttls|tls",
    help="smtp: how the connection is encrypted (default: tls on port 465, none to this machine, else "
    "starttls).",
)
USERNAME = typer.Option(None, "--username", metavar="U", help='smtp: who logs in ("": nobody).')
PASSWORD_ENV = typer.Option(
    None, "--password-env", metavar="VAR", help="Read the password from this variable whenever it is needed."
)
PASSWORD_STDIN = typer.Option(
    False,
    "--password-stdin",
    help="Read the password now, from a pipe or the keyboard, and store it encrypted.",
)
PATH = typer.Option(None, "--path", metavar="DIR", help="maildir: the folder.")
SET = typer.Option(
    [],
    "--set",
    metavar="KEY=VALUE",
    help="Another setting of the transport, like connections=10, or of the mailbox, like "
    "imap_ca_file=FILE; repeatable.",
)
TIMEZONE = typer.Option(None, "--timezone", metavar="Z", help='Its time zone ("": the workspace\'s).')
GROUP = typer.Option(None, "--group", metavar="G", help="The group campaigns may name.")
KIND = typer.Option(
    None, "--kind", metavar="relay|mailbox", help="How its day looks (default: as usual for the transport)."
)
DELAY = typer.Option(None, "--send-delay", min=0, metavar="S", help="Least seconds between two emails.")


_REMOVABLE = {"display_name", "reply_to", "timezone"}
"""Texts an account need not have."""


def limit(option: str, what: str) -> Any:
    """An option for a limit."""
    return typer.Option(None, option, metavar="N|none", help=f"Emails at most {what}.")


DAILY = limit("--daily-limit", "a day")
PER_HOUR = limit("--max-per-hour", "an hour")
PER_MINUTE = limit("--max-per-minute", "a minute")
PER_SECOND = limit("--max-per-second", "a second")
PER_DOMAIN = limit("--max-per-domain-per-minute", "a minute to one recipient domain")


@dataclass(frozen=True)
class Given:
    """What the options say; None where one was not given."""

    fields: Mapping[str, Any]
    """Of the account."""
    settings: Mapping[str, Any]
    """Of its transport; an empty text takes one away."""
    password_stdin: bool


def given(
    *,
    texts: Mapping[str, str | None],
    limits: Mapping[str, str | None],
    delay: int | None,
    settings: Mapping[str, Any],
    more: list[str],
    path: Path | None,
    folder: Path,
    password_stdin: bool,
) -> Given:
    """The options put together. Raises UsageError for those that cannot be read."""
    if password_stdin and settings.get("password_env"):
        raise UsageError("give the password one way: --password-env or --password-stdin.")
    fields: dict[str, Any] = {name: text for name, text in texts.items() if text is not None}
    fields |= {name: _limit(name, text) for name, text in limits.items() if text is not None}
    if delay is not None:
        fields["send_delay_seconds"] = delay
    values = {key: value for key, value in settings.items() if value is not None}
    if path is not None:
        values["path"] = place(path, folder)
    for pair in more:
        key, mark, value = pair.partition("=")
        if not mark or not key:
            raise UsageError(f"--set {pair!r} is not KEY=VALUE.")
        if not key.strip().startswith(PREFIX):
            values[key.strip()] = value
    return Given(fields, values, password_stdin)


def applied(workspace: Workspace, account: Account, options: Given) -> Account:
    """The account as the options want it, its transport's settings checked.

    A password is read and encrypted here. Raises UsageError or InputError where they do not go together.
    """
    from carillon.send.transports import checked_settings
    from carillon.vault import Vault

    merged = {**account.settings, **options.settings}
    settings = {key: value for key, value in merged.items() if value != ""}
    secret = account.secret
    if options.password_stdin:
        settings.pop("password_env", None)
    elif "password_env" in options.settings:
        secret = None
    checked = checked_settings(account.transport, settings)
    if not checked.needs_secret:
        if options.password_stdin or options.settings.get("password_env"):
            raise UsageError("a password without a user is of no use: give --username as well.")
        settings.pop("password_env", None)
        secret = None
    elif options.password_stdin:
        secret = Vault(workspace.folder, os.environ).encrypt(password())
    elif secret is None and checked.secret_variable is None:
        raise UsageError("the password is missing: give --password-env VAR or --password-stdin.")
    fields: dict[str, Any] = {
        name: None if value == "" and name in _REMOVABLE else value for name, value in options.fields.items()
    }
    # As checked, but only what was given: a default may change with the program.
    kept = {key: value for key, value in checked.model_dump().items() if key in settings}
    return replace(account, **fields, settings=kept, secret=secret)


def _limit(name: str, text: str) -> int | None:
    if text.strip().lower() == "none":
        return None
    if not text.strip().isdecimal():
        raise UsageError(f"--{name.replace('_', '-')} {text!r} is neither a whole number nor none.")
    return int(text)


def place(path: Path, folder: Path) -> str:
    """A path as stored: from the workspace's folder if it is in there, so that both can be moved."""
    full, home = path.expanduser().resolve(), folder.resolve()
    return str(full.relative_to(home)) if full.is_relative_to(home) else str(full)


def password(prompt: str = "Password: ") -> Any:
    """A password, from a pipe or the keyboard."""
    from carillon.vault import SecretText

    if sys.stdin.isatty():
        found = getpass.getpass(prompt)
    else:
        found = sys.stdin.readline().rstrip("\r\n")
    if not found:
        raise UsageError("there was no password to read: give it on one line of standard input.")
    return SecretText(found)
