"""`carillon timing`: what it shows of nothing, of little and of something, and what it changes."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cli.conftest import NOW, Run


def made(run: Run, folder: Path) -> tuple[str, ...]:
    assert run("init", folder).code == 0
    return ("-w", str(folder), "--now", NOW)


def record(folder: Path, hour: int, emails: int, replies: int, chosen: str) -> None:
    sent = datetime(2026, 3, 4, 12, tzinfo=UTC)
    with sqlite3.connect(folder / "carillon.db") as connection:
        for one in range(emails):
            replied = (sent + timedelta(hours=3)).isoformat() if one < replies else None
            connection.execute(
                "insert into send_outcomes (contact_id, sent_at, timezone, weekday, hour, chosen, replied_at,"
                " hours_to_reply) values (1, ?, 'America/Chicago', 2, ?, ?, ?, ?)",
                (sent.isoformat(), hour, chosen, replied, 3.0 if replied else None),
            )


def test_report(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "w"
    here = made(run, folder)
    assert "Nothing that left in the last 90 days is on record" in run(*here, "timing", "report").out
    record(folder, 14, 200, 50, "explore")
    record(folder, 9, 100, 10, "holdout")
    record(folder, 17, 3, 3, "explore")
    told = run(*here, "timing", "report").out
    assert "303 emails" in told
    assert "25.0" in told
    assert "not enough data, below 5 emails" in told
    assert "against those held out" in told
    assert "Wed" in told
    found = json.loads(run(*here, "timing", "report", "--json").out)
    assert found["total"]["emails"] == 303
    assert found["total"]["best_hour"] == 14
    assert [one["rate"] for one in found["cells"]] == [0.1, 0.25, None]
    assert run(*here, "timing", "report", "--days", "1").out.startswith("Nothing")
    wrong = run(*here, "timing", "report", "--campaign", "x")
    assert (wrong.code, "there is no campaign 'x'" in wrong.err) == (1, True)
    assert run(*here, "timing", "report", "--outcome", "sale").code == 2


def test_show_and_set(run: Run, tmp_path: Path) -> None:
    here = made(run, tmp_path / "w")
    assert run(*here, "outreach", "create", "spring").code == 0
    said = ("enabled=yes", "preferred_days=mon,fri")
    assert run(*here, "timing", "set", "--campaign", "spring", *said).code == 0
    told = json.loads(run(*here, "timing", "show", "--campaign", "spring", "--json").out)["settings"]
    by = {one["key"]: one for one in told}
    assert (by["enabled"]["value"], by["enabled"]["origin"]) == (True, "campaign")
    assert by["preferred_days"]["value"] == ["monday", "friday"]
    assert by["strategy"]["origin"].startswith("carillon.yaml:")
    assert "campaign" in run(*here, "timing", "show", "--campaign", "spring").out
    assert run(*here, "timing", "set", "enabled=yes").code == 2
    assert run(*here, "timing", "set", "--campaign", "spring", "enabled").code == 2
    assert run(*here, "timing", "set", "--campaign", "spring", "enabled=perhaps").code == 1
    assert run(*here, "timing", "set", "--account", "nobody", "enabled=yes").code == 1
    late = run(*here, "timing", "set", "--campaign", "spring", "business_hours_start=24")
    assert (late.code, "one from 0 to 23" in late.err) == (1, True)
    # Alone it may be so; with the workspace's nine o'clock it leaves no hour.
    told = run(*here, "timing", "set", "--campaign", "spring", "business_hours_end=8").out
    assert "end before they begin" in " ".join(told.split())


def test_a_sequence_says_it_in_its_file_and_gives_it_back(run: Run, tmp_path: Path) -> None:
    here = made(run, tmp_path / "w")
    file = tmp_path / "welcome.yaml"
    file.write_text(
        "name: welcome\nsettings:\n"
        "  smart_scheduling: {enabled: true, strategy: explore, timezone: Asia/Tokyo}\n"
        "steps:\n- {key: hello, type: email, template: birthday_standard_v1}\n",
        encoding="utf-8",
    )
    done = run(*here, "sequence", "apply", file)
    assert done.code == 0, done.err
    assert "strategy: explore" in run(*here, "sequence", "export", "welcome").out
    told = json.loads(run(*here, "timing", "show", "--sequence", "welcome", "--json").out)["settings"]
    assert {one["key"]: one["value"] for one in told if one["origin"] == "sequence"} == {
        "enabled": True,
        "strategy": "explore",
        "target_timezone": "Asia/Tokyo",
    }
    file.write_text(file.read_text(encoding="utf-8").replace("explore", "guess"), encoding="utf-8")
    wrong = run(*here, "sequence", "apply", file)
    assert wrong.code == 1
    assert "strategy" in wrong.err
