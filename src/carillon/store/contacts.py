"""A contact list into `contacts`: who of it is known already, what is new about them, and who is new.

Everything happens in the caller's transaction, set at a time, so that a list is stored whole or not at
all, and readers see the old contacts until then (SQLite: WAL; PostgreSQL: other writers of `contacts`
wait, readers do not). `upsert` starts from what is stored, so it may be run again after any failure.

Rows that have an external id go first, then those that have none, which may mean one of the former:

    external id known -> that contact                       | no external id: the contact with the
    else same address without an external id -> takes it    | address and no external id; else the only
    else new                                                | one with it; two or more: refused; else new

What the planner has to look at is noted in `changes` by triggers; for large lists one row that means
everybody stands in for them. The statements are the same for both databases but for four expressions.
It is one long file because its steps share one staged list and are only right in their order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
from sqlalchemy import Connection, text

from carillon.addresses import normalised
from carillon.store.bulk import is_sqlite
from carillon.store.engine import dbapi, scalar
from carillon.store.frames import insert_frame, read_named
from carillon.store.planning import EVERYBODY
from carillon.words import ContactStatus, IssueCode

COLUMNS = (
    "email", "first_name", "last_name", "phone_number", "zip_code", "state", "birth_date", "effective_date",
    "company", "industry", "title", "timezone", "external_id", "sms_consent_at", "tags", "attributes",
)  # fmt: skip
"""What a list can say about a contact."""

BULK_ROWS, BULK_SHARE = 1_000, 0.02
"""From so many changed contacts on, and such a share of all, "everybody" is noted instead of each."""

_TYPES = {"sms_consent_at": "timestamptz", "tags": "jsonb", "attributes": "jsonb"}
MATCHING_CACHE = -262_144
"""KiB of SQLite's cache while contacts are looked up in an order that is not theirs."""
SMALL_CACHE = -2_000
"""What `engine` sets; a large one makes CREATE INDEX slow."""

Batch = tuple[pl.DataFrame, pl.DataFrame]
"""Rows (`line`, `seed` and columns of `COLUMNS`, always `email`) and their issues (line, code, detail)."""


@dataclass(frozen=True)
class Incoming:
    """A cleaned contact list that can be read again: nobody is in it twice."""

    given: frozenset[str]
    """Which of `COLUMNS` the list itself has."""
    rows: int
    named: int
    """Rows with an external id."""
    batches: Callable[[], Iterator[Batch]]


@dataclass(frozen=True)
class Stored:
    """What became of a list."""

    created: int
    updated: int
    unchanged: int
    refused: pl.DataFrame
    """Rows that were not taken: `line`, `email`, and how many contacts they could mean (`n`)."""


def upsert(
    connection: Connection, incoming: Incoming, now: datetime, progress: Callable[[int], None]
) -> Stored:
    """Store a list. `progress` is told how many of its rows have been handed to the database."""
    return _Upsert(connection, incoming, now, progress).run()


class _Upsert:
    def __init__(
        self, connection: Connection, incoming: Incoming, now: datetime, progress: Callable[[int], None]
    ) -> None:
        self._connection, self._incoming, self._progress = connection, incoming, progress
        self._now = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._run_id = f"import {self._now}"
        self._sqlite = is_sqlite(connection)
        self._handed = self._created = self._updated = 0
        self._quiet = False

    def run(self) -> Stored:
        if not self._sqlite:
            self._do("lock table contacts in share row exclusive mode")
        self._stored = int(scalar(self._connection, "select count(*) from contacts"))
        self._last_id = self._highest_id()
        incoming, straight = self._incoming, self._stored == 0
        refused = pl.DataFrame(schema={"line": pl.String, "email": pl.String, "n": pl.String})
        with self._tables():
            for named, rows in ((True, incoming.named), (False, incoming.rows - incoming.named)):
                if rows and straight:
                    self._insert_straight(named)
                elif rows:
                    self._stage(named)
                    self._match_named() if named else self._match_plain()
                    self._number_new()
                    if named:
                        self._do("insert into temp_named select contact from temp_match")
                    refused = read_named(
                        self._connection,
                        {"line": "s.line", "email": "s.email", "n": "r.n"},
                        "from temp_refused r cross join temp_import s where s.line = r.line",
                    )
                    self._apply()
                straight = straight and not rows
        if not self._sqlite and self._created:
            self._do("select setval(pg_get_serial_sequence('contacts', 'id'), :last)", last=self._last_id)
        unchanged = incoming.rows - self._created - self._updated - refused.height
        return Stored(self._created, self._updated, unchanged, refused)

    def _highest_id(self) -> int:
        """New ids lie above it. History of contacts that someone deleted must not become a new one's."""
        highest = scalar(
            self._connection,
            "select max(id) from (select max(id) as id from contacts"
            " union all select max(contact_id) from outbox union all select max(id) >> 31 from plan) ids",
        )
        if self._sqlite:
            return max(0, highest or 0)
        sequence = "cast(pg_get_serial_sequence('contacts', 'id') as regclass)"
        served = scalar(self._connection, f"select pg_sequence_last_value({sequence})")
        return max(served or 0, highest or 0)

    @contextmanager
    def _tables(self) -> Iterator[None]:
        """The temporary tables, gone at the end so that their disk space is."""
        columns = ", ".join(f"{name} {self._type(name)}" for name in COLUMNS)
        layouts = {
            "temp_import": f"line bigint primary key, seed bigint, {columns}",
            "temp_match": "line bigint primary key, contact bigint, fresh integer",
            "temp_refused": "line bigint primary key, contact bigint, n integer",
            "temp_named": "contact bigint primary key",
            "temp_changed": f"id bigint primary key, {columns}",
            "temp_issues": "line bigint, code text, detail text",
            "temp_found": "contact bigint, code text, detail text, primary key (contact, code)",
        }
        for name, layout in layouts.items():
            self._do(f"drop table if exists {name}")
            if self._sqlite:
                layout = layout.replace("bigint primary key", "integer primary key")
            self._do(f"create temporary table {name} ({layout})")
        if self._sqlite:
            raw = dbapi(self._connection)
            raw.create_function("carillon_merged", 2, merged_attributes, deterministic=True)
            raw.create_function("carillon_united", 2, united_tags, deterministic=True)
            self._do(f"pragma cache_size = {MATCHING_CACHE}")
        try:
            yield
        finally:
            if self._sqlite:
                self._do(f"pragma cache_size = {SMALL_CACHE}")
        for name in layouts:
            self._do(f"drop table {name}")

    def _type(self, column: str) -> str:
        return "text" if self._sqlite else _TYPES.get(column, "text")

    # -- an empty table ------------------------------------------------------------------------

    def _insert_straight(self, named: bool) -> None:
        """The list's rows as they come: nobody is known yet, so nobody has to be looked up."""
        self._note_everybody()
        self._do("delete from contact_issues where contact_id > :last", last=self._last_id)
        with self._without_indexes():
            for rows, issues in self._batches(named):
                first, self._last_id = self._last_id + 1, self._last_id + rows.height
                rows = rows.with_columns(pl.int_range(first, self._last_id + 1).alias("id"))
                insert_frame(self._connection, "contacts", rows.drop("line"), self._constants())
                found = issues.join(rows.select("line", contact_id="id"), on="line").drop("line")
                insert_frame(self._connection, "contact_issues", found, {"run_id": self._run_id})
                self._created += rows.height
        if named:
            self._do("insert into temp_named select id from contacts where external_id is not null")

    @contextmanager
    def _without_indexes(self) -> Iterator[None]:
        """SQLite builds an index over millions of rows many times faster than it keeps one up to date."""
        if not self._sqlite:
            yield
            return
        saved = self._connection.execute(
            text(
                "select type, name, sql from sqlite_master where tbl_name = 'contacts' and sql is not null"
                " and type in ('index', 'trigger') order by type"
            )
        ).all()
        for kind, name, _ in saved:
            self._do(f"drop {kind} {name}")
        before = scalar(self._connection, "select max(id) from contacts") or 0
        yield
        self._do(f"pragma cache_size = {SMALL_CACHE}")
        for _, _, statement in saved:
            self._connection.exec_driver_sql(statement)
        # What a trigger would have done for each.
        self._do(
            "insert into contact_tags (tag, contact_id) select distinct t.value, c.id from contacts c"
            " join json_each(case when json_valid(c.tags) then c.tags else 'null' end) t where c.id > :before"
            " and c.tags is not null and typeof(t.key) = 'integer' and t.type = 'text'"
            " and length(t.value) <= 200 order by t.value, c.id",
            before=before,
        )
        self._do(f"pragma cache_size = {MATCHING_CACHE}")

    # -- who is who ----------------------------------------------------------------------------

    def _stage(self, named: bool) -> None:
        for table in (
            "temp_import",
            "temp_match",
            "temp_refused",
            "temp_changed",
            "temp_issues",
            "temp_found",
        ):
            self._do(f"delete from {table}")
        for rows, issues in self._batches(named):
            insert_frame(self._connection, "temp_import", rows)
            insert_frame(self._connection, "temp_issues", issues)
        self._analyze("temp_import", "temp_issues")

    def _match_named(self) -> None:
        self._do(
            "insert into temp_match (line, contact, fresh) select s.line, c.id, 0"
            " from temp_import s cross join contacts c where c.external_id = s.external_id"
        )
        self._do(
            "insert into temp_match (line, contact, fresh) select min(s.line), c.id, 0"
            " from temp_import s cross join contacts c"
            " where lower(c.email) = lower(s.email) and c.external_id is null"
            " and not exists (select 1 from temp_match m where m.line = s.line) group by c.id"
        )

    def _match_plain(self) -> None:
        """`temp_refused` first takes all that could mean contacts with external ids, then loses the clear
        ones. One that means a contact of which this same list has a row with its id is not."""
        self._do(
            "insert into temp_match (line, contact, fresh) select s.line, c.id, 0"
            " from temp_import s cross join contacts c"
            " where lower(c.email) = lower(s.email) and c.external_id is null"
        )
        self._do(
            "insert into temp_refused (line, contact, n) select s.line, min(c.id), count(*)"
            " from temp_import s cross join contacts c"
            " where lower(c.email) = lower(s.email) and c.external_id is not null"
            " and not exists (select 1 from temp_match m where m.line = s.line) group by s.line"
        )
        self._do(
            "insert into temp_match (line, contact, fresh) select r.line, r.contact, 0 from temp_refused r"
            " where r.n = 1 and not exists (select 1 from temp_named t where t.contact = r.contact)"
        )
        self._do("delete from temp_refused where line in (select line from temp_match)")

    def _number_new(self) -> None:
        self._analyze("temp_match")
        self._do(
            "insert into temp_match (line, contact, fresh)"
            " select s.line, :last + row_number() over (order by s.line), 1 from temp_import s"
            " where not exists (select 1 from temp_match m where m.line = s.line)"
            " and not exists (select 1 from temp_refused r where r.line = s.line)",
            last=self._last_id,
        )
        self._analyze("temp_match")

    # -- what is new ---------------------------------------------------------------------------

    def _apply(self) -> None:
        self._find_changes()
        changed = int(scalar(self._connection, "select count(*) from temp_changed"))
        created = int(scalar(self._connection, "select count(*) from temp_match where fresh = 1"))
        self._updated += changed
        self._created += created
        self._last_id += created
        if self._created + self._updated > max(BULK_ROWS, BULK_SHARE * self._stored):
            self._note_everybody()
        if changed:
            settings = ", ".join(f"{name} = t.{name}" for name in self._columns)
            self._do(
                f"update contacts set {settings}, updated_at = :now from temp_changed t"
                " where contacts.id = t.id",
                now=self._now,
            )
        if created > max(BULK_ROWS, self._stored):
            with self._without_indexes():
                self._insert_new()
        elif created:
            self._insert_new()
        self._store_issues()

    def _find_changes(self) -> None:
        """Stored contacts as they will be, as far as that is different from what they are."""
        expressions = {name: self._merged(name) for name in self._columns}
        merged = ", ".join(f"{how} as {name}, c.{name} as old_{name}" for name, how in expressions.items())
        is_not = "is not" if self._sqlite else "is distinct from"
        differs = " or ".join(f"{name} {is_not} old_{name}" for name in self._columns)
        names = ", ".join(self._columns)
        self._do(
            f"insert into temp_changed (id, {names}) select id, {names} from (select c.id as id, {merged}"
            " from temp_match m cross join temp_import s cross join contacts c"
            f" where m.fresh = 0 and s.line = m.line and c.id = m.contact) both_of_them where {differs}"
        )
        self._analyze("temp_changed")

    @property
    def _columns(self) -> list[str]:
        """What a row can change: the ZIP brings its state along."""
        given = self._incoming.given
        return [name for name in COLUMNS if name in given or (name == "state" and "zip_code" in given)]

    def _merged(self, column: str) -> str:
        """What a stored contact `c` has in a column after the row `s`: an empty cell erases nothing."""
        if column == "external_id":
            return "coalesce(c.external_id, s.external_id)"
        if column == "state":
            return (
                "case when s.zip_code is null and c.zip_code is not null then coalesce(c.state, s.state)"
                " when s.zip_code is not null and s.zip_code <> coalesce(c.zip_code, '') then s.state"
                " else coalesce(s.state, c.state) end"
            )
        if column not in ("attributes", "tags"):
            return f"coalesce(s.{column}, c.{column})"
        old, new = f"c.{column}", f"s.{column}"
        if self._sqlite:
            both = f"carillon_{'merged' if column == 'attributes' else 'united'}({old}, {new})"
        elif column == "attributes":
            both = f"case when jsonb_typeof({old}) = 'object' then {old} || {new} else {new} end"
        else:
            both = (
                f"case when jsonb_typeof({old}) <> 'array' then {new} when {old} @> {new} then {old}"
                f" else {old} || (select jsonb_agg(tag order by place) from jsonb_array_elements({new})"
                f" with ordinality as tags (tag, place) where not {old} @> jsonb_build_array(tag)) end"
            )
        unchanged = f"{new} is null or {new} = {old}"
        return f"case when {unchanged} then {old} when {old} is null then {new} else {both} end"

    def _insert_new(self) -> None:
        constants = self._constants()
        names = ", ".join(self._columns)
        values = ", ".join(f"s.{name}" for name in self._columns)
        marks = ", ".join(f":{name}" for name in constants)
        self._do(
            f"insert into contacts (id, seed, {names}, {', '.join(constants)})"
            f" select m.contact, s.seed, {values}, {self._marked(marks)}"
            " from temp_match m cross join temp_import s"
            " where m.fresh = 1 and s.line = m.line order by m.line",
            **constants,
        )

    def _marked(self, marks: str) -> str:
        """PostgreSQL wants to be told what a bare parameter is."""
        if self._sqlite:
            return marks
        return marks.replace(":created_at", "cast(:created_at as timestamptz)").replace(
            ":updated_at", "cast(:updated_at as timestamptz)"
        )

    def _constants(self) -> dict[str, str]:
        return {"status": ContactStatus.ACTIVE.value, "created_at": self._now, "updated_at": self._now}

    # -- what is wrong with them ---------------------------------------------------------------

    def _store_issues(self) -> None:
        """What the list found replaces what was known, code by code, as far as the row had a value to judge.

        A missing ZIP is none where one is stored. A list without ZIPs has its states judged here.
        """
        self._do(
            "insert into temp_found (contact, code, detail) select m.contact, i.code, i.detail"
            " from temp_issues i cross join temp_match m cross join contacts c"
            " where m.line = i.line and c.id = m.contact"
            " and not (i.code = :missing and c.zip_code is not null)",
            missing=IssueCode.MISSING_ZIP.value,
        )
        self._do(
            "insert into temp_found (contact, code, detail)"
            " select m.contact, :code, s.state || ': the ZIP code lies in ' || c.state || ', which counts'"
            " from temp_match m cross join temp_import s cross join contacts c"
            " where m.fresh = 0 and s.line = m.line and c.id = m.contact"
            " and s.zip_code is null and c.zip_code is not null and s.state <> c.state",
            code=IssueCode.STATE_MISMATCH.value,
        )
        if scalar(self._connection, "select 1 from contact_issues limit 1"):
            for column, codes in _JUDGED.items():
                if column in self._incoming.given:
                    self._forget_issues(column, codes)
        self._do(
            "insert into contact_issues (contact_id, code, detail, run_id)"
            f" select contact, code, detail, {':run' if self._sqlite else 'cast(:run as text)'}"
            " from temp_found where true"
            " on conflict (contact_id, code) do update set detail = excluded.detail, run_id = excluded.run_id"
            " where coalesce(contact_issues.detail, '') <> excluded.detail",
            run=self._run_id,
        )

    def _forget_issues(self, column: str, codes: tuple[IssueCode, ...]) -> None:
        self._do(
            f"delete from contact_issues where code in ({', '.join(repr(code.value) for code in codes)})"
            " and contact_id in (select m.contact from temp_match m cross join temp_import s"
            f" where m.fresh = 0 and s.line = m.line and s.{column} is not null)"
            " and not exists (select 1 from temp_found f"
            " where f.contact = contact_issues.contact_id and f.code = contact_issues.code)"
        )

    # -- small help ----------------------------------------------------------------------------

    def _batches(self, named: bool) -> Iterator[Batch]:
        """The rows with, or without, an external id, as they are stored, and their issues."""
        for rows, issues in self._incoming.batches():
            if "external_id" in rows.columns:
                given = pl.col("external_id").is_not_null()
                rows = rows.filter(given if named else ~given)
            foreign = rows["email"].str.len_bytes() != rows["email"].str.len_chars()
            rows = rows.select(
                "line",
                pl.col("seed").reinterpret(signed=True),
                # Databases lower ASCII letters alike, others not: those are stored as they are compared.
                normalised(rows["email"]).zip_with(foreign, rows["email"]).alias("email"),
                *(name for name in COLUMNS if name in rows.columns and name != "email"),
            )
            yield rows, issues.join(rows.select("line"), on="line", how="semi")
            self._handed += rows.height
            self._progress(self._handed)

    def _note_everybody(self) -> None:
        """Always with a row of our own: one that is there may be forgotten by a planner already at work."""
        if not self._quiet:
            self._do("insert into changes (contact_id) values (:everybody)", everybody=EVERYBODY)
            self._quiet = True

    def _analyze(self, *tables: str) -> None:
        if not self._sqlite:
            for table in tables:
                self._do(f"analyze {table}")

    def _do(self, statement: str, **values: object) -> None:
        self._connection.execute(text(statement), values)


_JUDGED = {
    "zip_code": (IssueCode.MISSING_ZIP, IssueCode.INVALID_ZIP),
    "birth_date": (IssueCode.INVALID_BIRTH_DATE,),
    "effective_date": (IssueCode.INVALID_EFFECTIVE_DATE,),
    "state": (IssueCode.STATE_MISMATCH,),
}


def merged_attributes(old: str, new: str) -> str:
    """Two JSON objects as one, the new value where both have a key; `old` itself if that changes nothing."""
    known, more = _loaded(old), json.loads(new)
    if not isinstance(known, dict):
        return new
    written = _dumped(known | more)
    return old if written == _dumped(known) else written


def united_tags(old: str, new: str) -> str:
    """Two JSON lists as one without repetition; `old` itself if it has them all."""
    known = _loaded(old)
    if not isinstance(known, list):
        return new
    more = [tag for tag in json.loads(new) if tag not in known]
    return _dumped(known + more) if more else old


def _loaded(stored: str) -> object:
    """What other programs stored may not be JSON at all."""
    try:
        return json.loads(stored)
    except ValueError:
        return None


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
