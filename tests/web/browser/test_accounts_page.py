"""Accounts: made, tested, changed, paused, let go on and removed; a secret is never shown."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from carillon.accounts import Account
from carillon.clock import SystemClock
from carillon.errors import InputError
from carillon.store import accounts as store
from carillon.workspace import open_workspace
from tests.web.browser.conftest import OpenPage
from tests.web.browser.site import Site
from tests.web.browser.test_shell import choose, serious

HOSTILE = "<script>document.title='taken'</script>=cmd()"


def stored(site: Site, name: str) -> Account | None:
    workspace = open_workspace(site.folder, {}, SystemClock())
    try:
        with workspace.database.snapshot() as connection:
            return store.find(connection, name)
    except InputError:
        return None
    finally:
        workspace.close()


def test_journey(open_page: OpenPage, demo_site: Site) -> None:
    """A mailbox is added, tried out, given other limits, paused, resumed and taken away."""
    page = open_page("/accounts")
    page.get_by_role("button", name="Add account").click()
    page.get_by_label("Name", exact=True).fill("zoe")
    page.get_by_label("Address it sends from", exact=True).fill("zoe@agency.example")
    page.get_by_role("tab", name="Sending").click()
    choose(page, "How it sends", "Maildir")
    page.get_by_label("Folder", exact=True).fill("mail-zoe")
    page.get_by_role("tab", name="Limits and days").click()
    choose(page, "What its day looks like", "mailbox: a person's day, in slots")
    page.get_by_role("switch", name="Warm up").click()
    page.get_by_role("dialog").get_by_role("button", name="Add", exact=True).click()
    page.wait_for_url("**/accounts/zoe")
    made = stored(demo_site, "zoe")
    assert made is not None
    assert (made.kind, made.warmup_enabled, made.settings) == ("mailbox", True, {"path": "mail-zoe"})
    expect(page.locator(".c-strip").first).to_be_visible()
    assert not serious(page)

    page.get_by_role("button", name="Test", exact=True).click()
    page.get_by_role("button", name="Send the test").click()
    expect(page.get_by_text("zoe can send: an email to zoe@agency.example was accepted")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    assert list((demo_site.folder / "mail-zoe" / "new").iterdir())

    page.get_by_role("button", name="Change", exact=True).click()
    page.get_by_role("tab", name="Limits and days").click()
    page.get_by_label("Emails a day", exact=True).fill("30")
    page.get_by_label("Business hours", exact=True).fill("25:00-26:00")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text('"25:00" is not a time of day')
    page.get_by_label("Business hours", exact=True).fill("08:00-12:00")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Changed zoe.")).to_be_visible()
    made = stored(demo_site, "zoe")
    assert made is not None
    assert (made.daily_limit, made.pacing) == (30, {"business_hours": "08:00-12:00"})

    turn(page, "Pause", "zoe is paused")
    assert getattr(stored(demo_site, "zoe"), "status", "") == "paused"
    turn(page, "Resume", "zoe may send")
    assert getattr(stored(demo_site, "zoe"), "status", "") == "active"
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.wait_for_url("**/accounts")
    assert stored(demo_site, "zoe") is None


def turn(page: Page, yes: str, said: str) -> None:
    page.get_by_role("button", name="Pause or resume", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name=yes, exact=True).click()
    expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_secret_is_kept_to_itself(open_page: OpenPage, demo_site: Site) -> None:
    """Typed once, stored encrypted, and nowhere on a page again; a faulty server is told in words."""
    page = open_page("/accounts")
    page.get_by_role("button", name="Add account").click()
    page.get_by_label("Name", exact=True).fill("yan")
    page.get_by_label("Address it sends from", exact=True).fill("yan@agency.example")
    page.get_by_label("Name before the address").fill(HOSTILE)
    page.get_by_role("tab", name="Sending").click()
    page.get_by_label("Server", exact=True).fill("127.0.0.1")
    page.get_by_label("Port", exact=True).fill("9")
    page.get_by_label("User name", exact=True).fill("yan")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("the password is missing")
    page.get_by_label("Password", exact=True).fill("hunter2hunter2")
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_url("**/accounts/yan")
    expect(page.get_by_text("stored, encrypted")).to_be_visible()
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    made = stored(demo_site, "yan")
    assert made is not None
    assert made.secret
    assert "hunter2" not in made.secret
    page.get_by_role("button", name="Change", exact=True).click()
    page.get_by_role("tab", name="Sending").click()
    expect(page.get_by_label("Password", exact=True)).to_have_value("")
    assert "hunter2" not in page.content()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Test", exact=True).click()
    page.get_by_role("button", name="Send the test").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("127.0.0.1")
    assert page.title() == "yan · Carillon"
    demo_site.carillon("account", "remove", "yan")


def test_viewer_and_access(open_page: OpenPage) -> None:
    """Who may only look changes nothing; on a phone nothing scrolls sideways; axe-core finds nothing."""
    page = open_page("/accounts", user="vic", width=390, theme="dark")
    expect(page.get_by_role("link", name="service")).to_be_visible()
    expect(page.get_by_role("button", name="Add account")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert not serious(page)
    page.get_by_role("link", name="service").click()
    expect(page.get_by_text("How it sends")).to_be_visible()
    expect(page.get_by_role("button", name="Remove")).to_have_count(0)
    assert not serious(page)
