"""Everything the document allows, and much that it does not: never a fault of ours, never an undocumented
answer. More of it under CARILLON_SOAK."""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from carillon.web.api import PATH
from tests.web.api.conftest import Api, calling

EXAMPLES = 150 if os.environ.get("CARILLON_SOAK") else 3
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(params=["sqlite", "postgresql"] if os.environ.get("CARILLON_SOAK") else ["sqlite"])
def busy(request: pytest.FixtureRequest, make_workspace: Any) -> Any:
    """An API with something of everything, so that ids near 1 mean something."""
    workspace = make_workspace(request.param)
    web = workspace.settings.web.model_copy(update={"api_calls_per_minute": 1_000_000})
    object.__setattr__(workspace, "settings", workspace.settings.model_copy(update={"web": web}))
    with calling(workspace) as api:
        api.some_contacts()
        api.post("/templates/hello/versions", {"subject": "Hi", "html": "<p>Hi</p>"}, 201)
        api.post("/templates/hello/versions/1/activate")
        api.call("POST", "/campaigns", {"type": "rate_increase", "name": "rates"})
        api.post("/campaigns/1/targets", {"contacts": [{"contact_id": 1}]})
        steps = [{"key": "a", "type": "email", "template": "hello"}]
        api.post("/sequences", {"name": "welcome", "steps": steps}, 201)
        api.post("/sequences/1/enroll", {"contacts": [{"contact_id": 1}]})
        api.post("/webhooks", {"url": "https://example.com/x"}, 201)
        yield api


def test_no_request_brings_out_a_fault(busy: Api) -> None:
    document = busy.call("GET", "/openapi.json", key=None).json()
    schema = schemathesis.openapi.from_dict(document)
    base = f"{busy.client.base_url}".rstrip("/") + PATH
    seen = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        seen += 1
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def ask(case: Case) -> None:
                answer = case.call(base_url=base, headers={"Authorization": f"Bearer {busy.key}"}, timeout=60)
                case.validate_response(answer, checks=CHECKS)

            ask()
    assert seen > 60
