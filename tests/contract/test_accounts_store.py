"""Accounts in and out, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection

from carillon.accounts import Account, account_faults
from carillon.errors import InputError
from carillon.store import accounts as store
from carillon.store.moments import stamp
from carillon.workspace import Workspace
from tests.contract.conftest import NOW
from tests.contract.lists import execute, query

T = TypeVar("T")
MAIN = Account(
    0,
    "main office",
    "ann@example.com",
    "smtp",
    {"host": "mail.example.com", "note": "Grüße"},
    secret="gAAAA-encrypted",
    display_name="Ann",
    reply_to="desk@example.com",
    group="sales",
    timezone="America/New_York",
    daily_limit=500,
    max_per_hour=100,
    max_per_minute=20,
    max_per_second=5,
    max_per_domain_per_minute=10,
    send_delay_seconds=2,
)


def make(workspace: Workspace, account: Account = MAIN) -> Account:
    return workspace.database.write(lambda c: store.create(c, account, NOW, "ann"))


def read(workspace: Workspace, work: Callable[[Connection], T]) -> T:
    with workspace.database.snapshot() as connection:
        return work(connection)


def edited(workspace: Workspace, name: str, /, **fields: Any) -> dict[str, tuple[object, object]]:
    later = NOW + timedelta(hours=1)
    return workspace.database.write(
        lambda c: store.change(c, name, lambda old: replace(old, **fields), later, "bob")
    )[1]


def log(workspace: Workspace) -> list[tuple[str, str, Any, Any]]:
    rows = query(workspace, "select * from audit_log order by id")

    def said(value: object) -> object:
        return json.loads(value) if isinstance(value, str) else value

    return [(row["who"], row["what"], said(row["before"]), said(row["after"])) for row in rows]


def test_an_account_comes_back_as_it_was_made(workspace: Workspace) -> None:
    made = make(workspace)
    assert made == replace(MAIN, id=made.id, created=NOW, updated=NOW)
    assert read(workspace, store.accounts) == [made]
    assert read(workspace, lambda c: store.find(c, "main office")) == made
    plain = make(workspace, Account(0, "plain", "p@example.com", "maildir", {"path": "x"}))
    assert (plain.secret, plain.daily_limit, plain.kind, plain.group) == (None, None, "relay", "default")
    assert [one.name for one in read(workspace, store.accounts)] == ["main office", "plain"]


def test_names_are_unique_and_the_nearest_is_told(workspace: Workspace) -> None:
    make(workspace)
    with pytest.raises(InputError, match="there is an account 'main office' already"):
        make(workspace)
    with pytest.raises(InputError, match='did you mean "main office"'):
        read(workspace, lambda c: store.find(c, "main offce"))
    with pytest.raises(InputError, match="account list"):
        read(workspace, lambda c: store.find(c, "zzz"))


def test_changes_are_told_and_written_down_without_the_secret(workspace: Workspace) -> None:
    made = make(workspace)
    changes = edited(
        workspace, made.name, daily_limit=None, secret="gAAAA-other", settings={"host": "mx", "port": 26}
    )
    assert changes == {
        "daily_limit": (500, None),
        "secret": ("stored", "another"),
        "settings.host": ("mail.example.com", "mx"),
        "settings.note": ("Grüße", None),
        "settings.port": (None, 26),
    }
    now = read(workspace, lambda c: store.find(c, made.name))
    assert (now.secret, now.updated, now.created) == ("gAAAA-other", NOW + timedelta(hours=1), NOW)
    assert edited(workspace, made.name, daily_limit=None, id=99, name="other") == {}
    assert edited(workspace, made.name, secret=None)["secret"] == ("stored", None)
    added, changed, _ = log(workspace)
    assert added[:3] == ("ann", "account main office added", None)
    assert (added[3]["secret"], added[3]["settings.host"]) == ("stored", "mail.example.com")
    assert changed[:2] == ("bob", "account main office changed")
    assert changed[2]["daily_limit"] == 500
    assert "gAAAA" not in json.dumps(log(workspace))


def test_an_account_that_cannot_be_is_refused(workspace: Workspace) -> None:
    with pytest.raises(InputError, match=r"daily_limit 0 would block all mail.*Nothing was changed"):
        make(workspace, replace(MAIN, daily_limit=0))
    make(workspace)
    with pytest.raises(InputError, match="not an email address"):
        edited(workspace, MAIN.name, address="ann")
    # What another program stored does not stand in the way of changing something else.
    execute(workspace, "update accounts set address = 'ann', settings = '[]'")
    assert list(edited(workspace, MAIN.name, daily_limit=5)) == ["daily_limit"]
    assert read(workspace, lambda c: store.find(c, MAIN.name)).settings == {}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": " x"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"address": "a@b\r\nBcc: x@y.com"}, "address"),
        ({"display_name": "Ann\r\nBcc: eve@example.com"}, "control characters"),
        ({"reply_to": "nobody"}, "reply-to"),
        ({"kind": "pigeon"}, "kind"),
        ({"status": "asleep"}, "status"),
        ({"group": "My Group"}, "not a name"),
        ({"timezone": "Mars/Olympus"}, "time zone"),
        ({"max_per_second": 10**9}, "max_per_second"),
        ({"max_per_hour": -1}, "max_per_hour"),
        ({"send_delay_seconds": -1}, "send_delay_seconds"),
    ],
)
def test_faults(fields: dict[str, Any], words: str) -> None:
    (fault,) = account_faults(replace(MAIN, **fields))
    assert words in fault


def test_an_error_stops_an_active_account_only(workspace: Workspace) -> None:
    made = make(workspace)
    workspace.database.write(lambda c: store.note_error(c, made.id, "login refused", NOW))
    stopped = read(workspace, lambda c: store.find(c, made.name))
    assert (stopped.status, stopped.last_error, stopped.is_active) == ("error", "login refused", False)
    edited(workspace, made.name, status="paused")
    workspace.database.write(lambda c: store.note_error(c, made.id, "x" * 5000, NOW))
    paused = read(workspace, lambda c: store.find(c, made.name))
    assert (paused.status, len(paused.last_error or "")) == ("paused", 1000)


def test_only_an_account_without_emails_can_be_removed(workspace: Workspace) -> None:
    made, other = make(workspace), make(workspace, replace(MAIN, name="other"))
    execute(workspace, f"insert into rate_state values ({made.id}, '', 1, 1, 1), ({other.id}, '', 1, 1, 1)")
    for number, status in enumerate(("sent", "scheduled", "sent")):
        execute(
            workspace,
            "insert into outbox (id, contact_id, kind, email_type, send, status, account_id)"
            " values (:id, 1, 0, 'birthday', 20000, :status, :account)",
            id=number,
            status=status,
            account=made.id,
        )
    assert list(read(workspace, lambda c: store.emails_of(c, made.id)).items()) == [
        ("scheduled", 1),
        ("sent", 2),
    ]
    with pytest.raises(InputError, match="3 emails name it"):
        workspace.database.write(lambda c: store.remove(c, made.name, NOW, "ann"))
    execute(workspace, "delete from outbox")
    pool = ((made, other, "sent"), (other, made, "scheduled"), (other, made, "sent"))
    for number, (sender, receiver, status) in enumerate(pool):
        execute(
            workspace,
            "insert into warmup_messages (purpose, account_id, to_account_id, to_address, subject,"
            " message_id, status, send_at, created_at) values ('warmup', :sender, :receiver,"
            " 'a@example.com', 'Lunch', :number, :status, :at, :at)",
            sender=sender.id,
            receiver=receiver.id,
            number=str(number),
            status=status,
            at=stamp(NOW),
        )
    workspace.database.write(lambda c: store.remove(c, made.name, NOW, "ann"))
    # What the other wrote to it stays known; what it was to get, and all of its own, is gone.
    left = query(workspace, "select message_id from warmup_messages")
    assert [row["message_id"] for row in left] == ["2"]
    assert [one.name for one in read(workspace, store.accounts)] == ["other"]
    assert [row["account_id"] for row in query(workspace, "select account_id from rate_state")] == [other.id]
    assert log(workspace)[-1][1] == "account main office removed"
