"""Everything the document allows, and much that it does not: never a fault of ours, never an undocumented
answer. More of it under CARILLON_SOAK."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from carillon.accounts import Account
from carillon.plan.run import Request, run
from carillon.store import accounts
from carillon.web.api import PATH
from carillon.web.api.description import JSON
from tests.web.api.conftest import Api, calling
from tests.web.api.test_sequences import STEPS

EXAMPLES = 150 if os.environ.get("CARILLON_SOAK") else 3
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


DOUBT = 42
REAL = {
    "name": "hello", "version": 1, "email_id": DOUBT, "contact_id": 1, "campaign_id": 1, "sequence_id": 2,
    "account_id": 1, "webhook_id": 1,
}  # fmt: skip
"""What the parts of paths are called, and one of each that is there; the sequence by the first example."""
SHALLOW = {
    "DELETE /suppressions",
    "POST /schedules/{schedule_id}/again",
    "POST /schedules/{schedule_id}/move",
}
"""What the examples of the document do not bring about: it takes an address, a day or a failure."""


@pytest.fixture(params=["sqlite", "postgresql"] if os.environ.get("CARILLON_SOAK") else ["sqlite"])
def busy(request: pytest.FixtureRequest, make_workspace: Any) -> Any:
    """An API with something of everything, so that half of all calls are about what is there."""
    workspace = make_workspace(request.param)
    web = workspace.settings.web.model_copy(update={"api_calls_per_minute": 1_000_000})
    object.__setattr__(workspace, "settings", workspace.settings.model_copy(update={"web": web}))
    with calling(workspace) as api:
        api.some_contacts()
        for name in ("hello", "welcome_v1", "welcome_v2"):
            api.post(f"/templates/{name}/versions", {"subject": "Hi", "html": "<p>Hi</p>"}, 201)
            api.post(f"/templates/{name}/versions/1/activate")
        api.call("PUT", "/campaign-types/hello", {"priority": 5})
        api.call("POST", "/campaigns", {"type": "rate_increase", "name": "rates"})
        api.post("/campaigns/1/targets", {"contacts": [{"contact_id": 1}]})
        api.post("/sequences", {"name": "other", "steps": STEPS}, 201)
        api.post("/sequences/1/enroll", {"contacts": [{"contact_id": 1}]})
        api.post("/webhooks", {"url": "https://example.com/x"}, 201)
        new = Account(0, "sales", "sales@example.com", "maildir", {"path": "out"}, kind="mailbox")
        workspace.database.write(lambda c: accounts.create(c, new, workspace.clock.now(), "ann"))
        run(workspace, Request(workspace.today()), lambda *_: None, lambda _: None)
        workspace.database.write(
            lambda c: c.exec_driver_sql(
                "insert into outbox (id, contact_id, kind, email_type, send, status, intent_at) values"
                f" ({DOUBT}, 1, 0, 'birthday', 20500, 'in_doubt', '2026-03-01T00:00:00.000Z')"
            )
        )
        yield api


def _is_final(operation: Any) -> bool:
    """Whether nothing more can be done with a thing afterwards."""
    return bool(operation.method == "delete" or operation.path.endswith("/archive"))


def _about(known: dict[str, Any], case: Case) -> Case:
    """The same call, about something that is there."""
    if case.path_parameters:
        case.path_parameters = {name: known.get(name, one) for name, one in case.path_parameters.items()}
    return case


def _call(api: Api, base: str, case: Case, answered: set[int]) -> None:
    answer = case.call(base_url=base, headers={"Authorization": f"Bearer {api.key}"}, timeout=60)
    case.validate_response(answer, checks=CHECKS)
    answered.add(answer.status_code)


def _call_all(api: Api, base: str, cases: SearchStrategy[Case], answered: set[int]) -> None:
    @given(case=cases)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Case) -> None:
        _call(api, base, case, answered)

    ask()


def test_no_request_brings_out_a_fault(busy: Api) -> None:
    document = busy.call("GET", "/openapi.json", key=None).json()
    schema = schemathesis.openapi.from_dict(document)
    base = f"{busy.client.base_url}".rstrip("/") + PATH
    planned = busy.get("/schedules?status=pre-scheduled&limit=5")["items"]
    known = REAL | {"schedule_id": planned[-1]["id"]}
    done: dict[str, set[int]] = {}
    operations = [found.ok() for found in schema.get_all_operations()]
    for operation in sorted(operations, key=_is_final):
        answered = done.setdefault(f"{operation.method.upper()} {operation.path}", set())
        shown = document["paths"][operation.path][operation.method].get("requestBody", {}).get("content", {})
        body = {"body": shown[JSON]["example"], "media_type": JSON} if shown else {}
        _call(busy, base, operation.Case(path_parameters=known, **body), answered)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            cases = operation.as_strategy(generation_mode=mode)
            _call_all(busy, base, cases | cases.map(partial(_about, known)), answered)
    assert len(done) > 60
    shallow = {name for name, codes in done.items() if not any(code < 300 for code in codes)}
    assert shallow <= SHALLOW, shallow
