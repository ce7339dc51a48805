"""Emails listed, cancelled and moved: what a rule forbids is refused, what is done outlives the next plan."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from carillon.plan.run import Request, run
from tests.web.api.conftest import Api

TODAY = date(2026, 3, 1)


def plan(api: Api) -> None:
    run(api.workspace, Request(api.workspace.today()), lambda *_: None, lambda _: None)


def of(api: Api, contact: int, kind: str) -> dict[str, Any]:
    found = [one for one in api.pages(f"/schedules?contact_id={contact}", 2) if one["email_type"] == kind]
    assert found, kind
    first: dict[str, Any] = found[0]
    return first


@pytest.fixture
def planned(api: Api) -> Api:
    api.some_contacts(
        {
            "email": "tex@example.com",
            "zip_code": "73301",
            "birth_date": "1950-06-20",
            "effective_date": "2020-08-10",
        },
        {"email": "mel@example.com", "zip_code": "73301", "birth_date": "1955-07-01"},
        {
            "email": "cal@example.com",
            "zip_code": "90210",
            "birth_date": "1960-11-20",
            "effective_date": "2020-09-01",
        },
    )
    plan(api)
    return api


def test_lists_hold_all_and_only_what_is_asked_for(planned: Api) -> None:
    everything = planned.pages("/schedules?from=2020-01-01", 3)
    assert [(one["day"], one["id"]) for one in everything] == sorted(
        (one["day"], one["id"]) for one in everything
    )
    stored = planned.rows("select id, contact_id, email_type, status from email_schedules")
    assert {one["id"] for one in everything} == {row[0] for row in stored}
    for query, holds in (
        ("contact_id=3", lambda one: one["contact_id"] == 3),
        ("from=2026-06-01&to=2026-06-30", lambda one: "2026-06-01" <= one["day"] <= "2026-06-30"),
        ("from=2020-01-01&status=skipped", lambda one: one["status"] == "skipped"),
        ("from=2020-01-01&status=sent", lambda one: one["status"] == "sent"),
        ("from=2020-01-01&email_type=birthday", lambda one: one["email_type"] == "birthday"),
        ("from=2020-01-01&campaign_id=1", lambda one: one["campaign_id"] == 1),
        ("", lambda one: one["day"] >= TODAY.isoformat()),
    ):
        assert planned.pages(f"/schedules?{query}", 2) == [one for one in everything if holds(one)], query
    one = everything[0]
    assert planned.get(f"/schedules/{one['id']}") == one
    for path in ("/schedules/12345", f"/schedules/{-5}"):
        assert planned.call("GET", path).status_code == 404
    assert planned.call("GET", "/schedules?from=1800-01-01").status_code == 422
    assert planned.call("GET", f"/schedules?contact_id={2**40}").status_code == 422


def test_what_is_moved_stays_there(planned: Api) -> None:
    email = of(planned, 3, "birthday")
    day = (date.fromisoformat(email["day"]) + timedelta(days=2)).isoformat()
    moved = planned.post(f"/schedules/{email['id']}/move", {"day": day})
    assert (moved["day"], moved["ideal"]) == (day, email["ideal"])
    plan(planned)
    assert planned.get(f"/schedules/{email['id']}")["day"] == day
    assert planned.rows("select who, what from audit_log order by id desc limit 1") == [
        ("API key all", f"email {email['id']} moved")
    ]


def test_a_move_against_a_rule_is_refused_with_the_rule(planned: Api) -> None:
    texan, cal = of(planned, 3, "effective_date"), of(planned, 5, "effective_date")

    def refused(email: dict[str, Any], day: str) -> str:
        answer = planned.call("POST", f"/schedules/{email['id']}/move", {"day": day})
        assert answer.status_code == 422, answer.text
        return str(answer.json()["detail"])

    assert "the day is past" in refused(texan, "2026-02-27")
    assert "it has to leave by" in refused(texan, "2026-12-01")
    assert cal["status"] == "pre-scheduled"
    assert "exclusion window (birthday window of CA" in refused(cal, "2026-08-25")
    assert "only what is pre-scheduled" in refused(of(planned, 5, "birthday"), "2026-04-01")
    assert "days lie between" in refused(texan, "1800-01-01")
    assert planned.call("POST", "/schedules/12345/move", {"day": "2026-04-01"}).status_code == 404
    assert planned.get(f"/schedules/{texan['id']}") == texan


def test_a_move_into_a_full_period_is_refused(planned: Api) -> None:
    limit = planned.workspace.settings.load_balancing.max_emails_per_contact_per_period
    email = of(planned, 3, "birthday")
    day = date.fromisoformat(email["day"])

    def fill(connection: Any) -> None:
        for n in range(limit):
            connection.exec_driver_sql(
                "insert into email_schedules (contact_id, email_type, scheduled_send_date, status, channel)"
                f" values (3, 'from elsewhere', '{day - timedelta(days=1 + n)}', 'sent', 'email')"
            )

    planned.workspace.database.write(fill)
    answer = planned.call("POST", f"/schedules/{email['id']}/move", {"day": day.isoformat()})
    assert answer.status_code == 422
    assert any(word in answer.json()["detail"] for word in ("more than", "the next plan takes it away"))


def test_what_is_cancelled_is_not_planned_again(planned: Api) -> None:
    email = of(planned, 4, "birthday")
    gone = planned.post(f"/schedules/{email['id']}/cancel")
    assert (gone["status"], gone["skip_reason"]) == ("cancelled", "by_hand")
    plan(planned)
    assert planned.get(f"/schedules/{email['id']}")["status"] == "cancelled"
    assert planned.call("POST", f"/schedules/{email['id']}/cancel").status_code == 422
    assert planned.call("POST", "/schedules/12345/cancel").status_code == 404
    waiting = of(planned, 3, "birthday")["id"]
    update = f"update email_schedules set status = '{{}}' where id = {waiting}"
    planned.workspace.database.write(lambda c: c.exec_driver_sql(update.format("scheduled")))
    assert planned.post(f"/schedules/{waiting}/cancel")["status"] == "cancelled"
    planned.workspace.database.write(lambda c: c.exec_driver_sql(update.format("sent")))
    assert planned.call("POST", f"/schedules/{waiting}/cancel").status_code == 422


def test_what_failed_is_sent_again(planned: Api) -> None:
    email = of(planned, 3, "birthday")["id"]
    assert "only one that failed" in planned.call("POST", f"/schedules/{email}/again").json()["detail"]
    assert planned.call("POST", "/schedules/12345/again").status_code == 404

    def change(wanted: str) -> None:
        planned.workspace.database.write(
            lambda c: (
                c.exec_driver_sql(f"update email_schedules set status = 'failed' where id = {email}")
                and c.exec_driver_sql(f"update outbox set account_id = {wanted} where id = {email}")
            )
        )

    change("null")
    assert "no account" in planned.call("POST", f"/schedules/{email}/again").json()["detail"]
    change("1")
    again = planned.post(f"/schedules/{email}/again")
    assert (again["status"], again["account_id"]) == ("scheduled", 1)
    assert planned.call("POST", f"/schedules/{email}/again").status_code == 422


def test_runs_and_forecast(planned: Api) -> None:
    (run_,) = planned.pages("/plan/runs", 1)
    assert (run_["status"], run_["contacts"]) == ("completed", 5)
    found = planned.get("/plan/forecast")
    assert found["total"] == sum(row["n"] for row in found["rows"]) > 0
    by_state = planned.get("/plan/forecast?by=state")
    assert {row["name"] for row in by_state["rows"]} <= {"CA", "NY", "TX"}
    assert planned.call("GET", "/plan/forecast?from=2026-05-01&to=2026-04-01").status_code == 422
