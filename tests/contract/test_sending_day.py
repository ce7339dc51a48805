"""A day's mail, from the plan to what still waits: templates, suppressions, doubts and dry runs."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes
from itertools import product
from typing import Any

import numpy as np
import pytest

from carillon.days import day_number
from carillon.keys import CONTACT_SHIFT, FOLLOWUP_BIT, KIND_SHIFT
from carillon.pace.run import release
from carillon.plan import run as planner
from carillon.send import doubt
from carillon.send.run import SendReport, dispatch, due
from carillon.store import dispatch as claims
from carillon.store import suppressions, templates
from carillon.store.campaigns import campaigns
from carillon.store.doubts import Which
from carillon.store.moments import stamp
from carillon.templates import Source
from carillon.user import user_name
from carillon.variants import templates_for
from carillon.words import FIRST_CAMPAIGN, Wait, stops
from carillon.workspace import Workspace
from tests.contract.conftest import NOW
from tests.contract.outbox import (
    TODAY,
    account,
    claim,
    contacts,
    email,
    execute,
    intend,
    query,
    states,
)

DAY = timedelta(days=1)


def with_settings(workspace: Workspace, section: str, **values: object) -> Workspace:
    """The same with other settings."""
    changed = getattr(workspace.settings, section).model_copy(update=values)
    return replace(workspace, settings=workspace.settings.model_copy(update={section: changed}))


def send(workspace: Workspace) -> SendReport:
    async def go() -> SendReport:
        return await dispatch(workspace, asyncio.Event(), once=True, local_only=False)

    return asyncio.run(go())


def plan(workspace: Workspace) -> None:
    request = planner.Request(workspace.today())
    planner.run(workspace, request, lambda _s, _d, _t: None, lambda _: None)


def template(workspace: Workspace, name: str, active: bool = True) -> None:
    def work(connection: templates.Connection) -> None:
        made = templates.add(connection, Source(name, 0, subject="Hi", text="Hello"), NOW, "test")
        if active:
            templates.activate(connection, name, made.version, NOW, "test")

    workspace.database.write(work)


def campaign(workspace: Workspace, number: int, of: str = "rate_increase", **columns: Any) -> None:
    """An instance with everyone there is as its target; its emails are planned for today."""
    names, values = ", ".join(columns), ", ".join(f"'{value}'" for value in columns.values())
    execute(
        workspace,
        "insert into campaign_instances (id, campaign_type, instance_name, status, created_at"
        f"{', ' if columns else ''}{names})"
        f" values ({number}, '{of}', 'Campaign {number}', 'active', '2026-01-01T00:00:00Z'"
        f"{', ' if columns else ''}{values})",
    )
    days = 14 if of == "rate_increase" else 0
    trigger = (NOW + days * DAY).date().isoformat()
    execute(
        workspace,
        "insert into contact_campaigns (contact_id, campaign_instance_id, trigger_date, created_at)"
        f" select id, {number}, '{trigger}', '2026-01-01T00:00:00Z' from contacts",
    )


def everything(workspace: Workspace) -> dict[str, list[tuple[Any, ...]]]:
    tables = ("outbox", "plan", "rate_state", "workspace_state", "audit_log", "changes", "contact_events")
    return {table: sorted(query(workspace, f"select * from {table}"), key=repr) for table in tables}


def uncapped(workspace: Workspace) -> Workspace:
    return with_settings(workspace, "load_balancing", daily_send_percentage_cap=Decimal(1))


# ---- suppressions ----


def test_the_statement_stops_what_the_words_say(workspace: Workspace) -> None:
    """Each kind of email against each scope, at the address and at its domain."""
    topics = [None, "regulatory_notice", "rate_increase"]
    scopes = ["all", "marketing", "rate_increase", "regulatory_notice", "promo"]
    account(workspace)
    contacts(workspace, 1)
    for number, topic in enumerate(topics[1:], 1):
        campaign(workspace, number, str(topic))
    emails: dict[int, tuple[str | None, bool]] = {}
    for place, (topic, followup) in enumerate(product(topics, [False, True])):
        kind = "followup_1_cold" if followup else f"campaign_{topic}" if topic else "birthday"
        instance = topics.index(topic) or None
        columns = {"email_type": kind, "campaign_instance_id": instance, "followup": int(followup)}
        number = email(workspace, 1, id=900 + place, **columns)
        emails[number] = topic, followup
    for place, scope in product(["person1@example.com", "@example.com"], scopes):
        execute(workspace, "delete from suppressions")
        execute(workspace, f"insert into suppressions (address, scope) values ('{place}', '{scope}')")
        condition = suppressions.applies("c", "outbox")
        stopped = query(
            workspace, f"select outbox.id from outbox join contacts c on c.id = contact_id where {condition}"
        )
        expected = {number for number, (topic, again) in emails.items() if stops(scope, topic, again)}
        assert {row[0] for row in stopped} == expected, (place, scope)
        # What waits is cancelled by the same words.
        execute(workspace, "delete from suppressions")
        execute(workspace, "update outbox set status = 'scheduled'")
        _, cancelled = workspace.database.write(
            lambda c, p=place, s=scope: suppressions.suppress(c, p, s, None, NOW)  # type: ignore[misc]
        )
        assert {n for n, status in states(workspace).items() if status == "cancelled"} == expected
        assert cancelled == len(expected)


def test_a_domain_is_planned_for_no_more_and_again_when_it_is_lifted(workspace: Workspace) -> None:
    contacts(workspace, 1, 2, birth_date="1960-06-18")
    execute(workspace, "update contacts set email = 'Someone@Other.example' where id = 2")
    contacts(workspace, 3, birth_date="1960-06-18")
    execute(workspace, "update contacts set email = 'x@sub.other.example' where id = 3")
    plan(workspace)
    planned = "select distinct id >> 31 from plan order by 1"
    assert query(workspace, planned) == [(1,), (2,), (3,)]
    workspace.database.write(lambda c: suppressions.suppress(c, "@other.example", "all", "asked", NOW))
    plan(workspace)
    assert query(workspace, planned) == [(1,), (3,)]
    workspace.database.write(lambda c: suppressions.lift(c, "@Other.example", None, "asked", NOW, "ann"))
    plan(workspace)
    assert query(workspace, planned) == [(1,), (2,), (3,)]


def test_an_unsubscribed_contact_gets_a_regulatory_notice_from_plan_to_maildir(workspace: Workspace) -> None:
    workspace = uncapped(workspace)
    contacts(workspace, 1, birth_date="1960-06-18")
    template(workspace, "notice")
    campaign(workspace, 1, "regulatory_notice", email_template="notice")
    campaign(workspace, 2, "rate_increase", email_template="notice")
    workspace.database.write(
        lambda c: suppressions.suppress(c, "person1@example.com", "marketing", "unsubscribed", NOW)
    )
    account(workspace)
    plan(workspace)
    assert query(workspace, "select (id >> 16) & 16383 from plan") == [(FIRST_CAMPAIGN + 1,)]
    assert release(workspace).released == 1
    assert send(workspace).counts == {"sent": 1}
    assert query(workspace, "select email_type, status from outbox") == [
        ("campaign_regulatory_notice", "sent")
    ]


@pytest.mark.parametrize("place", ["@example.com", "person1@example.com"])
def test_what_is_suppressed_after_the_plan_is_neither_released_nor_sent(
    workspace: Workspace, place: str
) -> None:
    account(workspace)
    contacts(workspace, 1)
    template(workspace, "mine")
    campaign(workspace, 1, email_template="mine")
    workspace = uncapped(workspace)
    plan(workspace)
    values = f"values ('{place}', 'rate_increase')"
    execute(workspace, f"insert into suppressions (address, scope) {values}")
    assert release(workspace).released == 0
    execute(workspace, "delete from suppressions")
    assert release(workspace).released == 1
    rows = claim(workspace)
    execute(workspace, f"insert into suppressions (address, scope) {values}")
    assert intend(workspace, rows) == set(), "the fence: suppressed after it was claimed"


# ---- templates ----


def test_emails_without_a_template_stay_planned_and_are_told(workspace: Workspace) -> None:
    workspace = uncapped(workspace)
    account(workspace)
    contacts(workspace, 1, 2, 3)
    template(workspace, "off", active=False)
    template(workspace, "good")
    for number, name in ((1, "off"), (2, "nowhere"), (3, "good")):
        campaign(workspace, number, email_template=name)
        execute(workspace, f"delete from contact_campaigns where contact_id <> {number}"
                           f" and campaign_instance_id = {number}")  # fmt: skip
    contacts(workspace, 4)
    campaign(workspace, 4)
    execute(workspace, "delete from contact_campaigns where campaign_instance_id = 4 and contact_id < 4")
    plan(workspace)
    report = release(workspace)
    assert report.released == 1
    told = {(one.template, one.campaign): one for one in report.lacking}
    assert set(told) == {("off", None), ("nowhere", None), ("", "Campaign 4")}
    assert [one.emails for one in report.lacking] == [1, 1, 1]
    assert "carillon template activate off" in told["off", None].words
    assert "carillon template new nowhere" in told["nowhere", None].words
    assert 'carillon campaign set "Campaign 4"' in told["", "Campaign 4"].words
    assert query(workspace, f"select count(*) from plan where send = {TODAY}") == [(3,)]
    assert json.dumps(report.as_json())
    sent = send(workspace)
    assert sent.counts == {"sent": 1}
    assert sent.waiting == {Wait.TEMPLATE: 3}
    assert sent.lacking == list(report.lacking)
    template(workspace, "nowhere")
    assert release(workspace).released == 1


def test_variants_are_shared_out_when_a_day_is_released(workspace: Workspace) -> None:
    workspace = with_settings(uncapped(workspace), "features", ab_testing=True)
    account(workspace)
    contacts(workspace, *range(1, 41))
    variants = json.dumps({"variants": [{"template": "a", "weight": 1}, {"template": "b", "weight": 2}]})
    for name in ("a", "b", "usual"):
        template(workspace, name)
    campaign(workspace, 1, email_template="usual", metadata=variants)
    plan(workspace)
    assert release(workspace).released == 40
    with workspace.database.snapshot() as connection:
        (one,) = campaigns(connection)
    seeds = query(workspace, "select id, seed from contacts order by id")
    expected = templates_for(one, np.array([seed for _, seed in seeds], np.int64).astype(np.uint64), True)
    taken = query(workspace, "select contact_id, email_template from outbox order by contact_id")
    assert [name for _, name in taken] == expected
    assert set(expected) == {"a", "b"}


def test_without_testing_everybody_gets_the_usual_template(workspace: Workspace) -> None:
    workspace = uncapped(workspace)
    account(workspace)
    contacts(workspace, 1, 2, 3)
    template(workspace, "usual")
    metadata = json.dumps({"variants": [{"template": "a", "weight": 1}]})
    campaign(workspace, 1, email_template="usual", metadata=metadata)
    plan(workspace)
    assert release(workspace).released == 3
    assert query(workspace, "select distinct email_template from outbox") == [("usual",)]


def test_a_follow_up_of_a_tested_campaign_keeps_its_own_template(workspace: Workspace) -> None:
    workspace = with_settings(uncapped(workspace), "features", ab_testing=True)
    account(workspace)
    contacts(workspace, 1)
    template(workspace, "a")
    metadata = json.dumps({"variants": [{"template": "a", "weight": 1}]})
    campaign(workspace, 1, metadata=metadata)
    execute(workspace, "delete from contact_campaigns")
    number = (1 << CONTACT_SHIFT) | ((FIRST_CAMPAIGN + 1) << KIND_SHIFT) | (TODAY + 12)
    email(
        workspace, 1, id=number, kind=FIRST_CAMPAIGN + 1, email_type="campaign_rate_increase",
        status="sent", send=TODAY - 1, campaign_instance_id=1, event=TODAY + 12,
    )  # fmt: skip
    plan(workspace)
    workspace.clock.advance(DAY)  # type: ignore[attr-defined]
    assert release(workspace).released == 1
    (row,) = query(workspace, f"select email_template from outbox where id = {number | FOLLOWUP_BIT}")
    assert row == ("followup_cold_v1",)


# ---- doubts ----


def in_doubt(workspace: Workspace, *minutes: int) -> list[int]:
    """Emails in doubt since so many minutes, by the database's clock."""
    account(workspace)
    contacts(workspace, *range(1, 1 + len(minutes)))
    numbers = [email(workspace, one, attempts=1) for one in range(1, 1 + len(minutes))]
    intend(workspace, claim(workspace))
    for number, ago in zip(numbers, minutes, strict=True):
        now = f"strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{ago} minutes')"
        if not workspace.database.is_sqlite:
            now = f"clock_timestamp() - interval '{ago} minutes'"
        execute(workspace, f"update outbox set status = 'in_doubt', intent_at = {now} where id = {number}")
    return numbers


def test_doubts_wait_for_a_person_unless_a_policy_is_set(workspace: Workspace) -> None:
    numbers = in_doubt(workspace, 30, 1)
    assert doubt.settle_by_policy(workspace) == 0
    assert send(workspace).settled == 0
    assert states(workspace) == dict.fromkeys(numbers, "in_doubt")


def test_doubts_count_as_sent_where_that_is_the_policy(workspace: Workspace) -> None:
    numbers = in_doubt(workspace, 30, 0)
    execute(workspace, "delete from changes")
    assert send(with_settings(workspace, "safety", on_doubt="assume_sent")).settled == 2
    assert states(workspace) == dict.fromkeys(numbers, "sent")
    assert query(workspace, "select count(*) from outbox where actual_send_datetime is null") == [(0,)]
    assert query(workspace, "select contact_id from changes order by 1") == [(1,), (2,)]
    who, what, after = query(workspace, 'select who, what, "after" from audit_log order by id')[-1]
    assert (who, what) == ("the dispatcher", "doubts settled: on_doubt is assume_sent")
    assert (json.loads(after) if isinstance(after, str) else after)["ids"] == numbers


def test_doubts_are_sent_again_after_ten_minutes_with_the_same_message_id(
    workspace: Workspace,
) -> None:
    old, young, often = in_doubt(workspace, 11, 9, 30)
    execute(workspace, f"update outbox set attempts = {doubt.MOST_ATTEMPTS} where id = {often}")
    report = send(with_settings(workspace, "safety", on_doubt="resend"))
    assert (report.settled, report.counts) == (1, {"sent": 1})
    assert states(workspace) == {old: "sent", young: "in_doubt", often: "in_doubt"}
    sent = [message_from_bytes(file.read_bytes()) for file in (workspace.folder / "out" / "new").iterdir()]
    execute(workspace, f"update outbox set status = 'in_doubt' where id = {old}")
    (again,) = query(workspace, f"select message_id from outbox where id = {old}")
    assert [one["Message-ID"] for one in sent] == [again[0]]


def test_many_doubts_are_settled_at_once_by_account_and_time(workspace: Workspace) -> None:
    numbers = in_doubt(workspace, 300, 30, 20, 1)
    account(workspace, "other")
    execute(workspace, f"update outbox set account_id = 2 where id = {numbers[2]}")
    execute(workspace, "delete from changes")
    now = datetime.now(UTC)
    lately = Which(account=1, since=now - timedelta(hours=1), before=now - timedelta(minutes=10))
    assert [one.id for one in doubt.listed(workspace, lately)] == [numbers[1]]
    assert doubt.settle_many(workspace, lately, "unsent") == 1
    assert states(workspace)[numbers[1]] == "failed"
    assert doubt.settle_many(workspace, lately, "unsent") == 0
    who, what, after = query(workspace, 'select who, what, "after" from audit_log order by id')[-1]
    noted = json.loads(after) if isinstance(after, str) else after
    assert (who, what) == (user_name(), "doubts settled: unsent")
    assert (noted["ids"], noted["account"]) == ([numbers[1]], "1")

    assert doubt.settle_many(workspace, Which(), "resend") == 2
    assert states(workspace) == dict(
        zip(numbers, ("scheduled", "failed", "scheduled", "in_doubt"), strict=True)
    )
    assert doubt.settle_many(workspace, Which(), "sent") == 1
    assert doubt.listed(workspace) == []
    assert query(workspace, "select distinct contact_id from changes order by 1") == [(1,), (2,), (3,), (4,)]


# ---- what still waits ----


def test_why_emails_wait(workspace: Workspace) -> None:
    account(workspace)
    account(workspace, "limited", daily_limit=1)
    account(workspace, "held", status="paused")
    contacts(workspace, *range(1, 9))
    campaign(workspace, 1)
    execute(workspace, "update campaign_instances set status = 'paused'")
    execute(workspace, "delete from contact_campaigns")
    email(workspace, 1)
    email(workspace, 2, send_at=stamp(NOW + timedelta(hours=1)))
    email(workspace, 3, account_id=2)
    email(workspace, 4, account_id=2)
    email(workspace, 5, account_id=3)
    email(workspace, 6, campaign_instance_id=1)
    email(workspace, 7, send=TODAY - 1)
    assert (due(workspace).emails, due(workspace).accounts) == (3, 2)
    report = send(workspace)
    assert report.counts == {"sent": 2}
    assert report.waiting == {
        Wait.NOT_YET_DUE: 1,
        Wait.ACCOUNT_LIMIT: 1,
        Wait.ACCOUNT_PAUSED: 1,
        Wait.CAMPAIGN_PAUSED: 1,
        Wait.DAY_OVER: 1,
    }
    assert report.as_json()["waiting"] == {str(reason): n for reason, n in report.waiting.items()}
    workspace.database.write(lambda c: claims.pause_workspace(c, NOW, "ann"))
    assert send(workspace).waiting == {Wait.WORKSPACE_PAUSED: 5}


# ---- dry runs ----


@pytest.mark.parametrize("transport", ["maildir", "smtp"])
def test_a_dry_run_writes_each_email_once_and_changes_nothing(workspace: Workspace, transport: str) -> None:
    own = {"path": "out"} if transport == "maildir" else {"host": "mail.example.com", "port": 25}
    account(workspace, transport=transport, settings=own)
    contacts(workspace, 1, 2, 3, 4)
    for one in (1, 2, 3):
        email(workspace, one)
    email(workspace, 4, send_at=stamp(NOW + timedelta(hours=1)))
    execute(workspace, "insert into suppressions (address) values ('person3@example.com')")
    workspace.database.write(lambda c: templates.ensure_defaults(c, NOW))
    dry = with_settings(workspace, "safety", dry_run=True)
    before = everything(workspace)
    report = send(dry)
    assert (report.dry_run, report.counts) == (True, {"written": 2})
    folder = workspace.folder / ("out" if transport == "maildir" else "dry-run") / "new"
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert len(files) == 2
    assert all(b"To: " in data and b"person3" not in data for data in files.values())
    assert report.waiting == {Wait.DRY_RUN: 3, Wait.NOT_YET_DUE: 1}
    assert bool(report.faults) == (transport == "smtp"), "what will keep the account from sending is told"
    workspace.clock.advance(timedelta(minutes=5))  # type: ignore[attr-defined]
    assert send(dry).counts == {"written_before": 2}
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == files, "once"
    assert everything(workspace) == before
    if transport == "maildir":
        assert send(workspace).counts["sent"] == 2
        names = [file.name for file in folder.iterdir()]
        assert len(names) == 2
        assert not [name for name in names if "dry" in name], "the emails have taken their place"


def test_a_dry_run_tells_what_would_keep_emails_back(workspace: Workspace) -> None:
    account(workspace)
    contacts(workspace, 1, birth_date="1960-03-11", zip_code="90210")
    contacts(workspace, 2)
    email(workspace, 1)
    email(workspace, 2, email_template="nothing")
    report = send(with_settings(workspace, "safety", dry_run=True))
    assert report.counts == {"birthday_window": 1, "failed": 1}
    assert set(states(workspace).values()) == {"scheduled"}
    assert day_number(workspace.today()) == TODAY
