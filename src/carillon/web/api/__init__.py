"""The REST API (07-faces, section 2): an application of its own, to be mounted under `PATH`.

One file per resource. Endpoints call the same functions as the commands; no rule lives here. What all of
them have in common - keys, limits, bodies, repeated calls - is done before them, in `gate`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from carillon import __version__
from carillon.web.api import (
    accounts,
    audit,
    campaign_types,
    campaigns,
    contacts,
    doubts,
    enrollments,
    events,
    health,
    problems,
    reports,
    runs,
    schedules,
    sequences,
    settings,
    suppressions,
    targets,
    templates,
    webhooks,
)
from carillon.web.api.access import Caller, Person, allowed
from carillon.web.api.description import described
from carillon.web.api.gate import Gate
from carillon.web.api.location import PATH
from carillon.web.api.problems import USUAL, missing
from carillon.workspace import Workspace

__all__ = ["PATH", "Caller", "Person", "allowed", "api_app", "document", "served"]

_ROUTERS = tuple(
    one.router
    for one in (
        contacts,
        campaign_types,
        campaigns,
        targets,
        templates,
        sequences,
        enrollments,
        accounts,
        schedules,
        runs,
        suppressions,
        events,
        reports,
        webhooks,
        doubts,
        health,
        settings,
        audit,
    )
)


def api_app(workspace: Workspace, person: Person | None = None) -> FastAPI:
    """The application. `person`: says who a request without an API key is from; without it nobody is.

    Whoever lets people in by `person` guards against requests that other sites make in their name.
    """
    app = _endpoints()
    app.state.workspace = workspace
    problems.install(app)
    app.add_middleware(
        Gate, workspace=workspace, person=person, per_minute=workspace.settings.web.api_calls_per_minute
    )
    return app


def served(workspace: Workspace, person: Person | None = None) -> ASGIApp:
    """The application under `PATH`. By hand: Starlette's own mounting lets no line break in a path through,
    and answers it with a 404 of its own."""
    api = api_app(workspace, person)

    async def under(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(f"{PATH}/"):
            await api({**scope, "root_path": scope.get("root_path", "") + PATH}, receive, send)
        elif scope["type"] == "http":
            await missing(f"API here; it is at {PATH}").response()(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    return under


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return _endpoints().openapi()


def _endpoints() -> FastAPI:
    app = FastAPI(
        title="Carillon",
        version=__version__,
        description="What other programs can do with Carillon.",
        docs_url=None,
        redoc_url=None,
        servers=[{"url": PATH}],
        root_path_in_servers=False,
        redirect_slashes=False,
        generate_unique_id_function=_name,
    )
    for router in _ROUTERS:
        app.include_router(router, responses=USUAL)
    app.openapi = partial(described, app, _ROUTERS)  # type: ignore[method-assign]
    return app


def _name(route: APIRoute) -> str:
    """What programs that are made from the document call an operation."""
    return route.name
