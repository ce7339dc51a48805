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
    from carillon.settings import Settings
    from carillon.store.inboxes import Folder

JSON = typer.Option(False, "--json", help="Print one JSON document.")


def accounts(context: typer.Context, as_json: bool = JSON) -> None:
    """List the accounts. Passwords are never shown."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import accounts as store

        with workspace.database.snapshot() as connection:
            found = store.accounts(connection)
        settings = workspace.settings
    if as_json:
        here.screen.json([_document(one) for one in found])
        return
    if not found:
        here.screen.say("There are no accounts yet: `carillon account add NAME --transport ...` makes one.")
        return
    here.screen.table(
        ["account", "from", "sends by", "kind", "status", "a day", "last error"],
        [
            (
                one.name,
                one.address,
                f"{one.transport} {place(one)}".rstrip(),
                one.kind,
                one.status,
                _a_day(one, settings),
                one.last_error or "",
            )
            for one in found
        ],
        right="day",
        whole="account from kind status",
    )


def show(context: typer.Context, name: str = NAME, as_json: bool = JSON) -> None:
    """Show one account: its settings, limits, state and emails. Its password is never shown."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import accounts as store
        from carillon.store import inboxes, warmup_mail

        now = workspace.clock.now()
        with workspace.database.snapshot() as connection:
            account = store.find(connection, name)
            counts = store.emails_of(connection, account.id)
            warmed = warmup_mail.of_account(connection, account.id, now)
            folders = inboxes.folders(connection).get(account.id, [])
        zone = account.timezone or f"{workspace.settings.workspace.timezone} (the workspace's)"
        its_days = _days(account, workspace.settings)
    if as_json:
        read = [{key: value for key, value in asdict(one).items() if key != "account_id"} for one in folders]
        here.screen.json(
            _document(account) | {"emails": counts, "warmup_mail": asdict(warmed), "folders": read}
        )
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
        *its_days,
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
    if warmed.sent or warmed.received:
        screen.say(
            f"Warm-up mail of {warmup_mail.COUNTED.days} days: {number(warmed.sent)} sent, of which "
            f"{number(warmed.arrived)} arrived; {number(warmed.received)} received, "
            f"{number(warmed.rescued)} of them out of the spam folder"
        )
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
        "warmup_enabled": account.warmup_enabled,
        "warmup_day": account.warmup_day,
        "warmup": account.warmup,
        "pacing": account.pacing,
        "holidays": account.holidays,
        "status": account.status,
        "last_error": account.last_error,
        "created": account.created,
        "updated": account.updated,
    }


def _a_day(account: Account, settings: Settings) -> str:
    """How many emails it may send today, and that it warms up."""
    from carillon.ramp import number_a_day
    from carillon.words import AccountKind

    if account.kind != AccountKind.MAILBOX:
        return number(account.daily_limit) if account.daily_limit else "no limit"
    today = number(number_a_day(account, settings, account.warmup_day))
    return f"{today} (warm-up)" if account.warmup_enabled else today


def _days(account: Account, settings: Settings) -> list[tuple[str, str]]:
    """What the days of a mailbox look like; a relay has none."""
    from carillon.pace.shape import pattern_of, shape_of
    from carillon.ramp import number_a_day
    from carillon.words import AccountKind

    if account.kind != AccountKind.MAILBOX:
        return []
    pattern, own = pattern_of(account, settings), account.pacing or {}
    ramp = f"day {account.warmup_day}" if account.warmup_enabled else "no"
    days = ", ".join(name[:3].capitalize() for name in pattern.working_days)

    def said(key: str, text: str) -> str:
        return text if key in own else f"{text} (the workspace's)"

    return [
        ("emails a day", number(number_a_day(account, settings, account.warmup_day))),
        ("warm-up", ramp),
        ("business hours", said("business_hours", pattern.business_hours)),
        ("working days", said("working_days", days)),
        ("holidays", account.holidays or "none"),
        ("least gap", f"{shape_of(account, settings).min_gap_seconds} seconds"),
    ]


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
