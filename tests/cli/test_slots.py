"""`carillon slots`, and the options of accounts about their days."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from carillon.clock import ManualClock
from carillon.jobs import work
from carillon.workspace import open_workspace
from tests.cli.conftest import Result, Run
from tests.contract.conftest import NOW
from tests.contract.lists import execute

TUESDAY = "2026-03-10"


class Box:
    """A workspace with the mailbox `ann`."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self.folder = run, folder
        sender = ("--transport", "maildir", "--path", "mail", "--from", "ann@example.com")
        self.ok("account", "add", "ann", *sender, "--kind", "mailbox", "--daily-limit", "10")

    def __call__(self, *words: str) -> Result:
        result = self.run("-w", self.folder, "--now", "2026-03-09T12:00", *words)
        assert "Traceback" not in result.err
        return result

    def ok(self, *words: str) -> str:
        result = self(*words)
        assert result.code == 0, result.err
        return result.out

    def json(self, *words: str) -> Any:
        return json.loads(self.ok(*words, "--json"))


@pytest.fixture
def box(run: Run, empty: Path) -> Box:
    return Box(run, empty)


def test_a_day_ahead_is_a_strip_of_80_columns_and_a_table(box: Box) -> None:
    out = box.ok("slots", "ann", "--date", TUESDAY)
    first, numbers, _, *lines = out.splitlines()
    assert first == "ann  2026-03-10 Tue  America/Chicago · active"
    assert numbers == "10 emails at most · 10 slots: pending 10"
    begin = lines.index("time      period  status")
    strip, table = lines[:begin], lines[begin:]
    assert strip[0].split() == [f"{hour:02}" for hour in range(9, 19)]
    assert max(map(len, strip)) <= 80
    assert sum(line.count("○") for line in strip) == 11  # one of them explains the others
    shade = next(line for line in strip if line.startswith("  █"))
    assert (shade.count("█"), shade.count("▒"), shade.count("░")) == (32, 24, 16)
    # A mark stands over the hour that the table tells.
    hours = [int(line[:2]) for line in table[1:11]]
    marks = sorted(at for line in strip[1:-3] for at, sign in enumerate(line) if sign == "○")
    assert [9 + (at - 2) // 8 for at in marks] == hours
    assert "It will be like this unless settings are changed." in box("slots", "ann", "--date", TUESDAY).err


def test_what_is_seen_the_evening_before_is_what_is_stored_and_then_what_was(box: Box) -> None:
    before = box.json("slots", "ann", "--date", TUESDAY)
    assert (before["made_at"], before["limit"], before["counts"]["pending"]) == (None, 10, 10)
    clock = ManualClock(NOW)
    clock.advance(NOW.replace(day=9, hour=17) - NOW)
    workspace = open_workspace(box.folder, {}, clock)
    try:
        assert work.slots(workspace) == {"days": 2, "slots": 20, "anew": 0}
        execute(
            workspace, "update send_slots set status = 'failed', last_error = 'no such user' where id = 11"
        )
    finally:
        workspace.close()
    after = box.json("slots", "ann", "--date", TUESDAY)
    assert [one["at"] for one in after["slots"]] == [one["at"] for one in before["slots"]]
    assert after["made_at"]
    assert after["counts"] == {"pending": 9, "sent": 0, "failed": 1, "skipped": 0}
    out = box.ok("slots", "ann", "--date", TUESDAY)
    assert "no such user" in out
    assert "×" in out


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2026-03-14", "Nothing is sent on this day: Saturday is no working day."),
        ("2026-05-25", "Nothing is sent on this day: it is a holiday in US."),
        ("2026-03-05", "Of this day nothing is kept any more."),
    ],
)
def test_days_without_slots_say_why(box: Box, day: str, said: str) -> None:
    box.ok("account", "set", "ann", "--holidays", "us")
    assert said in box.ok("slots", "ann", "--date", day)


def test_hours_stretch_the_day_and_options_are_taken_back_one_by_one(box: Box) -> None:
    box.ok("account", "set", "ann", "--hours", "8:00-12:30", "--working-days", "mon-thu", "--min-gap", "300")
    document = box.json("slots", "ann", "--date", TUESDAY)
    assert document["periods"] == [
        "peak 08:00-09:00", "normal 09:00-09:30", "low 09:30-10:30", "peak 10:30-11:30", "normal 11:30-12:30",
    ]  # fmt: skip
    assert box.json("slots", "ann", "--date", "2026-03-13")["day_off"] == "Friday is no working day"
    assert box.json("account", "show", "ann")["pacing"] == {
        "business_hours": "08:00-12:30",
        "working_days": ["monday", "tuesday", "wednesday", "thursday"],
        "min_gap_seconds": 300,
    }
    box.ok("account", "set", "ann", "--hours", "", "--min-gap", "")
    assert list(box.json("account", "show", "ann")["pacing"]) == ["working_days"]
    box.ok("account", "set", "ann", "--pacing", '{"periods": ["peak 8:00-9:00", "low 10:00-11:00"]}')
    document = box.json("slots", "ann", "--date", TUESDAY)
    assert (document["business_hours"], document["periods"][1]) == ("08:00-11:00", "low 10:00-11:00")
    box.ok("account", "set", "ann", "--pacing", "")
    assert box.json("account", "show", "ann")["pacing"] is None


def test_warm_up_begins_where_it_is_said(box: Box) -> None:
    box.ok(
        "account",
        "set",
        "ann",
        "--warmup",
        "--warmup-day",
        "2",
        "--ramp",
        '{"step": 1, "hold_bounce_rate": 0.04}',
    )
    document = box.json("account", "show", "ann")
    assert (document["warmup_enabled"], document["warmup_day"]) == (True, 2)
    assert document["warmup"] == {"step": 1, "hold_bounce_rate": "0.04"}
    assert box.json("slots", "ann", "--date", TUESDAY)["limit"] == 6
    assert "6 emails at most (day 2 of its warm-up)" in box.ok("slots", "ann", "--date", TUESDAY)
    assert "warm-up" in box.ok("account", "list")
    box.ok("account", "set", "ann", "--no-warmup")
    assert box.json("slots", "ann", "--date", TUESDAY)["limit"] == 10


WRONG = [
    (("--hours", "18:00-09:00"), "pacing.business_hours: 18:00-09:00 ends before it begins"),
    (("--hours", "nine"), 'pacing.business_hours: "nine" is not a part of the day; write it like'),
    (("--working-days", "mon-fry"), 'pacing.working_days: "fry" is not a weekday'),
    (("--min-gap", "0"), "pacing.min_gap_seconds: 0 is out of range; use a whole number of seconds"),
    (("--holidays", "germany"), 'is not a country whose holidays are known; did you mean "DE"?'),
    (("--holidays", "US-XX"), 'US has no region "XX"'),
    (("--pacing", '{"periods": ["peak 9:00-11:00", "low 10:00-12:00"]}'), "before the period before it"),
    (("--pacing", '{"business_hours": "9-12", "periods": ["peak 8:00-11:00"]}'), "business_hours"),
    (("--pacing", '{"business_hours": "9:00-12:00", "periods": ["low 8:00-9:00"]}'), "is not within"),
    (("--pacing", '{"weights": {"peak": 0, "normal": 0, "low": 0}}'), "all weights are 0"),
    (("--pacing", '{"min_gap": 3}'), 'unknown key; did you mean "min_gap_seconds"?'),
    (("--ramp", '{"step": -1}'), "warmup.step: -1 is out of range"),
    (("--kind", "relay", "--warmup"), "warm-up is for mailboxes"),
]


def test_what_cannot_be_is_told_with_its_remedy(box: Box) -> None:
    for words, said in WRONG:
        result = box("account", "set", "ann", *words)
        assert result.code == 1
        assert said in result.err
    for words in (("--pacing", "[]"), ("--ramp", "{")):
        result = box("account", "set", "ann", *words)
        assert result.code == 2
        assert "is not a JSON object" in result.err
    assert box.json("account", "show", "ann")["pacing"] is None


def test_a_relay_has_no_slots(box: Box) -> None:
    box.ok("account", "add", "main", "--transport", "maildir", "--path", "x", "--from", "us@example.com")
    result = box("slots", "main")
    assert result.code == 1
    assert "is a relay" in result.err
    assert box("slots", "mian").err.startswith("Error: there is no account 'mian'; did you mean \"main\"?")
