"""`carillon suppress`: addresses never to be written to."""

from __future__ import annotations

import typer
from rich.markup import escape

from carillon.cli.output import count
from carillon.cli.session import session
from carillon.errors import UsageError
from carillon.user import user_name
from carillon.words import Scope


def suppress(
    context: typer.Context,
    address: str = typer.Argument(
        None,
        metavar="ADDRESS",
        help="An address, or @example.com for everyone there; without it: the latest suppressions.",
    ),
    domain: bool = typer.Option(False, "--domain", help="ADDRESS is a domain, like example.com."),
    reason: str = typer.Option(None, "--reason", metavar="R", help="Why; needed with --remove."),
    scope: str = typer.Option(
        None,
        "--scope",
        metavar="S",
        help="What it gets no more: all (as without it), marketing (all but regulatory notices), or the name "
        "of a campaign type.",
    ),
    remove: bool = typer.Option(False, "--remove", help="Let the address be written to again."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Never write to an address (or to anyone at a domain) again, or let it be written to again.

    What is waiting to be sent to it is cancelled; what is planned goes with the next plan. After --remove
    the next plan places what still lies ahead.
    """
    if address is not None and domain:
        address = f"@{address.strip().removeprefix('@')}"
    if address is None:
        if remove or reason or scope or domain:
            raise UsageError("say which ADDRESS.")
        _list(context, as_json)
    elif remove:
        _remove(context, address, scope, reason, as_json)
    else:
        _add(context, address, scope or Scope.ALL.value, reason, as_json)


def _add(context: typer.Context, address: str, scope: str, reason: str | None, as_json: bool) -> None:
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import suppressions as store

        now = workspace.clock.now()
        found, is_new, cancelled = workspace.database.write(
            lambda c: store.add(c, address, scope, reason, now, user_name())
        )
        place = found.address
    if as_json:
        here.screen.json({"address": place, "scope": scope, "new": is_new, "cancelled": cancelled})
        return
    words = f"will not be written to again ({scope})" if is_new else "was suppressed already"
    gone = f"; {count(cancelled, 'waiting email')} cancelled" if cancelled else ""
    here.screen.say(f"{escape(_who(place))} {words}{gone}.")


def _remove(
    context: typer.Context, address: str, scope: str | None, reason: str | None, as_json: bool
) -> None:
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import suppressions as store

        now = workspace.clock.now()
        gone = workspace.database.write(
            lambda c: store.lift(c, address, scope, reason or "", now, user_name())
        )
    if as_json:
        here.screen.json({"address": gone[0].address, "removed": [one.scope for one in gone]})
        return
    here.screen.say(f"{escape(_who(gone[0].address))} may be written to again; the next plan sees to it.")


def _who(place: str) -> str:
    """An address, or a domain in words."""
    return f"Everyone at {place[1:]}" if place.startswith("@") else place


def _list(context: typer.Context, as_json: bool) -> None:
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import suppressions as store

        with workspace.database.snapshot() as connection:
            found = store.newest(connection, 50)
    if as_json:
        here.screen.json(
            [
                {
                    "address": one.address,
                    "scope": one.scope,
                    "reason": one.reason,
                    "created_at": one.created.isoformat() if one.created else None,
                }
                for one in found
            ]
        )
    elif not found:
        here.screen.say("No address is suppressed.")
    else:
        here.screen.table(
            ["address", "scope", "since", "why"],
            [
                (one.address, one.scope, f"{one.created:%Y-%m-%d}" if one.created else "", one.reason or "")
                for one in found
            ],
            whole="address scope since",
        )
