"""POST /hooks/NAME: what providers report.

Without the provider's signature over exactly this body there is a 401, and nothing is read, written or
logged. Of a good call every event that can be is stored, and the answer says which could not. What is sent
once more changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from carillon.errors import CarillonError
from carillon.events import Event
from carillon.listen.hooks import BadCall, Call, Found, Hook
from carillon.listen.hooks.sendgrid import SendGrid
from carillon.listen.hooks.signed import Signed
from carillon.listen.hooks.twilio import Twilio
from carillon.settings import Settings
from carillon.store import contact_lookup as lookup
from carillon.store.event_effects import Rules
from carillon.store.events import apply
from carillon.tokens import LinkKeys
from carillon.vault import SecretText
from carillon.web.bodies import Unfit, answered, body_of
from carillon.workspace import Workspace

PATH = "/hooks"


def open_hooks(settings: Settings, environ: Mapping[str, str]) -> dict[str, Hook | str]:
    """The webhooks that the settings open, by name; in the place of one that cannot be, why."""
    wanted = settings.webhooks
    makers: dict[str, tuple[str | None, Callable[[SecretText], Hook]]] = {
        "sendgrid": (wanted.sendgrid_key_env, SendGrid),
        "twilio": (wanted.twilio_token_env, Twilio),
        **{name: (variable, partial(Signed, name)) for name, variable in wanted.hmac_secret_env.items()},
    }
    found: dict[str, Hook | str] = {}
    for name, (variable, make) in makers.items():
        if variable is None:
            continue
        secret = environ.get(variable)
        if not secret:
            found[name] = f"{PATH}/{name}: the environment variable {variable} is not set"
            continue
        try:
            found[name] = make(SecretText(secret))
        except CarillonError as error:
            found[name] = f"{PATH}/{name}: {error}"
    return found


def troubles(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """Why webhooks that the settings open cannot work, one sentence each."""
    hooks = open_hooks(settings, environ)
    found = [one for one in hooks.values() if isinstance(one, str)]
    if "twilio" in hooks and settings.sending.public_url is None:
        found.append(f"{PATH}/twilio needs sending.public_url: Twilio signs the address it calls")
    return found


def hooks_router(workspace: Workspace, keys: LinkKeys, environ: Mapping[str, str]) -> APIRouter:
    """The routes."""
    router, hooks = APIRouter(), open_hooks(workspace.settings, environ)

    @router.post(PATH + "/{name}")
    async def called(name: str, request: Request) -> Response:
        return await answered(work(hooks.get(name), request))

    async def work(hook: Hook | str | None, request: Request) -> Response:
        if hook is None:
            raise Unfit(404, "there is no such webhook")
        if isinstance(hook, str):
            raise Unfit(503, "this webhook is not set up", **{"Retry-After": "600"})
        call = _call(workspace, request, await body_of(request, hook.media_types))
        return await run_in_threadpool(_take, workspace, keys, hook, call)

    return router


def _call(workspace: Workspace, request: Request, body: bytes) -> Call:
    """The request as its sender made it: to our public address."""
    outside = workspace.settings.sending.public_url or ""
    query = request.url.query
    url = f"{outside}{request.url.path}{'?' + query if query else ''}"
    return Call(url, dict(request.query_params), dict(request.headers), body, workspace.clock.now())


def _take(workspace: Workspace, keys: LinkKeys, hook: Hook, call: Call) -> Response:
    if not hook.is_genuine(call):
        raise Unfit(401, "the signature is missing, wrong or old")
    try:
        found = hook.read(call, keys)
    except BadCall as error:
        raise Unfit(400, str(error)) from None
    events = found.events + _by_phone(workspace, found)
    rules = Rules.of(workspace.settings)
    applied = workspace.database.write(lambda c: apply(c, events, call.now, rules))
    text, kind = hook.answer
    if text:
        return Response(text, media_type=kind)
    report = {
        "stored": len(applied.new),
        "repeated": applied.repeated,
        "unmatched": applied.unmatched,
        "rejected": [{"index": one.place, "why": one.why} for one in found.misfits],
    }
    return JSONResponse(report, 207 if found.misfits else 200)


def _by_phone(workspace: Workspace, found: Found) -> list[Event]:
    """The events of those who have the phones a call names."""
    if not found.phones:
        return []
    with workspace.database.snapshot() as connection:
        contacts = lookup.by_phone(connection, found.phones)
    return [_of(found.phones[number], one) for number, ids in contacts.items() for one in ids]


def _of(event: Event, contact: int) -> Event:
    """The same for one of those who share a phone."""
    return replace(event, contact=contact, key=f"{event.key}:{contact}")
