"""`python -m bench.advance`: enrollments due at once, beside one row at a time through an ORM session.

A fifth each of them stands at the end of a wait and goes on to a condition and a follow-up; has answered, is
tagged and ends; begins another wait; gets an attribute and ends; or ends. Both movers write the same rows.
The ORM loop is what one writes first: a row is read with its step, what the step asks is read, and what
follows is written and committed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import select, text
from sqlalchemy.orm import DeclarativeBase, Session

from bench.postgres import server as postgres
from carillon.accounts import Account
from carillon.advance.run import advance
from carillon.clock import ManualClock, Stopwatch
from carillon.keys import FIRST_OF_SEQUENCES, VISIT_BITS
from carillon.store import accounts
from carillon.store.bulk import insert_rows
from carillon.store.engine import Connection, open_database
from carillon.store.moments import moment_of, stamp
from carillon.store.tables import contacts, metadata, outbox
from carillon.workspace import Workspace, at

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
BEGUN = NOW - timedelta(days=4)
STEPS: list[tuple[str, str, dict[str, object], str | None, str | None]] = [
    ("first", "email", {"template": "first"}, "wait", None),
    ("wait", "delay", {"amount": 3, "unit": "days"}, "answered", None),
    ("answered", "condition", {"when": "replied"}, "tag", "again"),
    ("again", "email", {"template": "second"}, "pause", None),
    ("tag", "action", {"kind": "add_tag", "tag": "warm"}, "leave", None),
    ("pause", "delay", {"amount": 1, "unit": "hours"}, "later", None),
    ("later", "delay", {"amount": 2, "unit": "days"}, "note", None),
    ("note", "action", {"kind": "set_attribute", "field": "seen", "value": "yes"}, "leave", None),
    ("leave", "exit", {"reason": "completed"}, None, None),
]
PLACES = ("wait", "wait", "pause", "note", "leave")
"""Where one enrollment in five stands; every other one that waits has answered."""


class Base(DeclarativeBase):
    """The same tables, row by row."""

    metadata = metadata


class Contact(Base):
    __table__ = contacts


class Email(Base):
    __table__ = outbox


class Step(Base):
    __table__ = metadata.tables["sequence_steps"]


class Enrollment(Base):
    __table__ = metadata.tables["sequence_enrollments"]


class Execution(Base):
    __table__ = metadata.tables["sequence_step_executions"]


class Event(Base):
    __table__ = metadata.tables["contact_events"]


def make_workspace(folder: Path, url: str, enrollments: int) -> Workspace:
    """A workspace with so many enrollments that are due."""
    folder.mkdir(parents=True)
    (folder / "carillon.yaml").write_text(f"database: {{url: '{url}'}}\n", encoding="utf-8")
    database = open_database(url, folder)
    database.migrate()
    database.close()
    workspace = at(folder, {}, ManualClock(NOW))
    workspace.database.write(lambda connection: _fill(connection, enrollments))
    with workspace.database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql("analyze")
    return workspace


def _fill(connection: Connection, enrollments: int) -> None:
    run = connection.exec_driver_sql
    accounts.create(connection, Account(0, "main", "ann@agency.example", "maildir", {"path": "out"}), NOW, "")
    run(
        "insert into sequences (name, status, settings, created_at)"
        f" values ('bench', 'active', '{{}}', '{stamp(BEGUN)}')"
    )
    steps = [(1, key, place, kind, json.dumps(settings), after, otherwise)
             for place, (key, kind, settings, after, otherwise) in enumerate(STEPS)]  # fmt: skip
    columns = ("sequence_id", "step_key", "position", "type", "settings", "next", "otherwise")
    insert_rows(connection, "sequence_steps", columns, steps)
    # The contacts' own triggers are not what is measured.
    run("insert into changes (contact_id) values (0)")
    people = range(1, enrollments + 1)
    columns = ("id", "email", "zip_code", "birth_date", "status")
    insert_rows(
        connection,
        "contacts",
        columns,
        ((one, f"p{one}@example.com", "75201", "1960-06-18", "active") for one in people),
    )
    due, stepped = NOW - timedelta(hours=1), NOW - timedelta(days=3)
    columns = ("id", "sequence_id", "contact_id", "status", "current_step", "next_action_at", "stepped_at",
               "visits", "account_id", "enrolled_at")  # fmt: skip
    insert_rows(
        connection,
        "sequence_enrollments",
        columns,
        (
            (one, 1, one, "active", PLACES[one % 5], stamp(due), stamp(stepped), 1, 1, stamp(BEGUN))
            for one in people
        ),
    )
    columns = ("enrollment_id", "step_key", "visit", "outcome", "executed_at")
    done = ((one, "first", 1, "sent", stamp(stepped)) for one in people)
    insert_rows(connection, "sequence_step_executions", columns, done)
    columns = ("contact_id", "event_type", "created_at")
    replies = ((one, "replied", stamp(NOW - timedelta(days=1))) for one in people if one % 5 == 0)
    insert_rows(connection, "contact_events", columns, replies)


def one_by_one(workspace: Workspace, most: int) -> float:
    """Enrollments a second, for so many of them, each in a session and a transaction of its own."""
    engine, sqlite = workspace.database.engine, workspace.database.is_sqlite
    with Session(engine) as session:
        ids = session.scalars(
            select(Enrollment.__table__.c.id)
            .where(
                Enrollment.__table__.c.status == "active", Enrollment.__table__.c.next_action_at <= stamp(NOW)
            )
            .limit(most)
        ).all()
    watch = Stopwatch()
    for number in ids:
        with Session(engine) as session:
            if sqlite:
                session.connection(execution_options={"carillon_writes": True})
            enrollment: Any = session.get(Enrollment, number, with_for_update=not sqlite)
            while _step(session, enrollment):
                pass
            session.commit()
    return len(ids) / watch.seconds()


def _step(session: Session, enrollment: Any) -> bool:
    """One step of an enrollment. Returns whether it is due again."""
    steps = Step.__table__.c
    step: Any = session.scalars(
        select(Step).where(
            steps.sequence_id == enrollment.sequence_id, steps.step_key == enrollment.current_step
        )
    ).one()
    settings = json.loads(step.settings) if isinstance(step.settings, str) else step.settings
    happened = moment_of(enrollment.next_action_at)
    assert happened is not None
    enrollment.visits += 1
    contact: Any = session.get(Contact, enrollment.contact_id)
    if step.type == "email":
        session.add(
            Email(
                id=FIRST_OF_SEQUENCES - ((enrollment.id << VISIT_BITS) | enrollment.visits),
                contact_id=contact.id, kind=16383, followup=0, email_type="sequence", send=20514, ideal=20514,
                status="scheduled", email_template=settings["template"], send_at=stamp(NOW), account_id=1,
                enrollment_id=enrollment.id, step_key=step.step_key, attempts=0, channel="email",
                domain=contact.email.partition("@")[2], created_at=stamp(NOW), updated_at=stamp(NOW),
            )
        )  # fmt: skip
        enrollment.next_action_at = None
        return False
    outcome, following = "done", step.next
    if step.type == "condition":
        events = Event.__table__.c
        query = select(Event).where(events.contact_id == contact.id, events.event_type == "replied",
                                    events.created_at >= enrollment.enrolled_at).limit(1)  # fmt: skip
        answered = session.scalars(query).first() is not None
        outcome, following = ("yes", step.next) if answered else ("no", step.otherwise)
    elif step.type == "action":
        _act(session, contact, settings)
    session.add(
        Execution(enrollment_id=enrollment.id, step_key=step.step_key, visit=enrollment.visits,
                  outcome=outcome, executed_at=stamp(happened))
    )  # fmt: skip
    enrollment.stepped_at = stamp(happened)
    if following is None:
        enrollment.status = enrollment.exit_reason = "completed"
        enrollment.ended_at, enrollment.next_action_at = stamp(happened), None
        return False
    enrollment.current_step = following
    after: Any = session.scalars(
        select(Step).where(steps.sequence_id == enrollment.sequence_id, steps.step_key == following)
    ).one()
    if after.type != "delay":
        return True
    wait = json.loads(after.settings) if isinstance(after.settings, str) else after.settings
    enrollment.next_action_at = stamp(happened + timedelta(**{wait["unit"]: wait["amount"]}))
    return bool(happened + timedelta(**{wait["unit"]: wait["amount"]}) <= NOW)


def _act(session: Session, contact: Any, settings: dict[str, str]) -> None:
    as_text = session.get_bind().dialect.name == "sqlite"

    def known(stored: Any, empty: Any) -> Any:
        return json.loads(stored) if isinstance(stored, str) else stored or empty

    if settings["kind"] == "add_tag":
        tags = [*known(contact.tags, []), settings["tag"]]
        contact.tags = json.dumps(tags) if as_text else tags
    else:
        attributes = known(contact.attributes, {}) | {settings["field"]: settings["value"]}
        contact.attributes = json.dumps(attributes) if as_text else attributes


def measure(
    base: Path, name: str, url: Callable[[str], str], enrollments: int, most: int
) -> dict[str, float]:
    """Enrollments a second, and steps, of both movers on one kind of database."""
    workspace = make_workspace(base / name / "fast", url(f"fast{enrollments}"), enrollments)
    watch = Stopwatch()
    report = advance(workspace)
    seconds = watch.seconds()
    steps = sum(report.done.values())
    with workspace.database.snapshot() as connection:
        left = connection.execute(
            text(
                "select count(*) from sequence_enrollments where status = 'active' and next_action_at <= :now"
            ),
            {"now": stamp(NOW)},
        ).scalar_one()
    assert left == 0, f"{left} are still due"
    workspace.close()
    found = {"enrollments": enrollments / seconds, "steps": steps / seconds}
    if most:
        workspace = make_workspace(base / name / "slow", url(f"slow{enrollments}"), enrollments)
        found["one by one"] = one_by_one(workspace, most)
        found["ratio"] = found["enrollments"] / found["one by one"]
        workspace.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--enrollments", type=int, default=100_000)
    parser.add_argument("--growth", type=int, default=1_000_000, help="how many for the larger run; 0: none")
    parser.add_argument("--one-by-one", type=int, default=3_000, help="how many the ORM loop moves")
    options = parser.parse_args()
    sizes = [options.enrollments, *([options.growth] if options.growth else [])]
    base, found = Path(tempfile.mkdtemp(prefix="carillon-bench-")), {}
    try:
        for some in sizes:
            most = options.one_by_one if some == options.enrollments else 0
            found[f"SQLite, {some:,}"] = measure(
                base, f"sqlite{some}", lambda name: f"sqlite:///{base / name}.db", some, most
            )
        with postgres() as server:
            admin = open_database(server, base)

            def created(name: str) -> str:
                with admin.engine.connect() as connection:
                    connection.execution_options(isolation_level="AUTOCOMMIT")
                    connection.exec_driver_sql(f"create database {name}")
                return server.replace("/postgres?", f"/{name}?")

            for some in sizes:
                most = options.one_by_one if some == options.enrollments else 0
                found[f"PostgreSQL, {some:,}"] = measure(base, f"postgresql{some}", created, some, most)
            admin.close()
    finally:
        shutil.rmtree(base, ignore_errors=True)
    table = Table(title="Enrollments due at once, moved until none is due")
    for heading in ("database, enrollments", "enrollments/s", "steps/s", "one row at a time/s", "ratio"):
        table.add_column(heading, justify="left" if heading.startswith("database") else "right")
    for name, figures in found.items():
        slow, ratio = figures.get("one by one"), figures.get("ratio")
        table.add_row(
            name,
            f"{figures['enrollments']:,.0f}",
            f"{figures['steps']:,.0f}",
            f"{slow:,.0f}" if slow else "",
            f"{ratio:.0f} x" if ratio else "",
        )
    Console().print(table)
    print(
        json.dumps(
            {
                name: {key: round(value, 1) for key, value in figures.items()}
                for name, figures in found.items()
            }
        )
    )


if __name__ == "__main__":
    main()
