"""The engine beside the slow way through a sequence: random steps, events, fates of emails and outages."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from carillon.advance.run import advance
from carillon.clock import ManualClock
from carillon.days import day_number
from carillon.sequences import SequenceSettings, Step, step_from
from carillon.store.bulk import insert_rows
from carillon.store.moments import moment_of, stamp
from carillon.windows import Windows
from carillon.workspace import Workspace, at
from tests.advance.reference import Fate, Person, Reference, Way
from tests.contract.conftest import MakeWorkspace
from tests.contract.databases import sqlite_url
from tests.contract.outbox import account, execute, query
from tests.contract.sequence_world import add_sequence

PHASES = (Phase.explicit, Phase.generate)
"""A world takes a second or two: what fails is read as it is."""
SOAK = bool(os.environ.get("CARILLON_SOAK"))
BEGIN = datetime(2026, 3, 2, 14, tzinfo=UTC)
ZONES = ("America/Chicago", "America/New_York", "Asia/Tokyo", "Pacific/Auckland")
PEOPLE: list[dict[str, str]] = [
    {"zip_code": "75201", "birth_date": "1960-06-18", "effective_date": ""},
    {"zip_code": "90210", "birth_date": "1960-03-05", "effective_date": ""},
    {"zip_code": "90210", "birth_date": "1960-08-05", "effective_date": ""},
    {"zip_code": "10001", "birth_date": "1960-08-05", "effective_date": ""},
]
"""Texas has no windows; California has one around the birthday; New York is shut all year."""

minutes = st.integers(0, 60 * 24 * 12).map(lambda some: timedelta(minutes=some))
conditions = st.recursive(
    st.sampled_from(
        [
            "replied",
            "opened",
            {"event": "bought"},
            {"clicked": "https://a.example/"},
            "clicked",
            {"attribute": {"field": "tags", "contains": "warm"}},
            {"attribute": {"field": "mood", "is": "good"}},
            {"attribute": {"field": "mood", "known": True}},
        ]
    ),
    lambda inner: st.one_of(
        st.builds(lambda one: {"not": one}, inner),
        st.builds(lambda some: {"all": some}, st.lists(inner, min_size=1, max_size=2)),
        st.builds(lambda some: {"any": some}, st.lists(inner, min_size=1, max_size=2)),
    ),
    max_leaves=3,
)
delays = st.one_of(
    st.fixed_dictionaries({"amount": st.integers(1, 90), "unit": st.sampled_from(["minutes", "hours"])}),
    st.fixed_dictionaries({"amount": st.integers(1, 3), "unit": st.sampled_from(["days", "working_days"])}),
    st.fixed_dictionaries(
        {
            "amount": st.integers(0, 2),
            "unit": st.sampled_from(["days", "working_days"]),
            "at": st.sampled_from(["09:00", "23:45"]),
        }
    ),
)
actions = st.sampled_from(
    [
        {"kind": "add_tag", "tag": "warm"},
        {"kind": "remove_tag", "tag": "warm"},
        {"kind": "set_attribute", "field": "mood", "value": "good"},
        {"kind": "set_attribute", "field": "mood", "value": "bad"},
        {"kind": "notify", "text": "look"},
        {"kind": "sms", "template": "short"},
    ]
)
kinds: dict[str, st.SearchStrategy[Any]] = {
    "email": st.fixed_dictionaries({"template": st.sampled_from(["one", "two"])}),
    "delay": delays,
    "condition": conditions.map(lambda when: {"when": when}),
    "action": actions,
    "exit": st.just({"reason": "done"}),
}
fates = st.builds(
    Fate,
    st.sampled_from(["sent", "sent", "delivered", "sent", "failed", "bounced", "cancelled", "in_doubt"]),
    st.integers(0, 60 * 30).map(lambda some: timedelta(minutes=some)),
    st.none() | st.integers(60 * 31, 60 * 200).map(lambda some: timedelta(minutes=some)),
)


@st.composite
def definitions(draw: st.DrawFn) -> tuple[Step, ...]:
    """Steps that go forward, and now and then back to a delay."""
    some = draw(st.integers(2, 9))
    types = ["email", "email", "delay", "delay", "condition", "action", "action", "exit"]
    chosen = [draw(st.sampled_from(types)) for _ in range(some)]
    keys = [f"s{place}" for place in range(some)]
    waits = [key for key, type in zip(keys, chosen, strict=True) if type == "delay"]
    found = []
    for place, (key, type) in enumerate(zip(keys, chosen, strict=True)):
        forward = [*keys[place + 1 : place + 4], None]
        back = [one for one in waits if keys.index(one) < place]

        def way(forward: list[str | None] = forward, back: list[str] = back) -> str | None:
            if back and draw(st.integers(0, 7)) == 0:
                return draw(st.sampled_from(back))
            return forward[0] if draw(st.booleans()) else draw(st.sampled_from(forward))

        written = dict(draw(kinds[type]))
        earlier = st.sampled_from([None, *keys[:place]])
        if type == "delay" and place and (since := draw(earlier)) and not back_to(found, key):
            written["since"] = since
        after = None if type == "exit" else way()
        other = way() if type == "condition" else None
        found.append(step_from(key, type, written, after, other))
    return tuple(found)


def back_to(found: list[Step], key: str) -> bool:
    return any(key in step.ways for step in found if int(step.key[1:]) > int(key[1:]))


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, Any]:
    people = draw(
        st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(ZONES)), min_size=1, max_size=4)
    )
    gaps = draw(st.lists(st.sampled_from([1, 1, 5, 30, 60, 240, 60 * 24, 60 * 50]), min_size=4, max_size=25))
    who = st.integers(1, len(people))
    events = st.tuples(who, st.sampled_from(["replied", "opened", "bought"]), minutes)
    clicks = st.tuples(who, st.sampled_from(["https://a.example/", "https://b.example/"]), minutes)
    odd_week = SequenceSettings(holidays="US", working_days=("monday", "wednesday"))
    return {
        "steps": draw(definitions()),
        "settings": draw(st.sampled_from([SequenceSettings(), odd_week])),
        "people": people,
        "starts": [draw(minutes) / 20 for _ in people],
        "events": draw(st.lists(events, max_size=6)),
        "clicks": draw(st.lists(clicks, max_size=3)),
        "refused": draw(st.lists(st.tuples(who, minutes), max_size=1)),
        "fates": draw(st.lists(fates, min_size=7, max_size=7)),
        "gaps": gaps,
    }


def fate_of(world: dict[str, Any], enrollment: int, visit: int) -> Fate:
    found: Fate = world["fates"][(enrollment * 3 + visit) % 7]
    return found


class Fates(dict[tuple[int, int], Fate]):
    """Of every email there could be."""

    def __init__(self, world: dict[str, Any]) -> None:
        super().__init__()
        self._world = world

    def __missing__(self, key: tuple[int, int]) -> Fate:
        return fate_of(self._world, *key)


def dispatch(workspace: Workspace, fates: Fates, now: datetime) -> None:
    """What has become of emails by now, as dispatchers and people record it."""
    rows = query(
        workspace,
        "select id, enrollment_id, status, send_at from outbox where enrollment_id is not null"
        " and status in ('scheduled', 'in_doubt') and noticed_at is null",
    )
    for number, enrollment, status, send_at in rows:
        leaves = moment_of(send_at)
        assert leaves is not None
        fate = fates[(enrollment, -(1 << 62) - number & 4095)]
        new, ended = fate.status, leaves + fate.after
        if fate.status == "in_doubt" and fate.settled is not None and leaves + fate.settled <= now:
            new, ended = "sent", leaves + fate.settled
        if ended <= now and new != status:
            sent = f", actual_send_datetime = '{stamp(ended)}'" if new in ("sent", "delivered") else ""
            if new in ("bounced", "failed"):
                sent = f", send_at = '{stamp(ended)}'"
            execute(
                workspace,
                f"update outbox set status = '{new}', updated_at = '{stamp(ended)}'{sent}"
                f" where id = {number}",
            )


def live(workspace: Workspace, world: dict[str, Any]) -> None:
    """The engine and the reference through the same weeks; they must agree after each pass."""
    clock = workspace.clock
    assert isinstance(clock, ManualClock)
    settings = world["settings"]
    definition = add_sequence(workspace, world["steps"], settings=settings)
    account(workspace)
    ways: list[Way] = []
    for number, ((row, zone), start) in enumerate(zip(world["people"], world["starts"], strict=True), 1):
        begins = BEGIN + timedelta(minutes=start.total_seconds() // 60)
        add_person(workspace, number, row, zone, begins, definition.id)
        person = Person(number, ZoneInfo(zone), row)
        ways.append(Way(number, person, begins, definition.steps[0].key, begins))
    limits = workspace.settings.timing_constants
    windows = Windows(workspace.settings.state_rules, limits.pre_window_exclusion_days)
    fates = Fates(world)
    slow = Reference(definition, fates, windows, workspace.settings.workspace.zone)
    told: set[int] = set()
    for gap in world["gaps"]:
        clock.advance(timedelta(minutes=gap))
        now = clock.now()
        happen(workspace, world, ways, now, told)
        dispatch(workspace, fates, now)
        advance(workspace)
        for way in ways:
            slow.advance(way, now)
        assert seen(workspace) == wanted(ways)


def add_person(
    workspace: Workspace, number: int, row: dict[str, str], zone: str, begins: datetime, sequence: int
) -> None:
    columns = {"email": f"p{number}@example.com", "status": "active", "timezone": zone, **row}
    workspace.database.write(
        lambda c: insert_rows(c, "contacts", ("id", *columns), [(number, *columns.values())])
    )
    enrollment = {
        "sequence_id": sequence, "contact_id": number, "status": "scheduled",
        "next_action_at": stamp(begins), "scheduled_start_at": stamp(begins), "enrolled_at": stamp(begins),
    }  # fmt: skip
    workspace.database.write(
        lambda c: insert_rows(
            c, "sequence_enrollments", ("id", *enrollment), [(number, *enrollment.values())]
        )
    )


def happen(
    workspace: Workspace, world: dict[str, Any], ways: list[Way], now: datetime, told: set[int]
) -> None:
    """What came back by now."""
    stories: list[tuple[int, timedelta, Callable[[Person, datetime], None], str]] = []
    for who, kind, after in world["events"]:
        stories.append(
            (who, after, lambda p, at, kind=kind: p.events.append((kind, at)),
             "insert into contact_events (contact_id, event_type, created_at)"
             f" values ({who}, '{kind}', '{{at}}')")
        )  # fmt: skip
    for who, link, after in world["clicks"]:
        stories.append(
            (who, after, lambda p, at, link=link: p.clicks.append((link, at)),
             f"insert into tracking_clicks (contact_id, url, clicked_at) values ({who}, '{link}', '{{at}}')")
        )  # fmt: skip
    for who, after in world["refused"]:
        stories.append(
            (who, after, lambda p, at: setattr(p, "refused_from", at),
             "insert into suppressions (address, scope, created_at)"
             f" values ('p{who}@example.com', 'all', '{{at}}')")
        )  # fmt: skip
    for number, (who, after, know, statement) in enumerate(stories):
        if number not in told and BEGIN + after <= now:
            told.add(number)
            execute(workspace, statement.format(at=stamp(BEGIN + after)))
            know(ways[who - 1].person, BEGIN + after)


def seen(workspace: Workspace) -> list[Any]:
    """Everything an onlooker can see of the enrollments."""
    found: dict[int, list[Any]] = {}
    for number, status, reason, visits in query(
        workspace, "select id, status, exit_reason, visits from sequence_enrollments order by id"
    ):
        found[number] = [status, reason, visits, [], []]
    for number, *done, moment in query(
        workspace,
        "select enrollment_id, step_key, visit, outcome, executed_at from sequence_step_executions"
        " order by enrollment_id, visit",
    ):
        found[number][3].append((*done, moment_of(moment)))
    for key, number, send, send_at, status in query(
        workspace, "select id, enrollment_id, send, send_at, status from outbox order by id desc"
    ):
        leaves = None if status in ("bounced", "failed") else moment_of(send_at)
        found[number][4].append((-(1 << 62) - key & 4095, send, leaves))
    return list(found.values())


def wanted(ways: list[Way]) -> list[Any]:
    found = []
    for way in ways:
        ended = {visit for _, visit, outcome, _ in way.done if outcome in ("bounced", "failed")}
        letters = [
            (visit, day_number(day), None if visit in ended else leaves)
            for visit, (day, leaves) in way.emails.items()
        ]
        status = (
            "scheduled" if way.status == "active" and way.visits == 0 and way.stepped is None else way.status
        )
        found.append([status, way.reason, way.visits, sorted(way.done, key=lambda one: one[1]), letters])
    return found


@settings(
    max_examples=2000 if SOAK else 40,
    deadline=None,
    phases=PHASES,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(world=worlds())
def test_the_same_way_on_sqlite(world: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("world")
    (folder / "carillon.yaml").write_text(
        f"database: {{url: '{sqlite_url(folder)}'}}\nprocessing: {{max_retry_attempts: 0, retry_delay: 0}}\n",
        encoding="utf-8",
    )
    workspace = at(folder, {}, ManualClock(BEGIN))
    try:
        live(workspace, world)
    finally:
        workspace.close()


@settings(
    max_examples=200 if SOAK else 6,
    deadline=None,
    phases=PHASES,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(world=worlds())
def test_the_same_way_on_postgresql(world: dict[str, Any], make_workspace: MakeWorkspace) -> None:
    workspace = make_workspace("postgresql")
    object.__setattr__(workspace, "clock", ManualClock(BEGIN))
    live(workspace, world)
