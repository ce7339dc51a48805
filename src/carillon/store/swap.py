"""Storing a plan: one transaction that changes the old plan into the new one, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, text

from carillon.keys import CONTACT_SHIFT
from carillon.store.bulk import insert_arrays, insert_rows, is_sqlite, read_integers, stage_arrays
from carillon.store.planning import EVERYBODY, Ints, PlannerState

BULK_ROWS, BULK_SHARE = 5_000, 0.2
"""From so many added rows on, and such a share of those there are, it is faster to build index and day
counts once at the end."""


@dataclass(frozen=True)
class PlanRows:
    """Plan rows as stored: arrays of equal length."""

    key: Ints
    send: npt.NDArray[np.int32]
    ideal: npt.NDArray[np.int32]
    state: npt.NDArray[np.int32]

    def take(self, which: npt.NDArray[np.bool_]) -> PlanRows:
        return PlanRows(self.key[which], self.send[which], self.ideal[which], self.state[which])


@dataclass(frozen=True)
class DayCounts:
    """Whole contents of `plan_days` (day, kind, reason, n) and `plan_smoothing` (day, n)."""

    days: Sequence[Ints]
    smoothing: Sequence[Ints]


class PlanWriter:
    """Writes within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        if not is_sqlite(connection):
            # Other writers of the plan wait, so that nothing slips in between check and write.
            connection.exec_driver_sql("lock table plan in share row exclusive mode")

    def changed_since(self, noted: Ints) -> Ints:
        """Contacts that changed after the change numbers `noted` were read, ascending."""
        seq, contact = read_integers(self.connection, ("seq", "contact_id"), "from changes")
        return np.unique(contact[~np.isin(seq, noted)])

    def forget_changes(self, noted: Ints) -> None:
        """Remove exactly the changes that were read: one committed late has a smaller number, too."""
        if len(noted):
            stage_arrays(self.connection, "temp_noted", ("seq",), [noted])
            self.connection.exec_driver_sql("delete from changes where seq in (select seq from temp_noted)")

    def remove(self, keys: Ints) -> None:
        """Delete plan rows."""
        if len(keys):
            stage_arrays(self.connection, "temp_gone", ("id",), [keys])
            self.connection.exec_driver_sql("delete from plan where id in (select id from temp_gone)")

    def change(self, rows: PlanRows, run: int) -> None:
        """Give plan rows new values."""
        if len(rows.key) == 0:
            return
        columns = ("id", "send", "ideal", "state")
        stage_arrays(self.connection, "temp_new", columns, [rows.key, rows.send, rows.ideal, rows.state])
        self.connection.exec_driver_sql(
            f"update plan set send = t.send, ideal = t.ideal, state = t.state, run = {run}"
            " from temp_new t where plan.id = t.id"
        )

    def add(self, rows: PlanRows, run: int) -> None:
        """Insert plan rows, ascending by key."""
        runs = np.broadcast_to(np.int64(run), len(rows.key))
        insert_arrays(
            self.connection,
            "plan",
            ("id", "send", "ideal", "state", "run"),
            [rows.key, rows.send, rows.ideal, rows.state, runs],
        )

    @contextmanager
    def in_bulk(self, counts: Callable[[], DayCounts] | None) -> Iterator[None]:
        """Without index and day counts while many rows are written; both are made at the end.

        `counts`: tells what the day counts will be, if the caller knows; else they are counted.
        """
        run = self.connection.exec_driver_sql
        if is_sqlite(self.connection):
            triggers = run("select name, sql from sqlite_master where type = 'trigger' and tbl_name = 'plan'")
            saved = triggers.all()
            for name, _ in saved:
                run(f"drop trigger {name}")
            run("drop index plan_by_day")
            yield
            run("create index plan_by_day on plan (send)")
            self._count_days(counts)
            for _, statement in saved:
                run(statement)
        else:
            run("alter table plan disable trigger user")
            yield
            self._count_days(counts)
            run("alter table plan enable trigger user")

    def _count_days(self, counts: Callable[[], DayCounts] | None) -> None:
        run = self.connection.exec_driver_sql
        run("delete from plan_days")
        run("delete from plan_smoothing")
        if counts is not None:
            known = counts()
            insert_arrays(self.connection, "plan_days", ("day", "kind", "reason", "n"), known.days)
            insert_arrays(self.connection, "plan_smoothing", ("day", "n"), known.smoothing)
            return
        run(
            "insert into plan_days (day, kind, reason, n)"
            " select send, (id >> 16) & 32767, state & 15, count(*) from plan group by 1, 2, 3"
        )
        run(
            "insert into plan_smoothing (day, n) select ideal, count(*) from plan"
            " where (id >> 16) & 32767 = 1 and state & 15 in (0, 7, 8) group by ideal"
        )

    def store_blocks(self, blocks: dict[int, bytes], no_others: bool) -> None:
        """Replace these blocks of fingerprints; `no_others`: and remove all others."""
        numbers = [{"number": number} for number in blocks]
        if no_others:
            self.connection.exec_driver_sql("delete from plan_blocks")
        elif numbers:
            self.connection.execute(text("delete from plan_blocks where block = :number"), numbers)
        if blocks:
            self.connection.execute(
                text("insert into plan_blocks (block, prints) values (:number, :prints)"),
                [{"number": number, "prints": data} for number, data in blocks.items()],
            )

    def store_kinds(self, kinds: Sequence[tuple[int, str, int | None, str | None, str | None, str]]) -> None:
        """Email type, campaign instance, templates and send time of each kind, for the view."""
        self.connection.execute(
            text(
                "insert into plan_kinds"
                " (kind, email_type, campaign_instance_id, email_template, sms_template, send_time)"
                " values (:kind, :type, :instance, :email, :sms, :time)"
                " on conflict (kind) do update set email_type = excluded.email_type,"
                " campaign_instance_id = excluded.campaign_instance_id,"
                " email_template = excluded.email_template, sms_template = excluded.sms_template,"
                " send_time = excluded.send_time"
            ),
            [
                dict(zip(("kind", "type", "instance", "email", "sms", "time"), row, strict=True))
                for row in kinds
            ],
        )

    def store_issues(self, contacts: Ints | None, issues: Iterable[tuple[int, str, str, str]]) -> None:
        """Replace the issues that planning finds; `contacts`: of these only (None: of all).

        A state that differed at its source is history, not a finding of planning: it stays.
        """
        where = "where code <> 'state_mismatch'"
        if contacts is not None:
            stage_arrays(self.connection, "temp_seen", ("id",), [contacts])
            where += " and contact_id in (select id from temp_seen)"
        self.connection.exec_driver_sql(f"delete from contact_issues {where}")
        rows = list(issues)
        if not rows:
            return
        fresh = [row for row in rows if row[1] == "state_mismatch"]
        if fresh:
            self.connection.execute(
                text("delete from contact_issues where contact_id = :id and code = 'state_mismatch'"),
                [{"id": row[0]} for row in fresh],
            )
        insert_rows(self.connection, "contact_issues", ("contact_id", "code", "detail", "run_id"), rows)

    def mend_contacts(self, seeds: Sequence[tuple[int, int]], states: Sequence[tuple[int, str]]) -> None:
        """Seeds of contacts that other programs inserted, and states that their ZIP corrects.

        The plan at hand has used them already: they are no changes for the next run.
        """
        if not seeds and not states:
            return
        unnoted = self.connection.execute(
            text("insert into changes (contact_id) values (:everybody) returning seq"),
            {"everybody": EVERYBODY},
        ).scalar_one()
        if seeds:
            self.connection.execute(
                text("update contacts set seed = :seed where id = :id and seed is null"),
                [{"id": contact, "seed": seed} for contact, seed in seeds],
            )
        if states:
            self.connection.execute(
                text("update contacts set state = :state where id = :id"),
                [{"id": contact, "state": state} for contact, state in states],
            )
        self.connection.execute(text("delete from changes where seq = :seq"), {"seq": unnoted})

    def store_state(self, state: PlannerState) -> None:
        self.connection.execute(text("delete from planner_state"))
        self.connection.execute(
            text(
                "insert into planner_state (id, rules, today, eligible, contacts_checksum,"
                " schedules_checksum) values (1, :rules, :today, :eligible, :contacts, :schedules)"
            ),
            {
                "rules": state.rules,
                "today": state.today,
                "eligible": state.eligible,
                "contacts": str(state.contacts_checksum),
                "schedules": str(state.schedules_checksum),
            },
        )


def of_contacts(keys: Ints, contacts: Ints) -> npt.NDArray[np.bool_]:
    """Which keys belong to one of `contacts`."""
    return np.isin(keys >> CONTACT_SHIFT, contacts)
