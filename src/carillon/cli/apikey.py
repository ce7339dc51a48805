"""`carillon apikey`: keys for programs that call."""

from __future__ import annotations

from datetime import datetime

import typer
from rich.markup import escape

from carillon.cli.session import session
from carillon.user import user_name


def create(
    context: typer.Context,
    name: str = typer.Argument(..., metavar="NAME", help="What you call it, such as the program's name."),
    scope: list[str] = typer.Option(
        ..., "--scope", metavar="S", help="What it may do: read, write, send, events, admin; repeatable."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Make a key for a program. It is shown now and never again: only a hash of it is stored."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import apikeys

        now, scopes = workspace.clock.now(), tuple(dict.fromkeys(scope))
        key, text = workspace.database.write(
            lambda c: apikeys.create(c, name, scopes, now, user_name()), durable=True
        )
    if as_json:
        here.screen.json({"name": key.name, "scopes": list(key.scopes), "key": text})
        return
    here.screen.note("This is the only time that the key is shown:")
    here.screen.say(escape(text))


def keys(
    context: typer.Context, as_json: bool = typer.Option(False, "--json", help="Print one JSON document.")
) -> None:
    """List keys, what they are for, and when each was used last."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import apikeys

        with workspace.database.snapshot() as connection:
            found = apikeys.every(connection)
    if as_json:
        here.screen.json(
            {
                "keys": [
                    {
                        "name": one.name,
                        "prefix": one.prefix,
                        "scopes": list(one.scopes),
                        "created_at": _iso(one.created),
                        "created_by": one.created_by,
                        "last_used_at": _iso(one.last_used),
                        "revoked_at": _iso(one.revoked),
                    }
                    for one in found
                ]
            }
        )
    elif not found:
        here.screen.say("No keys yet: [bold]carillon apikey create NAME --scope read[/] makes one.")
    else:
        rows = [
            (
                one.name,
                f"carillon_{one.prefix}_...",
                " ".join(one.scopes),
                f"{one.last_used:%Y-%m-%d %H:%M} UTC" if one.last_used else "never",
                f"{one.revoked:%Y-%m-%d}" if one.revoked else "",
            )
            for one in found
        ]
        here.screen.table(("name", "key", "scopes", "last used", "revoked"), rows, whole="key")


def revoke(
    context: typer.Context, name: str = typer.Argument(..., metavar="NAME", help="Of the key.")
) -> None:
    """Take a key away: calls with it are refused from now on. Its name may be used again."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import apikeys

        now = workspace.clock.now()
        workspace.database.write(lambda c: apikeys.revoke(c, name, now, user_name()), durable=True)
    here.screen.say(f"The key {escape(name)} is revoked.")


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
