"""The frame of every page: navigation, widths, light and dark, what a keyboard and a screen reader find."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.web.browser.conftest import OpenPage, ready
from tests.web.browser.site import Site


def test_keyboard(open_page: OpenPage) -> None:
    """The first stop leads past the navigation; what has the focus is seen."""
    page = open_page("/health")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_navigation(open_page: OpenPage) -> None:
    page = open_page("/")
    rail = page.get_by_role("navigation", name="Pages")
    expect(rail.get_by_role("link", name="Home", exact=True)).to_have_attribute("aria-current", "page")
    rail.get_by_role("link", name="Health").click()
    page.wait_for_url("**/health")
    assert page.title().endswith("Health · Carillon")


def test_navigation_on_a_phone(open_page: OpenPage) -> None:
    page = open_page("/", width=390)
    expect(page.get_by_role("navigation", name="Pages", exact=True)).to_be_hidden()
    page.get_by_role("button", name="More").click()
    page.get_by_role("dialog").get_by_role("link", name="Health").click()
    page.wait_for_url("**/health")


def test_theme_is_kept(open_page: OpenPage, demo_site: Site) -> None:
    """What a person chooses holds on every page and in every browser of theirs, whatever the system has."""
    page = open_page("/me", user="ed")
    try:
        choose(page, "Light or dark", "Dark")
        page.wait_for_function("() => document.body.classList.contains('body--dark')")
        other = open_page("/", user="ed")
        assert "body--dark" in (other.locator("body").get_attribute("class") or "")
        assert "dark" in other.locator("html").get_attribute("data-theme")  # type: ignore[operator]
    finally:
        go(page, "/me")
        choose(page, "Light or dark", "As the system")
        page.wait_for_function("() => !document.body.classList.contains('body--dark')")
    assert demo_site.carillon("user", "list")


def test_pause_and_resume(open_page: OpenPage) -> None:
    """It is asked first; everybody sees it; an escape leaves all as it was."""
    page = open_page("/health", user="ed")
    page.get_by_role("button", name="Pause or resume all mail").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_text("Running", exact=True)).to_be_visible()
    page.get_by_role("button", name="Pause or resume all mail").click()
    page.get_by_role("dialog").get_by_role("button", name="Pause all mail").click()
    expect(page.get_by_text("Paused", exact=True)).to_be_visible()
    expect(page.get_by_text("All mail is paused: nothing is released")).to_be_visible()
    page.get_by_role("button", name="Pause or resume all mail").click()
    expect(page.get_by_text("Running", exact=True)).to_be_visible()


def go(page: Page, path: str) -> None:
    """Open another page of the same server."""
    page.goto("/".join(page.url.split("/")[:3]) + path)
    ready(page)


def choose(page: Page, label: str, option: str) -> None:
    """Choose from a list."""
    page.get_by_label(label).first.click()
    page.get_by_role("option", name=option, exact=True).click()


def serious(page: Page) -> list[Any]:
    """What axe-core calls serious or worse: rule, and the elements."""
    page.wait_for_timeout(400)  # for what fades in
    found = Axe().run(page).response["violations"]
    return [
        (one["id"], [node["target"] for node in one["nodes"]], one["nodes"][0].get("failureSummary"))
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
