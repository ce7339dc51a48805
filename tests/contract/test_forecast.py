"""Forecasts add up what the tables hold, by whatever is asked for, on every database."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest

from carillon.days import day_number
from carillon.keys import FOLLOWUP_BIT, KIND_MASK, KIND_SHIFT
from carillon.plan.forecast import Forecast
from carillon.plan.inquire import forecast
from carillon.store import forecast as counting
from carillon.store.bulk import insert_rows
from carillon.store.left_days import left
from carillon.words import FIRST_CAMPAIGN, UNKNOWN_KIND, By
from carillon.workspace import Workspace
from tests.contract.campaign_crowd import campaign_crowd
from tests.contract.conftest import MakeWorkspace
from tests.contract.diary import KIND_WORDS, Diary
from tests.contract.statements import answered_by, watched
from tests.plan.worlds import World

TODAY = date(2026, 3, 10)
FIRST, LAST = TODAY - timedelta(days=8), TODAY + timedelta(days=300)
FOLLOWUP = "followup"

Email = tuple[int, str, str | None, str | None]
"""Day, type, campaign and state of one email."""


@pytest.fixture
def planned(make_workspace: MakeWorkspace, kind: str) -> tuple[World, Diary, Workspace]:
    """A crowd with campaigns and its plan."""
    workspace = make_workspace(kind)
    world = campaign_crowd(250, TODAY)
    diary = Diary(workspace.database)
    diary.load(world)
    diary.plan(world)
    return world, diary, diary.workspace(world)


def emails(world: World, diary: Diary) -> list[Email]:
    """Every email of the days asked about that counts, one by one."""
    names = {one.kind: (f"campaign_{one.type}", one.name) for one in world.campaigns.instances}
    states = {int(str(who)): state for who, state in diary.query("select id, state from contacts")}

    def email(contact: int, kind: int, followup: bool, send: int, word: str) -> Email:
        kind_word, campaign = names.get(kind, (KIND_WORDS.get(kind, ""), None))
        return send, FOLLOWUP if followup else word or kind_word, campaign, states[contact]  # type: ignore[return-value]

    span = f"send between {day_number(FIRST)} and {day_number(LAST)}"
    found = [
        email(key >> 31, (key >> KIND_SHIFT) & KIND_MASK, bool(key & FOLLOWUP_BIT), send, "")  # type: ignore[operator, arg-type]
        for key, send in diary.query(f"select id, send from plan where state & 15 = 0 and {span}")
    ]
    counts = "status not in ('failed', 'cancelled') and channel = 'email' and enrollment_id is null"
    left = f"from outbox where {counts} and {span}"
    rows = diary.query(f"select contact_id, kind, followup, send, email_type {left}")
    return found + [email(*row) for row in rows]  # type: ignore[arg-type]


def ask(workspace: Workspace, by: By) -> Forecast:
    return forecast(workspace, FIRST, LAST, by)


def test_every_way_of_adding_up_is_a_count(planned: tuple[World, Diary, Workspace]) -> None:
    world, diary, workspace = planned
    every = emails(world, diary)
    per_day = Counter(day for day, *_ in every)
    for by, place in ((By.TYPE, 1), (By.CAMPAIGN, 2), (By.STATE, 3)):
        found = ask(workspace, by)
        assert found.total == len(every)
        assert {day_number(day): n for day, n in found.per_day.items()} == per_day
        assert found.by_type == dict(Counter(word for _, word, *_ in every))
        assert {row.name: row.n for row in found.periods} == Counter(one[place] for one in every)
        for row in found.periods:
            mine = [one for one in every if one[place] == row.name]
            assert row.by_type == dict(Counter(one[1] for one in mine))
            assert row.busiest == max(Counter(one[0] for one in mine).values())
            assert row.days == (LAST - FIRST).days + 1
        names = [row.name for row in found.periods]
        assert names == sorted(names, key=lambda name: (name is None, name or ""))
    assert {"Rates north", "Everyone", "Notice", None} <= {
        row.name for row in ask(workspace, By.CAMPAIGN).periods
    }
    assert FOLLOWUP in ask(workspace, By.MONTH).by_type


def test_odd_emails_are_counted_for_what_they_are(planned: tuple[World, Diary, Workspace]) -> None:
    """Those of sequences, other channels or elsewhere, that never left; and the rest within an index."""
    world, diary, workspace = planned
    day = day_number(TODAY)
    one, of_campaign = world.campaigns.instances[0], world.campaigns.instances[0].kind
    rows = [
        (kind, followup, word, status, channel, enrollment, instance)
        for kind, word in ((0, "birthday"), (of_campaign, f"campaign_{one.type}"), (UNKNOWN_KIND, "card"),
                           (UNKNOWN_KIND, "sequence"))
        for status in ("sent", "scheduled", "failed", "cancelled")
        for channel in ("email", "sms")
        for followup in (0, 1)
        for enrollment, instance in (((77, None),) if word == "sequence" else ((None, None), (None, 1)))
    ]  # fmt: skip
    columns = ("id", "contact_id", "kind", "followup", "email_type", "status", "channel", "enrollment_id",
               "campaign_instance_id", "send")  # fmt: skip
    listed = [(-9_000 - n, 1 + n % 40, *row, day) for n, row in enumerate(rows)]
    workspace.database.write(lambda connection: insert_rows(connection, "outbox", columns, listed))
    names = {instance.kind - FIRST_CAMPAIGN: instance.name for instance in world.campaigns.instances}
    every = Counter(
        (FOLLOWUP if followup else word, names.get(instance if instance else kind - FIRST_CAMPAIGN))
        for kind, followup, word, instance in diary.query(
            "select kind, followup, email_type, campaign_instance_id from outbox where enrollment_id is null"
            f" and status not in ('failed', 'cancelled') and channel = 'email' and send = {day}"
        )
    )
    with workspace.database.snapshot() as connection:
        found = left(connection, day, day)
    assert {(word, campaign): n for _, word, campaign, _, n in found} == every
    assert len(every) > 5

    if workspace.database.is_sqlite:
        with workspace.database.snapshot() as connection:
            with watched(connection) as asked:
                left(connection, day - 30, day)
            said = [answered_by(connection, statement, values)[0] for statement, values in asked.items()]
        assert "COVERING INDEX outbox_by_day" in said[1], said
        assert "INDEX outbox_odd" in said[2], said


def test_campaigns_have_their_follow_ups(planned: tuple[World, Diary, Workspace]) -> None:
    world, diary, workspace = planned
    every = emails(world, diary)
    of_campaigns = sum(campaign is not None and word == FOLLOWUP for _, word, campaign, _ in every)
    found = ask(workspace, By.CAMPAIGN)
    assert of_campaigns
    assert sum(row.by_type.get(FOLLOWUP, 0) for row in found.periods if row.name) == of_campaigns


def test_what_cannot_fit_is_named_with_what_it_is(planned: tuple[World, Diary, Workspace]) -> None:
    world, diary, workspace = planned
    day = day_number(TODAY + timedelta(days=40))
    diary.execute(f"update plan set send = {day} where state & 15 = 0 and send > {day}")
    every = [one for one in emails(world, diary) if one[0] == day]
    for by, place in ((By.DAY, 1), (By.WEEK, 1), (By.TYPE, 1), (By.CAMPAIGN, 2), (By.STATE, 3)):
        found = ask(workspace, by)
        full = TODAY + timedelta(days=40)
        assert found.above[full] == len(every)
        assert found.above_by[full] == Counter(one[place] for one in every)
        document = found.as_json()["above_cap_by"][full.isoformat()]  # type: ignore[index]
        name = by.value if place > 1 else "type"
        assert [(one[name], one["n"]) for one in document] == list(found.above_by[full].items())


def test_it_is_the_same_in_pieces(
    planned: tuple[World, Diary, Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, diary, workspace = planned
    whole = ask(workspace, By.STATE)
    monkeypatch.setattr(counting, "_STEP", 37)
    diary.execute("delete from contacts where mod(id, 5) = 0")
    pieces = ask(workspace, By.STATE)
    assert pieces.total == whole.total
    gone = next(row for row in pieces.periods if row.name is None)
    assert gone.n > 0
    assert sum(row.n for row in pieces.periods) == whole.total
