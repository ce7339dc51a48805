"""`carillon user`: the people who may sign in to the web."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape

from carillon.cli.session import session
from carillon.errors import UsageError
from carillon.user import user_name
from carillon.words import Role

if TYPE_CHECKING:
    from carillon.store.engine import Connection
    from carillon.store.users import User

NAME = typer.Argument(..., metavar="NAME", help="What the user signs in as.")
PASSWORD = typer.Option(
    None, "--password-env", metavar="VAR", help="Take the password from this environment variable."
)


def add(
    context: typer.Context,
    name: str = NAME,
    role: Role = typer.Option(Role.VIEWER, "--role", help="What the user may do."),
    password_env: str = PASSWORD,
) -> None:
    """Make a user. The password is asked for twice; from the first user on, everybody has to sign in.

    A viewer looks at everything, an editor also changes and sends, an admin also changes settings, accounts
    and users.
    """
    here = session(context)
    with here.workspace() as workspace:
        from carillon.passwords import hashed
        from carillon.store import users

        password, now = hashed(_password(password_env)), workspace.clock.now()
        workspace.database.write(lambda c: users.add(c, name, password, role, now, user_name()), durable=True)
    here.screen.say(f"{escape(name)} may sign in as {role.value}.")


def users(
    context: typer.Context, as_json: bool = typer.Option(False, "--json", help="Print one JSON document.")
) -> None:
    """List users: their roles, when each was here last, and who is kept out."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import users as store

        now = workspace.clock.now()
        with workspace.database.snapshot() as connection:
            found = store.every(connection)
    if as_json:
        here.screen.json({"users": [_plain(one) for one in found]})
    elif not found:
        here.screen.say("No users yet: [bold]carillon user add NAME --role admin[/] makes one.")
    else:
        rows = [
            (
                one.name,
                one.role.value,
                "yes" if one.totp else "no",
                f"{one.last_login:%Y-%m-%d %H:%M} UTC" if one.last_login else "never",
                _state(one, now),
            )
            for one in found
        ]
        here.screen.table(("name", "role", "second factor", "last here", "state"), rows, whole="name")


def set_role(
    context: typer.Context,
    name: str = NAME,
    role: Role = typer.Argument(..., help="What the user may do."),
) -> None:
    """Give a user another role; it holds from their next click on."""
    _change(context, lambda users, c, now: users.set_role(c, name, role, now, user_name()))
    session(context).screen.say(f"{escape(name)} is {role.value} now.")


def password(context: typer.Context, name: str = NAME, password_env: str = PASSWORD) -> None:
    """Give a user another password. Their sessions end, and a lock after wrong passwords is lifted."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.passwords import hashed
        from carillon.store import users

        now = workspace.clock.now()
        with workspace.database.snapshot() as connection:
            users.require(connection, name)
        given = hashed(_password(password_env))
        workspace.database.write(lambda c: users.set_password(c, name, given, now, user_name()), durable=True)
    here.screen.say(f"{escape(name)} has a new password.")


def disable(context: typer.Context, name: str = NAME) -> None:
    """Keep a user out, at once; what they did stays under their name."""
    _change(context, lambda users, c, now: users.disable(c, name, True, now, user_name()))
    session(context).screen.say(f"{escape(name)} is kept out.")


def enable(context: typer.Context, name: str = NAME) -> None:
    """Let a user in again who was kept out."""
    _change(context, lambda users, c, now: users.disable(c, name, False, now, user_name()))
    session(context).screen.say(f"{escape(name)} may sign in again.")


def remove(context: typer.Context, name: str = NAME) -> None:
    """Take a user away. Without any user left only this machine may come in again."""
    _change(context, lambda users, c, now: users.remove(c, name, now, user_name()))
    session(context).screen.say(f"{escape(name)} is no user any more.")


def totp_reset(context: typer.Context, name: str = NAME) -> None:
    """Take a user's second factor away, as when a phone is lost; they can set another one up."""
    _change(context, lambda users, c, now: users.set_totp(c, name, None, now, user_name()))
    session(context).screen.say(f"{escape(name)} signs in with the password alone.")


def _change(context: typer.Context, change: Callable[[Any, Connection, datetime], User]) -> None:
    """`change` is given the store's module, which is imported late like all of the store."""
    with session(context).workspace() as workspace:
        from carillon.store import users

        now = workspace.clock.now()
        workspace.database.write(lambda connection: change(users, connection, now), durable=True)


def _password(variable: str | None) -> str:
    """The password, from the environment or asked for twice without being shown."""
    if variable is not None:
        if not (found := os.environ.get(variable)):
            raise UsageError(f"the environment variable {variable} is not set, or empty.")
        return found
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked for a password here: give it with --password-env VAR.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _state(user: User, now: datetime) -> str:
    if user.disabled is not None:
        return "disabled"
    if user.locked_until is not None and user.locked_until > now:
        return f"locked until {user.locked_until:%H:%M} UTC"
    return ""


def _plain(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "role": user.role.value,
        "second_factor": user.totp is not None,
        "created_at": _iso(user.created),
        "created_by": user.created_by,
        "last_login_at": _iso(user.last_login),
        "locked_until": _iso(user.locked_until),
        "disabled_at": _iso(user.disabled),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
