"""What each command does and says."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from carillon.settings_values import without_password
from tests.cli.conftest import CONTACTS, NOW, Run


def test_init_makes_a_workspace_and_is_idempotent(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "ws"
    first = run("init", folder)
    assert first.code == 0
    assert "Made the database" in first.out
    settings = folder / "carillon.yaml"
    settings.write_text(settings.read_text().replace("My workspace", "Ours"))
    again = run("init", folder, "--for", "product")
    assert again.code == 0
    assert "up to date" in again.out
    assert "changes nothing" in again.err
    assert "Ours" in settings.read_text()
    assert "CA:" in settings.read_text()


def test_init_for_something_else_has_no_state_rules(run: Run, tmp_path: Path) -> None:
    assert run("init", tmp_path / "o", "--for", "outreach").code == 0
    rows = json.loads(run("-w", tmp_path / "o", "config", "show", "--json").out)
    assert rows["state_rules.birthday_windows"]["value"] == {}


def test_init_where_a_file_is(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("init", tmp_path / "file")
    assert result.code == 1
    assert "is a file" in result.err
    assert run("init", tmp_path / "file" / "below").code == 1


def test_import_says_what_became_of_each_row(empty: Path, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(CONTACTS + "nobody,Bad,90210,CA,,\nkim@example.com,Kim,ABCDE,,2/30/1960,\n")
    result = run("-w", empty, "import", "contacts", path)
    assert result.code == 0, "rejected rows are no failure where others were taken"
    assert "Took 5 contacts of 6 rows." in result.out
    assert "not an email address" in result.out
    assert "imports" in result.out
    document = json.loads(run("-w", empty, "import", "contacts", path, "--json").out)
    assert (document["read"], document["unchanged"], document["rejected"]) == (6, 5, 1)
    assert {one["line"] for one in document["problems"] if one["kind"] == "rejected"} == {6}


def test_import_fails_if_no_row_can_be_taken(empty: Path, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("email\nnobody\nnothing\n")
    assert run("-w", empty, "import", "contacts", path).code == 1


def test_import_reads_a_pipe_maps_columns_and_dry_runs(empty: Path, run: Run) -> None:
    data = b"Address,Born\nx@example.com,3/4/1960\n"
    words = ("-w", empty, "import", "contacts", "-", "--map", "Address=email", "--map", "Born=birth_date")
    dry = run(*words, "--dry-run", stdin=data)
    assert (dry.code, "Would take 1 contact" in dry.out) == (0, True)
    assert "no contacts yet" in run("-w", empty, "explain", "x@example.com").err
    assert run(*words, "--date-order", "dmy", stdin=data).code == 0
    found = json.loads(run("-w", empty, "explain", "x@example.com", "--json").out)
    assert found["contacts"][0]["contact"]["birth_date"] == "1960-04-03"


def test_a_column_that_is_mapped_to_nothing_is_left_out(empty: Path, run: Run) -> None:
    data = b"email,first_name,zip_code\nx@example.com,Xenia,75201\n"
    told = run("-w", empty, "import", "contacts", "-", "--map", "first_name=", "--json", stdin=data)
    assert told.code == 0
    found = json.loads(run("-w", empty, "explain", "x@example.com", "--json").out)
    contact = found["contacts"][0]["contact"]
    assert (contact["first_name"], contact["zip_code"]) == (None, "75201")


def test_export_to_files_and_a_pipe(planned: Path, run: Run, tmp_path: Path) -> None:
    assert "4 contacts" in run("-w", planned, "export", "contacts", tmp_path / "c.parquet").out
    assert pl.read_parquet(tmp_path / "c.parquet").height == 4
    rows = run("-w", planned, "export", "plan", tmp_path / "p.csv", "--canonical")
    assert rows.code == 0
    with (tmp_path / "p.csv").open() as file:
        assert {row["email"] for row in csv.DictReader(file)} == {
            f"{name}@example.com" for name in ("maria", "tom", "ann", "lee")
        }
    assert run("-w", planned, "export", "plan", tmp_path / "p.doc").code == 1


def test_export_to_a_pipe(planned: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    from carillon.cli.app import main

    with pytest.raises(SystemExit) as left:
        main(["-w", str(planned), "export", "contacts", "-"])
    out = capfdbinary.readouterr().out.decode()
    assert not left.value.code
    assert next(row["email"] for row in csv.DictReader(io.StringIO(out))) == "ann@example.com"


def test_plan_tells_counts_and_is_idempotent(empty: Path, contacts: Path, run: Run) -> None:
    run("-w", empty, "import", "contacts", contacts)
    first = run("-w", empty, "--now", NOW, "plan")
    assert first.code == 0
    assert "Planned for 2026-03-10 Tue" in first.out
    assert "birthday window" in first.out
    assert "Backed up the database" in first.err
    second = run("-w", empty, "--now", NOW, "plan", "--verify", "--json")
    assert second.err == "", "there is a backup of that day already"
    report = json.loads(second.out)
    assert (report["added"], report["moved"], report["removed"]) == (0, 0, 0)


def test_plan_without_contacts_gives_a_hint(empty: Path, run: Run) -> None:
    result = run("-w", empty, "plan")
    assert result.code == 0
    assert "carillon import contacts FILE" in result.out


def test_dry_run_shows_the_difference_and_writes_nothing(planned: Path, run: Run, tmp_path: Path) -> None:
    more = tmp_path / "more.csv"
    more.write_text("email,zip,birth_date\nnew@example.com,75201,1960-04-28\n")
    run("-w", planned, "import", "contacts", more)
    words = ("-w", planned, "--now", NOW, "plan", "--dry-run")
    result = run(*words)
    assert "nothing was written" in result.out
    assert "+  2  added: AEP 1 · birthday 1" in result.out.replace("  + ", "+ ")
    assert "2026-04-14 Tue  0 → 1  +1" in result.out
    assert run(*words).out == result.out
    assert not list((planned / "backups").glob("*")) or "Backed up" not in result.err
    assert "nothing to do" not in result.out
    run("-w", planned, "--now", NOW, "plan")
    assert "nothing to do" in run(*words).out


def test_a_day_before_the_last_plan_needs_a_dry_run(planned: Path, run: Run) -> None:
    result = run("-w", planned, "--now", NOW, "plan", "--today", "2026-03-01")
    assert result.code == 2
    assert "--dry-run" in result.err
    assert run("-w", planned, "--now", NOW, "plan", "--today", "2026-03-01", "--dry-run").code == 0


def test_forecast_adds_up(planned: Path, run: Run) -> None:
    words = ("-w", planned, "--now", NOW, "forecast", "--to", "2027-03-09", "--json", "--by")
    documents = {
        by: json.loads(run(*words, by).out) for by in ("day", "week", "month", "type", "campaign", "state")
    }
    with_plan = json.loads(run("-w", planned, "--now", NOW, "plan", "--dry-run", "--json").out)
    expected = {day: n for day, n in with_plan["per_day"].items() if day <= "2027-03-09"}
    assert {row["day"]: row["n"] for row in documents["day"]["rows"]} == expected
    for by, document in documents.items():
        assert document["total"] == sum(expected.values())
        assert sum(row["n"] for row in document["rows"]) == document["total"]
        assert document["daily_cap"] == with_plan["cap"]
        assert all(row["by_type"] for row in document["rows"])
        if by in ("week", "month"):
            assert all(date.fromisoformat(row[by]) for row in document["rows"])


def test_forecast_before_the_first_plan_and_of_empty_days(empty: Path, planned: Path, run: Run) -> None:
    assert "carillon plan" in run("-w", empty, "forecast").out
    assert json.loads(run("-w", empty, "forecast", "--json").out)["rows"] == []
    nothing = run("-w", planned, "--now", NOW, "forecast", "--from", "2030-01-01", "--to", "2030-01-31")
    assert (nothing.code, "0 emails" in nothing.out) == (0, True)


def test_forecast_names_what_cannot_fit(planned: Path, run: Run) -> None:
    """Four contacts, a cap of one a day, and all moved by hand to one day."""
    import sqlite3

    database = sqlite3.connect(planned / "carillon.db")
    with database:
        database.execute(
            "update email_schedules set scheduled_send_date = '2026-09-15' where email_type = 'aep'"
            " and status = 'pre-scheduled'"
        )
    database.close()
    planner = run("-w", planned, "--now", NOW, "plan")
    assert "above the cap" in planner.out
    found = json.loads(run("-w", planned, "--now", NOW, "forecast", "--to", "2026-12-31", "--json").out)
    assert list(found["above_cap"]) == ["2026-09-15"]
    assert "2026-09-15 Tue" in run("-w", planned, "--now", NOW, "forecast", "--from", "2026-09-01").out


def test_explain_in_words(planned: Path, run: Run) -> None:
    result = run("-w", planned, "--now", NOW, "explain", "MARIA@example.com")
    assert result.code == 0
    for words in (
        "CA 90210, born 1960-06-18",
        "2026-03-20 Fri  to 2026-08-17 Mon  birthday window of CA",
        "skipped: its day lies in the birthday window (2026-03-20 to 2026-08-17)",
        "2026-08-18 Tue  post-window",
    ):
        assert words in result.out
    year_round = run("-w", planned, "--now", NOW, "explain", "ann@example.com").out
    assert "NY allows no mail the whole year" in year_round


def test_explain_of_nobody_suggests_the_nearest(planned: Path, run: Run) -> None:
    result = run("-w", planned, "explain", "mara@example.com")
    assert result.code == 1
    assert "Did you mean maria@example.com?" in result.err
    assert run("-w", planned, "explain", "4711").code == 1


def test_explain_those_who_share_an_address(planned: Path, run: Run, tmp_path: Path) -> None:
    couple = tmp_path / "couple.csv"
    couple.write_text("external_id,email,zip\nP-1,we@example.com,75201\nP-2,we@example.com,75201\n")
    assert run("-w", planned, "import", "contacts", couple).code == 0
    result = run("-w", planned, "explain", "we@example.com")
    assert "2 contacts share this address, with the ids 5, 6." in result.out
    assert len(json.loads(run("-w", planned, "explain", "we@example.com", "--json").out)["contacts"]) == 2


def test_issues(planned: Path, run: Run, tmp_path: Path) -> None:
    assert "No issues" in run("-w", planned, "issues").out
    bad = tmp_path / "bad.csv"
    bad.write_text("email,zip,birth_date\na@example.com,ABCDE,\nb@example.com,75201,never\n")
    run("-w", planned, "import", "contacts", bad)
    run("-w", planned, "--now", NOW, "plan")
    found = json.loads(run("-w", planned, "issues", "--json").out)
    assert found["counts"] == {"invalid_birth_date": 1, "invalid_zip": 1}
    only = json.loads(run("-w", planned, "issues", "--code", "invalid_zip", "--json").out)["issues"]
    assert [one["email"] for one in only] == ["a@example.com"]
    assert "and 1 more" in run("-w", planned, "issues", "--limit", "1").out


def test_health(planned: Path, empty: Path, run: Run, tmp_path: Path) -> None:
    good = json.loads(run("-w", planned, "--now", NOW, "health", "--json").out)
    assert (good["status"], good["database_connected"], good["issues"]) == ("healthy", True, [])
    assert good["pending_schedules"] > 0
    assert good["error_rate_24h"] is None, "nothing was sent, so there is nothing to measure"
    run("-w", planned, "pause")
    assert "the workspace is paused" in run("-w", planned, "--now", NOW, "health").out
    run("-w", planned, "resume")
    late = json.loads(run("-w", planned, "--now", "2026-03-20T09:00", "health", "--json").out)
    assert late["status"] == "degraded"
    assert "10 days old" in late["issues"][0] or "9 days old" in late["issues"][0]
    assert json.loads(run("-w", empty, "health", "--json").out)["last_successful_run"] is None
    (planned / "carillon.db").unlink()
    none = run("-w", planned, "health", "--json")
    assert (none.code, json.loads(none.out)["status"]) == (1, "unhealthy")
    assert run("-w", tmp_path / "nowhere", "health").code == 1


def test_backup(planned: Path, run: Run) -> None:
    found = json.loads(run("-w", planned, "backup", "--json").out)
    assert Path(found["path"]).is_file()
    assert "Backed up the database" in run("-w", planned, "backup").out


def test_config_shows_where_each_value_comes_from(
    empty: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARILLON_LOAD_BALANCING__PERIOD_DAYS", "21")
    settings = empty / "carillon.yaml"
    settings.write_text(settings.read_text().replace("  send_time:", "  # send_time:"))
    found = json.loads(run("-w", empty, "config", "show", "--json").out)
    assert found["load_balancing.period_days"] == {
        "value": 21,
        "origin": "environment",
        "where": "CARILLON_LOAD_BALANCING__PERIOD_DAYS",
    }
    assert found["timing_constants.send_time"]["origin"] == "default"
    assert found["workspace.name"]["where"] == "carillon.yaml:9"
    assert "CARILLON_LOAD_BALANCING__PERIOD_DAYS" in run("-w", empty, "config", "show").out
    assert "settings are fine" in run("-w", empty, "config", "check").out


def test_config_errors_have_file_and_line(empty: Path, run: Run) -> None:
    settings = empty / "carillon.yaml"
    settings.write_text(settings.read_text().replace("period_days: 14", "perod_days: 14"))
    for words in (("config", "check"), ("plan",), ("config", "show")):
        result = run("-w", empty, *words)
        assert result.code == 1
        assert "carillon.yaml:89" in result.err
        assert "period_days" in result.err


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///carillon.db", "sqlite:///carillon.db"),
        ("postgresql://me:se:c@ret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me@host:5432/db", "postgresql://me@host:5432/db"),
        ("postgresql://host/db?user=me&password=secret&x=1", "postgresql://host/db?user=me&password=***&x=1"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
