"""`carillon template preview` and `send-test`: a template as one contact would get it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.output import Screen
from carillon.cli.session import session
from carillon.cli.template import JSON, NAME, VERSION, ensure_defaults, tell
from carillon.errors import InputError, Refused, UsageError
from carillon.user import user_name

if TYPE_CHECKING:
    from carillon.send.preview import Preview
    from carillon.templates import Source
    from carillon.workspace import Workspace

CONTACT = typer.Option(None, "--contact", metavar="EMAIL", help="For whom (address or id).")


def preview(
    context: typer.Context,
    name: str = NAME,
    contact: str = CONTACT,
    version: int = VERSION,
    account: str = typer.Option(None, "--account", metavar="A", help="From which account."),
    out: Path = typer.Option(None, "--out", metavar="DIR", help="Where the files go (default: previews)."),
    as_json: bool = JSON,
) -> None:
    """Render a template for a real contact, and write it as .html and .eml to be looked at.

    It is checked first, as at activation. Nothing is sent, and the links in it change nothing.
    """
    here = session(context)
    with here.workspace() as workspace:
        source = _source(workspace, name, version)
        found = _checked(workspace, here.screen, source)
        made = _preview(workspace, source, contact, account, None)
        files = _write(made, out or workspace.folder / "previews")
    if as_json:
        here.screen.json(
            {
                "name": source.name,
                "version": source.version,
                "contact": made.email,
                "subject": made.mail.subject if made.mail else None,
                "text": made.mail.text if made.mail else None,
                "sms": made.sms,
                "files": [str(file) for file in files],
                "findings": found,
            }
        )
        return
    screen = here.screen
    screen.say(f"[bold]{escape(name)}[/] version {source.version} for {escape(made.email)}")
    if made.mail:
        screen.say(f"Subject: {escape(made.mail.subject)}")
    if made.sms:
        screen.say(f"SMS ({len(made.sms)} characters): {escape(made.sms)}")
    for file in files:
        screen.say(f"Wrote {escape(str(file))}")


def send_test(
    context: typer.Context,
    name: str = NAME,
    to: str = typer.Option(..., "--to", metavar="ADDRESS", help="Who gets it."),
    account: str = typer.Option(..., "--account", metavar="A", help="The account that sends it."),
    contact: str = CONTACT,
    version: int = VERSION,
    really: bool = typer.Option(
        False, "--really", help="With --now: also through an account that reaches other people's mailboxes."
    ),
) -> None:
    """Send a template, as a contact would get it, to an address of your own.

    It is no email of the plan: nothing is counted, and its links change nothing. The audit log has it.
    """
    here = session(context)
    with here.workspace() as workspace:
        from carillon.send import trial
        from carillon.send.outcomes import Delivered
        from carillon.store import accounts as account_store

        source = _source(workspace, name, version)
        _checked(workspace, here.screen, source)
        with workspace.database.snapshot() as connection:
            sender = account_store.find(connection, account)
        wanted = trial.of_template(workspace, source, contact, sender, to)
        transport = trial.opened(workspace, sender)
        if here.now is not None and not transport.is_local and not really:
            raise UsageError(
                f"under --now only Maildirs and servers on this computer are used, and {account} is neither; "
                "add --really to send it."
            )
        outcome = trial.tried(workspace, transport, wanted, user_name())
        if not isinstance(outcome, Delivered):
            raise Refused(f"the test was not delivered: {outcome.why}")
        here.screen.say(f"Sent [bold]{escape(name)}[/] version {source.version} to {escape(to)}.")


def _source(workspace: Workspace, name: str, version: int | None) -> Source:
    from carillon.store import templates as store

    ensure_defaults(workspace)
    with workspace.database.snapshot() as connection:
        if version is None:
            several = store.versions(connection, name)
            version = several[-1].source.version if several else None
        return store.find(connection, name, version).source


def _checked(workspace: Workspace, screen: Screen, source: Source) -> list[dict[str, object]]:
    """Say what is wrong; raises InputError where it could not be sent."""
    from carillon.send.preview import findings

    with workspace.database.snapshot() as connection:
        found = findings(workspace, connection, source)
    tell(screen, source, found)
    if any(one.is_error for one in found):
        raise InputError(f"version {source.version} of {source.name} cannot be rendered as it is.")
    return [{"part": one.part, "line": one.line, "text": one.text} for one in found]


def _preview(
    workspace: Workspace, source: Source, contact: str | None, account: str | None, to: str | None
) -> Preview:
    from carillon.send.preview import preview as render

    return render(workspace, source, contact, account, to)


def _write(made: Preview, folder: Path) -> list[Path]:
    """The files of a preview."""
    name = f"{made.source.name}.{made.source.version}"
    files: dict[Path, bytes] = {}
    if made.mail is not None:
        if made.mail.html is not None:
            files[folder / f"{name}.html"] = made.mail.html.encode()
        files[folder / f"{name}.eml"] = made.data
    if made.sms is not None:
        files[folder / f"{name}.sms.txt"] = made.sms.encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            file.write_bytes(content)
    except OSError as error:
        raise InputError(f"{folder} cannot be written to: {error.strerror or error}") from None
    return list(files)
