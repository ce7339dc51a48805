"""`carillon pause` and `resume` without a name: all mail of the workspace."""

from __future__ import annotations

import typer

from carillon.cli.session import session
from carillon.user import user_name


def pause(context: typer.Context) -> None:
    """Stop all mail: nothing is released or sent until `carillon resume`. Takes effect at once."""
    _set(context, paused=True)


def resume(context: typer.Context) -> None:
    """Let mail go again. Nobody is written to twice, nobody is left out."""
    _set(context, paused=False)


def _set(context: typer.Context, paused: bool) -> None:
    if context.invoked_subcommand is not None:
        return
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store.dispatch import pause_workspace

        now = workspace.clock.now() if paused else None
        workspace.database.write(lambda connection: pause_workspace(connection, now, user_name()))
    here.screen.say("[yellow]All mail is paused.[/]" if paused else "Mail goes again.")
