"""The public endpoints: unsubscribe, read in a browser, open and click; webhooks and events of programs.

What anybody on the internet may reach, and nothing else. A link is a signed token; without a right one there
is a 404, and nothing is read, written or logged. Looking changes nothing: link scanners look at everything.
No cookies, no scripts, no login. Bodies are read by `hooks` and `events` alone, which ask for a signature or
a key.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from carillon.errors import CarillonError
from carillon.send.preview import Viewer
from carillon.store import responses as store
from carillon.tokens import LinkKeys, Purpose, Ticket
from carillon.web import words
from carillon.web.events import events_router
from carillon.web.hooks import hooks_router
from carillon.workspace import Workspace

PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
LONGEST_PROGRAM = 300
"""Characters kept of what a browser calls itself."""
_ROBOTS = re.compile(
    r"bot\b|bot/|crawl|spider|scan|preview|prefetch|barracuda|mimecast|proofpoint|safelinks|urldefense"
    r"|symantec|messagelabs|trendmicro|forcepoint|cisco|fireeye|headless|facebookexternalhit|slack"
    r"|whatsapp|telegram",
    re.IGNORECASE,
)
_BARE = ("", "Mozilla/5.0")
"""What says no more about itself is no browser: Apple's privacy proxy says the latter."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
}
EMAIL_POLICY = (
    "default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox "
    "allow-top-navigation-by-user-activation"
)
"""For an email shown as a page: nothing in it runs."""


def public_app(workspace: Workspace, keys: LinkKeys, environ: Mapping[str, str]) -> FastAPI:
    """The application. `environ`: where the secrets of webhooks are."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, title="Carillon")
    sender, viewer = workspace.settings.sending.sender_name or "us", Viewer(workspace, keys)

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        try:
            response = await call_next(request)
        except CarillonError:
            response = HTMLResponse(words.later(), 503, {"Retry-After": "60"})
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @app.exception_handler(404)
    async def lost(_request: Request, _error: Exception) -> Response:
        return HTMLResponse(words.unknown(), 404)

    @app.get("/u/{token}")
    def ask(token: str) -> Response:
        ticket = keys.read(Purpose.UNSUBSCRIBE, token)
        if ticket is None:
            return _unknown()
        if not ticket.contact:
            return HTMLResponse(words.trial())
        with workspace.database.snapshot() as connection:
            address = store.address_of(connection, ticket.contact)
        return HTMLResponse(words.ask(address or "this@address", sender))

    @app.post("/u/{token}")
    def unsubscribe(token: str) -> Response:
        ticket = keys.read(Purpose.UNSUBSCRIBE, token)
        if ticket is None:
            return _unknown()
        if not ticket.contact:
            return HTMLResponse(words.trial())
        now = workspace.clock.now()
        workspace.database.write(lambda c: store.respond(c, Purpose.UNSUBSCRIBE, ticket, None, now))
        return HTMLResponse(words.done(sender))

    @app.get("/v/{token}")
    def view(token: str) -> Response:
        ticket = keys.read(Purpose.VIEW, token)
        if ticket is None:
            return _unknown()
        if not ticket.schedule:
            return HTMLResponse(words.trial())
        shown = viewer.show(ticket.contact, ticket.schedule)
        if shown is None:
            return _unknown()
        page = shown.html if shown.html is not None else words.plain(shown.text)
        return HTMLResponse(page, headers={"Content-Security-Policy": EMAIL_POLICY})

    @app.get("/o/{token}")
    def opened(token: str, request: Request) -> Response:
        ticket = keys.read(Purpose.OPEN, token)
        if ticket is None:
            return _unknown()
        _note(workspace, Purpose.OPEN, ticket, _visitor(request))
        return Response(PIXEL, media_type="image/gif")

    @app.get("/c/{token}")
    def clicked(token: str, request: Request) -> Response:
        ticket = keys.read(Purpose.CLICK, token)
        if ticket is None or not ticket.url:
            return _unknown()
        _note(workspace, Purpose.CLICK, ticket, _visitor(request))
        return RedirectResponse(ticket.url, 302)

    app.include_router(hooks_router(workspace, keys, environ))
    app.include_router(events_router(workspace))
    return app


def _note(workspace: Workspace, purpose: Purpose, ticket: Ticket, visitor: store.Visitor) -> None:
    """Note an open or a click. Who reads gets the picture or the page even where it cannot be noted."""
    now = workspace.clock.now()
    with suppress(CarillonError):
        workspace.database.write(lambda c: store.respond(c, purpose, ticket, visitor, now))


def _visitor(request: Request) -> store.Visitor:
    program = request.headers.get("user-agent", "")[:LONGEST_PROGRAM]
    purposes = (request.headers.get(name, "") for name in ("purpose", "sec-purpose", "x-moz", "x-purpose"))
    early = any("prefetch" in one or "preview" in one for one in purposes)
    automatic = early or program.strip() in _BARE or bool(_ROBOTS.search(program))
    return store.Visitor(request.client.host if request.client else None, program, automatic)


def _unknown() -> Response:
    return HTMLResponse(words.unknown(), 404)
