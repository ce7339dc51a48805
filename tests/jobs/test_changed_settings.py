"""Settings changed by a page: file, version, audit row and log line; somebody else's change is not lost."""

from __future__ import annotations

import pytest

from carillon.errors import InputError, SettingsError
from carillon.jobs import settings as deeds
from carillon.plan.run import Request, run
from carillon.store import audit, versions
from carillon.watch.logs import Wanted, newest
from carillon.workspace import Workspace
from tests.contract.lists import bring_in

PATH = "state_rules.year_round_exclusion"
STATES = ["CT", "MA", "NY", "TX", "WA"]


def test_a_change_is_written_with_all_its_books(workspace: Workspace) -> None:
    deeds.noted(workspace)
    text = deeds.text_of(workspace)
    rewrite = deeds.changed(workspace, {PATH: STATES})
    deeds.make(workspace, rewrite, "state rules changed", "ann", text)
    assert "TX" in deeds.text_of(workspace)
    with workspace.database.snapshot() as connection:
        newest_version = versions.every(connection)[-1]
        deed = audit.page(connection, None, 1).items[0]
    assert newest_version.values[PATH] == STATES
    assert newest_version.created_by == "ann: state rules changed"
    assert (deed.who, deed.what) == ("ann", "config state rules changed")
    [line] = newest(workspace.folder, Wanted(), 10)
    assert line.details["keys"] == [PATH]


def test_a_change_of_somebody_else_is_not_lost(workspace: Workspace) -> None:
    text = deeds.text_of(workspace)
    rewrite = deeds.changed(workspace, {PATH: STATES})
    (workspace.folder / "carillon.yaml").write_text(f"{text}\n# mine\n", encoding="utf-8")
    with pytest.raises(InputError, match="changed by somebody else"):
        deeds.make(workspace, rewrite, "state rules changed", "ann", text)
    assert "TX" not in deeds.text_of(workspace)


def test_faults_name_their_keys(workspace: Workspace) -> None:
    with pytest.raises(SettingsError) as fault:
        deeds.changed(workspace, {"timing_constants.followup_days_after": 30})
    assert [key for key, _ in fault.value.problems] == ["timing_constants.followup_lookback_days"]


def test_a_trial_shows_examples_and_writes_nothing(workspace: Workspace) -> None:
    bring_in(workspace, {"email": "a@example.com", "zip": "75201", "birth_date": "1960-06-18"})
    request = Request(workspace.today(), dry_run=True)
    run(workspace, Request(workspace.today()), lambda *_: None, lambda _: None)
    rewrite = deeds.changed(workspace, {PATH: STATES})
    report = run(deeds.tried(workspace, rewrite), request, lambda *_: None, lambda _: None)
    assert report.newly_skipped == len(report.examples) > 0
    assert {one.change for one in report.examples} == {"newly_skipped"}
    assert {one.reason for one in report.examples} == {"year_round_exclusion"}
    assert {one.contact_id for one in report.examples} == {1}
    again = run(workspace, request, lambda *_: None, lambda _: None)
    assert (again.newly_skipped, again.examples) == (0, [])


def test_the_audit_log_is_searched(workspace: Workspace) -> None:
    now = workspace.clock.now()
    deeds_done = [("account Main added", None, {"url": "100%"}), ("user removed", {"user": "bob_1"}, None)]
    workspace.database.write(lambda c: audit.note_all(c, "ann", now, deeds_done))
    for words, many in (("MAIN", 1), ("100%", 1), ("bob_1", 1), ("bobx1", 0), ("ann", 2), ("%", 1)):
        with workspace.database.snapshot() as connection:
            assert len(audit.page(connection, None, 10, audit.Which(words)).items) == many, words
            one_day = audit.Which(since=now, until=now.replace(year=now.year + 1))
            assert len(audit.page(connection, None, 10, one_day).items) == 2
            assert not audit.page(connection, None, 10, audit.Which(until=now)).items
