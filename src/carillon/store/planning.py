"""What the planner reads and writes, a whole batch or a whole plan at a time.

`PlanReader` lives on one snapshot; `store_plan` is one transaction. Rules are not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import Connection, text

from carillon.errors import WorkspaceError
from carillon.keys import CONTACT_SHIFT
from carillon.store.bulk import read_integers, read_strings, stage_arrays
from carillon.store.engine import scalar
from carillon.words import FIRST_CAMPAIGN, UNKNOWN_KIND, Standing, Status

Ints = npt.NDArray[np.int64]

CONTACT_COLUMNS = (
    "id",
    "seed",
    "email",
    "zip_code",
    "state",
    "birth_date",
    "effective_date",
    "status",
    "external_id",
)
PLAN_COLUMNS = ("id", "send", "ideal", "state")
ADDED_COLUMN = "created_at"
"""Read as well where a campaign writes to everyone: the day depends on it."""
_UNSENT = f"'{Status.FAILED}', '{Status.CANCELLED}'"
"""Left the planner's hands without counting for frequency or cap."""
SENT_COLUMNS = ("contact_id", "kind", "followup", "event", "send", "standing", "priority")
STANDING = SENT_COLUMNS.index("standing")
_SENT = (
    "contact_id",
    "kind",
    "followup",
    "coalesce(event, 0)",
    "send",
    f"case when status in ({_UNSENT}) then {Standing.UNSENT}"
    f" when status in ('{Status.SENT}', '{Status.DELIVERED}') then {Standing.SENT}"
    f" when status in ('{Status.SCHEDULED}', '{Status.PROCESSING}') then {Standing.RELEASED}"
    f" else {Standing.GONE} end",
    "coalesce(priority, 10)",
)
_EMAIL = "channel = 'email'"
_PLANNER_MAIL = f"enrollment_id is null and {_EMAIL}"
MAX_CONTACT_ID = (1 << 32) - 1
EVERYBODY = 0
"""The contact id that stands for all of them in `changes`."""
EVERYBODY_NOTED = -1
"""The same, once a run has begun that accounts for it: whoever changes from then on is noted again."""


@dataclass(frozen=True)
class PlannerState:
    """What the last completed run left behind. Checksums are integers below 2^64."""

    rules: str | None
    today: int
    eligible: int
    contacts_checksum: int
    schedules_checksum: int


@dataclass(frozen=True)
class Suppressed:
    """Who is not to be written to, by scope (`words.Scope`, or a campaign type's name)."""

    contacts: Mapping[str, Ints] = field(default_factory=dict)
    """Ids, ascending."""
    domains: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Everyone at these, written like `@example.com`."""

    def of(self, ids: Ints, emails: pl.Series) -> dict[str, npt.NDArray[np.bool_]]:
        """By scope, which of these contacts it holds for; scopes that hold for none are left out."""
        found = {scope: np.isin(ids, some) for scope, some in self.contacts.items()}
        if self.domains:
            place = pl.col("email").str.find("@", literal=True)
            frame = emails.cast(pl.String).alias("email").to_frame()
            domain = frame.select(pl.col("email").str.slice(place).str.to_lowercase()).to_series()
            for scope, names in self.domains.items():
                there = domain.is_in(names).fill_null(False).to_numpy()
                found[scope] = found[scope] | there if scope in found else there
        return {scope: which for scope, which in found.items() if which.any()}


class PlanReader:
    """Reads for one run of the planner, all from one snapshot."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def state(self) -> PlannerState | None:
        row = self.connection.execute(
            text(
                "select rules, today, eligible, contacts_checksum, schedules_checksum from planner_state"
                " where id = 1"
            )
        ).one_or_none()
        return None if row is None else PlannerState(row[0], row[1], row[2], int(row[3]), int(row[4]))

    def changes(self) -> tuple[Ints, Ints]:
        """Change numbers and contact ids since the last run."""
        seq, contact = read_integers(self.connection, ("seq", "contact_id"), "from changes")
        return seq, contact

    def count(self) -> int:
        """How many contacts there are."""
        return int(scalar(self.connection, "select count(*) from contacts"))

    def edges(self, size: int) -> list[int]:
        """Contact ids that cut all contacts into ranges [a, b) of about `size` each, ascending."""
        # Asked for both ends at once, SQLite would read the whole table.
        ends_of = "select (select min(id) from {0}), (select max(id) from {0})"
        bounds = self.connection.execute(text(ends_of.format("contacts"))).one()
        # Planned emails of contacts that are gone must be met as well.
        planned = self.connection.execute(text(ends_of.format("plan"))).one()
        ends = [int(end) for end in bounds if end is not None]
        if ends and (ends[0] < 1 or ends[1] > MAX_CONTACT_ID):
            raise WorkspaceError(
                f"contacts.id must lie between 1 and {MAX_CONTACT_ID}; found "
                f"{ends[0] if ends[0] < 1 else ends[1]}. "
                "Give these contacts new ids (import them into a fresh workspace)."
            )
        ends += [int(end) >> CONTACT_SHIFT for end in planned if end is not None]
        if not ends:
            return []
        low, high = min(ends), max(ends)
        if high - low < 4 * size + 2 * self.count():
            return [*range(low, high + 1, size), high + 1]
        ids = np.sort(read_integers(self.connection, ("id",), "from contacts")[0])
        return [low, *ids[size::size].tolist(), high + 1]

    def contacts(self, low: int, high: int, columns: Sequence[str] = CONTACT_COLUMNS) -> pl.DataFrame:
        """Contacts of the id range [low, high) as strings."""
        return read_strings(self.connection, columns, f"from contacts where id >= {low} and id < {high}")

    def contacts_of(self, ids: Ints, columns: Sequence[str] = CONTACT_COLUMNS) -> pl.DataFrame:
        """Contacts with these ids, as `contacts`."""
        self._stage(ids)
        named = [f"c.{column}" for column in columns]
        frame = read_strings(self.connection, named, "from temp_wanted w join contacts c on c.id = w.id")
        return frame.rename(dict(zip(named, columns, strict=True)))

    def suppressed(self) -> Suppressed:
        """Who is not to be written to."""
        frame = pl.concat(
            [
                read_strings(
                    self.connection,
                    ("c.id", "s.scope"),
                    "from suppressions s join contacts c on lower(c.email) = lower(s.address)"
                    f" and c.external_id {given} null",
                )
                for given in ("is", "is not")
            ]
        )
        contacts = {
            str(scope): np.unique(rows["c.id"].cast(pl.Int64).to_numpy())
            for (scope,), rows in frame.group_by("s.scope")
        }
        domains: dict[str, list[str]] = {}
        whole = text("select scope, address from suppressions where address like '@%'")
        for scope, address in self.connection.execute(whole):
            domains.setdefault(scope, []).append(address.lower())
        return Suppressed(contacts, domains)

    def stored(self, low: int, high: int) -> list[Ints]:
        """Plan rows of the contact range [low, high): one array for each of `PLAN_COLUMNS`."""
        span = f"id >= {low << CONTACT_SHIFT} and id < {high << CONTACT_SHIFT}"
        return read_integers(self.connection, PLAN_COLUMNS, f"from plan where {span}")

    def stored_of(self, ids: Ints) -> list[Ints]:
        """Plan rows of these contacts."""
        self._stage(ids)
        return read_integers(
            self.connection,
            [f"p.{column}" for column in PLAN_COLUMNS],
            f"from temp_wanted w join plan p on p.id >= w.id << {CONTACT_SHIFT}"
            f" and p.id < (w.id + 1) << {CONTACT_SHIFT}",
        )

    def sent(self, low: int, high: int, since: int, sequences: bool = False) -> list[Ints]:
        """Outbox rows of a contact range, with those of enrollments if `sequences`: `SENT_COLUMNS`.

        Those due on `since` or later, and of campaigns all: their targets stay candidates for ever.
        """
        return read_integers(
            self.connection,
            _SENT,
            f"from outbox where contact_id >= {low} and contact_id < {high} and {_history(since, sequences)}",
        )

    def sent_of(self, ids: Ints, since: int, sequences: bool = False) -> list[Ints]:
        """Outbox rows of these contacts, as `sent`."""
        self._stage(ids)
        return read_integers(
            self.connection,
            _SENT,
            "from (select o.* from temp_wanted w join outbox o on o.contact_id = w.id) o"
            f" where {_history(since, sequences)}",
        )

    def contacts_due(self, days: list[int]) -> Ints:
        """Ids of contacts with a planned row on one of `days`."""
        listed = ", ".join(map(str, days))
        keys = read_integers(self.connection, ("id",), f"from plan where send in ({listed})")[0]
        return np.unique(keys >> CONTACT_SHIFT)

    def planned_days(self, since: int) -> tuple[Ints, Ints]:
        """Days from `since` on and how many rows are planned for each."""
        return self._pairs(
            "select day, sum(n) from plan_days where reason = 0 and day >= :since group by day", since
        )

    def left_days(self, since: int) -> tuple[Ints, Ints]:
        """Days from `since` on and how many cap-counted emails have left the plan for each."""
        return self._pairs(
            f"select send, count(*) from outbox where send >= {since} and {_PLANNER_MAIL}"
            f" and kind <> {UNKNOWN_KIND} and status not in ({_UNSENT}) group by send",
            since,
        )

    def totals(self) -> tuple[int, int]:
        """Planned and skipped rows of the whole plan."""
        row = self.connection.execute(
            text(
                "select coalesce(sum(case when reason = 0 then n end), 0),"
                " coalesce(sum(case when reason > 0 then n end), 0) from plan_days"
            )
        ).one()
        return int(row[0]), int(row[1])

    def smoothing_days(self, since: int) -> tuple[Ints, Ints]:
        """Ideal days from `since` on and how many effective-date rows count for each."""
        return self._pairs("select day, n from plan_smoothing where day >= :since", since)

    def blocks(self) -> dict[int, bytes]:
        """The stored fingerprints."""
        rows = self.connection.execute(text("select block, prints from plan_blocks"))
        return {row[0]: bytes(row[1]) for row in rows}

    def _pairs(self, statement: str, since: int) -> tuple[Ints, Ints]:
        rows = self.connection.execute(text(statement), {"since": since}).all()
        table = np.array([(int(row[0]), int(row[1])) for row in rows], np.int64).reshape(-1, 2)
        return table[:, 0], table[:, 1]

    def _stage(self, ids: Ints) -> None:
        stage_arrays(self.connection, "temp_wanted", ("id",), [ids])


def iter_ranges(edges: list[int]) -> Iterator[tuple[int, int]]:
    """Consecutive pairs of edges."""
    return pairwise(edges)


def _history(since: int, sequences: bool) -> str:
    campaigns = f"(kind >= {FIRST_CAMPAIGN} and kind < {UNKNOWN_KIND})"
    return f"(send >= {since} or {campaigns}) and {_EMAIL if sequences else _PLANNER_MAIL}"
