"""`carillon account`: accounts made, changed, held up and tried out. How they look: `account_views`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape

from carillon.cli import account_options as options
from carillon.cli import day_options as days
from carillon.cli import inbox_options as inbox
from carillon.cli.account_options import Given, applied, given
from carillon.cli.account_views import quoted, sends
from carillon.cli.day_options import DaysGiven, days_applied, days_given
from carillon.cli.inbox_options import InboxGiven, inbox_applied, inbox_given
from carillon.cli.listen import try_mailbox
from carillon.cli.output import Screen
from carillon.cli.session import session
from carillon.cli.shared_options import with_options
from carillon.errors import UsageError
from carillon.user import user_name
from carillon.words import AccountStatus

if TYPE_CHECKING:
    from carillon.accounts import Account
    from carillon.send.outcomes import Outcome


_OAUTH = (
    "oauth_token_url",
    "oauth_client_id",
    "oauth_scope",
    "oauth_refresh_token_env",
    "oauth_client_secret_env",
)


@with_options(options.OPTIONS, days.OPTIONS, inbox.OPTIONS)
def add(
    context: typer.Context,
    name: str = options.NAME,
    transport: str = typer.Option(..., "--transport", metavar="smtp|maildir", help="How it sends."),
    address: str = typer.Option(..., "--from", metavar="ADDRESS", help="The address it sends from."),
    **values: Any,
) -> None:
    """Make an account to send from.

    Nothing is sent yet: `carillon account test NAME` tries it out.
    """
    from carillon.accounts import Account
    from carillon.send.transports import offer

    here = session(context)
    usual = offer(transport).kind
    wanted, mailbox, its_days = _given(values, here.folder), inbox_given(values), days_given(values)
    with here.workspace() as workspace:
        from carillon.store import accounts as store

        now = workspace.clock.now()
        new = applied(workspace, Account(0, name, address, transport, kind=usual.value), wanted)
        new = days_applied(inbox_applied(workspace, new, mailbox), its_days)
        made = workspace.database.write(lambda connection: store.create(connection, new, now, user_name()))
    screen = here.screen
    screen.say(f"Made the account [bold]{escape(name)}[/]: {escape(sends(made))}.")
    screen.say(f"\nNext: [bold]carillon account test {escape(quoted(name))}[/]")


@with_options(options.OPTIONS, days.OPTIONS, inbox.OPTIONS)
def change(
    context: typer.Context, name: str = options.NAME, address: str = options.FROM, **values: Any
) -> None:
    """Change an account; what is not given stays."""
    wanted = _given({**values, "address": address}, session(context).folder)
    mailbox, its_days = inbox_given(values), days_given(values)
    stdin = wanted.password_stdin or wanted.refresh_token_stdin
    if not (wanted.fields or wanted.settings or stdin or mailbox or its_days):
        raise UsageError("say what to change; see `carillon account set --help`.")
    _change(context, name, wanted, mailbox, its_days)


def pause(context: typer.Context, name: str = options.NAME) -> None:
    """Keep an account from sending. What is being sent at this moment is finished, the rest waits."""
    _to(context, name, AccountStatus.PAUSED, "sends nothing until `carillon account resume`")


def resume(context: typer.Context, name: str = options.NAME) -> None:
    """Let an account send again that was paused or had an error."""
    _to(context, name, AccountStatus.ACTIVE, "may send")


def remove(context: typer.Context, name: str = options.NAME) -> None:
    """Take an account away that no email names. One that has sent can only be paused."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import accounts as store

        now = workspace.clock.now()
        workspace.database.write(lambda connection: store.remove(connection, name, now, user_name()))
    here.screen.say(f"Removed the account [bold]{escape(name)}[/].")


def trial(
    context: typer.Context,
    name: str = options.NAME,
    to: str = typer.Option(
        None, "--to", metavar="ADDRESS", help="Who gets the email (default: the account's own address)."
    ),
    really: bool = typer.Option(False, "--really", help="Send also under --now."),
) -> None:
    """Connect, log in and send one email; say what is wrong if that fails. Also of a paused account.

    Where its mail is read, also log in to the mailbox and say which folders are there.
    """
    here = session(context)
    unread = None
    with here.workspace() as workspace:
        from carillon.addresses import is_valid
        from carillon.send import trial as trials
        from carillon.store import accounts as store

        with workspace.database.snapshot() as connection:
            account = store.find(connection, name)
        recipient = to or account.address
        if not is_valid(recipient):
            raise UsageError(f"--to {recipient!r} is not an email address.")
        transport = trials.opened(workspace, account)
        if here.now is not None and not (transport.is_local or really):
            raise UsageError(
                "under --now nothing leaves this machine; --really sends the email all the same."
            )
        outcome = trials.tried(
            workspace, transport, trials.of_account(workspace, account, recipient), user_name()
        )
        if account.inbox is not None:
            unread = try_mailbox(here.screen, workspace, account)
    _tell(here.screen, account, recipient, outcome)
    if unread is not None:
        raise unread


def _tell(screen: Screen, account: Account, recipient: str, outcome: Outcome) -> None:
    from carillon.send.trial import words

    said = words(outcome, account, recipient, " with --to").removeprefix(account.name)
    screen.say(f"[bold]{escape(account.name)}[/]{escape(said)}")
    if account.status != AccountStatus.ACTIVE:
        screen.note(f"Its status is {account.status}: `carillon account resume {escape(account.name)}`.")


def _given(values: dict[str, Any], folder: Path) -> Given:
    """The options out of a command's parameters."""
    texts = ("address", "display_name", "reply_to", "timezone", "group", "kind")
    limits = ("daily_limit", "max_per_hour", "max_per_minute", "max_per_second", "max_per_domain_per_minute")
    settings = ("host", "port", "security", "username", "password_env", "auth", *_OAUTH)
    return given(
        texts={name: values.get(name) for name in texts},
        limits={name: values[name] for name in limits},
        delay=values["send_delay"],
        settings={name: values[name] for name in settings},
        more=values["more"],
        path=values["path"],
        folder=folder,
        password_stdin=values["password_stdin"],
        refresh_token_stdin=values["oauth_refresh_token_stdin"],
    )


def _change(
    context: typer.Context, name: str, wanted: Given, mailbox: InboxGiven, its_days: DaysGiven
) -> None:
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import accounts as store

        with workspace.database.snapshot() as connection:
            old = store.find(connection, name)
        # Here and not in the transaction, which may be tried again: a password can be read only once.
        new = inbox_applied(workspace, applied(workspace, old, wanted), mailbox)
        new = days_applied(new, its_days)
        fields = {*wanted.fields, *its_days.fields, "settings", "secret", "inbox", "inbox_secret", "pacing"}

        def edit(account: Account) -> Account:
            return replace(account, **{field: getattr(new, field) for field in fields})

        _written(here.screen, workspace, name, edit)


def _to(context: typer.Context, name: str, status: AccountStatus, words: str) -> None:
    here = session(context)
    with here.workspace() as workspace:
        from carillon.accounts import in_status
        from carillon.store import accounts as store

        now = workspace.clock.now()
        _, changes = workspace.database.write(
            lambda c: store.change(c, name, lambda old: in_status(old, status), now, user_name())
        )
    already = "" if changes else " already"
    here.screen.say(f"[bold]{escape(name)}[/] is {status.value}{already}: it {words}.")


def _written(screen: Screen, workspace: Any, name: str, edit: Callable[[Account], Account]) -> None:
    from carillon.store import accounts as store

    now = workspace.clock.now()
    account, changes = workspace.database.write(lambda c: store.change(c, name, edit, now, user_name()))
    if not changes:
        screen.say(f"[bold]{escape(name)}[/] is like this already; nothing was changed.")
        return
    screen.say(f"Changed [bold]{escape(name)}[/]:")
    secret = "refresh token" if account.settings.get("auth") == "xoauth2" else "password"
    for field, (old, new) in changes.items():
        was, is_ = ("none" if value is None else str(value) for value in (old, new))
        label = {"secret": secret, "inbox_secret": "inbox_password"}.get(field, field)
        label = label.removeprefix("settings.")
        screen.say(f"  {escape(label)}  {escape(was)} {screen.glyphs.arrow} {escape(is_)}")
