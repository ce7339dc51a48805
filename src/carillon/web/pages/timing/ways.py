"""What all views of the page share: their addresses, and what can be chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from carillon.accounts import Account
from carillon.store import accounts, campaigns, outreach, sequences
from carillon.store.engine import Connection
from carillon.web.parts import choice


@dataclass(frozen=True)
class Names:
    """What there is, by name."""

    accounts: list[Account]
    campaigns: list[str]
    sequences: list[str]


def names(connection: Connection) -> Names:
    """Accounts, campaigns of both kinds, and sequences."""
    known = [one.name for one in campaigns.instances(connection)]
    known += [one.name for one in outreach.campaigns(connection)]
    return Names(
        accounts.accounts(connection),
        sorted(set(known)),
        sorted(one.name for one in sequences.sequences(connection).values()),
    )


def path(tab: str, **values: Any) -> str:
    """The address of a view."""
    given = {"tab": tab, **{name: str(value) for name, value in values.items() if value}}
    return f"/timing?{urlencode(given)}"


def chooser(label: str, options: list[str], value: str, every: str, go: Callable[[str], str]) -> ui.select:
    """A list that leads to another address; `every`: what no choice is called."""
    made = choice(label, {"": every, **{one: one for one in options}}, value if value in options else "",
                  with_input=len(options) > 8)  # fmt: skip
    made.on_value_change(lambda event: ui.navigate.to(go(str(event.value or ""))))
    return made.style("width: 230px")
