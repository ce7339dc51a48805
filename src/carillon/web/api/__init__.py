"""The REST API (07-faces, section 2): an application of its own, to be mounted under `PATH`.

One file per resource. Endpoints call the same functions as the commands; no rule lives here. What all of
them have in common - keys, limits, bodies, repeated calls - is done before them, in `gate`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

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
    suppressions,
    targets,
    templates,
    webhooks,
)
from carillon.web.api.access import Caller, Person, allowed
from carillon.web.api.gate import Gate
from carillon.web.api.problems import USUAL, ProblemDetails
from carillon.workspace import Workspace

__all__ = ["PATH", "Caller", "Person", "allowed", "api_app", "document"]

PATH = "/api/v1"
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
    )
    for router in _ROUTERS:
        app.include_router(router, responses=USUAL)
    app.openapi = partial(_described, app)  # type: ignore[method-assign]
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            servers=app.servers,
        )
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        schema = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas["ProblemDetails"] = schema
        app.openapi_schema = found
    return app.openapi_schema
