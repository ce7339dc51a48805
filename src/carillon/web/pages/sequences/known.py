"""What the steps of a sequence may name."""

from __future__ import annotations

from dataclasses import dataclass

from carillon.store import accounts, outreach, sequences, templates
from carillon.store.engine import Connection


@dataclass(frozen=True)
class Known:
    """Names, each list in its order."""

    templates: list[str]
    sms: list[str]
    groups: list[str]
    sequences: list[str]
    campaigns: list[str]

    @classmethod
    def of(cls, connection: Connection) -> Known:
        found = templates.versions(connection)
        return cls(
            sorted({one.source.name for one in found if one.source.is_email}),
            sorted({one.source.name for one in found if one.source.sms}),
            sorted({one.group for one in accounts.accounts(connection)}),
            [one.name for one in sequences.sequences(connection).values()],
            [one.name for one in outreach.campaigns(connection)],
        )
