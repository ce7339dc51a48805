"""A workspace whose database lives through a reference world, night by night.

Puts a `tests.plan.worlds.World` into the real tables by plain SQL, runs the real planner, reads the rows
back as the reference's, and does between two nights to the database what the world says happened. What
does not belong here: any rule of planning, any expectation.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import gettempdir

import numpy as np
from sqlalchemy import Connection

from carillon.clock import ManualClock
from carillon.days import date_of, day_number
from carillon.keys import FOLLOWUP_BIT, KIND_MASK
from carillon.packing import TIER_MASK, TIER_SHIFT
from carillon.plan.report import PlanReport
from carillon.plan.run import Request, run
from carillon.settings import Settings
from carillon.store.bulk import insert_rows
from carillon.store.engine import Database, dbapi
from carillon.words import SkipReason, Tier
from carillon.workspace import Workspace
from tests.contract import campaign_diary
from tests.plan import reference
from tests.plan.bridge import key_of, noon, reason_of, settings_of, tier_of
from tests.plan.reference_campaigns import Campaigns
from tests.plan.worlds import BAD_EMAILS, STATE_OF_ZIP, World

TABLES = (
    "contacts",
    "contact_issues",
    "suppressions",
    "plan",
    "outbox",
    "plan_days",
    "plan_smoothing",
    "plan_blocks",
    "planner_state",
    "changes",
    "scheduler_checkpoints",
    *campaign_diary.TABLES,
)
KIND_WORDS = {0: "birthday", 1: "effective_date", 2: "aep", 3: "post_window"}
CONTACT_COLUMNS = ("id", "email", "external_id", "zip_code", "birth_date", "effective_date", "status", "seed",
                   "created_at")  # fmt: skip


def signed(seed: int) -> int:
    """An unsigned 64-bit number as the database stores it."""
    return int(np.uint64(seed).astype(np.int64))


def workspace_for(database: Database, settings: Settings, today: date, batch_size: int = 100) -> Workspace:
    """A workspace on an open database, at noon of `today`; where that is a server, all share one folder."""
    processing = settings.processing.model_copy(update={"batch_size": batch_size})
    return Workspace(
        Path(database.file.parent) if database.file else Path(gettempdir()) / "carillon-tests",
        settings.model_copy(update={"processing": processing}),
        database,
        ManualClock(datetime.combine(today, time(18), UTC)),
    )


def is_shared(email: str | None) -> bool:
    """Whether a contact needs an external id, because its address is no address."""
    return email in BAD_EMAILS


class Diary:
    """One database and what is asked of it."""

    def __init__(self, database: Database, batch_size: int = 100) -> None:
        self.database, self.batch_size = database, batch_size

    # -- putting in ---------------------------------------------------------------------------------

    def clear(self) -> None:
        """As new: only the migration's own rows."""

        def work(connection: Connection) -> None:
            for table in TABLES:
                connection.exec_driver_sql(f"delete from {table}")
            connection.exec_driver_sql("insert into changes (contact_id) values (0)")

        self.database.write(work)

    def load(self, world: World) -> None:
        """The world's contacts, stored rows and history, in the order they come."""
        self.clear()

        def work(connection: Connection) -> None:
            insert_rows(connection, "contacts", CONTACT_COLUMNS, [contact_row(c) for c in world.contacts])
            for contact in world.contacts:
                _suppress(connection, contact)
            insert_rows(
                connection,
                "plan",
                ("id", "send", "ideal", "state", "run"),
                [_plan_row(r) for r in world.stored],
            )
            insert_rows(
                connection,
                "outbox",
                ("id", "contact_id", "kind", "followup", "email_type", "event", "send", "status", "priority"),
                [_outbox_row(row, place) for place, row in enumerate(world.sent)],
            )
            campaign_diary.move(connection, Campaigns(), world.campaigns)

        self.database.write(work)

    def night(self, before: World, after: World, through_view: bool = True) -> None:
        """Everything that happened from `before` (with the plan's rows stored) to `after`."""
        were = set(before.sent)
        gone = [row for row in after.sent if row not in were]
        stored = {(row.contact_id, row.kind, row.event, row.followup): row for row in self.rows()}

        def work(connection: Connection) -> None:
            for row in gone:
                self._leave(connection, row, through_view)
            for row in after.stored:
                old = stored[row.contact_id, row.kind, row.event, row.followup]
                if row.pinned and (not old.pinned or old.send != row.send):
                    connection.exec_driver_sql(
                        f"update email_schedules set scheduled_send_date = '{row.send}', pinned = 1"
                        f" where id = {_key(row)}"
                    )
            for old_contact, contact in zip(before.contacts, after.contacts, strict=True):
                if contact != old_contact:
                    _change(connection, old_contact, contact)
            campaign_diary.move(connection, before.campaigns, after.campaigns)

        self.database.write(work)

    def _leave(self, connection: Connection, row: reference.Sent, through_view: bool) -> None:
        key = key_of(row.contact_id, row.kind, row.event, row.followup)
        if through_view:
            connection.exec_driver_sql(f"update email_schedules set status = '{row.status}' where id = {key}")
        else:
            release(connection, f"p.id = {key}", row.status)

    # -- running ------------------------------------------------------------------------------------

    def workspace(self, world: World) -> Workspace:
        return workspace_for(self.database, settings_of(world.rules), world.today, self.batch_size)

    def plan(
        self,
        world: World,
        *,
        dry_run: bool = False,
        fresh: bool = False,
        verify: bool = False,
        before_write: Callable[[], None] = lambda: None,
        waiting: Callable[[str], None] = lambda _: None,
    ) -> PlanReport:
        """One run of the real planner; `before_write` is called between its snapshot and its swap."""
        request = Request(world.today, dry_run=dry_run, fresh=fresh, verify=verify)

        def progress(stage: str, _done: int, _of: int) -> None:
            if stage == "write":
                before_write()

        return run(self.workspace(world), request, progress, waiting)

    # -- reading back -------------------------------------------------------------------------------

    def query(self, statement: str) -> list[tuple[object, ...]]:
        with self.database.engine.connect() as connection, connection.begin():
            # The driver's own cursor: what is asked for here is read thousands of times.
            return [tuple(row) for row in dbapi(connection).execute(statement).fetchall()]

    def execute(self, *statements: str) -> None:
        """Plain SQL, as any other program may write it, in one transaction."""

        def work(connection: Connection) -> None:
            for statement in statements:
                connection.exec_driver_sql(statement)

        self.database.write(work)

    def rows(self) -> list[reference.Row]:
        """The plan as the reference's rows, in its order."""
        found = [_row(*line) for line in self.query("select id, send, ideal, state from plan")]  # type: ignore[arg-type]
        return sorted(found, key=in_order)

    def issues(self) -> set[tuple[int, str]]:
        found = self.query("select contact_id, code from contact_issues where code <> 'state_mismatch'")
        return {(int(who), str(code)) for who, code in found}  # type: ignore[call-overload]

    def dump(self, *tables: str) -> dict[str, list[tuple[object, ...]]]:
        """Whole tables, rows sorted; all of them if none is named."""
        return {
            table: sorted(map(_plain, self.query(f"select * from {table}")), key=repr)
            for table in tables or TABLES
        }

    def canonical(self) -> list[str]:
        """What `carillon export plan --canonical` is about: no ids, no runs, no times."""
        lines = self.query(
            "select c.email, s.email_type, s.event_year, s.event_month, s.event_day, s.scheduled_send_date,"
            " s.original_send_date, s.status, s.skip_reason, s.priority"
            " from email_schedules s join contacts c on c.id = s.contact_id"
        )
        return sorted(" | ".join(map(str, line)) for line in lines)

    def assert_counted(self) -> None:
        """`plan_days` and `plan_smoothing` are what a recount by plain SQL gives."""
        days = self.query("select day, kind, reason, n from plan_days where n <> 0")
        counted = self.query(
            "select send, (id >> 16) & 32767, state & 15, count(*) from plan"
            " group by send, (id >> 16) & 32767, state & 15"
        )
        assert sorted(days) == sorted(counted)
        smoothing = self.query("select day, n from plan_smoothing where n <> 0")
        counted = self.query(
            "select ideal, count(*) from plan where (id >> 16) & 32767 = 1 and state & 15 in (0, 7, 8)"
            " group by ideal"
        )
        assert sorted(smoothing) == sorted(counted)


_KIND_SHOWN = (
    "case when (p.id >> 30) & 1 = 0 then (p.id >> 16) & 16383"
    " else -1 - ((p.state >> 5) & 3) - 4 * case when (p.id >> 16) & 16383 < 16 then 0"
    " else (p.id >> 16) & 16383 end end"
)
"""The row of `plan_kinds` with the words for a row of the plan: a follow-up's are those of its tier."""


def release(connection: Connection, where: str, status: str) -> None:
    """As the dispatcher may do it: rows of the plan (`p` in `where`) into the outbox, set by set."""
    run = connection.exec_driver_sql
    run(f"insert into changes (contact_id) select distinct p.id >> 31 from plan p where {where}")
    run(
        "insert into outbox (id, contact_id, kind, followup, email_type, event, send, ideal, status,"
        " priority, run) select p.id, p.id >> 31, (p.id >> 16) & 16383, (p.id >> 30) & 1,"
        f" coalesce(k.email_type, 'unknown'), p.id & 65535, p.send, p.ideal, '{status}',"
        f" (p.state >> 8) & 255, p.run from plan p left join plan_kinds k on k.kind = {_KIND_SHOWN}"
        f" where {where}"
    )
    run(f"delete from plan as p where {where}")


def in_order(row: reference.Row) -> tuple[int, int, date, bool]:
    return row.contact_id, row.kind, row.event, row.followup


def contact_row(contact: reference.Contact) -> tuple[object, ...]:
    return (
        contact.id,
        contact.email,
        f"external-{contact.id}" if is_shared(contact.email) else None,
        contact.zip_code,
        contact.birth_date,
        contact.effective_date,
        contact.status,
        signed(contact.seed),
        noon(contact.created) or None,
    )


def _key(row: reference.Row) -> int:
    return key_of(row.contact_id, row.kind, row.event, row.followup)


def _plan_row(row: reference.Row) -> tuple[int, ...]:
    state = reason_of(row.reason) | (16 if row.pinned else 0) | (row.priority << 8)
    state |= tier_of(row.tier) << TIER_SHIFT
    return _key(row), day_number(row.send), day_number(row.ideal), state, 0


def _row(key: int, send: int, ideal: int, state: int) -> reference.Row:
    return reference.Row(
        contact_id=key >> 31,
        kind=(key >> 16) & KIND_MASK,
        event=date_of(key & 65535),
        send=date_of(send),
        ideal=date_of(ideal),
        reason=SkipReason(state & 15).word if state & 15 else None,
        priority=(state >> 8) & 255,
        pinned=bool(state & 16),
        followup=bool(key & FOLLOWUP_BIT),
        tier=Tier((state >> TIER_SHIFT) & TIER_MASK).email_type if key & FOLLOWUP_BIT else None,
    )


def _outbox_row(row: reference.Sent, place: int) -> tuple[object, ...]:
    known = row.kind is not None and row.event is not None
    return (
        key_of(row.contact_id, row.kind, row.event, row.followup) if known else -1 - place,
        row.contact_id,
        KIND_MASK if row.kind is None else row.kind,
        int(row.followup),
        KIND_WORDS.get(-1 if row.kind is None else row.kind, "something else"),
        None if row.event is None else day_number(row.event),
        day_number(row.send),
        row.status,
        row.priority,
    )


def _suppress(connection: Connection, contact: reference.Contact) -> None:
    if not is_shared(contact.email):
        for scope in [*(["all"] if contact.suppressed else []), *contact.refuses]:
            connection.exec_driver_sql(
                f"insert into suppressions (address, scope) values ('{contact.email}', '{scope}')"
            )


def _change(connection: Connection, old: reference.Contact, new: reference.Contact) -> None:
    for column in ("zip_code", "birth_date", "effective_date", "status"):
        value = getattr(new, column)
        if value != getattr(old, column):
            said = "null" if value is None else f"'{value}'"
            connection.exec_driver_sql(f"update contacts set {column} = {said} where id = {new.id}")
    if (new.suppressed, new.refuses) != (old.suppressed, old.refuses) and not is_shared(old.email):
        connection.exec_driver_sql(f"delete from suppressions where address = '{old.email}'")
        _suppress(connection, new)


def _plain(row: tuple[object, ...]) -> tuple[object, ...]:
    return tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)


def crowd(how_many: int, today: date, seed: int = 1, cap_share: str = "0.03") -> World:
    """So many ordinary people from everywhere, some with something amiss, in a tight daily cap."""
    chance = random.Random(seed)
    zips = sorted(STATE_OF_ZIP)

    def day(first: int, last: int) -> str:
        return (date(first, 1, 1) + timedelta(days=chance.randrange((last - first) * 365))).isoformat()

    contacts = [
        reference.Contact(
            id=number,
            email=f"{'abcdefghij'[number * 7 % 10]}.{number}@example.com",
            seed=reference.splitmix64(seed * 1_000_003 + number),
            status=chance.choice(["active"] * 19 + ["opted_out"]),
            zip_code=chance.choice(zips) if chance.random() < 0.97 else None,
            birth_date=day(1935, 2001) if chance.random() < 0.95 else None,
            effective_date=day(2005, today.year) if chance.random() < 0.9 else "no date",
        )
        for number in range(1, how_many + 1)
    ]
    rules = replace(reference.default_rules(), cap_share=Decimal(cap_share), age_exclusion={"TX": 76})
    return World(contacts, [], [], [], rules, today)


def plain(world: World) -> World:
    """Without the campaign emails that only the reference knows: the store's are in `campaigns`."""
    return replace(world, extra=[])
