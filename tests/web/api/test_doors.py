"""Who may come in: every endpoint asks for a key with its scope, and nothing else opens it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import jsonschema_rs
import pytest
from fastapi.routing import APIRoute

from carillon.store import apikeys
from carillon.web.api import _ROUTERS, api_app, document
from carillon.web.api.access import allowed
from carillon.web.api.description import UNSAID
from tests.web.api.conftest import Api

Door = tuple[str, str, str]
"""Method, path and scope."""


def doors() -> Iterator[Door]:
    for router in _ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            scopes = [one.call.scope for one in route.dependant.dependencies if isinstance(one.call, allowed)]
            assert len(scopes) == 1, f"{route.path}: who may call it?"
            for method in route.methods:
                yield method, re.sub(r"{(\w+)}", "1", route.path), scopes[0]


DOORS = sorted(doors())


def test_the_document_tells_of_all_of_them(sqlite_api: Api) -> None:
    document = api_app(sqlite_api.workspace).openapi()
    told = {
        (method.upper(), re.sub(r"{(\w+)}", "1", path), *operation["security"][0]["HTTPBearer"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert told == set(DOORS)
    assert len(DOORS) > 60


def test_the_document_shows_what_each_call_looks_like() -> None:
    """Examples of all bodies and answers, which fit what is said of them; the headers all have in common."""
    found = document()
    schemas = {"components": found["components"]}
    names = set()
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            names.add(operation["operationId"])
            bodies = [operation["requestBody"]] if "requestBody" in operation else []
            for part in [*bodies, *operation["responses"].values()]:
                for content in part.get("content", {}).values():
                    assert UNSAID not in json.dumps(content["example"]), (method, path, content)
                    jsonschema_rs.validate(schemas | content["schema"], content["example"])
            takes = {one["name"].lower() for one in operation.get("parameters", [])}
            assert ("idempotency-key" in takes) is (method == "post"), (method, path)
            for status, answer in operation["responses"].items():
                assert status == "401" or "RateLimit-Remaining" in answer["headers"]
                assert ("Retry-After" in answer["headers"]) is (status in ("429", "503"))
            if "if-none-match" in takes:
                assert "ETag" in operation["responses"]["200"]["headers"]
    assert len(names) == len(DOORS), "each has a name of its own"


def test_without_a_right_key_and_scope_every_door_is_shut(sqlite_api: Api) -> None:
    gone = sqlite_api.new_key("gone", *apikeys.SCOPES)
    now = sqlite_api.workspace.clock.now()
    sqlite_api.workspace.database.write(lambda c: apikeys.revoke(c, "gone", now, "ann"))
    keys = {scope: sqlite_api.new_key(f"no-{scope}", *(one for one in apikeys.SCOPES if one != scope))
            for scope in apikeys.SCOPES}  # fmt: skip
    for method, path, scope in DOORS:
        for key in (None, "x", gone, sqlite_api.key[:-1] + "!", sqlite_api.key + "A"):
            answer = sqlite_api.call(method, path, key=key)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"
        refused = sqlite_api.call(method, path, {}, key=keys[scope])
        assert refused.status_code == 403, (method, path)
        assert refused.json()["detail"] == f"this needs the scope {scope}"
    assert sqlite_api.rows("select count(*) from audit_log where who like 'API key%'") == [(0,)]


@pytest.mark.parametrize("scheme", ["Basic", "Token"])
def test_other_ways_to_show_a_key_do_not_count(sqlite_api: Api, scheme: str) -> None:
    call = sqlite_api.client.get
    key = sqlite_api.key
    assert call("/api/v1/contacts", headers={"Authorization": f"{scheme} {key}"}).status_code == 401
    assert call(f"/api/v1/contacts?key={key}").status_code == 401
    assert call("/api/v1/contacts", headers={"Cookie": f"session={key}; carillon={key}"}).status_code == 401


def test_a_session_comes_in_only_by_the_function_that_is_handed_over(sqlite_api: Api) -> None:
    from carillon.web.api.access import Caller
    from tests.web.api.test_gate import ask

    def person(_request: object) -> Caller | None:
        return Caller("user:ann", "ann", frozenset((apikeys.READ,)))

    alone, with_people = api_app(sqlite_api.workspace), api_app(sqlite_api.workspace, person)
    assert ask(alone, "GET", "/mail")[0] == 401
    assert ask(with_people, "GET", "/mail")[0] == 200
    assert ask(with_people, "POST", "/mail/pause")[0] == 403
    assert ask(with_people, "GET", "/mail", {"authorization": "Bearer wrong"})[0] == 401


def test_the_document_is_for_everybody_and_says_nothing_of_the_data(sqlite_api: Api) -> None:
    answer = sqlite_api.call("GET", "/openapi.json", key=None)
    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.1")
    assert sqlite_api.call("GET", "/docs", key=None).status_code == 401
    assert sqlite_api.call("GET", "/nothing").status_code == 404
