"""Suppressions, accounts, doubts, health, the brake, reports and the audit log."""

from __future__ import annotations

from carillon.accounts import Account
from carillon.store import accounts, slots
from carillon.vault import SecretText, Vault
from carillon.words import Activity
from tests.web.api.conftest import Api


def test_suppressions(api: Api) -> None:
    api.some_contacts()
    added = api.call("POST", "/suppressions", {"address": " Maria@Example.com ", "scope": "marketing"})
    assert added.status_code == 201
    assert added.json() | {"created_at": None} == {
        "address": "maria@example.com", "scope": "marketing", "reason": "by hand", "created_at": None,
        "new": True, "cancelled": 0,
    }  # fmt: skip
    assert api.call("POST", "/suppressions", {"address": "maria@example.com"}).json()["new"] is True
    assert api.post("/suppressions", {"address": "@example.org", "reason": "rival"}, 201)["reason"] == "rival"
    assert len(api.pages("/suppressions", 2)) == 3
    assert len(api.get("/suppressions?address=MARIA@example.com")["items"]) == 2
    for body in ({"address": "nonsense"}, {"address": "a@example.com", "scope": "nothing"}):
        assert api.call("POST", "/suppressions", body).status_code == 422
    gone = "/suppressions?address=maria@example.com"
    assert api.call("DELETE", gone).status_code == 422, "a reason is needed"
    assert len(api.call("DELETE", f"{gone}&reason=asked&scope=marketing").json()) == 1
    assert len(api.call("DELETE", f"{gone}&reason=asked").json()) == 1
    assert api.call("DELETE", f"{gone}&reason=asked").status_code == 422
    assert api.get("/audit?limit=1")["items"][0]["after"] == {"reason": "asked"}


def test_accounts_tell_no_secret(api: Api) -> None:
    workspace, now = api.workspace, api.workspace.clock.now()
    secret = Vault(workspace.folder, {}).encrypt(SecretText("hunter2-hunter2"))
    settings = {"host": "mail.example.com", "username": "u"}
    new = Account(0, "sales", "sales@example.com", "smtp", settings, secret, None, secret, kind="mailbox")
    made = workspace.database.write(lambda c: accounts.create(c, new, now, "ann"))
    (listed,) = api.get("/accounts")
    assert (listed["name"], listed["has_secret"]) == ("sales", True)
    assert secret not in str(listed)
    assert not {"secret", "inbox_secret"} & set(listed)
    tag = api.call("GET", "/accounts/1").headers["etag"]
    changed = api.call("PATCH", "/accounts/1", {"daily_limit": 50, "display_name": "Sales"}, If_Match=tag)
    assert (changed.json()["daily_limit"], changed.json()["display_name"]) == (50, "Sales")
    assert api.call("PATCH", "/accounts/1", {"daily_limit": 51}, If_Match=tag).status_code == 412
    for wrong in ({"daily_limit": 0}, {"timezone": "Mars/X"}, {"secret": "x"}, {"reply_to": "x"}):
        assert api.call("PATCH", "/accounts/1", wrong).status_code == 422, wrong
    assert api.post("/accounts/1/pause")["status"] == "paused"
    assert api.post("/accounts/1/resume")["status"] == "active"
    day = workspace.today()
    workspace.database.write(lambda c: slots.make(c, {(made.id, day): [(now, Activity.NORMAL)]}, now))
    (slot,) = api.get(f"/accounts/1/slots?date={day}")
    assert (slot["status"], slot["schedule_id"]) == ("pending", None)
    for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/pause"), ("GET", "/slots")):
        assert api.call(method, f"/accounts/9{path}", {}).status_code == 404
    stranger = api.new_key("writer", "write", "send", "read")
    assert api.call("PATCH", "/accounts/1", {"daily_limit": 1}, key=stranger).status_code == 403


def test_doubts_are_settled(api: Api) -> None:
    api.some_contacts()
    api.workspace.database.write(
        lambda c: c.exec_driver_sql(
            "insert into outbox (id, contact_id, kind, email_type, send, status, intent_at)"
            " values (42, 1, 0, 'birthday', 20500, 'in_doubt', '2026-03-01T00:00:00.000Z')"
        )
    )
    (doubt,) = api.get("/doubts")
    assert (doubt["id"], doubt["email"]) == (42, "maria@example.com")
    assert api.call("POST", "/doubts/42/settle", {"verdict": "perhaps"}).status_code == 422
    assert "counts as sent" in api.post("/doubts/42/settle", {"verdict": "sent"})["words"]
    assert api.call("POST", "/doubts/42/settle", {"verdict": "sent"}).status_code == 404
    assert api.get("/schedules/42")["status"] == "sent"
    assert api.get("/audit?limit=1")["items"][0]["who"] == "API key all"


def test_the_brake_for_all_mail_and_what_is_measured(api: Api) -> None:
    assert api.get("/mail") == {"paused": False}
    assert api.post("/mail/pause") == api.get("/mail") == {"paused": True}
    assert api.post("/mail/resume") == {"paused": False}
    health = api.get("/health")
    assert health["status"] == "degraded"
    assert any("no plan has been made yet" in one for one in health["issues"])
    assert api.get("/reports/timing?days=30")["days"] == 30
    assert api.get("/plan/runs") == {"items": [], "next": None}


def test_the_audit_log_is_for_administrators_the_newest_first(api: Api) -> None:
    for number in range(5):
        api.post("/suppressions", {"address": f"a{number}@example.com"}, 201)
    deeds = [one for one in api.pages("/audit", 2) if one["what"] == "suppression added"]
    assert [one["after"]["address"] for one in deeds] == [f"a{n}@example.com" for n in (4, 3, 2, 1, 0)]
    assert api.call("GET", "/audit", key=api.new_key("reader", "read")).status_code == 403
    assert [one["after"]["address"] for one in api.pages("/audit?q=A3@EXAMPLE", 2)] == ["a3@example.com"]
    day = api.workspace.today().isoformat()
    assert len(api.pages(f"/audit?since={day}T00:00:00Z&q=suppression", 2)) == 5
    assert api.get(f"/audit?until={day}T00:00:00Z&q=suppression")["items"] == []
    assert api.call("GET", "/audit?since=0001-01-01T00:00:00%2B14:00").status_code == 422


CAP = "load_balancing.daily_send_percentage_cap"


def test_settings_are_tried_out_changed_and_never_overwritten(sqlite_api: Api) -> None:
    """By the checks of the page and the commands; a change leaves its row in the audit log."""
    api = sqlite_api
    api.some_contacts()
    seen = api.call("GET", "/settings")
    tag, old = seen.headers["etag"], seen.json()["values"][CAP]
    assert api.call("GET", "/settings", If_None_Match=tag).status_code == 304
    wanted = {"values": {CAP: "0.05"}}
    tried = api.call("PATCH", "/settings?dry_run=true", wanted, If_Match=tag).json()
    assert tried["changes"] == [{"key": CAP, "old": old, "new": "0.05"}]
    assert tried["effect"]["added"] > 0
    assert api.get("/settings") == seen.json(), "nothing was changed"
    done = api.call("PATCH", "/settings", wanted, If_Match=tag)
    assert (done.status_code, done.json()["effect"]) == (200, None)
    assert api.call("GET", "/settings").headers["etag"] == done.headers["etag"]
    assert api.get("/settings")["values"] == seen.json()["values"] | {CAP: "0.05"}
    assert api.call("PATCH", "/settings", wanted, If_Match=tag).status_code == 412
    assert api.get("/audit?limit=1")["items"][0] | {"id": 0, "at": None} == {
        "id": 0, "who": "API key all", "what": "config changed", "at": None,
        "before": {CAP: old}, "after": {CAP: "0.05"},
    }  # fmt: skip
    for key, value in ((CAP, "7"), ("load_balancing.nothing", 1), ("database.url", "sqlite:///x.db")):
        refused = api.call("PATCH", "/settings", {"values": {key: value}})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["where"] == f"body.values.{key}"
    assert api.call("GET", "/settings", key=api.new_key("less", "read", "write")).status_code == 403
