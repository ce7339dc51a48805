"""Signing in and out: forms without scripts.

Who cannot sign in is told one thing only, whatever is wrong, after the same time: neither the words nor the
wait tell whether there is such a user. A form counts only with the token that was shown in it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from threading import Semaphore
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from carillon import passwords
from carillon.store import sessions, users
from carillon.store.engine import Connection
from carillon.store.users import User
from carillon.vault import Vault
from carillon.web import auth_totp, auth_words
from carillon.web.auth import SITE, cookie_name, cookies_of, set_cookie
from carillon.web.auth_lock import FREE_OF_ADDRESS, Strikes, wait_after
from carillon.web.bodies import Unfit, body_of
from carillon.web.shell import sign_out_everywhere
from carillon.web.statusbar import form_token
from carillon.web.visit import SCOPE, Site, Visit
from carillon.workspace import Workspace

FORM_COOKIE = "carillon_form"
PATIENCE = timedelta(minutes=5)
"""Between the password and the code."""
_MOST_WAITING = 1_000
_STRIKES = Strikes()
_ONE_AT_A_TIME = Semaphore(2)
"""Checking a password takes 64 MiB."""

router = APIRouter()


@dataclass(frozen=True)
class Waiting:
    """Somebody whose password was right and whose code is asked for."""

    user: int
    until: datetime


_waiting: dict[str, Waiting] = {}


class Wrong(Exception):
    """It did not work; the text is shown."""


@router.get("/enter")
async def enter(request: Request, token: str = "") -> Response:
    """Come in with the one-time token, as long as there are no users."""
    site = _site(request)
    secret = await run_in_threadpool(_spend, site, token, _agent(request))
    if secret is None:
        return HTMLResponse(auth_words.needs_token(), 401)
    return _let_in(request, secret, "/")


@router.get("/login")
async def ask(request: Request, next: str = "/") -> Response:
    """The form; for who is signed in already, the page they want."""
    site = _site(request)
    secret = cookies_of(request.headers).get(cookie_name(site))
    is_open, is_in = await run_in_threadpool(_standing, site, secret)
    if is_in:
        return RedirectResponse(_inside(next), 303)
    if is_open:
        return HTMLResponse(auth_words.needs_token(), 401)
    return _form(request, _inside(next))


@router.post("/login")
async def sign_in(request: Request) -> Response:
    """A name and a password."""
    wanted = "/"
    try:
        form = await _sent(request)
        wanted = _inside(form.get("next", "/"))
        found = await run_in_threadpool(
            _try_password, _site(request), form.get("name", ""), form.get("password", ""), _from(request)
        )
    except Wrong as error:
        return _form(request, wanted, str(error))
    if found.totp is not None:
        return _code_form(_wait_for_code(_site(request).current(), found), wanted)
    return _let_in(request, await run_in_threadpool(_begin, _site(request), found, _agent(request)), wanted)


@router.post("/login/code")
async def sign_in_with_code(request: Request) -> Response:
    """The code of the second factor, after a right password."""
    try:
        form = await _sent(request)
    except Wrong as error:
        return _form(request, "/", str(error))
    ticket, wanted = form.get("ticket", ""), _inside(form.get("next", "/"))
    try:
        found = await run_in_threadpool(
            _try_code, _site(request), ticket, form.get("code", ""), _from(request)
        )
    except Wrong as error:
        if ticket in _waiting:
            return _code_form(ticket, wanted, str(error))
        return _form(request, wanted, str(error))
    return _let_in(request, await run_in_threadpool(_begin, _site(request), found, _agent(request)), wanted)


@router.post("/logout")
async def sign_out(request: Request) -> Response:
    """End the session, and take its pages off the screen."""
    visit: Visit = request.scope[SCOPE]
    form = await _fields(request)
    if not compare_digest(form.get("token", "").encode(), form_token(visit.session.hash).encode()):
        return HTMLResponse(auth_words.trouble("this form is from before: open the page again"), 403)
    workspace = visit.workspace
    await run_in_threadpool(workspace.database.write, lambda c: sessions.end(c, visit.session.hash))
    sign_out_everywhere(visit.session.hash)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(cookie_name(visit.site), path="/")
    return response


def _spend(site: Site, token: str, agent: str) -> str | None:
    """A session for the token, which is worth nothing from then on."""
    workspace = site.current()
    with workspace.database.snapshot() as connection:
        if users.are_there_any(connection):
            return None
    expected, site.token = site.token, None
    if expected is None or not compare_digest(expected.encode(), token.encode()):
        site.token = expected
        return None
    now = workspace.clock.now()
    return workspace.database.write(lambda c: sessions.begin(c, None, agent, now))


def _standing(site: Site, secret: str | None) -> tuple[bool, bool]:
    """Whether there are no users; whether this browser is signed in."""
    workspace = site.current()
    with workspace.database.snapshot() as connection:
        found = None
        if secret is not None:
            found = sessions.find(connection, sessions.hash_of(secret), workspace.clock.now())
        return not users.are_there_any(connection), found is not None


def _try_password(site: Site, name: str, password: str, address: str) -> User:
    """The user, whose failures are not forgotten yet. Raises Wrong."""
    workspace, name = site.current(), name.strip()[: users.LONGEST_NAME]
    now = workspace.clock.now()
    with workspace.database.snapshot() as connection:
        user = users.named(connection, name)
    until = _STRIKES.until(_name_key(site, name), now) if user is None else user.locked_until
    _refuse_until(until, now)
    _refuse_until(_STRIKES.until(f"address {address}", now), now)
    with _ONE_AT_A_TIME:
        is_right = passwords.is_right(None if user is None else user.password, password)
    if user is None or not is_right or user.disabled is not None:
        _failed(site, workspace, user, name, address, now)
        raise Wrong("The name or the password is wrong.")
    if passwords.is_outdated(user.password):
        better, whose = passwords.hashed(password), user
        workspace.database.write(lambda c: users.rehash(c, whose, better))
    return user


def _try_code(site: Site, ticket: str, code: str, address: str) -> User:
    """The user, with a code that is right and new. Raises Wrong."""
    workspace = site.current()
    now, waiting = workspace.clock.now(), _waiting.get(ticket)
    if waiting is None or waiting.until < now:
        _waiting.pop(ticket, None)
        raise Wrong("That took too long. Please sign in again.")
    with workspace.database.snapshot() as connection:
        user = users.by_id(connection, waiting.user)
    if user is None or user.totp is None or user.disabled is not None:
        del _waiting[ticket]
        raise Wrong("Please sign in again.")
    try:
        _refuse_until(user.locked_until, now)
    except Wrong:
        _waiting.pop(ticket, None)
        raise
    secret = Vault(workspace.folder, site.environ).decrypt(user.totp).reveal()
    step = auth_totp.step_of(secret, code, now, user.totp_last)
    if step is None or not workspace.database.write(lambda c: users.use_step(c, user, step), durable=True):
        _failed(site, workspace, user, user.name, address, now)
        raise Wrong("This code is wrong or was used already. Wait for the next one.")
    _waiting.pop(ticket, None)
    return user


def _failed(
    site: Site, workspace: Workspace, user: User | None, name: str, address: str, now: datetime
) -> None:
    _STRIKES.note(f"address {address}", now, FREE_OF_ADDRESS)
    if user is None:
        _STRIKES.note(_name_key(site, name), now)
        return
    until = now + wait_after(user.failures + 1)
    workspace.database.write(lambda c: users.note_failure(c, user, until if until > now else None))


def _begin(site: Site, user: User, agent: str) -> str:
    """A session for a user; what went wrong before is forgotten."""
    workspace = site.current()
    now = workspace.clock.now()

    def begin(connection: Connection) -> str:
        users.note_login(connection, user, now)
        return sessions.begin(connection, user, agent, now)

    return workspace.database.write(begin)


def _wait_for_code(workspace: Workspace, user: User) -> str:
    now = workspace.clock.now()
    for old in [key for key, one in _waiting.items() if one.until < now]:
        _waiting.pop(old, None)
    while len(_waiting) >= _MOST_WAITING:
        _waiting.pop(next(iter(_waiting)), None)
    ticket = secrets.token_urlsafe(32)
    _waiting[ticket] = Waiting(user.id, now + PATIENCE)
    return ticket


def _refuse_until(until: datetime | None, now: datetime) -> None:
    if until is not None and until > now:
        seconds = int((until - now).total_seconds()) + 1
        wait = f"{seconds} seconds" if seconds < 90 else f"{-(-seconds // 60)} minutes"
        raise Wrong(f"Too many attempts. Try again in {wait}.")


async def _fields(request: Request) -> dict[str, str]:
    """The fields of a form. Raises Wrong for what is none."""
    try:
        body = await body_of(request, ("application/x-www-form-urlencoded",))
    except Unfit as error:
        raise Wrong("Please try again.") from error
    found = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
    return {name: values[0] for name, values in found.items()}


async def _sent(request: Request) -> dict[str, str]:
    """The fields of a form of ours. Raises Wrong for any other."""
    form = await _fields(request)
    shown = cookies_of(request.headers).get(FORM_COOKIE, "")
    if not shown or not compare_digest(shown.encode(), form.get("token", "").encode()):
        raise Wrong("The form was open for too long. Please try again.")
    return form


def _form(request: Request, wanted: str, trouble: str = "") -> Response:
    token = secrets.token_urlsafe(24)
    name = _site(request).current().settings.workspace.name
    return _with_token(
        HTMLResponse(auth_words.sign_in(name, token, wanted, trouble), 401 if trouble else 200), token
    )


def _code_form(ticket: str, wanted: str, trouble: str = "") -> Response:
    token = secrets.token_urlsafe(24)
    return _with_token(
        HTMLResponse(auth_words.ask_code(token, ticket, wanted, trouble), 401 if trouble else 200), token
    )


def _with_token(response: Response, token: str) -> Response:
    response.set_cookie(FORM_COOKIE, token, max_age=3600, path="/login", httponly=True, samesite="strict")
    return response


def _let_in(request: Request, secret: str, wanted: str) -> Response:
    response = RedirectResponse(wanted, 303)
    set_cookie(response, _site(request), request.headers, secret, sessions.LONGEST)
    response.delete_cookie(FORM_COOKIE, path="/login")
    return response


def _inside(wanted: str) -> str:
    """A path of ours, never another site."""
    is_path = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_path and not wanted.startswith(("/login", "/enter", "/logout")) else "/"


def _site(request: Request) -> Site:
    found = request.scope[SITE]
    assert isinstance(found, Site)
    return found


def _agent(request: Request) -> str:
    return request.headers.get("user-agent", "")


def _from(request: Request) -> str:
    return request.client.host if request.client else ""


def _name_key(site: Site, name: str) -> str:
    return f"name {site.current().folder} {name.lower()}"
