"""Templates: written, checked as one types, seen as somebody real gets it, put in force, and back again."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from carillon.clock import SystemClock
from carillon.store import templates as store
from carillon.workspace import open_workspace
from tests.web.browser.conftest import OpenPage
from tests.web.browser.site import Site
from tests.web.browser.test_shell import serious

SCRIPT = "<script>document.title='taken'</script>"


def versions(site: Site, name: str) -> list[store.Version]:
    workspace = open_workspace(site.folder, {}, SystemClock())
    with workspace.database.snapshot() as connection:
        found = store.versions(connection, name)
    workspace.close()
    return found


def test_list(open_page: OpenPage) -> None:
    """Found by name, filtered by kind in the address, and one click from the editor."""
    page = open_page("/templates?kind=sms")
    expect(page.get_by_role("link", name="birthday_sms_v1")).to_be_visible()
    expect(page.get_by_role("link", name="birthday_standard_v1")).to_have_count(0)
    page.get_by_placeholder("Find by name or subject").fill("cold")
    expect(page.get_by_text("1 to 1 of 1")).to_be_visible()
    assert not serious(page)
    page.get_by_role("link", name="followup_cold_sms_v1").click()
    expect(page.locator("h1")).to_have_text("followup_cold_sms_v1")


def test_journey(open_page: OpenPage, demo_site: Site) -> None:
    """A new template, faults told at their line, two versions, one in force, and back to the first."""
    page = open_page("/templates", user="ed")
    page.get_by_role("button", name="New template").click()
    page.get_by_label("Name", exact=True).fill("spring offer!")
    page.get_by_role("button", name="Write it").click()
    expect(page.get_by_text("letters, digits, dots, dashes and underscores")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("spring_v1")
    page.get_by_role("button", name="Write it").click()
    page.wait_for_url("**/templates/spring_v1?new=email")
    page.get_by_label("Subject", exact=True).fill("Hello {{ first_name }}")
    page.get_by_label("HTML", exact=True).fill("<p>one</p>\n<p>{{ first_nam }}</p>")
    page.get_by_role("button", name="html, line 2").click()
    assert page.evaluate("document.activeElement.selectionStart") == len("<p>one</p>\n")
    page.get_by_label("HTML", exact=True).fill("<p>Spring is here</p>")
    expect(page.frame_locator("iframe").get_by_text("Spring is here")).to_be_visible()
    page.get_by_role("button", name="Save as new version").click()
    expect(page.get_by_text("Saved as version 1")).to_be_visible()
    put_in_force(page, "Put in force", 1)
    page.get_by_label("HTML", exact=True).fill("<p>Summer is here</p>")
    expect(page.frame_locator("iframe").get_by_text("Summer is here")).to_be_visible()
    page.get_by_role("button", name="Save as new version").click()
    expect(page.get_by_text("Saved as version 2")).to_be_visible()
    found = versions(demo_site, "spring_v1")
    assert [(one.source.html, one.active, one.by) for one in found] == [
        ("<p>Spring is here</p>", True, "ed"),
        ("<p>Summer is here</p>", False, "ed"),
    ]
    put_in_force(page, "Put in force", 2)
    page.get_by_role("link", name="Version 1").click()
    page.wait_for_url("**version=1")
    put_in_force(page, "Go back to version 1", 1)
    assert [one.active for one in versions(demo_site, "spring_v1")] == [True, False]
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("+<p>Spring is here</p>")).to_be_visible()


def put_in_force(page: Page, label: str, version: int) -> None:
    page.get_by_role("button", name=label).click()
    page.get_by_role("dialog").get_by_role("button", name="Put in force").click()
    expect(page.get_by_text(f"Version {version} is in force.")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_send_test(open_page: OpenPage, demo_site: Site) -> None:
    """One email to an address of one's own, and what came of it."""
    sent = demo_site.folder / "mail" / "service" / "new"
    before = set(sent.iterdir()) if sent.exists() else set()
    page = open_page("/templates/birthday_standard_v1", user="ed")
    page.get_by_role("button", name="Send a test").click()
    page.get_by_label("To", exact=True).fill("nonsense")
    page.get_by_role("button", name="Send the test").click()
    expect(page.get_by_text("write an address")).to_be_visible()
    page.get_by_label("To", exact=True).fill("me@example.com")
    page.get_by_role("button", name="Send the test").click()
    expect(page.get_by_text("an email to me@example.com was accepted")).to_be_visible()
    (new,) = set(sent.iterdir()) - before
    assert b"To: " in new.read_bytes()
    assert b"me@example.com" in new.read_bytes()


def test_hostile(open_page: OpenPage) -> None:
    """What is written is text on our page, and in its frame nothing runs and nothing is loaded."""
    allowed = ("Blocked script execution", "Content Security Policy")
    page = open_page("/templates/hostile_v1?new=email", user="ed", allow=allowed)
    page.get_by_label("Subject", exact=True).fill(SCRIPT + "=cmd()" + "x" * 10_000)
    page.get_by_label("HTML", exact=True).fill(
        f"<p>here</p>{SCRIPT}<img src='https://elsewhere.example/x.png'>"
    )
    expect(page.get_by_role("button", name="Save as new version")).to_be_enabled()
    expect(page.locator("iframe").or_(page.locator("#main").get_by_role("alert")).first).to_be_visible()
    assert page.title() == "hostile_v1 · Carillon"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_viewer_and_access(open_page: OpenPage) -> None:
    """Who may only look changes nothing; axe-core finds nothing; a name that there is not is told."""
    page = open_page("/templates/birthday_standard_v1", user="vic", width=390)
    expect(page.frame_locator("iframe").get_by_text("birthday").first).to_be_visible()
    expect(page.get_by_role("button", name="Save as new version")).to_have_count(0)
    assert page.get_by_label("Subject", exact=True).get_attribute("readonly") is not None
    assert not serious(page)
    lost = open_page("/templates/birthday_standrd_v1", user="vic")
    expect(lost.get_by_text("there is no template 'birthday_standrd_v1'")).to_be_visible()
