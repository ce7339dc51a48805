"""POST /events over the wire, and the keys that open it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from carillon.clock import ManualClock
from carillon.errors import InputError
from carillon.store import apikeys
from tests.web.conftest import Site

ANSWER = {"id": "a1", "type": "eligibility_answered", "email": "Mar@example.com",
          "data": {"has_medical_conditions": True}}  # fmt: skip


@pytest.fixture
def key(site: Site) -> str:
    return made(site, "crm")


def made(site: Site, name: str, *scopes: str) -> str:
    now = site.workspace.clock.now()
    wanted = scopes or (apikeys.EVENTS,)
    return site.workspace.database.write(lambda c: apikeys.create(c, name, wanted, now, "ann"))[1]


def send(site: Site, key: str | None, body: Any, **headers: str) -> httpx.Response:
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    if isinstance(body, bytes):
        return site.client.post("/events", content=body, headers=headers)
    return site.client.post("/events", json=body, headers=headers)


def stored(site: Site) -> list[tuple[object, ...]]:
    return site.rows("select contact_id, event_type, source, dedupe_key from contact_events order by id")


def test_answers_are_recorded_once(site: Site, key: str) -> None:
    assert send(site, key, ANSWER).json() == {"stored": 1, "repeated": 0, "rejected": []}
    assert send(site, key, ANSWER).json() == {"stored": 0, "repeated": 1, "rejected": []}
    assert stored(site) == [(1, "eligibility_answered", "api:crm", "a1")]
    ((data,),) = site.rows("select event_data from contact_events")
    assert json.loads(str(data))["has_medical_conditions"] is True
    assert site.rows("select * from raw_messages") == [], "answers are kept nowhere else"


def test_contacts_by_id_external_id_and_address(site: Site, key: str) -> None:
    site.workspace.database.write(
        lambda c: c.exec_driver_sql("update contacts set external_id = 'X-2' where id = 2")
    )
    body = [
        {"id": "1", "type": "visited_office", "contact_id": 1, "at": "2026-06-01T10:00:00+02:00"},
        {"id": "2", "type": "visited_office", "external_id": "X-2"},
        {"id": "3", "type": "visited_office", "email": " TOM@example.com "},
        {"id": "4", "type": "visited_office", "contact_id": 99},
        {"id": "5", "type": "visited_office", "external_id": "x-2"},
        {"id": "6", "type": "visited_office", "email": "nobody@example.com"},
        {"id": "7", "type": "visited_office", "contact_id": 10**30},
    ]
    answer = send(site, key, body)
    assert answer.status_code == 207
    assert answer.json()["stored"] == 3
    assert [(one["index"], one["why"]) for one in answer.json()["rejected"]] == [
        (3, "no contact has this contact_id"),
        (4, "no contact has this external_id"),
        (5, "no contact has this email"),
        (6, "no contact has this contact_id"),
    ]
    assert [row[0] for row in stored(site)] == [1, 2, 2]
    assert site.rows("select created_at from contact_events where dedupe_key = '1'") == [
        ("2026-06-01T08:00:00.000Z",)
    ]


def test_couples_who_share_an_address_have_to_be_told_apart(site: Site, key: str) -> None:
    site.workspace.database.write(
        lambda c: c.exec_driver_sql(
            "update contacts set email = 'mar@example.com', external_id = 'b' where id = 2"
        )
    )
    answer = send(site, key, ANSWER)
    assert answer.status_code == 422
    assert answer.json()["rejected"] == [
        {"index": 0, "why": "2 contacts have this email: use contact_id or external_id"}
    ]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": None}, "id is missing"),
        ({"id": ""}, "id is missing"),
        ({"id": "x" * 201}, "id is missing"),
        ({"id": 7}, "id is missing"),
        ({"type": None}, "type is missing"),
        ({"type": "Visited Office"}, "type is missing"),
        ({"type": "bounced"}, "type bounced is noted where it happens"),
        ({"contact_id": 1}, "say whom it is about with one of"),
        ({"email": None}, "say whom it is about with one of"),
        ({"email": " "}, "email is a text"),
        ({"email": None, "contact_id": "1"}, "contact_id is a number"),
        ({"email": None, "contact_id": True}, "contact_id is a number"),
        ({"at": "yesterday"}, "at is a moment with an offset"),
        ({"at": "2026-06-01T10:00:00"}, "at is a moment with an offset"),
        ({"at": "2099-06-01T10:00:00Z"}, "at is in the future"),
        ({"data": ["has_medical_conditions"]}, "data is an object"),
        ({"when": "now"}, "there is no field 'when'; use at, contact_id, data, email"),
    ],
)
def test_what_is_no_event_says_why_and_tells_no_answers(
    site: Site, key: str, change: dict[str, object], why: str
) -> None:
    answer = send(site, key, ANSWER | change)
    assert answer.status_code == 422
    assert why in answer.json()["rejected"][0]["why"]
    assert "has_medical" not in answer.text
    assert stored(site) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{", 400), (b"\xff", 400), (b"[" * 50_000, 400), (b"[]", 200), (b"7", 422), (b"x" * 1_000_001, 413)],
)
def test_bodies(site: Site, key: str, body: bytes, code: int) -> None:
    assert send(site, key, body, **{"Content-Type": "application/json"}).status_code == code
    assert send(site, key, body, **{"Content-Type": "text/plain"}).status_code == 415
    assert stored(site) == []


def test_many_events_at_once(site: Site, key: str) -> None:
    body = [{"id": f"n{n}", "type": "visited_office", "contact_id": 1 + n % 2} for n in range(1000)]
    assert send(site, key, body).json()["stored"] == 1000
    assert send(site, key, [*body, body[0]]).status_code == 413


def test_zero_bytes_and_halves_of_characters_do_no_harm(site: Site, key: str) -> None:
    body = b'{"id": "z\\u0000", "type": "odd", "contact_id": 1, "data": {"a\\ud800": "b\\u0000", "n": NaN}}'
    answer = send(site, key, body, **{"Content-Type": "application/json"})
    assert answer.json()["stored"] == 1
    for name in ("email", "external_id"):
        body = f'{{"id": "y", "type": "odd", "{name}": "a\\u0000b"}}'.encode()
        assert send(site, key, body, **{"Content-Type": "application/json"}).status_code == 422


def test_only_with_a_key_that_is_right(site: Site, key: str) -> None:
    other = made(site, "other")
    site.workspace.database.write(lambda c: apikeys.revoke(c, "other", site.workspace.clock.now(), "ann"))
    before = site.everything()
    swapped = key[:22] + other[22:]
    wrong = [None, "x", key[:-1], key + "A", key.upper(), swapped, other, f"{key} {key}"]
    for one in wrong:
        answer = send(site, one, ANSWER)
        assert answer.status_code == 401, one
        assert answer.headers["www-authenticate"] == "Bearer"
    assert (
        site.client.post("/events", json=ANSWER, headers={"Authorization": f"Basic {key}"}).status_code == 401
    )
    assert site.client.post(f"/events?key={key}", json=ANSWER).status_code == 401
    assert site.client.get("/events").status_code == 405
    assert site.everything() == before


def test_a_key_for_something_else(site: Site, key: str) -> None:
    site.workspace.database.write(lambda c: c.exec_driver_sql("update api_keys set scopes = 'contacts'"))
    before = site.everything()
    assert send(site, key, ANSWER).status_code == 403
    assert site.everything() == before


def test_keys_are_stored_hashed_and_their_use_is_noted(site: Site, key: str) -> None:
    secret = key.rpartition("_")[2] if key.count("_") == 2 else key[22:]
    assert secret not in str(site.everything())
    assert site.rows("select last_used_at from api_keys") == [(None,)]
    clock = site.workspace.clock
    assert isinstance(clock, ManualClock)
    send(site, key, ANSWER)
    ((first,),) = site.rows("select last_used_at from api_keys")
    send(site, key, ANSWER)
    assert site.rows("select last_used_at from api_keys") == [(first,)]
    clock.advance(timedelta(minutes=2))
    send(site, key, ANSWER)
    ((second,),) = site.rows("select last_used_at from api_keys")
    assert str(second) > str(first)


def test_a_name_is_used_again_after_it_was_revoked(site: Site, key: str) -> None:
    send(site, key, ANSWER)
    with pytest.raises(InputError, match="there is a key 'crm' already"):
        made(site, "crm")
    now = site.workspace.clock.now()
    site.workspace.database.write(lambda c: apikeys.revoke(c, "crm", now, "ann"))
    with pytest.raises(InputError, match=r"there is no key 'crm'.*carillon apikey"):
        site.workspace.database.write(lambda c: apikeys.revoke(c, "crm", now, "ann"))
    again = made(site, "crm")
    assert send(site, key, ANSWER).status_code == 401
    assert send(site, again, ANSWER).json()["repeated"] == 1, "ids stay known under the name"
    what = [row[0] for row in site.rows("select what from audit_log order by id")]
    assert what == ["API key made", "API key revoked", "API key made"]


@pytest.mark.parametrize(
    ("name", "scope"), [("", "events"), ("a b", "events"), ("a" * 61, "events"), ("a", "all")]
)
def test_keys_that_cannot_be(site: Site, name: str, scope: str) -> None:
    with pytest.raises(InputError):
        made(site, name, scope)


def test_the_guards_hold_here_too(site: Site, key: str) -> None:
    for answer in (send(site, key, ANSWER), send(site, None, ANSWER)):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers
    site.workspace.database.write(lambda c: c.exec_driver_sql("drop table contact_events"))
    answer = send(site, key, ANSWER)
    assert answer.status_code == 503
    assert "contact_events" not in answer.text
