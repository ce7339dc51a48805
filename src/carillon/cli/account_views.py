"""How accounts are shown: `carillon account list` and `show`. Passwords never are."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.account_options import NAME
from carillon.cli.output import listed, number, plain_word
from carillon.cli.session import session
from carillon.words import AccountStatus

if TYPE_CHECKING:
    from carillon.accounts import Account
    from carillon.store.inboxes import Folder

JSON = typer.Option(False, "--json", help="Print one JSON document.")


def accounts(context: typer.Context, as_json: bool = JSON) -> None:
    """List the accounts. Passwords are never shown."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import accounts as store

        with workspace.database.snapshot() as connection:
            found = store.accounts(connection)
    if as_json:
        here.screen.json([_document(one) for one in found])
        return
    if not found:
        here.screen.say("There are no accounts yet: `carillon account add NAME --transport ...` makes one.")
        return
    here.screen.table(
        ["account", "from", "sends by", "status", "a day", "last error"],
        [
            (
                one.name,
                one.address,
                f"{one.transport} {place(one)}".rstrip(),
                one.status,
                number(one.daily_limit) if one.daily_limit else "no limit",
                one.last_error or "",
            )
            for one in found
        ],
        right="day",
        whole="account from status",
    )


def show(context: typer.Context, name: str = NAME, as_json: bool = JSON) -> None:
    """Show one account: its settings, limits, state and emails. Its password is never shown."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import accounts as store
        from carillon.store import inboxes

        with workspace.database.snapshot() as connection:
            account = store.find(connection, name)
            counts = store.emails_of(connection, account.id)
            folders = inboxes.folders(connection).get(account.id, [])
        zone = account.timezone or f"{workspace.settings.workspace.timezone} (the workspace's)"
    if as_json:
        read = [{key: value for key, value in asdict(one).items() if key != "account_id"} for one in folders]
        here.screen.json(_document(account) | {"emails": counts, "folders": read})
        return
    screen = here.screen
    screen.say(f"[bold]{escape(name)}[/]  {escape(account.transport)}, {account.status}")
    facts = [
        ("from", account.address),
        ("display name", account.display_name or "none"),
        ("answers to", account.reply_to or "the sender"),
        ("time zone", zone),
        ("kind", account.kind),
        ("group", account.group),
        *((plain_word(key), "none" if value is None else str(value)) for key, value in _limits(account)),
        *(
            (plain_word(key), "none" if value is None else str(value))
            for key, value in _settings(account)
            if value is not None or not key.startswith("oauth_")
        ),
        ("refresh token" if account.settings.get("auth") == "xoauth2" else "password", _password(account)),
        ("mailbox", _mailbox(account)),
        *((f"read, {one.name}", _read(one)) for one in folders),
    ]
    screen.table(["", " "], facts)
    screen.say(f"\nEmails: {escape(listed(counts, screen.glyphs.dot)) or 'none yet'}")
    if account.last_error:
        screen.warn(account.last_error)
    if error := next((one.last_error for one in folders if one.last_error), None):
        screen.warn(f"its mailbox cannot be read: {error}")
    if account.status != AccountStatus.ACTIVE:
        screen.say(f"\nNext: [bold]carillon account resume {escape(quoted(name))}[/]")


def _document(account: Account) -> dict[str, object]:
    return {
        "id": account.id,
        "name": account.name,
        "address": account.address,
        "display_name": account.display_name,
        "reply_to": account.reply_to,
        "transport": account.transport,
        "settings": dict(_settings(account)),
        "password": _password(account),
        "mailbox": None if account.inbox is None else dict(account.inbox),
        "kind": account.kind,
        "group": account.group,
        "timezone": account.timezone,
        **dict(_limits(account)),
        "status": account.status,
        "last_error": account.last_error,
        "created": account.created,
        "updated": account.updated,
    }


def _limits(account: Account) -> list[tuple[str, int | None]]:
    from carillon.accounts import MOST

    return [(name, getattr(account, name)) for name in (*MOST, "send_delay_seconds")]


def _settings(account: Account) -> list[tuple[str, object]]:
    """What is stored and, where that can be read, the defaults for the rest."""
    from carillon.errors import InputError
    from carillon.send.transports import checked_settings

    try:
        return list(checked_settings(account.transport, account.settings).model_dump().items())
    except InputError:
        return list(account.settings.items())


def place(account: Account) -> str:
    """Where its mail goes; nothing if its settings cannot be read."""
    from carillon.errors import InputError
    from carillon.send.transports import checked_settings

    try:
        return checked_settings(account.transport, account.settings).place
    except InputError:
        return ""


def sends(account: Account) -> str:
    """Its address, and how it sends."""
    return f"{account.address} by {account.transport} {place(account)}"


def _password(account: Account) -> str:
    if variable := account.settings.get("password_env") or account.settings.get("oauth_refresh_token_env"):
        return f"in the variable {variable}"
    return "stored, encrypted" if account.secret else "none"


def _mailbox(account: Account) -> str:
    """Where its mail arrives."""
    if account.inbox is None:
        return "not read (--imap-host)"
    return str(account.inbox.get("host") or account.inbox.get("path"))


def _read(folder: Folder) -> str:
    return f"up to {folder.read_at:%Y-%m-%d %H:%M} UTC" if folder.read_at else "not yet to its end"


def quoted(name: str) -> str:
    """A name as it is typed on a command line."""
    return f'"{name}"' if " " in name else name
