"""What is looked for among contacts, and along what it is found fastest.

Each filter knows its contacts in an index of its own. So a search that names several goes along that of the
fewest and asks the others of each: nothing reads all contacts, however few of them are meant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqlalchemy import Connection, text

from carillon.store.bulk import is_sqlite
from carillon.store.contact_lookup import MOST_ID
from carillon.store.engine import scalar
from carillon.words import ContactStatus

ANY = "any"
"""Issue of any code."""
MANY = 50_000
"""Contacts up to which it is counted whom a filter means."""
PAGE = 50
"""Rows that a list shows at a time."""
_AT_ONCE = 1_000
"""Contacts that are looked through whatever else is asked."""
_LAST = "\U0010ffff"
_RARE_STATUS = f"status <> '{ContactStatus.ACTIVE}'"
"""What the index of statuses holds, in its words."""
_ROW = 10
"""So many times as long SQLite takes to read the row of a contact as to look into an index."""
_BY_ADDRESS = 4
"""So many times as long it takes to come by a contact from its address as from its id."""


@dataclass(frozen=True)
class Wanted:
    """What is looked for; None: anything."""

    email: str | None = None
    """How the address begins."""
    last_name: str | None = None
    """How it begins."""
    state: str | None = None
    status: str | None = None
    first_name: str | None = None
    """How it begins; beside a last name."""
    tag: str | None = None
    issue: str | None = None
    """A code of `contact_issues`, or `ANY`."""
    suppressed: bool = False
    """Only those whose own address is suppressed, in any scope; a domain's suppression is not looked at."""


Listed = tuple[str, str, str]
"""Where contacts are listed: tables, condition, and what their id is called there."""


@dataclass(frozen=True)
class Road:
    """A filter to go along."""

    name: str
    """Which of `Wanted`."""
    lists: tuple[Listed, ...]
    """Those whom it means; each once."""
    n: int
    """How many they are; whoever comes after `MANY` is not counted."""
    few: bool
    """Whether it takes less to look through all of them than to come by a page of those whom all filters
    mean in any other order, as far as the filters have nothing to do with each other."""


def road(connection: Connection, wanted: Wanted, *, counted: bool = True) -> Road | None:
    """The filter that the fewest contacts pass; None where none is known by an index.

    `counted`: whether they have to be counted also where there is no other.
    """
    roads = _roads(connection, wanted)
    if not roads:
        return None
    if len(roads) == 1 and not counted:
        ((only, (_, lists)),) = roads.items()
        return Road(only, lists, MANY + 1, False)
    values = values_of(wanted)
    everybody = scalar(connection, "select max(id) from contacts") or 1
    counts: dict[str, int] = {}
    shares: dict[str, float] = {}
    for name, (source, _) in roads.items():
        statement = f"select count(*) from (select 1 from {source} limit {MANY + 1}) n"
        n = counts[name] = int(connection.execute(text(statement), values).scalar_one())
        if n <= _AT_ONCE:
            return Road(name, roads[name][1], n, True)
        # Of those who are not all counted there are a few times as many, say.
        shares[name] = min(1.0, n * (1 if n <= MANY else 6) / everybody)
    best = min(counts, key=lambda name: counts[name])
    # What others know by id spares the reading of rows.
    read = math.prod(share for name, share in shares.items() if name not in (best, "suppressed"))
    cost = counts[best] * (1 + read * (_ROW if is_sqlite(connection) else 0))
    cost *= _BY_ADDRESS if best == "suppressed" else 1
    few = counts[best] <= MANY and cost * math.prod(shares.values()) < PAGE
    return Road(best, roads[best][1], counts[best], few)


def among(connection: Connection, wanted: Wanted, along: Road) -> str:
    """The condition that a contact is one of the road's, with all that its id alone tells."""
    parts = []
    for source, which, number in along.lists:
        where = " and ".join((which, *by_id(connection, wanted, number, along)))
        parts.append(f"select {number} from {source} where {where}")
    # The limit keeps PostgreSQL from making a join of it that begins elsewhere.
    return f"contacts.id in ({' union all '.join(parts)} limit {MOST_ID})"


def values_of(wanted: Wanted) -> dict[str, object]:
    """The values of all conditions."""
    names = ("state", "status", "tag", "issue", "first_name", "email")
    return {name: value for name in names if (value := getattr(wanted, name)) is not None} | {"last": _LAST}


def by_id(connection: Connection, wanted: Wanted, number: str, along: Road | None = None) -> list[str]:
    """What each contact is asked that its id is enough for, so that its row is not read; `number`: its id.

    `along`: where it came from, which is not asked again.
    """
    found = {
        "tag": f"contact_tags o where o.tag = :tag and o.contact_id = {number}",
        "issue": f"contact_issues o where o.contact_id = {number}"
        + ("" if wanted.issue == ANY else " and o.code = :issue"),
    }
    if is_sqlite(connection):
        found["state"] = f"contacts o indexed by contacts_by_state where o.state = :state and o.id = {number}"
        if _is_rare(wanted.status):
            rare = f"o.status = :status and o.{_RARE_STATUS} and o.id = {number}"
            found["status"] = f"contacts o indexed by contacts_by_status where {rare}"
    return [
        f"exists (select 1 from {source})"
        for name, source in found.items()
        if getattr(wanted, name) is not None and not (along and along.name == name)
    ]


def by_row(connection: Connection, wanted: Wanted, *, all_of_it: bool = False) -> list[str]:
    """What else each contact is asked, but for its address and last name.

    `all_of_it`: also for what `by_id` asked: state and status may stand in the index that is gone along.
    """
    found = []
    sqlite = is_sqlite(connection)
    for name in ("state", "status"):
        known = sqlite and not all_of_it and (name == "state" or _is_rare(wanted.status))
        if getattr(wanted, name) is not None and not known:
            # A plus keeps SQLite on the way that it is sent.
            found.append(f"{'+' if sqlite else ''}contacts.{name} = :{name}")
    if wanted.first_name is not None:
        found += begins(sorted_key(connection, "first_name"), "first_name")
    if wanted.suppressed:
        found.append("exists (select 1 from suppressions o where o.address = lower(contacts.email))")
    return found


def begins(key: str, mark: str) -> list[str]:
    """Conditions: whether a key begins with a text, each in the case that the database gives it."""
    begin = f"lower(cast(:{mark} as text))"
    return [f"{key} >= {begin}", f"{key} < {begin} || cast(:last as text)"]


def sorted_key(connection: Connection, column: str) -> str:
    """A text of a contact as lists are ordered by it."""
    # PostgreSQL's own order of texts passes over dots and dashes; this one goes by characters, as SQLite's.
    return f"lower(contacts.{column})" + ("" if is_sqlite(connection) else ' collate "C"')


def suppressions_of(connection: Connection, contact: str) -> list[str]:
    """Conditions, one after the other, that a contact has the address of a suppression `s`."""
    if not is_sqlite(connection):
        return [f'lower({contact}.email) collate "C" = s.address']
    # Said apart so that each of the partial indexes serves; `|| ''`: see `contact_lookup`.
    is_it = f"lower({contact}.email) = s.address || '' and {contact}.external_id is"
    return [f"{is_it} null", f"{is_it} not null"]


def _roads(connection: Connection, wanted: Wanted) -> dict[str, tuple[str, tuple[Listed, ...]]]:
    """By name of a filter: where those are counted whom it means, and where they are listed."""
    lists: dict[str, Listed] = {}
    if _is_rare(wanted.status):
        lists["status"] = ("contacts f", f"f.status = :status and f.{_RARE_STATUS}", "f.id")
    if wanted.tag is not None:
        lists["tag"] = ("contact_tags f", "f.tag = :tag", "f.contact_id")
    if wanted.state is not None:
        lists["state"] = ("contacts f", "f.state = :state", "f.id")
    if wanted.issue is not None:
        first = "select 1 from contact_issues o where o.contact_id = f.contact_id and o.code < f.code"
        which = f"not exists ({first})" if wanted.issue == ANY else "f.code = :issue"
        lists["issue"] = ("contact_issues f", which, "f.contact_id")
    roads: dict[str, tuple[str, tuple[Listed, ...]]] = {
        name: (f"{one[0]} where {one[1]}", (one,)) for name, one in lists.items()
    }
    if wanted.issue == ANY:
        # Somebody with two issues may count twice.
        roads["issue"] = ("contact_issues f", roads["issue"][1])
    if wanted.suppressed:
        span = "true"
        if wanted.email is not None:
            key = "s.address" + ("" if is_sqlite(connection) else ' collate "C"')
            span = " and ".join(begins(key, "email"))
        # Of an address that is suppressed in several scopes one counts.
        once = "not exists (select 1 from suppressions o where o.address = s.address and o.id > s.id)"
        source = "suppressions s cross join contacts c"
        roads["suppressed"] = (
            f"suppressions s where {span}",
            tuple(
                (source, f"{span} and {one} and {once}", "c.id") for one in suppressions_of(connection, "c")
            ),
        )
    return roads


def _is_rare(status: str | None) -> bool:
    return status is not None and status != ContactStatus.ACTIVE
