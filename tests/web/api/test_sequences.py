"""Sequences made, edited and activated; who is on the way through them."""

from __future__ import annotations

import pytest

from tests.web.api.conftest import Api

STEPS = [
    {"key": "hello", "type": "email", "template": "hello"},
    {"key": "wait", "type": "delay", "amount": 3, "unit": "days"},
    {"key": "again", "type": "email", "template": "hello"},
]


@pytest.fixture
def ready(api: Api) -> Api:
    api.some_contacts()
    api.post("/templates/hello/versions", {"subject": "Hi", "html": "<p>Hi</p>"}, 201)
    api.post("/templates/hello/versions/1/activate")
    answer = api.call("POST", "/sequences", {"name": "welcome", "steps": STEPS})
    assert answer.status_code == 201
    assert answer.headers["location"] == "/api/v1/sequences/1"
    return api


def test_made_edited_and_never_overwritten(ready: Api) -> None:
    assert ready.call("POST", "/sequences", {"name": "welcome", "steps": STEPS}).status_code == 409
    found = ready.call("GET", "/sequences/1")
    assert [step["next"] for step in found.json()["steps"]] == ["wait", "again", None]
    tag = found.headers["etag"]
    edited = ready.call("PUT", "/sequences/1", {"name": "welcome", "steps": STEPS[:1]}, If_Match=tag)
    assert edited.status_code == 200
    assert edited.json()["version"] == 2
    assert set(edited.json()["changed"]) == {"hello", "wait", "again"}
    assert (
        ready.call("PUT", "/sequences/1", {"name": "welcome", "steps": STEPS}, If_Match=tag).status_code
        == 412
    )
    assert ready.call("PUT", "/sequences/1", {"name": "other", "steps": STEPS}).status_code == 422
    assert ready.call("PUT", "/sequences/9", {"name": "other", "steps": STEPS}).status_code == 404
    short = {"name": "short", "templates": {"initial": "hello"}, "max_followups": 0}
    assert ready.post("/sequences", short, 201)["steps"][0]["key"] == "initial"
    assert [one["name"] for one in ready.pages("/sequences", 1)] == ["welcome", "short"]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "steps": []},
        {"name": "x"},
        {"name": "x", "steps": [{"key": "a"}]},
        {"name": "x", "steps": [{"key": "a", "type": "email", "template": "hello", "next": "nowhere"}]},
        {"name": "x", "steps": [{"key": "a", "type": "email", "template": "hello"}], "surprise": 1},
        {"name": "x", "steps": [{"key": ["a"], "type": {"b": 1}, "template": 7}]},
        {"name": "x", "campaign": "nothing", "steps": STEPS},
    ],
)
def test_what_cannot_be_a_sequence_is_told_why(sqlite_api: Api, body: dict[str, object]) -> None:
    answer = sqlite_api.call("POST", "/sequences", body)
    assert answer.status_code == 422
    assert answer.json()["detail"]
    if body.get("steps") == [{"key": "a"}]:
        assert [one["where"] for one in answer.json()["errors"]] == ["body.steps.0"]
    assert sqlite_api.get("/sequences")["items"] == []


def test_activation_enrollment_and_the_way_out(ready: Api) -> None:
    done = ready.post(
        "/sequences/1/enroll",
        {
            "contacts": [
                {"email": "maria@example.com"},
                {"contact_id": 77},
                {"contact_id": 1},
                {"contact_id": 2},
            ]
        },
    )
    assert done["enrolled"] == 2
    assert [(one["index"], one["reason"]) for one in done["refused"]] == [
        (1, "unknown"),
        (2, "twice_in_the_list"),
    ]
    past = ready.call("POST", "/sequences/1/activate", {"scheduled_start_at": "2025-03-02T09:00:00-06:00"})
    assert (past.status_code, "that is past" in past.json()["detail"]) == (422, True)
    begun = ready.post("/sequences/1/activate", {"scheduled_start_at": "2026-03-02T09:00:00-06:00"})
    assert (begun["status"], begun["on_their_way"], begun["begin"]) == ("scheduled", 2, {"2026-03-02": 2})
    assert begun["first_emails_at"] == "2026-03-02T15:00:00Z"
    assert begun["warnings"]
    people = ready.pages("/sequences/1/enrollments", 1)
    assert [(one["contact_id"], one["state"]) for one in people] == [(2, "scheduled"), (1, "scheduled")]
    assert ready.post("/sequences/1/pause")["status"] == "paused"
    assert ready.post("/sequences/1/resume")["status"] == "scheduled"
    assert ready.post("/sequences/1/exit", {"contact_ids": [1, 5]}) == {"taken_out": 1}
    assert ready.get("/reports/sequences")["items"][0]["total"] == 2
    assert ready.post("/sequences/1/archive")["counts"]["by_status"] == {"completed": 2}
    assert ready.call("POST", "/sequences/1/activate").status_code == 422
    for path in ("activate", "pause", "resume", "archive"):
        assert ready.call("POST", f"/sequences/9/{path}").status_code == 404
    assert ready.call("GET", "/sequences/9/enrollments").status_code == 404
    assert ready.call("POST", "/sequences/9/enroll", {"contacts": [{"contact_id": 1}]}).status_code == 404


def test_a_sequence_whose_templates_are_not_there_does_not_begin(ready: Api) -> None:
    steps = [{"key": "a", "type": "email", "template": "missing"}]
    made = ready.post("/sequences", {"name": "lame", "steps": steps}, 201)
    assert made["missing_templates"] == ["missing"]
    refused = ready.call("POST", f"/sequences/{made['id']}/activate", {})
    assert refused.status_code == 422
    assert "no version of missing is in force" in refused.json()["detail"]
    naive = {"scheduled_start_at": "2026-03-02T09:00:00"}
    assert ready.call("POST", "/sequences/1/activate", naive).status_code == 422, "at which hour, where?"
