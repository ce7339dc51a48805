"""`carillon contact`: one contact added, edited, handed out and forgotten."""

from __future__ import annotations

import json
from pathlib import Path

import typer
from rich.markup import escape

from carillon.cli.output import count
from carillon.cli.session import session
from carillon.errors import InputError, UsageError
from carillon.user import user_name

CONTACT = typer.Argument(..., metavar="CONTACT", help="An email address, an id or an external id.")
SET = typer.Option(
    [],
    "--set",
    metavar="NAME=VALUE",
    help="A field, such as first_name, zip_code, birth_date, tags or attributes; repeatable.",
)
JSON = typer.Option(False, "--json", help="Print one JSON document.")


def add(
    context: typer.Context,
    email: str = typer.Argument(..., metavar="EMAIL", help="The new contact's address."),
    given: list[str] = SET,
    as_json: bool = JSON,
) -> None:
    """Add a contact. The next plan sees to it."""
    here, values = session(context), _values(given)
    with here.workspace() as workspace:
        from carillon.files.edit_run import add_contact

        found = add_contact(workspace, {**values, "email": email}, user_name())
    if as_json:
        here.screen.json({"id": found.id, "email": found.texts["email"]})
    else:
        here.screen.say(f"Added {escape(email)} as contact {found.id}.\n\nNext: [bold]carillon plan[/]")


def edit(
    context: typer.Context, contact: str = CONTACT, given: list[str] = SET, as_json: bool = JSON
) -> None:
    """Change fields of a contact; `--set NAME=` takes a value away. The next plan sees to what follows."""
    here, values = session(context), _values(given)
    if not values:
        raise UsageError("say what is to be different, such as --set zip_code=90210.")
    with here.workspace() as workspace:
        from carillon.files.edit_run import edit_contact
        from carillon.store import people

        with workspace.database.snapshot() as connection:
            number = people.one(connection, contact)
        edit_contact(workspace, number, values, user_name())
    if as_json:
        here.screen.json({"id": number, "fields": sorted(values)})
    else:
        here.screen.say(f"Changed contact {number}: {', '.join(sorted(values))}.")


def export(
    context: typer.Context,
    contact: str = CONTACT,
    out: Path = typer.Option(
        None, "--out", metavar="FILE", help="Write it there; without it: print the document."
    ),
    _as_json: bool = JSON,
) -> None:
    """Hand out all that is known of a contact, as one JSON document."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.files.forget_run import export_contact
        from carillon.store import people

        with workspace.database.snapshot() as connection:
            number = people.one(connection, contact)
        found = export_contact(workspace, number)
    if out is None:
        here.screen.json(found)
        return
    try:
        out.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}). Name another place.") from error
    here.screen.say(f"Wrote what is known of contact {number} to {escape(str(out))}.")


def forget(
    context: typer.Context,
    contact: str = CONTACT,
    yes: bool = typer.Option(False, "--yes", help="Do it without asking."),
    as_json: bool = JSON,
) -> None:
    """Erase all that is known of a contact, for good; only a keyed hash of its address is kept.

    What waits to be sent to it is cancelled, and its address stays suppressed, also if a later list has it.
    Backups and reports of imports hold it until they are deleted.
    """
    here = session(context)
    with here.workspace() as workspace:
        from carillon.files.forget_run import forget_contact
        from carillon.store import people

        with workspace.database.snapshot() as connection:
            number = people.one(connection, contact)
        if not yes and not typer.confirm(f"Forget {contact} (contact {number}) for good?", err=True):
            raise typer.Exit(1)
        cancelled = forget_contact(workspace, number, user_name())
    if as_json:
        here.screen.json({"id": number, "cancelled": cancelled})
        return
    gone = f"; {count(cancelled, 'waiting email')} cancelled" if cancelled else ""
    here.screen.say(f"Contact {number} is forgotten{gone}.")


def _values(given: list[str]) -> dict[str, str | None]:
    from carillon.files.mapping import TARGETS

    values: dict[str, str | None] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        name = name.strip()
        if not equals or name not in TARGETS:
            raise UsageError(f"--set {pair!r} is not NAME=VALUE; names are {', '.join(TARGETS)}.")
        values[name] = value.strip() or None
    return values
