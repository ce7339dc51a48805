"""Templates, recipients, suppressions and responses, and emails rendered from them, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, TypeVar

import pytest
from sqlalchemy import text

from carillon.accounts import Account
from carillon.days import day_number
from carillon.errors import InputError, SettingsError
from carillon.send import preview
from carillon.send.letters import Letter, renderer
from carillon.store import recipients, responses, suppressions, templates
from carillon.store.dispatch import Claimed
from carillon.store.engine import Connection
from carillon.store.events import Applied
from carillon.store.responses import Visitor
from carillon.templates import Attachment, Source, defaults
from carillon.tokens import Purpose, Ticket
from carillon.words import Scope
from carillon.workspace import Workspace
from tests.contract.conftest import NOW

T = TypeVar("T")
LOCAL = Account(1, "main", "ann@agency.example", "maildir", {"path": "out"}, display_name="Ann's Agency")
FILE = Attachment("ü.pdf", "application/pdf", b"%PDF\x00\xff")
MINE = Source(
    "mine", 0, "Hi {{ first_name }}", "<p>{{ plan }} {{ campaign.percent }}</p>", attachments=(FILE,)
)
HUMAN = Visitor("10.0.0.1", "Mozilla/5.0 (X11)", automatic=False)
ROBOT = Visitor(None, "scanner", automatic=True)


def write(workspace: Workspace, work: Callable[[Connection], T]) -> T:
    return workspace.database.write(work)


def read(workspace: Workspace, work: Callable[[Connection], T]) -> T:
    with workspace.database.snapshot() as connection:
        return work(connection)


def rows(workspace: Workspace, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in read(workspace, lambda c: c.execute(text(query)).all())]


def loaded(value: object) -> Any:
    return json.loads(value) if isinstance(value, str) else value


@pytest.fixture
def people(workspace: Workspace) -> Workspace:
    """Contacts 1 to 3 (two share an address), a campaign, and emails waiting for them."""
    cast = "" if workspace.database.is_sqlite else "::jsonb"

    def fill(connection: Connection) -> None:
        for number, email, external, attributes in (
            (1, "Maria@Example.com", None, '{"plan": "Gold", "none": null}'),
            (2, "maria@example.com", "b", None),
            (3, "tom@example.com", None, '["odd"]'),
            (4, None, "d", None),
        ):
            connection.execute(
                text(
                    "insert into contacts (id, email, first_name, external_id, attributes)"
                    f" values (:id, :email, 'M', :external, :attributes{cast})".replace("::", "\\:\\:")
                ),
                {"id": number, "email": email, "external": external, "attributes": attributes},
            )
        connection.execute(
            text(
                "insert into campaign_instances (id, campaign_type, instance_name, metadata)"
                f" values (5, 'promo', 'Spring', '{{\"percent\"\\: 7}}'{cast})".replace("::", "\\:\\:")
            )
        )
        for number, contact, kind, status in (
            (10, 1, "birthday", "scheduled"),
            (11, 2, "birthday", "scheduled"),
            (12, 1, "birthday", "processing"),
            (13, 1, "campaign_regulatory_notice", "scheduled"),
            (14, 3, "birthday", "scheduled"),
            (15, 1, "birthday", "sent"),
        ):
            connection.execute(
                text(
                    "insert into outbox (id, contact_id, kind, email_type, send, status, message_id)"
                    " values (:id, :contact, 0, :kind, 1, :status, :message)"
                ),
                {
                    "id": number,
                    "contact": contact,
                    "kind": kind,
                    "status": status,
                    "message": f"<{number}@a.example>" if status == "sent" else None,
                },
            )
        connection.execute(text("delete from changes"))

    write(workspace, fill)
    return workspace


def statuses(workspace: Workspace) -> dict[int, tuple[str, str | None]]:
    return {row[0]: row[1:] for row in rows(workspace, "select id, status, skip_reason from outbox")}  # type: ignore[misc]


# ---- templates ----


def test_a_workspace_begins_with_our_templates(workspace: Workspace) -> None:
    own = write(workspace, lambda c: templates.add(c, Source("birthday_sms_v1", 0, sms="own"), NOW, "ann"))
    assert read(workspace, templates.lacks_defaults)
    made = write(workspace, lambda c: templates.ensure_defaults(c, NOW))
    assert sorted([*made, own.name]) == sorted(source.name for source in defaults())
    assert write(workspace, lambda c: templates.ensure_defaults(c, NOW)) == []
    assert not read(workspace, templates.lacks_defaults)
    found = read(workspace, lambda c: templates.in_force(c, [*made, "birthday_sms_v1", "nothing"]))
    assert found == {source.name: source for source in defaults() if source.name in made}


def test_versions_are_added_put_in_force_and_kept(workspace: Workspace) -> None:
    first = write(workspace, lambda c: templates.add(c, MINE, NOW, "ann"))
    second = write(workspace, lambda c: templates.add(c, replace(first, subject="Other"), NOW, "bob"))
    assert (first, second.version) == (replace(MINE, version=1), 2)
    assert read(workspace, lambda c: templates.in_force(c, ["mine"])) == {}
    assert read(workspace, lambda c: templates.find(c, "mine")).source == second
    assert write(workspace, lambda c: templates.activate(c, "mine", 1, NOW, "ann"))
    assert not write(workspace, lambda c: templates.activate(c, "mine", 1, NOW, "ann"))
    assert read(workspace, lambda c: templates.in_force(c, ["mine"])) == {"mine": first}
    assert read(workspace, lambda c: templates.find(c, "mine")).source == first
    assert write(workspace, lambda c: templates.activate(c, "mine", 2, NOW, "ann"))
    every = read(workspace, lambda c: templates.versions(c, "mine"))
    assert [(one.source, one.active, one.by, one.created) for one in every] == [
        (first, False, "ann", NOW),
        (second, True, "bob", NOW),
    ]
    log = rows(workspace, 'select what, "before", "after" from audit_log')
    assert [(row[0], loaded(row[1]), loaded(row[2])) for row in log] == [
        ("template mine activated", None, {"version": 1}),
        ("template mine activated", {"version": 1}, {"version": 2}),
    ]  # fmt: skip


def test_what_is_not_there_is_told(workspace: Workspace) -> None:
    write(workspace, lambda c: templates.add(c, MINE, NOW, "ann"))
    with pytest.raises(InputError, match="no template 'mne'; did you mean \"mine\""):
        read(workspace, lambda c: templates.find(c, "mne"))
    with pytest.raises(InputError, match="no version 7; it has 1"):
        write(workspace, lambda c: templates.activate(c, "mine", 7, NOW, "ann"))
    with pytest.raises(InputError, match="not a name of a template"):
        write(workspace, lambda c: templates.add(c, replace(MINE, name="a b"), NOW, "ann"))


# ---- recipients ----


def test_contacts_are_read_for_templates(people: Workspace) -> None:
    found = read(people, lambda c: recipients.recipients(c, [3, 1, 1, 4, 99]))
    assert [(one.id, one.email, one.fields["company"], one.attributes) for one in found.values()] == [
        (1, "Maria@Example.com", "", {"plan": "Gold", "none": ""}),
        (3, "tom@example.com", "", {}),
    ]
    assert found[1].fields["first_name"] == "M"
    assert read(people, lambda c: recipients.recipients(c, [])) == {}
    assert read(people, lambda c: recipients.campaigns(c, [5, 6])) == {
        5: recipients.About("Spring", "promo", {"percent": 7})
    }
    assert read(people, lambda c: recipients.threads(c, [10, 15])) == {15: ("<15@a.example>",)}
    assert read(people, lambda c: recipients.first_ids(c, 2)) == [1, 2]


def test_names_of_attributes_are_found_however_rare(
    people: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read(people, recipients.attribute_names) == {"plan", "none"}
    monkeypatch.setattr(recipients, "SAMPLE", 0)
    assert read(people, lambda c: recipients.attribute_names(c, ["plan", "none", "plam"])) == {"plan", "none"}


# ---- suppressions ----


def test_suppressing_cancels_what_waits_for_everyone_at_the_address(people: Workspace) -> None:
    assert write(people, lambda c: suppressions.suppress(c, " MARIA@example.com", "all", "asked", NOW)) == (
        True,
        3,
    )
    now = statuses(people)
    assert {number for number, both in now.items() if both == ("cancelled", "suppressed")} == {10, 11, 13}
    assert (now[12][0], now[14][0], now[15][0]) == ("processing", "scheduled", "sent")
    assert {row[0] for row in rows(people, "select contact_id from changes")} == {1, 2}
    assert write(people, lambda c: suppressions.suppress(c, "maria@example.com", "all", "again", NOW)) == (
        False,
        0,
    )
    (one,) = read(people, lambda c: suppressions.of(c, "Maria@example.com"))
    assert (one.address, one.scope, one.reason, one.created) == ("maria@example.com", "all", "asked", NOW)


def test_a_marketing_suppression_lets_regulatory_notices_through(people: Workspace) -> None:
    assert write(people, lambda c: suppressions.suppress(c, "maria@example.com", "marketing", None, NOW)) == (
        True,
        2,
    )
    assert statuses(people)[13] == ("scheduled", None)
    assert write(people, lambda c: suppressions.suppress(c, "maria@example.com", "all", None, NOW)) == (
        True,
        1,
    )


def test_a_suppression_is_taken_away_for_a_reason_that_is_written_down(people: Workspace) -> None:
    for scope in Scope:
        write(people, lambda c, s=scope: suppressions.suppress(c, "tom@example.com", s.value, "x", NOW))  # type: ignore[misc]
    with pytest.raises(InputError, match="say why"):
        write(people, lambda c: suppressions.lift(c, "tom@example.com", None, " ", NOW, "ann"))
    gone = write(people, lambda c: suppressions.lift(c, "Tom@example.com", "all", "asked", NOW, "ann"))
    assert [one.scope for one in gone] == ["all"]
    write(people, lambda c: suppressions.lift(c, "Tom@example.com", None, "asked", NOW, "ann"))
    with pytest.raises(InputError, match="not suppressed"):
        write(people, lambda c: suppressions.lift(c, "tom@example.com", None, "asked", NOW, "ann"))
    logged = rows(people, 'select who, what, "before", "after" from audit_log order by id')
    assert [(row[0], row[1], loaded(row[2])["scope"], loaded(row[3])) for row in logged] == [
        ("ann", "suppression removed", scope, {"reason": "asked"}) for scope in Scope
    ]
    assert read(people, lambda c: suppressions.newest(c, 9)) == []


# ---- responses ----


def test_opens_and_clicks_are_stored_once_a_minute_and_only_people_count(people: Workspace) -> None:
    def click(visitor: Visitor, url: str = "https://a.example", minutes: int = 0) -> bool:
        now = NOW + timedelta(minutes=minutes, seconds=20)
        ticket = Ticket(1, 15, url)
        return bool(write(people, lambda c: responses.respond(c, Purpose.CLICK, ticket, visitor, now)).new)

    assert [click(HUMAN), click(HUMAN), click(ROBOT)] == [True, False, True]
    assert [click(HUMAN, "https://b.example"), click(HUMAN, minutes=1)] == [True, True]
    clicks = rows(
        people, "select contact_id, email_schedule_id, url, ip_address from tracking_clicks order by id"
    )
    assert clicks == [(1, 15, f"https://{one}.example", "10.0.0.1") for one in "aba"]
    for new in (1, 0):
        done = write(people, lambda c: responses.respond(c, Purpose.OPEN, Ticket(1, 15), HUMAN, NOW))
        assert len(done.new) == new
    kinds = rows(people, "select event_type, count(*) from contact_events group by event_type order by 1")
    assert kinds == [("clicked", 4), ("opened", 1)]


def test_unsubscribing_twice_is_as_once(people: Workspace) -> None:
    def unsubscribe(contact: int, schedule: int) -> Applied:
        ticket = Ticket(contact, schedule)
        return write(people, lambda c: responses.respond(c, Purpose.UNSUBSCRIBE, ticket, None, NOW))

    assert [unsubscribe(2, 15).suppressed for _ in range(2)] == [1, 0]
    assert rows(people, "select address, scope from suppressions") == [("maria@example.com", "marketing")]
    assert rows(people, "select event_type from contact_events") == [("unsubscribed",)]
    assert unsubscribe(99, 99).unmatched == 1


# ---- emails rendered ----


def claimed(number: int, contact: int, template: str | None, **more: Any) -> Claimed:
    day = day_number(date(2026, 3, 1))
    fields: dict[str, Any] = {
        "id": number, "contact_id": contact, "kind": 0, "followup": 0, "email_type": "birthday",
        "event": day + 14, "send": day, "priority": 5, "campaign_instance_id": None,
        "email_template": template, "metadata": None, "parent_id": None, "attempts": 1,
        "domain": "example.com", "enrollment_id": None, "token": "t", "wait": 0.0, "lapses": None,
    }  # fmt: skip
    return Claimed(**fields | more)


def test_claimed_emails_become_letters(people: Workspace) -> None:
    made = write(people, lambda c: templates.add(c, MINE, NOW, "ann"))
    write(people, lambda c: templates.activate(c, "mine", made.version, NOW, "ann"))
    broken = write(
        people, lambda c: templates.add(c, replace(MINE, name="broken", html="{{ 1 / 0 }}"), NOW, "ann")
    )
    write(people, lambda c: templates.activate(c, "broken", broken.version, NOW, "ann"))
    render = renderer(people, LOCAL)
    batch = [
        claimed(10, 1, "mine", campaign_instance_id=5, parent_id=15, followup=1),
        claimed(11, 2, "birthday_standard_v1"),
        claimed(12, 1, "nothing"),
        claimed(13, 99, "mine"),
        claimed(14, 3, None),
        claimed(16, 3, "broken"),
        claimed(17, 4, "mine"),
    ]
    found = read(people, lambda c: render(c, batch, NOW))
    again = read(people, lambda c: renderer(people, LOCAL)(c, batch, NOW))
    assert found == again
    one = found[10]
    assert isinstance(one, Letter)
    data = one.envelope.data.decode()
    assert "<p>Gold 7</p>" in data
    assert "In-Reply-To: <15@a.example>\r\n" in data
    assert "Subject: Hi M\r\n" in data
    assert f"Message-ID: {one.envelope.message_id}\r\n" in data
    assert one.envelope.message_id.startswith("<a.")
    assert one.envelope.recipient == "Maria@Example.com"
    assert "mailto:ann@agency.example?subject=3Dunsubscribe" in data
    assert isinstance(found[11], Letter)
    assert [found[number] for number in (12, 13, 14, 17)] == [
        "there is no active template 'nothing'",
        "the contact is not there or has no address",
        "the email has no template",
        "the contact is not there or has no address",
    ]
    assert str(found[16]).startswith("template broken version 1, html, line 1: division by zero")


def test_no_server_is_given_mail_without_the_senders_address(people: Workspace) -> None:
    remote = replace(LOCAL, transport="smtp", settings={"host": "mail.example.com", "port": 25})
    with pytest.raises(SettingsError, match=r"sending\.postal_address"):
        renderer(people, remote)
    renderer(people, replace(remote, settings={"host": "127.0.0.1", "port": 25}))


def test_a_preview_is_what_would_leave(people: Workspace) -> None:
    source = write(people, lambda c: templates.add(c, MINE, NOW, "ann"))
    made = preview.preview(people, source, "3", None)
    assert made.mail is not None
    assert (made.email, made.mail.subject) == ("tom@example.com", "Hi M")
    assert b"sender@example.com" in made.data
    assert preview.preview(people, source, None, None).email == "Maria@Example.com"
    other = preview.preview(people, source, "3", None, "me@example.com").mail
    assert other is not None
    assert (other.to_address, other.message_id.startswith("<test.")) == ("me@example.com", True)
    with pytest.raises(
        InputError, match=r"no contact tim@example.com with an address; did you mean tom@example.com"
    ):
        preview.preview(people, source, "tim@example.com", None)
    assert [
        str(one) for one in read(people, lambda c: preview.findings(people, c, source)) if one.is_error
    ] == []
