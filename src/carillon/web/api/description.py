"""The OpenAPI document: what FastAPI finds out by itself, and what all calls have in common.

Added here: the scope of each call, the headers that `gate` reads and writes, and an example of every body
and every answer, put together from the examples of the fields. A field whose value cannot be guessed has to
bring one: a test looks for `UNSAID`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import chain
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from carillon.web.api.access import allowed
from carillon.web.api.problems import MEDIA_TYPE, ProblemDetails

JSON = "application/json"
UNSAID = "(no example)"
"""Stands where a text has no example."""
_GUESSED: dict[str, Any] = {"integer": 1, "number": 0.5, "boolean": False}
_FORMATS = {"date": "2026-11-23", "date-time": "2026-11-23T15:00:00Z"}
_SCHEMAS = "#/components/schemas/"
_RATES = {
    "RateLimit-Limit": "Calls a minute.",
    "RateLimit-Remaining": "Calls that are left now.",
    "RateLimit-Reset": "Seconds until all of them are there again; of a refusal, until there is one.",
}
_DETAILS = {
    400: "the body is not JSON",
    401: "an API key is needed, as a bearer token",
    403: "this needs the scope write",
    404: "there is no contact with this id",
    405: "this cannot be done here",
    409: "the request with this Idempotency-Key is still at work",
    412: "it was changed since you read it; read it again",
    413: "the body is larger than 20000000 bytes",
    415: "the Content-Type has to be application/json",
    422: "the request is not as it has to be",
    429: "too many calls; wait a little",
    503: "this could not be done just now; try again",
}
_ONCE = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same call with the same key, within a day, is done once and answered again as it "
    "was, with the header `Idempotent-Replayed: true`.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "example": "order-7f3a",
}


def described(app: FastAPI, routers: Iterable[APIRouter]) -> dict[str, Any]:
    """The document of an application with these calls; made once."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=app.servers,
        )
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        schema = ProblemDetails.model_json_schema(ref_template=f"{_SCHEMAS}{{model}}")
        schemas |= schema.pop("$defs", {})
        schemas["ProblemDetails"] = schema
        scopes = dict(_scopes(routers))
        for methods in found["paths"].values():
            for method, operation in methods.items():
                _complete(method, operation, schemas)
                wanted = [scopes[operation["operationId"]]]
                operation["security"] = [dict.fromkeys(one, wanted) for one in operation["security"]]
        app.openapi_schema = found
    return app.openapi_schema


def _scopes(routers: Iterable[APIRouter]) -> Iterator[tuple[str, str]]:
    """Each call with the scope it asks for."""
    for route in chain.from_iterable(router.routes for router in routers):
        if isinstance(route, APIRoute):
            for one in route.dependant.dependencies:
                if isinstance(one.call, allowed):
                    yield route.name, one.call.scope


def _complete(method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Give an operation its headers and examples."""
    answers = operation["responses"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content["example"] = example(content["schema"], schemas, is_sent=True)
    has_state = "304" in answers or ("412" in answers and method != "post")
    for code, answer in answers.items():
        content, status = answer.get("content", {}), int(code)
        if JSON in content:
            content[JSON]["example"] = example(content[JSON]["schema"], schemas)
        if MEDIA_TYPE in content:
            content[MEDIA_TYPE]["example"] = _problem(status)
        answer["headers"] = {
            name: {"description": words, "schema": {"type": "string"}}
            for name, words in _headers(status, has_state).items()
        }
    if method == "post":
        operation.setdefault("parameters", []).append(_ONCE)


def _headers(status: int, has_state: bool) -> dict[str, str]:
    """What is said beside an answer."""
    if status == 401:
        return {"WWW-Authenticate": "Bearer"}
    found = dict(_RATES)
    if status in (429, 503):
        found["Retry-After"] = "Seconds."
    if status == 201:
        found["Location"] = "Where it is: a path on this server; not of suppressions, which have none."
    if has_state and status in (200, 304):
        found["ETag"] = "The state that is told of; for If-Match and If-None-Match."
    return found


def example(schema: dict[str, Any], schemas: dict[str, Any], *, is_sent: bool = False) -> Any:
    """A value that fits a schema. `is_sent`: of a body, which says only what has to be said or is shown."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].removeprefix(_SCHEMAS)] | schema
    if "examples" in schema:
        return schema["examples"][0]
    if schema.get("enum"):
        return schema["enum"][0]
    if "anyOf" in schema:
        found = example(schema["anyOf"][0], schemas, is_sent=is_sent)
        return None if found == UNSAID else found
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    if schema.get("type") == "array":
        return [example(schema["items"], schemas, is_sent=is_sent)]
    if "properties" in schema:
        needed = schema.get("required", [])
        return {
            name: example(one, schemas, is_sent=is_sent)
            for name, one in schema["properties"].items()
            if not is_sent or name in needed or "examples" in one
        }
    if schema.get("type") == "object":
        return {}
    return schema.get("default", _GUESSED.get(schema.get("type", ""), UNSAID))


def _problem(status: int) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _DETAILS[status],
    }
