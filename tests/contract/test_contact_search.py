"""Searches of contacts beside a slow obvious one, and that none of them ever reads all contacts."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from carillon.store import contact_filters, contact_marks, contact_search
from carillon.store.contact_search import ANY, Wanted
from carillon.store.engine import Connection
from carillon.store.paging import Slice
from carillon.workspace import Workspace
from tests.contract.lists import bring_in, execute, query
from tests.contract.statements import answered_by, watched

STATES, STATUSES = ("CA", "NY", "VT", None), ("active", "bounced", "opted_out")
TAGS, CODES = ("gold", "may", "vip"), ("invalid_zip", "missing_zip")
LAST, FIRST = ("sample", "Sam", "o-neil", "O'Neil", "zeta", None), ("Ann", "anna", "Zoe", None)
BIG = {"contacts", "contact_tags", "contact_issues", "plan", "outbox", "c", "f", "p", "t", "i"}
"""Tables, and what statements call them, that nothing may read as a whole."""


@pytest.fixture
def crowd(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Contacts of every sort in a workspace in which a dozen are many; by id, as the reference sees them."""
    monkeypatch.setattr(contact_filters, "MANY", 40)
    monkeypatch.setattr(contact_filters, "PAGE", 0.5)
    monkeypatch.setattr(contact_filters, "_AT_ONCE", 2)
    chance = random.Random(5)
    rows: list[dict[str, Any]] = []
    for number in range(1, 161):
        tags = [tag for tag, share in zip(TAGS, (0.4, 0.1, 0.02), strict=True) if chance.random() < share]
        rows.append(
            {
                "id": number,
                "email": f"{chance.choice(('p', 'P.', 'q-'))}{number % 150}@example.com",
                "external_id": f"x{number}" if number >= 150 or chance.random() < 0.2 else None,
                "last_name": chance.choice(LAST),
                "first_name": chance.choice(FIRST),
                "state": chance.choices(STATES, (60, 30, 3, 7))[0],
                "status": chance.choices(STATUSES, (80, 5, 15))[0],
                "tags": json.dumps(tags) if tags else None,
            }
        )
    names = ", ".join(rows[0])
    marks = ", ".join(f"cast(:{name} as jsonb)" if name == "tags" else f":{name}" for name in rows[0])
    marks = marks.replace("cast(:tags as jsonb)", ":tags") if workspace.database.is_sqlite else marks
    for row in rows:
        execute(workspace, f"insert into contacts ({names}) values ({marks})", **row)
        row["tags"] = json.loads(row["tags"] or "[]")
        row["issues"] = [
            code for code, share in zip(CODES, (0.05, 0.3), strict=True) if chance.random() < share
        ]
        for code in row["issues"]:
            execute(workspace, "insert into contact_issues (contact_id, code) values (:id, :code)",
                    id=row["id"], code=code)  # fmt: skip
        row["suppressed"] = 0
    for number, (row, scope) in enumerate([*((one, "all") for one in rows[::9]), (rows[0], "aep")], 1):
        execute(workspace, "insert into suppressions (id, address, scope) values (:id, :to, :scope)"
                " on conflict do nothing", id=number, to=row["email"].lower(), scope=scope)  # fmt: skip
    latest = {one["address"]: one["id"] for one in query(workspace, "select * from suppressions order by id")}
    for row in rows:
        row["suppressed"] = latest.get(row["email"].lower(), 0)
    return rows


def wishes(n: int) -> Iterator[Wanted]:
    """All sorts of things to look for, what all have and what nobody has among them."""
    chance = random.Random(6)

    def maybe(*values: str) -> str | None:
        return chance.choice(values) if chance.random() < 0.45 else None

    for _ in range(n):
        text = chance.random()
        yield Wanted(
            email=chance.choice(("p", "P.1", "q-", "p.14", "x")) if text < 0.3 else None,
            last_name=chance.choice(("s", "sam", "O", "o'", "zz")) if 0.2 < text < 0.6 else None,
            first_name=chance.choice(("a", "anna", "z")) if 0.45 < text < 0.6 else None,
            state=maybe("CA", "VT", "TX"),
            status=maybe(*STATUSES),
            tag=maybe(*TAGS, "nobody's"),
            issue=maybe(ANY, *CODES),
            suppressed=chance.random() < 0.25,
        )


def fits(one: dict[str, Any], wanted: Wanted) -> bool:
    """The reference."""
    begins = all(
        (one[name] or "").lower().startswith(begin.lower())
        for name in ("email", "last_name", "first_name")
        if (begin := getattr(wanted, name)) is not None
    )
    equal = all(getattr(wanted, name) in (None, one[name]) for name in ("state", "status"))
    issue = wanted.issue is None or (
        bool(one["issues"]) if wanted.issue == ANY else wanted.issue in one["issues"]
    )
    marked = (wanted.tag is None or wanted.tag in one["tags"]) and (
        one["suppressed"] > 0 or not wanted.suppressed
    )
    return begins and equal and issue and marked


def found(connection: Connection, wanted: Wanted, limit: int) -> list[int]:
    """The ids of all pages."""
    ids: list[int] = []
    last: tuple[Any, ...] | None = None
    while True:
        some: Slice[contact_search.Found]
        if wanted.email or wanted.last_name:
            some = contact_search.search(connection, wanted, last and (str(last[0]), int(last[1])), limit)
        elif wanted.suppressed:
            some = contact_search.suppressed(connection, wanted, last and (int(last[0]), int(last[1])), limit)
        else:
            some = contact_search.page(connection, wanted, last[0] if last else 0, limit)
        ids += [one.id for one in some.items]
        assert len(some.items) <= limit
        if some.last is None:
            return ids
        last = some.last


def test_every_search_finds_what_the_obvious_one_finds(
    workspace: Workspace, crowd: list[dict[str, Any]]
) -> None:
    def order(wanted: Wanted) -> Callable[[dict[str, Any]], Any]:
        if name := "email" if wanted.email else "last_name" if wanted.last_name else "":
            return lambda one: (one[name].lower().encode(), one["id"])
        return lambda one: (-one["suppressed"] if wanted.suppressed else 0, one["id"])

    some = 0
    with workspace.database.snapshot() as connection:
        for wanted in wishes(150):
            matching = sorted((one for one in crowd if fits(one, wanted)), key=order(wanted))
            right = [one["id"] for one in matching]
            for limit in (3, 500):
                assert found(connection, wanted, limit) == right, wanted
            plain = replace(wanted, email=None, last_name=None, first_name=None)
            assert contact_search.numbers(connection, plain) == [
                one["id"] for one in crowd if fits(one, plain)
            ], plain
            some += bool(right)
    assert some > 40


def test_no_search_reads_all_contacts(workspace: Workspace, crowd: list[dict[str, Any]]) -> None:
    """However small the tables are here: on PostgreSQL a scan is only chosen where there is no other way."""
    assert crowd
    with workspace.database.snapshot() as connection:
        if not workspace.database.is_sqlite:
            connection.exec_driver_sql("set local enable_seqscan = off")
        with watched(connection) as asked:
            contact_marks.next_days(connection, [1, 2, 3], 0)
            for wanted in wishes(60):
                if contact_filters.road(connection, wanted) is not None:
                    found(connection, wanted, 50)
        assert len(asked) > 20
        for statement, values in asked.items():
            # What is counted ends by itself.
            read = [] if statement.startswith("select count(*)") else scans(connection, statement, values)
            assert not read, (statement, read)


def scans(connection: Connection, statement: str, values: Any) -> list[str]:
    """The steps in which a big table is read from end to end."""
    if connection.dialect.name == "sqlite":
        # The last goes by id from where the page begins: from end to end for what nobody is.
        end_to_end = ("SCAN ", "SEARCH contacts USING INTEGER PRIMARY KEY (rowid>")
        return [
            one
            for one in answered_by(connection, statement, values)
            if one.startswith(end_to_end) and one.split()[1] in BIG
        ]
    rows = connection.exec_driver_sql(f"explain {statement}", values).scalars()
    return [one for one in rows if "Seq Scan" in one and one.split(" on ")[1].split()[0] in BIG]


@pytest.mark.parametrize("many", [False, True])
def test_tags_are_found_however_they_came(workspace: Workspace, many: bool) -> None:
    """By lists into an empty and a full table, by hand, of no sense; changed and taken away."""

    def tagged() -> set[tuple[str, int]]:
        return {(one["tag"], one["contact_id"]) for one in query(workspace, "select * from contact_tags")}

    n = 1_100 if many else 3
    bring_in(workspace, *({"email": f"a{k}@example.com", "tags": "a, b"} for k in range(n)))
    bring_in(workspace, *({"email": f"a{k}@example.com", "tags": "b, c"} for k in range(0, 2 * n, 2)))
    rows = query(workspace, "select id, tags from contacts")
    assert len(rows) == n + n // 2
    assert tagged() == {(tag, row["id"]) for row in rows for tag in row["tags"]}
    for tags in ('["x", "x", 7, null, ["y"]]', '{"a": "b"}', '"a"', f'["{"long" * 51}", "short"]', None):
        what = ":tags" if workspace.database.is_sqlite else "cast(:tags as jsonb)"
        execute(workspace, f"update contacts set tags = {what} where id = 1", tags=tags)
        mine = {tag for tag, contact in tagged() if contact == 1}
        assert mine == ({"x"} if tags and "x" in tags else {"short"} if tags and "short" in tags else set())
    execute(workspace, "delete from contacts where id > 1")
    assert tagged() == set()
