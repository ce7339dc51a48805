"""Sequences on the page: drawn, begun, watched until somebody answers; and what is refused to whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as TooLate

from carillon.clock import SystemClock
from carillon.store import users
from carillon.store.engine import Connection
from carillon.workspace import open_workspace
from tests.doubles.smtp_server import SmtpServer, in_a_thread
from tests.web.browser.conftest import OpenPage, ready
from tests.web.browser.site import Site, add_users, carillon, serving
from tests.web.browser.test_shell import go

MONDAY = "2027-03-01T10:00:00-05:00"
TUESDAY_NINE = "2027-03-02T09:00"
AFTER_NINE = "2027-03-02T09:02:00-05:00"
LATER = "2027-03-02T15:00:00-05:00"
HOSTILE = '<script>alert("x")</script>'
PEOPLE = """Email,First Name,Last Name,State,ZIP
maria@example.com,Maria,Ruiz,TX,78701
lee@example.org,Lee,=1+1,TX,78701
"""
LISTENING = (
    "window.said = ''; new MutationObserver(() => document.querySelectorAll('.q-notification').forEach("
    "one => { if (!said.includes(one.innerText)) said += one.innerText }"
    ")).observe(document.body, {childList: true, subtree: true, characterData: true})"
)
"""Keeps what is said at the foot of the page, which goes by itself."""
DRAWN = "() => [...document.querySelectorAll('[data-step]')].map(one => one.dataset.step).join()"
LONG = f"""name: long way
steps:
  - {{key: hello, type: email, template: followup_cold_v1}}
  - {{key: pause, type: delay, amount: 3, unit: days}}
  - key: answered
    type: condition
    when: replied
    next: thanks
    otherwise: again
  - {{key: thanks, type: exit, reason: replied}}  # with a remark
  - {{key: again, type: email, template: followup_healthy_v1, subject: '{HOSTILE}'}}
"""


@pytest.fixture(scope="module")
def post() -> Iterator[SmtpServer]:
    with in_a_thread(SmtpServer()) as server:
        yield server


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, post: SmtpServer) -> Iterator[Site]:
    """A workspace on a Monday, with two people and an account that sends to the server here."""
    folder = tmp_path_factory.mktemp("office") / "site"
    carillon("init", str(folder))
    add_users(folder)
    prefer(folder, refresh=1)
    here = ("-w", str(folder), "--now", MONDAY)
    people = folder.parent / "people.csv"
    people.write_text(PEOPLE)
    carillon(*here, "import", "contacts", str(people))
    carillon(
        *here, "account", "add", "main", "--transport", "smtp", "--from", "ann@agency.example",
        "--host", "127.0.0.1", "--port", str(post.port), "--security", "none",
        "--timezone", "America/New_York", "--inbox-path", str(folder / "in"),
    )  # fmt: skip
    (folder / "in" / "new").mkdir(parents=True)
    (folder.parent / "long.yaml").write_text(LONG)
    carillon(*here, "sequence", "apply", str(folder.parent / "long.yaml"))
    with serving(folder, now=MONDAY) as site:
        yield site


def test_from_the_first_step_to_the_reply(open_page: OpenPage, office: Site, post: SmtpServer) -> None:
    """Drawn by drag and drop, begun for tomorrow at nine, sent, answered, over: all seen on the page."""
    page = open_page("/sequences/new?way=draw", user="ed", site=office)
    panel = page.get_by_label("Settings", exact=True).locator("visible=true").last
    drag(page, "new:email", ".next")
    choose_in(page, panel, "Template", "followup_cold_v1")
    drag(page, "new:condition", "email_1.next")
    drag(page, "new:delay", "email_1.next")
    drag(page, "new:action", "condition_1.next")
    panel.get_by_label("Tag", exact=True).fill("answered")
    expect(page.locator("[data-step=action_1]")).to_contain_text("answered")
    drag(page, "new:email", "condition_1.otherwise")
    choose_in(page, panel, "Template", "followup_healthy_v1")
    assert steps(page) == ["email_1", "delay_1", "condition_1", "action_1", "email_2"]
    drag(page, "step:delay_1", ".next")
    assert steps(page)[:2] == ["delay_1", "email_1"]
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-step]").first).to_have_attribute("data-step", "email_1")
    page.get_by_role("button", name="Save").click()
    expect(panel.get_by_text("is needed")).to_be_visible()
    panel.get_by_label("Name").fill("tomorrow")
    expect(page.get_by_text("not saved yet")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/sequences/2")
    ready(page)
    stored = shown(office, "show", "tomorrow")
    assert [(one["key"], one["next"], one["otherwise"]) for one in stored["steps"]] == [
        ("email_1", "delay_1", None),
        ("delay_1", "condition_1", None),
        ("condition_1", "action_1", "email_2"),
        ("action_1", None, None),
        ("email_2", None, None),
    ]

    page.get_by_role("button", name="Enroll").click()
    page.get_by_label("Find people").fill("maria")
    page.get_by_role("checkbox", name="maria@example.com").click()
    page.get_by_role("button", name="Enroll them").first.click()
    expect(page.get_by_text("Enrolled 1 person in tomorrow.")).to_be_visible()

    page.get_by_role("button", name="Activate").click()
    page.get_by_role("radio", name="Start at a chosen time").click()
    page.get_by_label("Begins at").fill(TUESDAY_NINE)
    expect(page.get_by_text("Enrolled and waiting")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_text("maria@example.com")).to_be_visible()
    page.get_by_role("button", name="Begin 2 Mar 2027, 09:00").click()
    expect(page.get_by_text("tomorrow begins 2 Mar 2027, 09:00 with 1 person.")).to_be_visible()
    assert shown(office, "show", "tomorrow")["scheduled_start_at"] == "2027-03-02T14:00:00+00:00"

    # From here on it is only watched: the page shows by itself what happens.
    go(page, "/sequences/2?tab=people")
    row = page.get_by_role("row").filter(has_text="maria@example.com")
    expect(row).to_contain_text("2 Mar 2027, 09:00")
    office.carillon("--now", "2027-03-02T08:58:00-05:00", "run", "--once")
    assert post.accepted == []
    office.carillon("--now", AFTER_NINE, "run", "--once")
    assert [one.recipient for one in post.accepted] == ["maria@example.com"]
    expect(row).to_contain_text("first email sent")
    expect(page.get_by_text("active", exact=True).first).to_be_visible()
    page.get_by_role("button", name="Archive").focus()
    page.wait_for_timeout(2500)  # the page is read again twice, and what is the same is left alone
    expect(page.get_by_role("button", name="Archive")).to_be_focused()
    page.evaluate(LISTENING)
    answer(office, post.accepted[0].message_id)
    office.carillon("--now", LATER, "run", "--once")
    expect(row).to_contain_text("replied")
    page.wait_for_function("said.includes('maria@example.com replied')")
    expect(page).to_have_title("(1) tomorrow · Carillon")
    row.get_by_role("cell", name="maria@example.com").click()
    found = page.get_by_role("dialog")
    expect(found).to_contain_text("Ended with")
    expect(found.get_by_role("listitem").filter(has_text="email_1").first).to_be_visible()
    found.get_by_role("button", name="Close").click()
    assert shown(office, "status", "tomorrow")["contacts"][0]["enrollment"] == "exited"
    assert [one.recipient for one in post.accepted] == ["maria@example.com"]

    page.get_by_role("button", name="News: 1 new").click()
    expect(page).to_have_title("tomorrow · Carillon")
    page.get_by_role("menu").get_by_role("link", name="maria@example.com replied").click()
    page.wait_for_url("**/contacts/1")
    ready(page)
    expect(page.get_by_role("button", name="News", exact=True)).to_be_visible()


def test_drawn_by_keyboard_on_a_phone(open_page: OpenPage, office: Site) -> None:
    """No mouse and no finger: put in, moved, filled in, taken out, stored."""
    page = open_page("/sequences/new?way=draw", user="ed", width=390, site=office)
    keys = page.keyboard
    for where, kind, key in (
        ("the first step", "Email", "email_1"),
        ("a step after email_1", "Wait", "delay_1"),
        ("a step after delay_1", "Exit", "exit_1"),
    ):
        page.get_by_role("button", name=f"Add {where}").focus()
        keys.press("Enter")
        page.get_by_role("dialog", name="Add a step").get_by_role("button", name=kind).focus()
        keys.press("Enter")
        expect(page.locator(f"[data-step={key}]")).to_be_visible()
    assert steps(page) == ["email_1", "delay_1", "exit_1"]
    page.locator("[data-step=delay_1]").focus()
    keys.press("Alt+ArrowUp")
    expect(page.locator("[data-step]").first).to_have_attribute("data-step", "delay_1")
    expect(page.locator("[data-step=delay_1]")).to_be_focused()
    keys.press("Alt+ArrowDown")
    expect(page.locator("[data-step]").first).to_have_attribute("data-step", "email_1")
    expect(page.locator("[data-step=delay_1]")).to_be_focused()
    page.locator("[data-step=exit_1]").focus()
    keys.press("Delete")
    expect(page.locator("[data-step=exit_1]")).to_have_count(0)
    page.locator("[data-step=email_1]").focus()
    keys.press("Enter")
    panel = page.get_by_label("Settings", exact=True).locator("visible=true").last
    panel.get_by_label("Template", exact=True).first.focus()
    keys.type("followup_cold")
    expect(page.get_by_role("option")).to_have_text(["followup_cold_v1"])
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(page.locator("[data-step=email_1]")).to_contain_text("followup_cold_v1")
    page.get_by_role("button", name="Settings", exact=True).focus()
    keys.press("Enter")
    expect(panel.get_by_role("heading", name="The sequence")).to_be_visible()
    panel.get_by_label("Name", exact=True).focus()
    keys.type("typed")
    expect(page.get_by_text("not saved yet")).to_be_visible()
    page.get_by_role("button", name="Save").focus()
    keys.press("Enter")
    page.wait_for_url("**/sequences/*")
    stored = shown(office, "show", "typed")
    assert [(one["key"], one["next"]) for one in stored["steps"]] == [
        ("email_1", "delay_1"),
        ("delay_1", None),
    ]


def test_keyboard_and_edits(open_page: OpenPage, office: Site) -> None:
    """Steps are added and moved without a mouse; faults stand at their steps; the file keeps its words."""
    page = open_page("/sequences/1", user="ed", site=office)
    assert steps(page) == ["hello", "pause", "answered", "thanks", "again"]
    page.locator("[data-step=hello]").focus()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator("[data-step]").first).to_have_attribute("data-step", "pause")
    expect(page.locator("[data-step=hello]")).to_be_focused()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("[data-step]").first).to_have_attribute("data-step", "hello")
    page.get_by_role("button", name="Add a step after pause").click()
    page.get_by_role("dialog").get_by_role("button", name="Action").click()
    expect(page.locator("[data-step=action_1]")).to_contain_text("tag")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Not saved: 1 thing has to be mended first.")).to_be_visible()
    page.get_by_label("Remove the step").click()
    expect(page.locator("[data-step=action_1]")).to_have_count(0)
    go(page, "/sequences/1?tab=file")
    assert page.get_by_label("The sequence as YAML").input_value() == LONG
    assert shown(office, "show", "long way")["version"] == 1


def test_a_viewer_looks_and_changes_nothing(open_page: OpenPage, office: Site) -> None:
    page = open_page("/sequences/1", user="vic", site=office)
    for name in ("Save", "Enroll", "Activate", "Archive"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    assert page.locator("[data-drag]").count() == 0
    page.locator("[data-step=again]").click()
    expect(page.get_by_label("Subject")).to_have_value(HOSTILE)
    expect(page.get_by_label("Subject")).to_be_disabled()
    go(page, "/sequences/new")
    expect(page.get_by_text("This page takes the role editor")).to_be_visible()
    go(page, "/sequences/99999999999999999999")


def prefer(folder: Path, **values: object) -> None:
    """What ed prefers."""
    workspace = open_workspace(folder, {}, SystemClock())

    def work(connection: Connection) -> None:
        user = users.named(connection, "ed")
        assert user is not None
        users.set_preferences(connection, user.id, values)

    workspace.database.write(work)
    workspace.close()


def drag(page: Page, what: str, way: str) -> None:
    """Drag something to a way, and wait until it is drawn."""
    before = page.evaluate(DRAWN)
    for _ in range(3):
        page.locator(f'[data-drag="{what}"]').drag_to(page.locator(f'[data-way="{way}"]'))
        # What is let go while a page is drawn anew falls to the floor: whoever drags does it again.
        with suppress(TooLate):
            page.wait_for_function(f"before => ({DRAWN})() != before", arg=before, timeout=20_000)
            return
    raise AssertionError(f"{what} cannot be dragged to {way}")


def steps(page: Page) -> list[str]:
    found: list[str] = page.locator("[data-step]").evaluate_all("all => all.map(one => one.dataset.step)")
    return found


def choose_in(page: Page, panel: Any, label: str, option: str) -> None:
    panel.get_by_label(label, exact=True).first.click()
    page.get_by_role("option", name=option, exact=True).click()


def shown(site: Site, command: str, name: str) -> Any:
    return json.loads(site.carillon("sequence", command, name, "--json"))


def answer(site: Site, message_id: str) -> None:
    """A reply into the mailbox of the account."""
    lines = [
        "From: maria@example.com", "To: ann@agency.example", "Subject: Re: hello",
        "Message-ID: <reply@example.com>", f"In-Reply-To: {message_id}", "", "Yes, please call me.", "",
    ]  # fmt: skip
    Path(site.folder / "in" / "new" / "1.reply").write_text("\r\n".join(lines))
