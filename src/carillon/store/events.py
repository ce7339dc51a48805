"""What came back: each event is stored once, whom it concerns is found, and its effects are set going.

What belongs here: storing. What follows from events is in `event_effects`. All writing happens in the
caller's transaction, with a fixed number of statements however many events there are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, text

from carillon.addresses import normalise
from carillon.events import Event
from carillon.store import event_effects, webhooks
from carillon.store.bulk import insert_rows, is_sqlite
from carillon.store.clean import clean, cleaned
from carillon.store.event_effects import Fresh, Rules
from carillon.store.moments import stamp
from carillon.store.tables_listening import raw_messages
from carillon.words import EventKind

NOBODY = 0
"""`contact_events.contact_id` of what suppresses an address that is no contact's."""
_WANTED = ("n", "source", "dedupe_key", "schedule", "contact", "address")
_NEW = ("contact_id", "event_type", "event_data", "created_at", "source", "dedupe_key",
        "email_schedule_id", "raw_id", "received_at")  # fmt: skip


@dataclass(frozen=True)
class Applied:
    """What became of a batch of events."""

    new: tuple[int, ...]
    """`contact_events.id` of what was stored, ascending."""
    repeated: int
    """Events that were there already."""
    unmatched: int
    """Events about nobody we know: nothing was stored, nothing followed."""
    kinds: Mapping[str, int]
    """How many new ones of each kind."""
    suppressed: int
    """Addresses that nobody writes to from now on."""
    stopped: int
    """Enrollments that ended."""


def apply(connection: Connection, events: Sequence[Event], now: datetime, rules: Rules = Rules()) -> Applied:
    """Store events and do what follows from them. The same events once more, in any order, change nothing."""
    if not events:
        return Applied((), 0, 0, {}, 0, 0)
    firsts: dict[tuple[str, str], Event] = {}
    for event in events:
        firsts.setdefault((clean(event.source), clean(event.key)), event)
    wanted = list(firsts.items())
    _stage(connection, wanted)
    known = _forget_known(connection)
    found = _concerned(connection, [event for _, event in wanted])
    unmatched = len(wanted) - known - len(found)
    new = _store(connection, wanted, found, now)
    fresh = [one for one in found if wanted[one.place][0] in new]
    effects = event_effects.follow(connection, fresh, now, rules)
    webhooks.note(connection, new.values(), now)
    return Applied(
        tuple(sorted(new.values())),
        len(events) - unmatched - len(new),
        unmatched,
        Counter(one.event.kind for one in fresh),
        effects.suppressed,
        effects.stopped,
    )


def _stage(connection: Connection, wanted: Sequence[tuple[tuple[str, str], Event]]) -> None:
    """The events as a table, with the contact each one is about."""
    run = connection.exec_driver_sql
    run("drop table if exists temp_events")
    run(
        "create temp table temp_events (n bigint primary key, source text, dedupe_key text, schedule bigint,"
        " contact bigint, address text)"
    )
    rows = [
        (n, *key, event.schedule, event.contact, event.address and normalise(clean(event.address)))
        for n, (key, event) in enumerate(wanted)
    ]
    insert_rows(connection, "temp_events", _WANTED, rows)
    if not is_sqlite(connection):
        run("analyze temp_events")
    # A contact that is gone may have been merged into another, which has its emails now.
    run(
        "update temp_events set contact = o.contact_id from outbox o where o.id = temp_events.schedule"
        " and not exists (select 1 from contacts c where c.id = temp_events.contact)"
    )
    of_address = ", ".join(
        f"(select min(id) from contacts where lower(email) = temp_events.address and external_id is {given})"
        for given in ("null", "not null")
    )
    # An email that is not there any more names nobody: whoever has the address now may be somebody else.
    run(
        f"update temp_events set contact = coalesce({of_address})"
        " where contact is null and schedule is null and address is not null"
    )


def _forget_known(connection: Connection) -> int:
    """Take away the events that are stored already. Returns how many."""
    return connection.exec_driver_sql(
        "delete from temp_events where exists (select 1 from contact_events e"
        " where e.source = temp_events.source and e.dedupe_key = temp_events.dedupe_key)"
    ).rowcount


def _concerned(connection: Connection, events: Sequence[Event]) -> list[Fresh]:
    """The staged events that are about somebody, in the order in which they were given."""
    rows = connection.execute(
        text(
            "select t.n, c.id, c.email, o.domain from temp_events t"
            " left join contacts c on c.id = t.contact left join outbox o on o.id = t.schedule order by t.n"
        )
    )
    found = []
    for n, contact, email, domain in rows:
        event = events[n]
        if contact is not None:
            found.append(Fresh(n, event, int(contact), normalise(email or "") or None, domain))
        elif event.contact is None and event.schedule is None and event_effects.scope_of(event) is not None:
            found.append(Fresh(n, event, NOBODY, normalise(event.address or "") or None, None))
    return found


def _store(
    connection: Connection,
    wanted: Sequence[tuple[tuple[str, str], Event]],
    found: Sequence[Fresh],
    now: datetime,
) -> dict[tuple[str, str], int]:
    """Store events; returns the ids of those that nobody else stored meanwhile."""
    run = connection.exec_driver_sql
    run("drop table if exists temp_new_events")
    run(
        "create temp table temp_new_events (contact_id bigint, event_type text, event_data text,"
        " created_at text, source text, dedupe_key text, email_schedule_id bigint, raw_id bigint,"
        " received_at text)"
    )
    raws = _store_raws(connection, [one.event for one in found], now)
    rows = [
        (
            one.contact,
            clean(one.event.kind),
            json.dumps(cleaned(_data(one.event)), ensure_ascii=False),
            stamp(one.event.happened_at),
            *wanted[one.place][0],
            one.event.schedule,
            raws.get(id(one.event.raw)),
            stamp(now),
        )
        for one in found
    ]
    insert_rows(connection, "temp_new_events", _NEW, rows)
    casts = {} if is_sqlite(connection) else {"event_data": "jsonb", "created_at": "timestamptz",
                                              "received_at": "timestamptz"}  # fmt: skip
    columns = [f"cast({name} as {casts[name]})" if name in casts else name for name in _NEW]
    stored = run(
        f"insert into contact_events ({', '.join(_NEW)}) select {', '.join(columns)} from temp_new_events"
        " where true on conflict (source, dedupe_key) where dedupe_key is not null do nothing"
        " returning id, source, dedupe_key"
    )
    return {(str(source), str(key)): int(number) for number, source, key in stored}


def _store_raws(connection: Connection, events: Sequence[Event], now: datetime) -> dict[int, int]:
    """What was received, each object once: row ids by identity."""
    raws = {
        id(event.raw): (event.source, event.raw)
        for event in events
        if event.raw is not None and event.kind != EventKind.ELIGIBILITY_ANSWERED
    }
    if not raws:
        return {}
    ids = connection.execute(
        insert(raw_messages).returning(raw_messages.c.id, sort_by_parameter_order=True),
        [{"source": clean(s), "received_at": stamp(now), "content": raw} for s, raw in raws.values()],
    ).scalars()
    return dict(zip(raws, ids, strict=True))


def _data(event: Event) -> dict[str, object]:
    """`contact_events.event_data`: what the source told, and what there is no column for."""
    data = dict(event.data)
    if event.kind in (EventKind.OPENED, EventKind.CLICKED):
        data["automatic"] = event.automatic
    if event.bounce is not None:
        data["bounce"] = event.bounce.value
    if event.back_on is not None:
        data["back_on"] = event.back_on.isoformat()
    return data
