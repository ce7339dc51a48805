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
from carillon.cli.shared_options import Options
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
AUTH = typer.Option(
    None, "--auth", metavar="password|xoauth2", help="smtp: how it logs in (default: password)."
)
OAUTH_TOKEN_URL = typer.Option(
    None, "--oauth-token-url", metavar="U", help="xoauth2: where access tokens are given out."
)
OAUTH_CLIENT_ID = typer.Option(
    None, "--oauth-client-id", metavar="C", help="xoauth2: what the provider calls the program."
)
OAUTH_SCOPE = typer.Option(
    None, "--oauth-scope", metavar="S", help="xoauth2: what to ask for (default: all that was granted)."
)
OAUTH_REFRESH_TOKEN_ENV = typer.Option(
    None,
    "--oauth-refresh-token-env",
    metavar="VAR",
    help="Read the refresh token from this variable whenever it is needed.",
)
OAUTH_REFRESH_TOKEN_STDIN = typer.Option(
    False,
    "--oauth-refresh-token-stdin",
    help="Read the refresh token now, from a pipe or the keyboard, and store it encrypted.",
)
OAUTH_CLIENT_SECRET_ENV = typer.Option(
    None,
    "--oauth-client-secret-env",
    metavar="VAR",
    help="Read the client's secret, if it has one, from this variable.",
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

OPTIONS: Options = {
    "display_name": (str, DISPLAY_NAME),
    "reply_to": (str, REPLY_TO),
    "host": (str, HOST),
    "port": (int, PORT),
    "security": (str, SECURITY),
    "username": (str, USERNAME),
    "password_env": (str, PASSWORD_ENV),
    "password_stdin": (bool, PASSWORD_STDIN),
    "auth": (str, AUTH),
    "oauth_token_url": (str, OAUTH_TOKEN_URL),
    "oauth_client_id": (str, OAUTH_CLIENT_ID),
    "oauth_scope": (str, OAUTH_SCOPE),
    "oauth_refresh_token_env": (str, OAUTH_REFRESH_TOKEN_ENV),
    "oauth_refresh_token_stdin": (bool, OAUTH_REFRESH_TOKEN_STDIN),
    "oauth_client_secret_env": (str, OAUTH_CLIENT_SECRET_ENV),
    "path": (Path, PATH),
    "more": (list[str], SET),
    "timezone": (str, TIMEZONE),
    "group": (str, GROUP),
    "kind": (str, KIND),
    "daily_limit": (str, DAILY),
    "max_per_hour": (str, PER_HOUR),
    "max_per_minute": (str, PER_MINUTE),
    "max_per_second": (str, PER_SECOND),
    "max_per_domain_per_minute": (str, PER_DOMAIN),
    "send_delay": (int, DELAY),
}
"""What `add` and `set` have in common."""


_BY_PASSWORD = "--password-env VAR or --password-stdin"
_BY_TOKEN = "--oauth-refresh-token-env VAR or --oauth-refresh-token-stdin"
"""Options that give a secret."""


@dataclass(frozen=True)
class Given:
    """What the options say; None where one was not given."""

    fields: Mapping[str, Any]
    """Of the account."""
    settings: Mapping[str, Any]
    """Of its transport; an empty text takes one away."""
    password_stdin: bool
    refresh_token_stdin: bool


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
    refresh_token_stdin: bool,
) -> Given:
    """The options put together. Raises UsageError for those that cannot be read."""
    if password_stdin and settings.get("password_env"):
        raise UsageError("give the password one way: --password-env or --password-stdin.")
    if refresh_token_stdin and settings.get("oauth_refresh_token_env"):
        raise UsageError(
            "give the refresh token one way: --oauth-refresh-token-env or --oauth-refresh-token-stdin."
        )
    fields: dict[str, Any] = {name: text for name, text in texts.items() if text is not None}
    fields |= {name: _limit(name, text) for name, text in limits.items() if text is not None}
    if delay is not None:
        fields["send_delay_seconds"] = delay
    values = {key: value for key, value in settings.items() if value is not None}
    if path is not None:
        from carillon.connection_settings import place_of

        values["path"] = place_of(path, folder)
    for pair in more:
        key, mark, value = pair.partition("=")
        if not mark or not key:
            raise UsageError(f"--set {pair!r} is not KEY=VALUE.")
        if not key.strip().startswith(PREFIX):
            values[key.strip()] = value
    return Given(fields, values, password_stdin, refresh_token_stdin)


def applied(workspace: Workspace, account: Account, options: Given) -> Account:
    """The account as the options want it, its transport's settings checked.

    A password or refresh token is read and encrypted here. Raises UsageError or InputError where they do
    not go together.
    """
    from carillon.send.setup import BY_TOKEN, SecretMissing, SecretUnused, Way, set_up, way_of
    from carillon.vault import Vault

    merged = {**account.settings, **options.settings}
    way = way_of({key: value for key, value in merged.items() if value != ""})
    by_token = way is BY_TOKEN
    if options.password_stdin and by_token:
        raise UsageError("--password-stdin is of no use with --auth xoauth2: --oauth-refresh-token-stdin is.")
    if options.refresh_token_stdin and not by_token:
        raise UsageError("--oauth-refresh-token-stdin needs --auth xoauth2.")

    def ask(found: Way) -> Any:
        return password(f"{found.what.capitalize()}: ")

    stdin = options.refresh_token_stdin if by_token else options.password_stdin
    vault = Vault(workspace.folder, os.environ)
    try:
        made = set_up(account, options.settings, ask if stdin else None, vault)
    except SecretMissing:
        how = _BY_TOKEN if by_token else _BY_PASSWORD
        raise UsageError(f"the {way.what} is missing: give {how}.") from None
    except SecretUnused:
        raise UsageError("a password without a user is of no use: give --username as well.") from None
    fields: dict[str, Any] = {
        name: None if value == "" and name in _REMOVABLE else value for name, value in options.fields.items()
    }
    return replace(made, **fields)


def _limit(name: str, text: str) -> int | None:
    if text.strip().lower() == "none":
        return None
    if not text.strip().isdecimal():
        raise UsageError(f"--{name.replace('_', '-')} {text!r} is neither a whole number nor none.")
    return int(text)


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
