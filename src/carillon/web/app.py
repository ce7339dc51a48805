"""The application: public endpoints, API and pages on one server.

NiceGUI keeps its pages once per process; which site a request is for stands in the request's scope, so that
the pages themselves know none. It takes half a second to import: only what serves pages imports this.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from fastapi import FastAPI, Request, Response
from nicegui import Client, core, ui
from nicegui.client import templates
from nicegui.middlewares import RedirectWithPrefixMiddleware, SetCacheControlMiddleware
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from carillon.errors import CarillonError
from carillon.tokens import LinkKeys
from carillon.web import auth_login, auth_words, pages, theme
from carillon.web.api import served
from carillon.web.auth import Gate
from carillon.web.policy import mark_templates
from carillon.web.public import public_app
from carillon.web.visit import SCOPE, Site
from carillon.workspace import Workspace

PUBLIC = frozenset(("u", "v", "o", "c", "hooks", "events"))
"""First parts of the paths anybody may reach: see `public`."""


class Application:
    """Sends each request to whom it is for."""

    def __init__(self, site: Site, keys: LinkKeys) -> None:
        self._site, self._keys = site, keys
        self._pages = Gate(inside(), site, _owner, _bound)
        self._doors = self._made(site.current())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        first = scope["path"].split("/", 2)[1] if "path" in scope else ""
        if first not in PUBLIC and first != "api":
            await self._pages(scope, receive, send)
            return
        workspace = self._site.current()
        if self._doors.workspace is not workspace:
            self._doors = await asyncio.to_thread(self._made, workspace)
        await (self._doors.api if first == "api" else self._doors.public)(scope, receive, send)

    def _made(self, workspace: Workspace) -> _Doors:
        """What serves programs and the public, under the settings of now."""
        public = public_app(workspace, self._keys, self._site.environ)
        return _Doors(workspace, public, served(workspace))


@dataclass(frozen=True)
class _Doors:
    workspace: Workspace
    public: ASGIApp
    api: ASGIApp


@cache
def inside() -> FastAPI:
    """Login and pages: made once in a process, because NiceGUI is there once."""
    made = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, title="Carillon")
    made.include_router(auth_login.router)
    made.include_router(theme.router)
    for module in iter_modules(pages.__path__):
        import_module(f"{pages.__name__}.{module.name}")
    # Without a secret NiceGUI keeps no storage of its own: no folder, and no cookie beside ours.
    core.app.add_exception_handler(404, _lost)
    logging.getLogger("nicegui").addFilter(_is_news)
    ui.run_with(
        made,
        title="Carillon",
        favicon=theme.ICON,
        language="en-US",
        show_welcome_message=False,
        reconnect_timeout=5.0,
    )
    # Two of its layers cannot stand a browser that leaves early; `Gate` sets the headers that they would set.
    unwanted: tuple[object, ...] = (RedirectWithPrefixMiddleware, SetCacheControlMiddleware)
    core.app.user_middleware[:] = [one for one in core.app.user_middleware if one.cls not in unwanted]
    mark_templates(templates.env)
    core.sio.eio.cors_allowed_origins = []  # `Gate` has looked at the Origin already
    return made


def _lost(_request: Request, _error: Exception) -> Response:
    return HTMLResponse(auth_words.lost(), 404)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether it belongs into the log: what a CarillonError says was told on the page already."""
    return not (record.exc_info and isinstance(record.exc_info[1], CarillonError))


def _owner(client_id: str) -> str | None:
    """The session that opened a page."""
    client = Client.instances.get(client_id)
    visit = None if client is None else client.request.scope.get(SCOPE)
    return None if visit is None else visit.session.hash


def _bound(client_id: str, element_id: int) -> int | None:
    """Bytes of a file that an element of a page takes."""
    client = Client.instances.get(client_id)
    found = None if client is None else client.elements.get(element_id)
    return found.props.get("max-file-size") if isinstance(found, ui.upload) else None
