"""What stands before every endpoint: who calls, how often, how much, and whether it was done before.

In this order: nobody unknown is read from, nobody reads more than a limit, and a POST with an
`Idempotency-Key` that was answered gets the same answer again. What goes through has a body of UTF-8 JSON
that every database can hold.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carillon.store import idempotency as store
from carillon.vault import SecretText, Vault
from carillon.web.api.access import Caller, Person, caller_of
from carillon.web.api.problems import Problem, of_error
from carillon.web.api.rates import Rates
from carillon.web.public import HEADERS
from carillon.workspace import Workspace

LARGEST = 20_000_000
"""Bytes of a body: 10,000 contacts with all they may have."""
DEEPEST = 60
"""Brackets within brackets."""
MOST_OPENED = 500_000
"""Lists and objects in a body: each takes fifty times the memory of the two bytes it is written in."""
OPEN = ("/openapi.json",)
"""What says only how to call."""
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_KEPT = ("content-type", "location", "etag")
_UNFIT = re.compile("[\0\ud800-\udfff]")


class Gate:
    """The middleware."""

    def __init__(self, app: ASGIApp, workspace: Workspace, person: Person | None, per_minute: int) -> None:
        self._app, self._workspace, self._person = app, workspace, person
        self._rates, self._vault = Rates(per_minute), Vault(workspace.folder, os.environ)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        more: dict[str, str] = {}
        began = False

        async def sent(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                headers = MutableHeaders(scope=message)
                for name, value in (HEADERS | more).items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._pass(scope, receive, sent, more)
        except Exception as error:
            if began:
                raise
            await of_error(error).response()(scope, receive, sent)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, more: dict[str, str]) -> None:
        request = Request(scope, receive)
        path = request.url.path.removeprefix(scope.get("root_path", ""))
        if path in OPEN:
            await self._app(scope, receive, send)
            return
        caller = await run_in_threadpool(caller_of, self._workspace, request, self._person)
        if caller is None:
            raise Problem(401, "an API key is needed, as a bearer token", WWW_Authenticate="Bearer")
        scope.setdefault("state", {})["caller"] = caller
        turn = self._rates.take(caller.id)
        more |= turn.headers
        if not turn.granted:
            raise Problem(429, "too many calls; wait a little", Retry_After=str(turn.seconds))
        if "\0" in path or b"%00" in scope.get("query_string", b""):
            raise Problem(400, "there is a zero byte in the address")
        body = await _body(request)
        key = request.headers.get("idempotency-key")
        if request.method == "POST" and key is not None:
            await self._once(scope, send, caller, key, body)
        else:
            await self._app(scope, _replayed(body), send)

    async def _once(self, scope: Scope, send: Send, caller: Caller, key: str, body: bytes) -> None:
        """A call that is done at most once: its answer is kept, and given again to the same call."""
        if not _KEY.fullmatch(key):
            raise Problem(400, "an Idempotency-Key has 1 to 200 visible ASCII characters")
        path = f"POST {scope['path']}?{scope.get('query_string', b'').decode('latin-1')}\n"
        wanted = hashlib.sha256(path.encode() + body).hexdigest()
        # Who may do something else now is not told what was answered then.
        who = f"{caller.id} {' '.join(sorted(caller.scopes))}"
        database, clock = self._workspace.database, self._workspace.clock
        begun = await run_in_threadpool(
            database.write, lambda c: store.begin(c, who, key, wanted, clock.now())
        )
        if isinstance(begun, store.Answer):
            await (await run_in_threadpool(self._again, begun))(scope, _replayed(b""), send)
            return
        if begun is store.State.OTHER:
            raise Problem(422, "this Idempotency-Key was used for another request")
        if begun is store.State.AT_WORK:
            raise Problem(409, "the request with this Idempotency-Key is still at work", Retry_After="5")
        heard: list[Message] = []

        async def hear(message: Message) -> None:
            heard.append(message)

        try:
            await self._app(scope, _replayed(body), hear)
        except BaseException:
            await run_in_threadpool(database.write, lambda c: store.give_up(c, who, key))
            raise
        status, answer = _told(heard)
        if status >= 500 or status in (401, 403, 409, 412):
            await run_in_threadpool(database.write, lambda c: store.give_up(c, who, key))
        else:
            # An answer may tell a secret, which is told once and never stored as it is.
            stored = self._vault.encrypt(SecretText(json.dumps(answer)))
            await run_in_threadpool(
                database.write, lambda c: store.end(c, who, key, status, stored), durable=True
            )
        for message in heard:
            await send(message)

    def _again(self, answer: store.Answer) -> Response:
        said = json.loads(self._vault.decrypt(answer.text).reveal())
        headers = {**said["headers"], "Idempotent-Replayed": "true"}
        return Response(said["body"], answer.status, headers)


async def _body(request: Request) -> bytes:
    """The whole body, looked at. Raises Problem for one that is too large, no JSON, or cut off."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 12 or int(length) > LARGEST):
        raise Problem(413, f"the body is larger than {LARGEST} bytes")
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > LARGEST:
                raise Problem(413, f"the body is larger than {LARGEST} bytes")
    except ClientDisconnect:
        raise Problem(400, "the body was cut off") from None
    if body:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Problem(415, "the Content-Type has to be application/json")
        await run_in_threadpool(_check, bytes(body))
    return bytes(body)


def _check(body: bytes) -> None:
    """Raise Problem for what is no JSON, and for texts and numbers that no database holds."""
    if body.count(b"[") + body.count(b"{") > MOST_OPENED:
        raise Problem(413, f"the body holds more than {MOST_OPENED} lists and objects")
    try:
        text = body.decode()
        found = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Problem(400, "the body is not JSON") from None
    todo, depth = [found], 0
    while todo:
        depth += 1
        if depth > DEEPEST:
            raise Problem(400, f"the body has more than {DEEPEST} brackets within each other")
        inner: list[Any] = []
        for one in todo:
            if isinstance(one, dict):
                inner += one
                inner += one.values()
            elif isinstance(one, list):
                inner += one
            elif isinstance(one, str) and _UNFIT.search(one):
                raise Problem(400, "a text in the body has a zero byte or half a character")
            elif isinstance(one, float) and one in (float("inf"), float("-inf")):
                raise Problem(400, "a number in the body is too large")
        todo = inner


def _no_number(name: str) -> float:
    raise ValueError(name)


def _replayed(body: bytes) -> Receive:
    """The body, for who reads it next."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            return {"type": "http.disconnect"}
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _told(heard: list[Message]) -> tuple[int, Mapping[str, Any]]:
    """Status and content of an answer."""
    start = next(one for one in heard if one["type"] == "http.response.start")
    body = b"".join(one.get("body", b"") for one in heard if one["type"] == "http.response.body")
    pairs = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in start["headers"])
    headers = {name: value for name, value in pairs if name in _KEPT}
    return int(start["status"]), {"headers": headers, "body": body.decode()}
