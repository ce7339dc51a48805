"""The database of an older scheduler, made up: ten years of mixed history, and what really happened.

`Truth` knows which email was sent for which event, also where the old program did not write it down.
"""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

TODAY = date(2026, 3, 10)
SCHEMA = """
create table Contacts (
    id integer primary key autoincrement, First_Name text, last_name varchar(40), email text not null,
    zip_code integer, state varchar(2), birth_date text, effective_date datetime, phone_number text,
    crm_ref blob not null default x'00', "odd name" numeric(10, 2) collate nocase,
    shout text generated always as (upper(first_name)) stored
);
create index contacts_by_crm on contacts (crm_ref);
create unique index contacts_by_email on contacts (email, id);
create table email_schedules (
    id integer primary key, contact_id integer not null references contacts (id), email_type text not null,
    scheduled_send_date text, scheduled_send_time text default '08:30:00', status text not null,
    skip_reason text, priority integer default 10, campaign_instance_id integer, event_year integer,
    event_month integer, event_day integer, actual_send_datetime text, metadata text, batch_id text,
    created_at text default '2020-01-01 00:00:00'
);
create index by_status on email_schedules (status, contact_id);
create table email_tracking (
    id integer primary key, email_id integer references email_schedules (id), event_type text, created_at text
);
create table campaign_types (name text primary key, days_before_event integer, target_all_contacts integer);
create table campaign_instances (
    id integer primary key, campaign_type text, instance_name text, email_template text,
    active_start_date text, active_end_date text, metadata text, created_at text
);
create table contact_campaigns (
    id integer primary key, contact_id integer, campaign_instance_id integer, trigger_date text, status text
);
create table agents (id integer primary key, contact_id integer references contacts (id), note, raw blob);
create table plan (what text);
create table alembic_version (version_num varchar(32));
insert into plan values ('not the plan of Carillon');
insert into alembic_version values ('feedbeef');
insert into campaign_types values ('rate_increase', 21, 0), ('Spring Blast', 0, 1);
insert into campaign_instances values
    (7, 'rate_increase', 'spring rates', 'rates_v2', null, null, '{"owner": "Kim"}', '2026-01-02 03:04:05'),
    (9, 'Spring Blast', 'spring rates', null, '2026-02-20', null, 'not json', '2026-02-01');
"""
ZIPS = {75201: "TX", 33101: "FL", 60601: "IL", 2134: "MA", 90210: "CA", 63101: "MO"}
SPELLED = {
    0: ("birthday", "BIRTHDAY", "Birthday ", "birthday_email"),
    1: ("effective_date", "Effective Date", "EFFECTIVE-DATE", "ed"),
    2: ("aep", "AEP", "Aep"),
}
OFFSET = {0: 14, 1: 30, 2: 0}
SENT = ("sent", "SENT", "Delivered", "delivered", "bounced", "processing", "Sending")
SPRING, RATE_DAYS = 7, 21

Key = tuple[int, int, date]
"""Contact, kind (16 + instance for campaigns), event."""


@dataclass
class Truth:
    """What was sent, by event; and for which of these a follow-up went as well."""

    sent: set[Key] = field(default_factory=set)
    followed: set[Key] = field(default_factory=set)
    rate_increases: set[tuple[int, date]] = field(default_factory=set)
    """Of the time before there were campaigns: contact and event of those that were sent."""
    clicked: list[int] = field(default_factory=list)
    """Contacts, one a click."""


class Author:
    """Writes one database."""

    def __init__(self, connection: sqlite3.Connection, seed: int) -> None:
        self.run, self.chance, self.truth = connection.execute, random.Random(seed), Truth()
        self.busy: set[tuple[int, date]] = set()

    def contact(self, number: int) -> None:
        """One contact and all that was ever sent to it."""
        chance = self.chance
        born = date(1940, 1, 1) + timedelta(days=chance.randrange(20_000))
        if chance.random() < 0.05:
            born = date(1960, 2, 29)
        since = date(2012, 1, 1) + timedelta(days=chance.randrange(4_500))
        zip_code = chance.choice(list(ZIPS))
        written = chance.choice([born.isoformat(), f"{born:%m/%d/%Y}", f"{born.isoformat()} 00:00:00"])
        email = chance.choice([f"p{number}@example.com"] * 8 + ["Shared@Example.com", "shared@example.com"])
        self.run(
            'insert into contacts (id, first_name, last_name, email, zip_code, birth_date, effective_date,'
            ' crm_ref, "odd name") values (?, ?, ?, ?, ?, ?, ?, ?, ?)',
            (number, f"N{number}", "Müller", email, zip_code, written, f"{since:%m/%d/%Y}",
             bytes([number % 256, 0, 255]), number / 3),
        )  # fmt: skip
        self.run("insert into agents values (?, ?, ?, ?)", (number, number, number / 7, bytes(3)))
        for year in range(2016, 2027):
            for kind, event in ((0, _day(born, year)), (1, _day(since, year)), (2, date(year, 9, 15))):
                if kind != 1 or year > since.year:
                    self._anniversary(number, kind, event)
        self.row(number, "birthday", TODAY + timedelta(days=chance.randrange(300)), "Pre-Scheduled", None)
        if chance.random() < 0.5:
            self.row(number, "NEWSLETTER", TODAY - timedelta(days=chance.randrange(20)), "sent", None)
        self._campaigns(number)

    def row(
        self,
        contact: int,
        kind: str,
        send: date,
        status: str,
        event: date | None,
        instance: int | None = None,
    ) -> int:
        """One row of email_schedules; its id."""
        cut = (event.year, event.month, event.day) if event else (None, None, None)
        day = self.chance.choice([send.isoformat(), f"{send:%m/%d/%Y}"])
        made = self.run(
            "insert into email_schedules (contact_id, email_type, scheduled_send_date, status, event_year,"
            " event_month, event_day, campaign_instance_id, batch_id) values (?, ?, ?, ?, ?, ?, ?, ?, 'b')",
            (contact, kind, day, status, *cut, instance),
        )
        return int(made.lastrowid or 0)

    def _anniversary(self, contact: int, kind: int, event: date) -> None:
        chance = self.chance
        send = event - timedelta(days=OFFSET[kind]) + timedelta(days=chance.randrange(30))
        # Whose follow-up it is could not be told of two emails on one day.
        while (contact, send) in self.busy:
            send += timedelta(days=1)
        self.busy.add((contact, send))
        if send >= TODAY or chance.random() < 0.2:
            return
        status = chance.choice(SENT)
        told = event if chance.random() < 0.5 else None
        number = self.row(contact, chance.choice(SPELLED[kind]), send, status, told)
        self.truth.sent.add((contact, kind, event))
        if chance.random() < 0.05:
            # The old program wrote twice now and then.
            self.row(contact, chance.choice(SPELLED[kind]), send + timedelta(days=1), "sent", told)
        if (
            chance.random() < 0.3
            and send + timedelta(days=3) < TODAY
            and status.lower() in ("sent", "delivered")
        ):
            self.row(contact, "FOLLOWUP_1_Cold", send + timedelta(days=2), "sent", told)
            self.truth.followed.add((contact, kind, event))
        if chance.random() < 0.2:
            word = chance.choice(["click", "health_question_response", "open"])
            self.run(
                "insert into email_tracking (email_id, event_type, created_at) values (?, ?, ?)",
                (number, word, f"{send} 10:00:00"),
            )
            self.truth.clicked += [contact] * (word == "click")

    def _campaigns(self, contact: int) -> None:
        chance = self.chance
        trigger = TODAY + timedelta(days=chance.randrange(-10, 60))
        send = trigger - timedelta(days=RATE_DAYS)
        if chance.random() < 0.4:
            status = "pending"
            if send < TODAY and chance.random() < 0.7:
                self.truth.sent.add((contact, 16 + SPRING, trigger))
                if chance.random() < 0.5:
                    told = chance.choice([trigger, None, send])
                    self.row(contact, "campaign_rate_increase", send, "sent", told, SPRING)
                else:
                    status = "sent"
            self.run(
                "insert into contact_campaigns (contact_id, campaign_instance_id, trigger_date, status)"
                " values (?, ?, ?, ?)",
                (contact, SPRING, trigger.isoformat(), status),
            )
        if chance.random() < 0.3:
            event = TODAY + timedelta(days=chance.randrange(-400, 40))
            send = event - timedelta(days=RATE_DAYS)
            told = chance.choice([event, None])
            if send < TODAY:
                self.truth.rate_increases.add((contact, event))
                self.row(contact, "SCHEDULED_RATE_INCREASE", send, "sent", told)
            else:
                self.row(contact, "scheduled_rate_increase", send, "pre-scheduled", told)


def build(file: Path, contacts: int = 150, seed: int = 1) -> Truth:
    """Write the database; every second contact id is used."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(SCHEMA)
        author = Author(connection, seed)
        for number in range(1, contacts + 1):
            author.contact(2 * number)
        connection.commit()
        return author.truth


def dump(file: Path, *tables: str) -> dict[str, list[tuple[object, ...]]]:
    """Everything in these tables (none given: in all there are), with types and the schema."""
    with closing(sqlite3.connect(file)) as connection:
        schema = dict(connection.execute("select name, sql from sqlite_master order by name"))
        made = [name for name, sql in schema.items() if str(sql).lower().startswith("create table")]
        found: dict[str, list[tuple[object, ...]]] = {}
        for name in tables or made:
            columns = [row[1] for row in connection.execute(f'pragma table_xinfo("{name}")')]
            asked = ", ".join(f'"{column}", typeof("{column}")' for column in columns)
            number = "" if "without rowid" in schema[name].lower() else "_rowid_, "
            found[name] = connection.execute(f'select {number}{asked} from "{name}" order by 1').fetchall()
        return found if tables else {**found, "": list(schema.items())}


def _day(of: date, year: int) -> date:
    try:
        return of.replace(year=year)
    except ValueError:
        return date(year, 2, 28)
