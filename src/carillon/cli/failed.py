"""`carillon failed`: emails that did not leave, and what to do about them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import typer

from carillon.cli.output import count
from carillon.cli.session import session
from carillon.errors import InputError, UsageError

if TYPE_CHECKING:
    from carillon.store.unsent import Failed
    from carillon.workspace import Workspace

SHOWN = 200


def failed(
    context: typer.Context,
    one: int = typer.Argument(None, metavar="[ID]", help="The email to send again; without it, list."),
    every: bool = typer.Option(False, "--all", help="Send all of these days again."),
    again: bool = typer.Option(False, "--again", help="Let it leave with the next dispatch."),
    days: int = typer.Option(30, "--days", min=1, max=3650, help="How far back to look."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """List emails that failed, and send them again.

    They are not tried again by themselves: what was wrong has to be mended first. They leave through the
    same accounts, as far as windows, limits and suppressions allow it on that day.
    """
    here = session(context)
    if one is not None and every:
        raise UsageError("send one email again by its ID, or many with --all.")
    if again and one is None and not every:
        raise UsageError("--again needs the ID of an email, or --all; `carillon failed` lists them.")
    if not again and (one is not None or every):
        raise UsageError("say what is to become of it: --again.")
    with here.workspace() as workspace:
        since = _day(workspace, days)
        sent = _again(workspace, since, one) if again else 0
        found, many = _listed(workspace, since)
    if as_json:
        done = {"sent_again": sent} if again else {}
        here.screen.json({**done, "n": many, "failed": [_document(email) for email in found]})
        return
    if again:
        here.screen.say(
            f"{count(sent, 'email')} {'leaves' if sent == 1 else 'leave'} with the next dispatch."
        )
        if many and every:
            here.screen.say(
                f"{count(many, 'email')} cannot: their sequence has gone on, or they have no account."
            )
        return
    if not many:
        here.screen.say("No email has failed.")
        return
    here.screen.say(f"[yellow]{count(many, 'email')} of the last {count(days, 'day')} failed[/]:")
    here.screen.table(
        ("id", "to", "type", "day", "account", "why"),
        [
            (str(f.id), f.email or "", f.email_type, f.day.isoformat(), f.account or "", f.why or "")
            for f in found
        ],
    )
    if many > len(found):
        here.screen.say(f"... and {count(many - len(found), 'email')} more; `--days` narrows it down.")
    here.screen.say("\nSend one again with [bold]carillon failed ID --again[/], or all with [bold]--all[/].")


def _day(workspace: Workspace, days: int) -> int:
    from carillon.days import day_number

    return day_number(workspace.today() - timedelta(days=days))


def _again(workspace: Workspace, since: int, one: int | None) -> int:
    """Returns how many. Raises InputError where the one that was named cannot be sent again."""
    from carillon.send.again import send_again

    done = send_again(workspace, since, None if one is None else [one])
    if one is not None and not done:
        raise InputError(
            f"the email {one} cannot be sent again: it has not failed in these days, has no account, or its "
            "sequence has gone on. `carillon failed` lists those that have."
        )
    return done


def _listed(workspace: Workspace, since: int) -> tuple[list[Failed], int]:
    from carillon.store import unsent

    with workspace.database.snapshot() as connection:
        return list(unsent.failed(connection, since, None, SHOWN).items), unsent.count_failed(
            connection, since
        )


def _document(one: Failed) -> dict[str, Any]:
    return {
        "id": one.id, "contact_id": one.contact_id, "email": one.email, "email_type": one.email_type,
        "day": one.day.isoformat(), "account": one.account, "template": one.template, "why": one.why,
        "attempts": one.attempts,
    }  # fmt: skip
