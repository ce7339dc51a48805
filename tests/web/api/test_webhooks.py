"""Programs that are told: a real server on loopback, signed calls, tried again, nothing private."""

from __future__ import annotations

import json
from datetime import timedelta
from hmac import digest as hmac
from typing import Any

from carillon.clock import ManualClock
from carillon.jobs.table import JOBS
from carillon.listen.announce import announce
from carillon.outgoing import PAUSES
from tests.contract.test_advance_calls import allow_private, receiver
from tests.web.api.conftest import Api

HEALTH = {
    "id": "h",
    "type": "eligibility_answered",
    "contact_id": 1,
    "data": {"has_medical_conditions": True},
}


def visit(number: str, kind: str = "visited_office") -> dict[str, Any]:
    return {"id": number, "type": kind, "contact_id": 1, "data": {"office": "north"}}


def later(api: Api, **how: float) -> dict[str, int]:
    clock = api.workspace.clock
    assert isinstance(clock, ManualClock)
    clock.advance(timedelta(**how))
    return dict(announce(api.workspace))


def subscribed(api: Api, url: str, *kinds: str) -> dict[str, Any]:
    made: dict[str, Any] = api.post("/webhooks", {"url": url, "event_types": list(kinds)}, 201)
    return made


def test_told_once_signed_and_logged(api: Api) -> None:
    api.some_contacts()
    allow_private(api.workspace)
    with receiver([]) as (url, taken):
        hook = subscribed(api, url)
        api.post("/events", [visit("1"), HEALTH])
        api.post("/events", [visit("1")])
        assert later(api, seconds=0) == {"done": 1}
        assert later(api, days=2) == {}
    ((headers, body),) = taken
    stamp = headers["x-webhook-timestamp"]
    assert (
        headers["x-webhook-signature"]
        == hmac(hook["secret"].encode(), f"{stamp}.".encode() + body, "sha256").hex()
    )
    told = json.loads(body)
    assert told["type"] == "visited_office"
    assert told["event"]["data"] == {"office": "north"}
    assert told["contact"] == {"id": 1, "email": "maria@example.com", "external_id": None}
    (logged,) = api.get(f"/webhooks/{hook['id']}/deliveries")["items"]
    assert (logged["status"], logged["attempts"], logged["answer_status"]) == ("done", 1, 204)
    assert headers["idempotency-key"] == f"delivery-{logged['id']}"
    stored = str(api.rows("select * from webhook_subscriptions"))
    assert hook["secret"] not in stored + str(api.get("/webhooks")) + str(api.get("/audit"))


def test_by_type_and_never_of_health_answers(api: Api) -> None:
    api.some_contacts()
    subscribed(api, "https://a.example.com/hook", "visited_office")
    everything = subscribed(api, "https://b.example.com/hook")
    api.post("/events", [visit("1"), visit("2", "called"), HEALTH])
    assert api.rows("select subscription_id, event_type from webhook_deliveries order by id") == [
        (1, "visited_office"),
        (2, "visited_office"),
        (2, "called"),
    ]
    refused = api.call(
        "POST", "/webhooks", {"url": "https://c.example.com", "event_types": ["eligibility_answered"]}
    )
    assert refused.status_code == 422
    api.call("PATCH", f"/webhooks/{everything['id']}", {"active": False})
    api.post("/events", [visit("3", "called")])
    assert api.rows("select count(*) from webhook_deliveries") == [(3,)]
    assert api.call("DELETE", f"/webhooks/{everything['id']}").status_code == 204
    assert api.rows("select count(*) from webhook_deliveries") == [(1,)]
    for method in ("PATCH", "DELETE"):
        assert api.call(method, "/webhooks/9", {"active": True}).status_code == 404
    assert api.call("GET", "/webhooks/9/deliveries").status_code == 404


def test_tried_again_with_growing_pauses_and_then_given_up(api: Api) -> None:
    api.some_contacts()
    allow_private(api.workspace)
    with receiver([500, 302, *[503] * len(PAUSES)]) as (url, taken):
        hook = subscribed(api, url)
        api.post("/events", [visit("1")])
        assert later(api, seconds=0) == {"later": 1}
        for pause in PAUSES[:-1]:
            assert later(api, seconds=pause.total_seconds() - 1) == {}
            assert later(api, seconds=2) == {"later": 1}
        assert later(api, seconds=PAUSES[-1].total_seconds() + 1) == {"failed": 1}
        assert later(api, days=9) == {}
    assert len(taken) == len(PAUSES) + 1
    assert len({body for _, body in taken}) == 1
    (logged,) = api.get(f"/webhooks/{hook['id']}/deliveries")["items"]
    assert (logged["status"], logged["answer_status"]) == ("failed", 503)


def test_nothing_goes_to_private_places(api: Api) -> None:
    api.some_contacts()
    with receiver([]) as (url, taken):
        for one in (url, url.replace("127.0.0.1", "localhost"), "http://[::1]/x", "http://169.254.169.254/x"):
            subscribed(api, one)
        api.post("/events", [visit("1")])
        assert later(api, seconds=0) == {"later": 4}
        assert taken == []
    errors = api.rows("select last_error from webhook_deliveries")
    assert all("is not on the internet" in row[0] or "Error" in row[0] for row in errors)
    for bad in ("ftp://example.com", "file:///etc/passwd", "https://", "javascript:alert(1)", ""):
        assert api.call("POST", "/webhooks", {"url": bad}).status_code == 422


def test_nothing_is_noted_where_the_event_was_not_stored_and_the_job_is_in_the_table(api: Api) -> None:
    api.some_contacts()
    subscribed(api, "https://a.example.com/hook")
    api.call("POST", "/events", [{"id": "1", "type": "visited_office", "contact_id": 77}])
    assert api.rows("select count(*) from webhook_deliveries") == [(0,)]
    assert "webhooks" in {job.name for job in JOBS}
