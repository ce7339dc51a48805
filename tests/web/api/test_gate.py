"""What all endpoints have in common: repeated calls, limits, bodies, problems, states, pages."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from starlette.types import ASGIApp, Message

from carillon.clock import ManualClock
from carillon.store import apikeys, idempotency
from carillon.web.api import api_app
from carillon.web.api.gate import LARGEST, MOST_OPENED
from carillon.web.api.rates import Rates
from tests.web.api.conftest import Api, calling, unending


def ask(app: ASGIApp, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Status and body of a call without a server."""
    heard: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        heard.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "scheme": "http", "server": ("127.0.0.1", 80), "http_version": "1.1",
        "headers": [(k.encode(), v.encode()) for k, v in (headers or {}).items()],
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return heard[0]["status"], b"".join(one.get("body", b"") for one in heard[1:])


def suppress(api: Api, address: str, key: str = "k1") -> Any:
    return api.call("POST", "/suppressions", {"address": address}, Idempotency_Key=key)


def test_the_same_request_is_answered_again_and_done_once(api: Api) -> None:
    first = suppress(api, "a@example.com")
    again = suppress(api, "a@example.com")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json(), "without the key it would say that it is not new"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    other = suppress(api, "b@example.com")
    assert other.status_code == 422
    assert "another request" in other.json()["detail"]
    assert suppress(api, "b@example.com", "k2").status_code == 201
    assert api.rows("select count(*) from suppressions") == [(2,)]


def test_keys_belong_to_callers_and_end_after_a_day(api: Api) -> None:
    other = api.new_key("other", "write")
    assert suppress(api, "a@example.com").json()["new"] is True
    body = {"address": "a@example.com"}
    mine = api.call("POST", "/suppressions", body, key=other, Idempotency_Key="k1")
    assert (mine.status_code, mine.json()["new"]) == (200, False)
    clock = api.workspace.clock
    assert isinstance(clock, ManualClock)
    clock.advance(timedelta(days=1, seconds=1))
    assert suppress(api, "a@example.com").status_code == 200, "done anew"
    clock.advance(timedelta(days=2))
    write = api.workspace.database.write
    assert write(lambda c: idempotency.forget(c, clock.now())) == 2


def test_a_request_at_work_is_told_so_and_may_be_taken_over_once_it_has_died(api: Api) -> None:
    write, clock = api.workspace.database.write, api.workspace.clock
    assert isinstance(clock, ManualClock)
    suppress(api, "a@example.com")
    write(lambda c: c.exec_driver_sql("update idempotency_keys set status = null, answer = null"))
    busy = suppress(api, "a@example.com")
    assert (busy.status_code, busy.headers["retry-after"]) == (409, "5")
    clock.advance(idempotency.ABANDONED)
    assert suppress(api, "a@example.com").status_code == 200


def test_answers_are_stored_encrypted_and_refusals_not_at_all(api: Api) -> None:
    made = api.call("POST", "/webhooks", {"url": "https://example.com/x"}, Idempotency_Key="w")
    again = api.call("POST", "/webhooks", {"url": "https://example.com/x"}, Idempotency_Key="w")
    assert made.json()["secret"] == again.json()["secret"]
    assert made.json()["secret"] not in str(api.rows("select * from idempotency_keys"))
    reader = api.new_key("reader", "read")
    api.call("POST", "/suppressions", {"address": "a@example.com"}, key=reader, Idempotency_Key="r")
    api.call("POST", "/suppressions", {"address": "a"}, Idempotency_Key="bad")
    assert sorted(api.rows("select caller, key, status from idempotency_keys")) == [
        ("key:all admin events read send write", "bad", 422),
        ("key:all admin events read send write", "w", 201),
    ]
    now = api.workspace.clock.now()
    api.workspace.database.write(lambda c: apikeys.revoke(c, "all", now, "ann"))
    less = api.new_key("all", "write")
    refused = api.call("POST", "/webhooks", {"url": "https://example.com/x"}, key=less, Idempotency_Key="w")
    assert refused.status_code == 403, "of the same name, and for other things"


@pytest.mark.parametrize("key", ["", "a b", "x" * 201])
def test_keys_that_are_none(sqlite_api: Api, key: str) -> None:
    assert suppress(sqlite_api, "a@example.com", key).status_code == 400


def test_one_of_two_at_the_same_moment_does_it(api: Api) -> None:
    found: list[int] = []
    body = [{"email": f"p{n}@example.com"} for n in range(300)]

    def call() -> None:
        found.append(api.call("POST", "/contacts/bulk", body, Idempotency_Key="same").status_code)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert set(found) <= {200, 409}
    assert 200 in found
    assert api.rows("select count(*) from contacts") == [(300,)]


def test_calls_are_counted_for_each_key(make_workspace: Any) -> None:
    workspace = make_workspace("sqlite")
    web = workspace.settings.web.model_copy(update={"api_calls_per_minute": 3})
    object.__setattr__(workspace, "settings", workspace.settings.model_copy(update={"web": web}))
    with calling(workspace) as api:
        left = [api.call("GET", "/mail").headers["ratelimit-remaining"] for _ in range(3)]
        assert left == ["2", "1", "0"]
        refused = api.call("GET", "/mail")
        assert refused.status_code == 429
        assert refused.headers["ratelimit-limit"] == "3"
        assert 1 <= int(refused.headers["retry-after"]) <= 20
        assert refused.json()["title"] == "Too Many Requests"
        assert api.call("GET", "/mail", key=api.new_key("other", "read")).status_code == 200


def test_buckets_fill_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("carillon.web.api.rates.monotonic", lambda: now)
    rates = Rates(60)
    assert [rates.take("a").granted for _ in range(61)] == [True] * 60 + [False]
    now += 1.0
    assert [rates.take("a").granted for _ in range(2)] == [True, False]
    now += 3600
    assert rates.take("a").left == 59


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b'{"address": ' + b"[" * 70 + b"]" * 70 + b"}", 400),
        (b'{"address": NaN}', 400),
        (b'{"address": 1e999}', 400),
        (b'{"address": ' + b"9" * 5000 + b"}", 400),
        (b'{"address": "a\\u0000@example.com"}', 400),
        (b'{"address": "a\\ud800@example.com"}', 400),
        (b'{"a\\u0000": 1}', 400),
        (b'{"address": "a@example.com", "nothing": 1}', 422),
        (b'{"address": 99999999999999999999999999}', 422),
        (b"[]", 422),
        (b"null", 422),
        (b"", 422),
        (b'"' + b"x" * 10_000_000 + b'"', 422),
        (b" " * (LARGEST + 1), 413),
        (b"[" + b"{}," * MOST_OPENED + b"0]", 413),
    ],
)
def test_bodies(sqlite_api: Api, body: bytes, code: int) -> None:
    answer = sqlite_api.call("POST", "/suppressions", body)
    assert answer.status_code == code
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == code
    assert sqlite_api.rows("select * from suppressions") == []


def test_bodies_of_strangers_are_not_read(sqlite_api: Api) -> None:
    answer = sqlite_api.call("POST", "/suppressions", b"x" * (LARGEST + 1), key=None)
    assert answer.status_code == 401


def test_a_body_that_never_ends_is_refused_while_it_arrives(sqlite_api: Api) -> None:
    url = str(sqlite_api.client.base_url).rstrip("/")
    headers = {"Authorization": f"Bearer {sqlite_api.key}", "Content-Type": "application/json"}
    status, sent = unending(url, "/api/v1/suppressions", headers, 3 * LARGEST)
    assert status == 413
    assert LARGEST <= sent < 2 * LARGEST
    stranger = unending(url, "/api/v1/suppressions", headers | {"Authorization": "Bearer x"}, 3 * LARGEST)
    assert stranger[0] == 401
    assert stranger[1] < LARGEST / 2, "nobody unknown is read from"


def test_other_kinds_of_bodies(sqlite_api: Api) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = sqlite_api.call("POST", "/suppressions", b"{}", Content_Type=kind)
        assert answer.status_code == 415


def test_problems_are_problems(sqlite_api: Api) -> None:
    cases = [("GET", "/nothing", 404), ("PUT", "/mail", 405), ("GET", "/contacts/0", 422),
             ("GET", "/contacts/7", 404), ("GET", "/contacts?limit=0", 422),
             ("GET", "/campaign-types/a%0Ab", 404)]  # fmt: skip
    for method, path, status in cases:
        answer = sqlite_api.call(method, path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert {"type", "title", "status", "detail"} <= set(answer.json())
    assert sqlite_api.call("PUT", "/mail").headers["allow"] == "GET"
    fault = sqlite_api.call("POST", "/suppressions", {"address": {"secret": "Maria"}}).json()
    assert fault["errors"] == [{"where": "body.address", "why": "Input should be a valid string"}]


def test_no_fault_of_ours_shows_its_inside(sqlite_api: Api) -> None:
    sqlite_api.workspace.database.write(lambda c: c.exec_driver_sql("drop table suppressions"))
    answer = sqlite_api.call("GET", "/suppressions")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert "table" not in answer.text


def test_headers(sqlite_api: Api) -> None:
    for answer in (
        sqlite_api.call("GET", "/mail"),
        sqlite_api.call("GET", "/mail", key=None),
        sqlite_api.call("GET", "/openapi.json", key=None),
    ):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers


@pytest.mark.parametrize("cursor", ["x", "e30", "WyJhIl0", "WzEsMl0", "WzFlOTldXQ", "bnVsbA", "%00", "W10"])
def test_cursors_that_are_none(api: Api, cursor: str) -> None:
    for path in ("/contacts", "/suppressions", "/events", "/audit", "/campaigns"):
        assert api.call("GET", f"{path}?cursor={cursor}").status_code in (400, 422)


HOSTILE = (
    "<script>alert(1)</script>", "'; drop table contacts; --", "=HYPERLINK(1)", "../../etc/passwd",
    "\x01\x07\x1b[2J", "\u202e\u2066", "{{ 7 * 7 }}", "%s%n", "a" * 100, "\\", "\U0001f600", "%",
)  # fmt: skip


def test_hostile_text_is_only_text(api: Api) -> None:
    for text in HOSTILE:
        body = {"email": "maria@example.com", "first_name": text, "last_name": text, "tags": [text],
                "attributes": {"note": text}}  # fmt: skip
        assert api.call("POST", "/contacts/bulk", [body]).status_code == 200
        for name in ("email", "last_name"):
            found = api.client.get(
                f"/api/v1/contacts?{name}=", params={name: text},
                headers={"Authorization": f"Bearer {api.key}"},
            )  # fmt: skip
            assert found.status_code in (200, 422), (name, text)
        for path in ("templates", "campaign-types"):
            answer = api.client.get(
                f"/api/v1/{path}/{httpx_quoted(text)}", headers={"Authorization": f"Bearer {api.key}"}
            )
            assert answer.status_code in (404, 422), (path, text)
    stored = api.get("/contacts/1")
    assert stored["attributes"]["note"] == HOSTILE[-1]
    assert HOSTILE[1] in stored["tags"]


def httpx_quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def test_the_application_can_be_made_again_and_again(sqlite_api: Api) -> None:
    made = [json.dumps(api_app(sqlite_api.workspace).openapi()) for _ in range(2)]
    assert made[0] == made[1]
