"""`carillon campaign` and what it says."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import NOW, Result, Run

LIST = """Email,Trigger Date,note
MARIA@example.com,5/1/2026,hi
tom@example.com,,
tim@example.com,2026-05-01,
ann@example.com,31/31/2026,
"""


class Campaigns:
    """Runs `carillon campaign ...` in a workspace with four contacts."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self.folder = run, folder

    def __call__(self, *words: str | Path, **options: Any) -> Result:
        return self.run("-w", self.folder, "--now", NOW, "campaign", *words, **options)

    def ok(self, *words: str | Path) -> str:
        result = self(*words)
        assert result.code == 0, result.err
        return result.out

    def json(self, *words: str | Path) -> Any:
        return json.loads(self.ok(*words, "--json"))

    def rows(self, statement: str) -> list[Any]:
        connection = sqlite3.connect(self.folder / "carillon.db")
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()


@pytest.fixture
def campaign(run: Run, planned: Path) -> Campaigns:
    return Campaigns(run, planned)


@pytest.fixture
def spring(campaign: Campaigns) -> Campaigns:
    """With a campaign "spring" that may begin on 1 April."""
    campaign.ok("create", "rate_increase", "spring", "--start", "2026-04-01", "--email-template", "rate_v1")
    return campaign


def test_types_are_listed_made_and_changed(campaign: Campaigns) -> None:
    assert "rate_increase" in campaign.ok("types")
    assert "Made the type gift" in campaign.ok("type", "gift", "--no-enable-followups", "--priority", "3")
    (gift,) = [one for one in campaign.json("types") if one["name"] == "gift"]
    assert gift == {
        "name": "gift",
        "respect_exclusion_windows": True,
        "enable_followups": False,
        "days_before_event": 0,
        "target_all_contacts": False,
        "priority": 3,
        "active": True,
        "defined_in": "database",
    }
    changed = campaign.ok("type", "gift", "--days-before-event", "-2", "--no-active", "--priority", "3")
    assert "days_before_event  0 " in changed
    assert "priority" not in changed
    assert "already" in campaign.ok("type", "gift", "--no-active")
    refused = campaign("type", "gift", "--priority", "100")
    assert (refused.code, "0 to 99" in refused.err) == (1, True)


def test_types_of_carillon_yaml_are_changed_there(campaign: Campaigns) -> None:
    settings = campaign.folder / "carillon.yaml"
    own_type = "campaign_types: {own: {priority: 4, target_all_contacts: true}}"
    settings.write_text(settings.read_text().replace("campaign_types: {}", own_type))
    (own,) = [one for one in campaign.json("types") if one["name"] == "own"]
    assert (own["priority"], own["defined_in"]) == (4, "carillon.yaml")
    refused = campaign("type", "own", "--priority", "5")
    assert (refused.code, "campaign_types.own" in refused.err) == (2, True)
    campaign.ok("create", "own", "ours")
    assert campaign.rows("select priority from campaign_types where name = 'own'") == [(4,)]
    assert "from type own (carillon.yaml)" in campaign.ok("show", "ours")


def test_a_campaign_is_made_and_shown_with_the_origin_of_its_fields(campaign: Campaigns) -> None:
    metadata = '{"days_before_event": 21, "mine": "x"}'
    made = campaign.ok(
        "create", "rate_increase", "spring sale", "--end", "2026-06-30", "--metadata", metadata
    )
    assert 'carillon campaign target "spring sale"' in made
    shown = campaign.json("show", "spring sale")
    assert shown["fields"]["days_before_event"] == {"value": 21, "from": "instance"}
    assert shown["fields"]["priority"] == {"value": 1, "from": "type"}
    assert (shown["status"], shown["start"], shown["end"]) == ("active", None, "2026-06-30")
    assert (shown["targets"], shown["warnings"], shown["metadata"]["mine"]) == ({}, [], "x")
    assert shown["created"] == "2026-03-10T14:00:00+00:00"
    text = campaign.ok("show", "spring sale")
    assert "from this campaign" in text
    assert "none yet" in text
    assert "rate_increase" in campaign.ok("list")
    assert [one["name"] for one in campaign.json("list")] == ["spring sale"]


def test_without_campaigns_the_list_says_how_to_make_one(campaign: Campaigns) -> None:
    assert "campaign create" in campaign.ok("list")
    assert "Nothing was changed yet" in campaign.ok("log")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("create", "rate_incraese", "x"), 1, 'Did you mean "rate_increase"'),
        (("create", "rate_increase", "x", "--start", "1 May"), 2, "--start"),
        (("create", "rate_increase", "x", "--metadata", "{"), 2, "not JSON"),
        (("create", "rate_increase", "x", "--metadata", "[]"), 2, "an object"),
        (("create", "rate_increase", "x", "--metadata", '{"priority": "high"}'), 1, "priority must be"),
        (("create", "rate_increase", "x", "--email-template", "a/b"), 1, "plain name"),
        (("create", "rate_increase", "spring"), 1, "already"),
        (("set", "sprung", "--start", "2026-05-01"), 1, 'Did you mean "spring"'),
        (("set", "spring", "--end", "2026-03-01"), 1, "before the start date"),
        (("show", "sprung"), 1, "Did you mean"),
        (("pause", "sprung"), 1, "Did you mean"),
        (("log", "sprung"), 1, "Did you mean"),
        (("target", "sprung", "--all"), 1, "Did you mean"),
        (("target", "spring"), 2, "exactly one"),
        (("target", "spring", "--all", "--contact", "1"), 2, "exactly one"),
        (
            ("target", "spring", "--contact", "tim@example.com"),
            1,
            "did you mean tom@example.com".capitalize(),
        ),
        (("target", "spring", "--all", "--trigger-date", "2121-01-01"), 2, "2120-12-31"),
        (("target", "spring", "--file", "none.csv"), 1, "no such file"),
    ],
)
def test_what_is_wrong_is_told_with_the_remedy(
    spring: Campaigns, words: tuple[str, ...], code: int, said: str
) -> None:
    result = spring(*words)
    assert (result.code, result.out) == (code, "")
    assert said.lower() in result.err.lower()
    assert "Traceback" not in result.err


def test_set_changes_what_is_given_and_nothing_else(spring: Campaigns) -> None:
    spring.ok("set", "spring", "--metadata", '{"priority": 3, "mine": 1}')
    said = spring.ok("set", "spring", "--start", "", "--end", "2026-07-01", "--metadata", '{"mine": null}')
    assert "active_start_date  2026-04-01" in said
    assert "carillon plan" in said
    shown = spring.json("show", "spring")
    assert (shown["start"], shown["end"], shown["metadata"]) == (None, "2026-07-01", {"priority": 3})
    assert shown["email_template"] == "rate_v1"
    template = spring.ok("set", "spring", "--email-template", "rate_v2")
    assert "carillon plan" not in template, "a template moves no email"


def test_the_log_tells_who_changed_what(spring: Campaigns) -> None:
    spring.ok("type", "rate_increase", "--priority", "2")
    spring.ok("pause", "spring")
    newest, of_type, created = spring.json("log")
    assert (newest["field"], newest["old"], newest["new"]) == ("status", "active", "paused")
    assert (newest["campaign"], newest["type"]) == ("spring", None)
    assert newest["requires_rescheduling"] is True
    assert newest["changed_by"]
    assert (of_type["type"], of_type["field"]) == ("rate_increase", "priority")
    assert created["field"] == "created"
    assert "2026-03-10 09:00" in spring.ok("log", "spring")
    assert "priority" not in spring.ok("log", "spring")


def test_pause_resume_and_archive(spring: Campaigns, run: Run) -> None:
    paused = spring("pause", "spring")
    assert (paused.code, "is paused" in paused.err) == (0, True)
    assert "already" in spring.ok("pause", "spring")
    assert "carillon campaign resume spring" in spring.ok("show", "spring")
    assert run("-w", spring.folder, "resume", "campaign", "spring").code == 0
    assert spring.json("show", "spring")["status"] == "active"
    assert run("-w", spring.folder, "pause", "campaign", "spring").code == 0
    spring.ok("archive", "spring")
    assert "archived" in spring.ok("list")


def test_targets_out_of_a_file(spring: Campaigns, tmp_path: Path) -> None:
    path = tmp_path / "targets.csv"
    path.write_text(LIST)
    dry = spring.ok("target", "spring", "--file", path, "--dry-run")
    assert "Would have added 2 targets of spring" in dry
    assert spring.rows("select * from contact_campaigns") == []
    said = spring.ok("target", "spring", "--file", path)
    assert "Added 2 targets of spring" in said
    assert "did you mean tom@example.com" in said
    assert "Columns not taken: note" in said
    assert "problems.csv" in said
    assert spring.rows("select contact_id, trigger_date from contact_campaigns order by 1") == [
        (1, "2026-05-01"),
        (2, "2026-04-15"),
    ]
    again = spring.json("target", "spring", "--file", path)
    assert (again["added"], again["unchanged"], again["rejected"]) == (0, 2, 2)
    assert [one["line"] for one in again["problems"]] == [4, 5]
    piped = spring(
        "target", "spring", "--file", "-", "--trigger-date", "2026-05-02", stdin=b"email\nlee@example.com\n"
    )
    assert "on 2026-05-02  1" in piped.out
    assert "3 (pending 3)" in spring.ok("list")


def test_a_file_of_nobody_fails(spring: Campaigns, tmp_path: Path) -> None:
    path = tmp_path / "targets.csv"
    path.write_text("email\nnobody@example.org\n")
    assert spring("target", "spring", "--file", path).code == 1


def test_targets_one_by_one(spring: Campaigns) -> None:
    spring.ok("target", "spring", "--contact", "Tom@Example.com", "--contact", "3")
    assert spring.json("show", "spring")["targets"] == {"pending": 2}
    twice = spring.json("target", "spring", "--contact", "2", "--trigger-date", "2026-06-01")
    assert (twice["added"], twice["by_date"]) == (1, {"2026-06-01": 1})
    gone = spring.json("target", "spring", "--contact", "2", "--remove")
    assert (gone["removed"], gone["unchanged"]) == (2, 0)
    none = spring.ok("target", "spring", "--contact", "2", "--remove")
    assert "Removed 0 targets" in none


def test_all_contacts_named_on_a_date(spring: Campaigns) -> None:
    found = spring.json("target", "spring", "--all", "--trigger-date", "2026-05-05")
    assert (found["added"], found["targets_all_contacts"], found["outlook"]) == (4, False, {"goes": 4})
    assert "there already  4" in spring.ok("target", "spring", "--all", "--trigger-date", "2026-05-05")
    assert "Removed 4" in spring.ok("target", "spring", "--all", "--remove", "--trigger-date", "2026-05-05")


def test_all_contacts_also_those_to_come(spring: Campaigns) -> None:
    assert "would go to all contacts" in spring.ok("target", "spring", "--all", "--dry-run")
    assert spring.json("show", "spring")["metadata"] == {}
    assert "spring goes to all contacts" in spring.ok("target", "spring", "--all")
    assert spring.json("show", "spring")["fields"]["target_all_contacts"] == {
        "value": True,
        "from": "instance",
    }
    assert "already" in spring.ok("target", "spring", "--all")
    assert "all contacts" in spring.ok("list")
    spring.ok("target", "spring", "--contact", "1")
    gone = spring.json("target", "spring", "--all", "--remove")
    assert (gone["removed"], gone["targets_all_contacts"]) == (1, False)
    fields = [one["field"] for one in spring.json("log", "spring")]
    assert fields == ["metadata.target_all_contacts", "metadata.target_all_contacts", "created"]


def test_dates_that_come_too_late_are_told(spring: Campaigns) -> None:
    late = spring("target", "spring", "--contact", "1", "--trigger-date", "2026-03-01")
    assert "outside the campaign's dates" in late.err
    spring.ok("set", "spring", "--start", "")
    late = spring("target", "spring", "--contact", "1", "--trigger-date", "2026-03-02")
    assert "came too late" in late.err
    old = spring("create", "initial_blast", "old", "--start", "2025-01-01")
    assert "all contacts that were there by then are missed" in old.err
    named = spring("set", "spring", "--start", "2025-01-01")
    assert "without a trigger date" in named.err
    over = spring("set", "spring", "--end", "2026-03-09")
    assert "end date 2026-03-09 is past" in over.err
    assert len(spring.json("show", "spring")["warnings"]) == 1


def test_what_holds_a_campaign_up_is_told(spring: Campaigns) -> None:
    spring.ok("type", "rate_increase", "--no-active")
    assert "not active" in spring("target", "spring", "--contact", "1").err
    assert "type inactive" in spring.ok("list")
    settings = spring.folder / "carillon.yaml"
    settings.write_text(settings.read_text().replace("  campaigns: true", "  campaigns: false"))
    assert "features.campaigns is off" in spring("show", "spring").err
