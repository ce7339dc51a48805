"""The door of the application: who may come in, from where, and with which headers they are answered.

Everything but the public endpoints and the API passes here. Nobody without a session gets further than the
login page. As long as there are no users the door opens from this machine alone, and only with the one-time
token that the terminal shows: then the Host has to be loopback, too, or a page elsewhere could point its own
name at this machine (DNS rebinding), and whatever was forwarded comes from somewhere else. What changes
something has to come from a page of ours (Origin), and so does a WebSocket.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carillon.errors import CarillonError
from carillon.store import sessions, users
from carillon.store.sessions import Session
from carillon.web import auth_words
from carillon.web.intake import FORM, UPLOAD, bounded
from carillon.web.policy import headers_for, mark
from carillon.web.server import LARGEST_FRAME
from carillon.web.theme import LIGHT_COOKIE, ZONE_COOKIE
from carillon.web.visit import CURRENT, SCOPE, Site, Visit
from carillon.words import Role

SITE = "carillon.site"
"""Where the site is in a request's scope."""
SOCKET = "/_nicegui_ws/"
_OPEN = re.compile(
    r"/_nicegui/[0-9][^/]*/(static|libraries|components|resources|dynamic_resources|esm)/.*"
    r"|/_carillon/.*|/favicon\.ico"
)
"""Scripts and styles: the same for everybody, each with its version in its path."""
_OF_PAGE = re.compile(r"/_nicegui/client/([^/]+)/.*")
"""What belongs to one open page: its uploads."""
Owner = Callable[[str], str | None]
"""The hash of the session that opened a page, by the page's id."""
Bound = Callable[[str, int], int | None]
"""Bytes of a file that an element of a page takes, by their ids; None: it takes none."""
BEFORE = ("/login", "/login/code", "/enter")
"""Paths of those who are not signed in yet."""
_FOREVER = "public, max-age=31536000, immutable"
"""For what has its version in its path."""
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
_SAFE = ("GET", "HEAD", "OPTIONS")
_ZONE = re.compile(r"[A-Za-z0-9_+/-]{1,64}")


class Gate:
    """An ASGI application in front of another, which gets a `Visit` in its scope."""

    def __init__(self, inside: ASGIApp, site: Site, owner: Owner, bound: Bound) -> None:
        self._inside, self._site, self._owner, self._bound = inside, site, owner, bound
        self._notes: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._inside(scope, receive, send)
            return
        scope[SITE] = self._site
        mark(scope)
        try:
            answer = await self._admit(scope)
        except CarillonError as error:
            answer = HTMLResponse(auth_words.trouble(str(error)), 503)
        if answer is None:
            await self._pass(scope, receive, _with_headers(scope, send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await answer(scope, receive, _with_headers(scope, send))

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        """To whom it is for; a body as far as it may go."""
        found = UPLOAD.fullmatch(scope["path"])
        if found is not None:
            most = self._bound(found[1], int(found[2]))
            if most is None:
                await PlainTextResponse("Nothing is taken here.", 404)(scope, receive, send)
            elif not scope[SCOPE].may(Role.EDITOR):
                await PlainTextResponse("This takes the role editor.", 403)(scope, receive, send)
            else:
                await bounded(self._inside, scope, receive, send, most + FORM)
        elif scope["type"] == "http" and scope["path"].startswith(SOCKET):
            await bounded(self._inside, scope, receive, send, LARGEST_FRAME)
        else:
            await self._inside(scope, receive, send)

    async def _admit(self, scope: Scope) -> Response | None:
        """The answer to who may not come in; None: they may."""
        path, headers = scope["path"], Headers(scope=scope)
        if is_static(scope):
            return None
        unsafe = scope["type"] == "websocket" or scope["method"] not in _SAFE or path.startswith(SOCKET)
        if unsafe and not is_ours(self._site, headers):
            return PlainTextResponse("This came from another page than ours (Origin).", 403)
        is_open, session = await asyncio.to_thread(self._look, headers)
        if is_open and (why := not_from_here(scope, headers)):
            return HTMLResponse(auth_words.no_users(why), 403)
        if session is None:
            return None if path in BEFORE else _to_login(scope, path, is_open)
        visit = Visit(self._site, session, _zone(headers), _likes_dark(headers))
        if not self._owns(scope, session):
            return PlainTextResponse("This page was opened by somebody else.", 403)
        scope[SCOPE] = visit
        CURRENT.set(visit)
        self._touch(visit)
        return None

    def _look(self, headers: Headers) -> tuple[bool, Session | None]:
        """Whether there are no users, and the session of who calls."""
        workspace = self._site.current()
        secret = cookies_of(headers).get(cookie_name(self._site))
        with workspace.database.snapshot() as connection:
            found = None
            if secret is not None:
                hashed = sessions.hash_of(secret)
                found = sessions.find(connection, hashed, workspace.clock.now())
            return not users.are_there_any(connection), found

    def _owns(self, scope: Scope, session: Session) -> bool:
        """Whether the page that a socket or an upload belongs to was opened by this session."""
        if (found := _OF_PAGE.fullmatch(scope["path"])) is not None:
            return self._owner(found[1]) == session.hash
        if not scope["path"].startswith(SOCKET):
            return True
        wanted = parse_qs(scope["query_string"].decode("latin-1")).get("client_id", [""])[0]
        owner = self._owner(wanted)
        # A page that is gone is told so by NiceGUI, which has the browser load it again.
        return owner is None or owner == session.hash

    def _touch(self, visit: Visit) -> None:
        """Note that the session is in use, beside the answer: another writer may be at it for long."""
        now = visit.workspace.clock.now()
        if now - visit.session.seen < sessions.SEEN_AGAIN:
            return

        def write() -> None:
            with suppress(CarillonError):
                visit.workspace.database.write(lambda c: sessions.touch(c, visit.session, now))

        task = asyncio.create_task(asyncio.to_thread(write))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)


def is_static(scope: Scope) -> bool:
    """Whether only what everybody may have is asked for."""
    asks = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
    return asks and _OPEN.fullmatch(scope["path"]) is not None


def is_ours(site: Site, headers: Headers) -> bool:
    """Whether a request comes from a page of this server, as its browser says."""
    origin = headers.get("origin", "")
    outside = urlsplit(site.current().settings.sending.public_url or "").netloc
    here = urlsplit(origin).netloc
    return (
        bool(here) and here in {headers.get("host", ""), outside} and origin.startswith(("http:", "https:"))
    )


def not_from_here(scope: Scope, headers: Headers) -> str:
    """Why somebody is not at this machine; empty: they are."""
    client = scope.get("client")
    if client is None or not is_loopback(client[0]):
        return "you are not at the machine it runs on"
    if forwarded := [name for name in _FORWARDED if name in headers]:
        return f"the request was forwarded ({forwarded[0]})"
    if not is_loopback(host_of(headers)):
        return "the address in the browser is not 127.0.0.1 or localhost"
    return ""


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(headers: Headers) -> str:
    """The host a browser asked for, without its port."""
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def cookie_name(site: Site) -> str:
    """One for each workspace: cookies of a machine are shared by all its ports."""
    folder = str(site.current().folder.resolve())
    return f"carillon_{hashlib.sha256(folder.encode()).hexdigest()[:8]}"


def set_cookie(response: Response, site: Site, headers: Headers, secret: str, longest: timedelta) -> None:
    """Hand a session's secret to the browser, for no script and no other site to see."""
    public = site.current().settings.sending.public_url or ""
    response.set_cookie(
        cookie_name(site),
        secret,
        max_age=int(longest.total_seconds()),
        path="/",
        secure=public.startswith("https:") and not is_loopback(host_of(headers)),
        httponly=True,
        samesite="lax",
    )


def cookies_of(headers: Headers) -> dict[str, str]:
    try:
        return {name: one.value for name, one in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _zone(headers: Headers) -> str | None:
    """The browser's time zone, which our pages leave in a cookie."""
    found = cookies_of(headers).get(ZONE_COOKIE, "").replace("%2F", "/")
    return found if _ZONE.fullmatch(found) else None


def _likes_dark(headers: Headers) -> bool:
    return cookies_of(headers).get(LIGHT_COOKIE) == "dark"


def _to_login(scope: Scope, path: str, is_open: bool) -> Response:
    if scope["type"] == "websocket" or path.startswith(SOCKET) or scope["method"] not in _SAFE:
        return PlainTextResponse("You are signed out.", 401)
    if is_open:
        return HTMLResponse(auth_words.needs_token(), 401)
    query = scope["query_string"].decode("latin-1")
    wanted = path + (f"?{query}" if query else "")
    return RedirectResponse("/login" if wanted == "/" else f"/login?next={quote(wanted, safe='')}", 303)


def _with_headers(scope: Scope, send: Send) -> Send:
    """Answers get our headers, except where they bring their own."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in headers_for(scope).items():
                headers.setdefault(name, value)
            is_kept = message["status"] == 200 and is_static(scope)
            headers.setdefault("Cache-Control", _FOREVER if is_kept else "no-store")
        await send(message)

    return sent
