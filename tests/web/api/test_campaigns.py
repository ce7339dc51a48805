"""Campaign types, campaigns and their targets; templates."""

from __future__ import annotations

from tests.web.api.conftest import Api


def test_a_campaign_from_its_type_to_its_log(api: Api) -> None:
    assert "rate_increase" in {one["name"] for one in api.get("/campaign-types")}
    made = api.call("PUT", "/campaign-types/office_move", {"priority": 5, "days_before_event": 7})
    assert made.json()["priority"] == 5
    assert api.call("PUT", "/campaign-types/office_move", {"active": False}).json()["days_before_event"] == 7
    assert api.get("/campaign-types/office_move")["active"] is False
    assert api.call("GET", "/campaign-types/nothing").status_code == 404
    assert api.call("PUT", "/campaign-types/Bad Name", {}).status_code == 422
    api.call("PUT", "/campaign-types/office_move", {"active": True})

    wanted = {"type": "office_move", "name": "moving", "start": "2026-05-01", "metadata": {"a": 1, "b": 2}}
    answer = api.call("POST", "/campaigns", wanted)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/campaigns/{answer.json()['id']}"
    assert api.call("POST", "/campaigns", wanted).status_code == 422
    assert api.call("POST", "/campaigns", wanted | {"name": "x", "type": "none"}).status_code == 422
    tag = api.call("GET", "/campaigns/1").headers["etag"]
    edit = {"metadata": {"a": None, "priority": 3}, "start": None}
    changed = api.call("PATCH", "/campaigns/1", edit, If_Match=tag).json()
    assert (changed["metadata"], changed["start"]) == ({"b": 2, "priority": 3}, None)
    assert changed["fields"]["priority"] == 3
    assert api.call("PATCH", "/campaigns/1", edit, If_Match=tag).status_code == 412
    for deed, status in (("pause", "paused"), ("resume", "active"), ("archive", "archived")):
        assert api.post(f"/campaigns/1/{deed}")["status"] == status
    log = api.get("/campaigns/1/log")
    assert log[0] | {"changed_at": None} == {
        "campaign": "moving", "type": None, "field": "status", "old": "active", "new": "archived",
        "requires_rescheduling": True, "changed_at": None, "changed_by": "API key all",
    }  # fmt: skip
    assert [one["name"] for one in api.pages("/campaigns", 1)] == ["moving"]
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("POST", "/pause"),
        ("GET", "/log"),
        ("GET", "/targets"),
    ):
        assert api.call(method, f"/campaigns/9{path}", {}).status_code == 404, path
    assert api.get("/reports/campaigns")["items"][0]["name"] == "moving"


def test_targets(api: Api) -> None:
    api.some_contacts()
    api.post("/contacts/bulk", [{"email": "tim@example.com", "external_id": "T2"}])
    api.call("POST", "/campaigns", {"type": "rate_increase", "name": "rates"})
    wanted = [
        {"email": "maria@example.com", "trigger_date": "2026-09-01"},
        {"contact_id": 2},
        {"external_id": "T2"},
        {"email": "nobody@example.com"},
    ]
    done = api.post("/campaigns/1/targets", {"contacts": wanted, "trigger_date": "2026-10-01"})
    assert (done["changed"], done["nobody"], done["outlook"]) == (3, [3], {"goes": 3})
    assert done["by_date"] == {"2026-09-01": 1, "2026-10-01": 2}
    assert api.post("/campaigns/1/targets", {"contacts": wanted[:1]})["unchanged"] == 1
    assert [(one["contact_id"], one["trigger_date"]) for one in api.pages("/campaigns/1/targets", 1)] == [
        (1, "2026-09-01"),
        (2, "2026-10-01"),
        (3, "2026-10-01"),
    ]
    assert api.get("/campaigns/1")["targets"] == {"pending": 3}
    assert api.post("/campaigns/1/targets/remove", {"contacts": [{"contact_id": 2}]})["changed"] == 1
    assert api.post("/campaigns/1/targets", {"all": True, "trigger_date": "2026-09-01"})["changed"] == 2
    assert api.post("/campaigns/1/targets", {"all": True})["all_contacts"] is True
    gone = api.post("/campaigns/1/targets/remove", {"all": True})
    assert (gone["all_contacts"], gone["changed"]) == (False, 4)
    for body in (
        {},
        {"all": True, "contacts": []},
        {"contacts": [{}]},
        {"contacts": [{"contact_id": 1, "email": "maria@example.com"}]},
        {"all": True, "trigger_date": "3026-01-01"},
        {"contacts": [{"contact_id": 1, "trigger_date": "1900-01-01"}]},
        {"contacts": [{"contact_id": 2**70}]},
    ):
        assert api.call("POST", "/campaigns/1/targets", body).status_code == 422, body


def test_templates(api: Api) -> None:
    api.some_contacts()
    assert "birthday_standard_v1" in {one["name"] for one in api.get("/templates")}
    part = {"subject": "Hello {{ first_name }}", "html": "<p>Dear {{ first_name }}</p>"}
    made = api.post("/templates/hello/versions", part, 201)
    assert (made["version"], made["active"]) == (1, False)
    assert api.post("/templates/hello/versions/1/activate")["active"] is True
    assert api.get("/templates/hello/preview?contact=maria@example.com")["subject"] == "Hello Maria"
    read = api.call("GET", "/templates/hello")
    assert api.call("GET", "/templates/hello", If_None_Match=read.headers["etag"]).status_code == 304
    bad = api.call("POST", "/templates/hello/versions", {"html": "{{ nothing"}, If_Match=read.headers["etag"])
    assert bad.status_code == 201
    assert any(one["is_error"] for one in bad.json()["findings"])
    late = api.call("POST", "/templates/hello/versions", part, If_Match=read.headers["etag"])
    assert late.status_code == 412, "another has made a version meanwhile"
    refused = api.call("POST", "/templates/hello/versions/2/activate")
    assert refused.status_code == 422
    assert "was not put in force" in refused.json()["detail"]
    assert api.call("GET", "/templates/hello/preview?version=2").status_code == 422
    assert api.get("/templates/hello")["version"] == 1
    assert len(api.get("/templates/hello")["versions"]) == 2
    assert api.get("/templates/hello/versions/2")["html"] == "{{ nothing"
    for path in ("nothing", "nothing/versions/1", "hello/versions/7", "nothing/preview"):
        assert api.call("GET", f"/templates/{path}").status_code == 404
    assert api.call("POST", "/templates/x/versions", {}).status_code == 422
    danger = {"subject": "x", "html": "{{ ''.__class__.__mro__ }}"}
    assert api.post("/templates/danger/versions", danger, 201)["findings"]
    assert api.call("POST", "/templates/danger/versions/1/activate").status_code == 422
