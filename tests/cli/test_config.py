"""The versions of the settings, going back to one, taking over an older file, and trying rules out."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import NOW, Run

PERIOD = "load_balancing.period_days"
VARIABLE = "CARILLON_LOAD_BALANCING__PERIOD_DAYS"


def change(folder: Path, old: str, new: str) -> str:
    """Edit carillon.yaml as a person would; the text as it was before."""
    file = folder / "carillon.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return text


def history(run: Run, folder: Path) -> list[dict[str, Any]]:
    found = json.loads(run("-w", folder, "config", "history", "--json").out)
    assert isinstance(found, list)
    return found


def stored(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(folder / "carillon.db")
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def test_a_new_workspace_has_a_first_version(empty: Path, run: Run) -> None:
    (first,) = history(run, empty)
    assert (first["version"], first["valid_to"], first["changes"]) == (1, None, [])
    assert first["created_by"].endswith(": carillon init")
    assert "1  in force since" in run("-w", empty, "config", "history").out


def test_a_plan_notes_an_edit_and_history_tells_what_changed(planned: Path, run: Run) -> None:
    change(planned, "period_days: 14", "period_days: 7")
    change(planned, "CA: {window_before_days: 30", "CA: {window_before_days: 31")
    run("-w", planned, "--now", NOW, "plan", "--dry-run")
    assert len(stored(planned, "select 1 from config_versions")) == 1, "a dry run writes nothing"
    assert run("-w", planned, "--now", NOW, "plan").code == 0
    assert len(stored(planned, "select 1 from config_versions")) == 2
    newest, oldest = history(run, planned)
    assert (newest["version"], oldest["version"]) == (2, 1)
    assert newest["created_by"].endswith(": carillon.yaml edited")
    assert newest["changes"][0] == {"key": PERIOD, "old": 14, "new": 7}
    text = run("-w", planned, "config", "history").out
    assert f"{PERIOD}" in text
    assert re.search(r"14 +→ 7", text)
    assert "state_rules.birthday_windows.CA" in text
    assert "-30..+60 → -31..+60" in text
    assert "birthday_windows.NV" not in text, "of a map only what differs"


def test_history_notes_the_present_itself(empty: Path, run: Run) -> None:
    change(empty, "period_days: 14", "period_days: 7")
    assert [one["version"] for one in history(run, empty)] == [2, 1]
    assert [one["version"] for one in history(run, empty)] == [2, 1]


def test_show_tells_an_earlier_version(empty: Path, run: Run) -> None:
    change(empty, "period_days: 14", "period_days: 7")
    history(run, empty)
    then = json.loads(run("-w", empty, "config", "show", "--version", "1", "--json").out)
    assert then[PERIOD] == {"value": 14, "origin": "version", "where": "v1"}
    assert json.loads(run("-w", empty, "config", "show", "--json").out)[PERIOD]["value"] == 7
    assert "period_days" in run("-w", empty, "config", "show", "--version", "2").out
    missing = run("-w", empty, "config", "show", "--version", "9")
    assert missing.code == 2
    assert "there are 1 to 2" in missing.err


def test_rollback_brings_the_file_back_to_the_letter(empty: Path, run: Run) -> None:
    original = change(empty, "period_days: 14", "period_days: 7")
    change(empty, "    ID: {window_before_days: 0, window_after_days: 63}\n", "")
    change(empty, "sms: birthday_sms_v1", "sms: null")
    shown = run("-w", empty, "config", "rollback", "1", "--dry-run")
    assert "3 settings would change" in shown.out
    assert "nothing was written" in shown.out
    assert (empty / "carillon.yaml").read_text() != original
    done = run("-w", empty, "config", "rollback", "1")
    assert done.code == 0
    assert "3 settings changed" in done.out
    assert "→ 14" in done.out
    assert "carillon plan --dry-run" in done.out
    text = (empty / "carillon.yaml").read_text()
    assert sorted(text.splitlines()) == sorted(original.splitlines()), "comments and lines are all there"
    newest, edited, first = history(run, empty)
    assert newest["created_by"].endswith(": rollback to version 1")
    assert {one["key"] for one in newest["changes"]} == {one["key"] for one in edited["changes"]}
    assert first["version"] == 1
    ((who, what, before, after),) = stored(empty, "select who, what, before, after from audit_log")
    assert (what, json.loads(before)[PERIOD], json.loads(after)[PERIOD]) == (
        "config rollback to version 1",
        7,
        14,
    )
    assert newest["created_by"].startswith(f"{who}: ")
    assert "nothing to do" in run("-w", empty, "config", "rollback", "1").out


def test_rollback_writes_nothing_of_the_environment(
    empty: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "21")
    change(empty, "max_shift_days: 45", "max_shift_days: 44")
    history(run, empty)
    monkeypatch.delenv(VARIABLE)
    change(empty, "max_shift_days: 44", "max_shift_days: 43")
    change(empty, "period_days: 14", "period_days: 9")
    done = run("-w", empty, "config", "rollback", "2")
    assert done.code == 0
    assert f"{PERIOD} is left as it is: {VARIABLE} gave it then" in done.err
    text = (empty / "carillon.yaml").read_text()
    assert "max_shift_days: 44" in text
    assert "period_days: 9" in text
    monkeypatch.setenv(VARIABLE, "30")
    over = run("-w", empty, "config", "rollback", "1")
    assert f"{VARIABLE} is set and wins over {PERIOD}" in over.err
    assert "period_days: 14" in (empty / "carillon.yaml").read_text()


def test_rollback_never_changes_to_another_database(empty: Path, run: Run) -> None:
    (empty / "carillon.db").rename(empty / "other.db")
    change(empty, "sqlite:///carillon.db", "sqlite:///other.db")
    change(empty, "period_days: 14", "period_days: 7")
    done = run("-w", empty, "config", "rollback", "1")
    assert "database.url is left as it is" in done.err
    text = (empty / "carillon.yaml").read_text()
    assert "sqlite:///other.db" in text
    assert "period_days: 14" in text


def test_rollback_of_a_file_with_references_says_what_to_write(empty: Path, run: Run) -> None:
    change(empty, "catch_up_spread_days: 7", "catch_up_spread_days: &week 9")
    change(empty, "max_shift_days: 45", "max_shift_days: *week")
    before = (empty / "carillon.yaml").read_text()
    result = run("-w", empty, "config", "rollback", "1")
    assert result.code == 1
    assert "cannot be changed piece by piece" in result.err
    assert "load_balancing.max_shift_days: 45" in result.err
    assert (empty / "carillon.yaml").read_text() == before


def test_a_file_that_cannot_be_written_stays(empty: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    change(empty, "period_days: 14", "period_days: 7")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    result = run("-w", empty, "config", "rollback", "1")
    assert result.code == 1
    assert "cannot be written: Permission denied" in result.err
    assert "period_days: 7" in (empty / "carillon.yaml").read_text()
    assert not list(empty.glob(".carillon.yaml*"))


OLDER = """# how it was
timing_constants:
  send_time: "09:15:00"
load_balancing:
  ed_smoothing_window_days: 2
  daily_send_percentage_cap: 5
  max_emails_per_period: 0
state_rules:
  CA: {type: birthday_window, window_before: 30, window_after: 60}
  NY: {type: year_round}
campaign_types:
  rate_increase: {days_before_event: 14, priority: 1}
logging: {level: INFO}
"""


def test_import_lists_every_key_and_writes_what_it_took(empty: Path, run: Run, tmp_path: Path) -> None:
    older = tmp_path / "scheduler_config.yaml"
    older.write_text(OLDER)
    change(empty, "campaign_types: {}", "campaign_types: {promo: {priority: 4}}")
    change(empty, "ed_smoothing_window_days: 5", "ed_smoothing_window_days: 9")
    before = (empty / "carillon.yaml").read_text()
    dry = run("-w", empty, "config", "import", older, "--dry-run")
    assert dry.code == 0
    assert "7 keys taken, 1 dropped" in dry.out
    for words in (
        "2 days to either side are 5 in all",
        "5 % is 0.05",
        "0 would block all mail",
        "logging.level",
    ):
        assert words in dry.out
    assert "has MA, WA, CT no more" in dry.err.replace("CT, MA, WA", "MA, WA, CT")
    assert (empty / "carillon.yaml").read_text() == before
    assert len(stored(empty, "select 1 from config_versions")) == 1
    assert run("-w", empty, "config", "import", older).code == 0
    now = json.loads(run("-w", empty, "config", "show", "--json").out)
    assert now["load_balancing.ed_smoothing_window_days"]["value"] == 5
    assert now["timing_constants.send_time"]["value"] == "09:15"
    assert list(now["state_rules.birthday_windows"]["value"]) == ["CA"]
    assert set(now["campaign_types"]["value"]) == {"promo", "rate_increase"}
    assert history(run, empty)[0]["created_by"].endswith(": import of scheduler_config.yaml")
    assert stored(empty, "select what from audit_log") == [("config import of scheduler_config.yaml",)]
    assert "nothing to do" in run("-w", empty, "config", "import", older).out


def test_import_of_what_is_not_there_or_no_yaml(empty: Path, run: Run, tmp_path: Path) -> None:
    assert "is not there" in run("-w", empty, "config", "import", tmp_path / "x.yaml").err
    (tmp_path / "bad.yaml").write_text("a: [1\n")
    result = run("-w", empty, "config", "import", tmp_path / "bad.yaml")
    assert (result.code, "bad.yaml:1" in result.err) == (1, True)


def test_plan_with_other_rules_shows_the_difference(planned: Path, run: Run, tmp_path: Path) -> None:
    words = ("-w", planned, "--now", NOW, "plan")
    other = tmp_path / "other.yaml"
    other.write_text(
        (planned / "carillon.yaml").read_text().replace("sqlite:///carillon.db", "sqlite:///x.db")
    )
    assert "nothing to do" in run(*words, "--dry-run", "--with", other).out
    text = other.read_text()
    other.write_text(text.replace("birthday_email_days_before: 14", "birthday_email_days_before: 20"))
    result = run(*words, "--dry-run", "--with", other)
    assert result.code == 0
    assert "1 setting of" in result.out
    assert "birthday_email_days_before  14 → 20" in result.out
    assert "Dry run for 2026-03-10" in result.out
    assert json.loads(run(*words, "--dry-run", "--with", other, "--json").out)["moved"] > 0
    assert "nothing to do" in run(*words, "--dry-run").out, "the workspace has its own rules still"
    refused = run(*words, "--with", other)
    assert (refused.code, "--dry-run" in refused.err) == (2, True)
    assert "is not there" in run(*words, "--dry-run", "--with", tmp_path / "none.yaml").err
    other.write_text("load_balancing: {perod_days: 7}\n")
    wrong = run(*words, "--dry-run", "--with", other).err
    assert "other.yaml:1: load_balancing.perod_days" in wrong


def test_without_load_balancing_there_is_no_cap(planned: Path, run: Run, tmp_path: Path) -> None:
    many = tmp_path / "many.csv"
    rows = [f"a{n}@example.com,75201,2019-07-01" for n in range(60)]
    many.write_text("\n".join(["email,zip,effective_date", *rows]))
    run("-w", planned, "import", "contacts", many)
    words = ("-w", planned, "--now", NOW)
    capped = json.loads(run(*words, "plan", "--dry-run", "--json").out)
    change(planned, "load_balancing: true", "load_balancing: false")
    told = json.loads(run(*words, "plan", "--json").out)
    assert max(capped["per_day"].values()) <= capped["cap"] * 1.2
    assert told["per_day"]["2026-06-01"] == 61, "each on its own day: Tom's, too"
    assert told["over_cap"] == {}
    assert "Daily cap" in run(*words, "plan").out
    assert "without a daily cap" in run(*words, "forecast", "--by", "month").out


def test_a_campaign_type_is_shown_and_checked(empty: Path, run: Run) -> None:
    change(empty, "campaign_types: {}", "campaign_types: {promo: {priority: 4}}")
    assert "promo: {priority: 4}" in run("-w", empty, "config", "show").out
    change(empty, "{priority: 4}", "{prioritee: 4}")
    result = run("-w", empty, "config", "check")
    assert result.code == 1
    assert 'campaign_types.promo.prioritee: unknown key; did you mean "priority"?' in result.err
