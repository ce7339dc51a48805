"""Every page and every tab of it, as they are for whoever needs them large, small, dark or read aloud.

Nothing scrolls sideways at any width, and axe-core has no serious complaint: at a desk in light and on a
phone in the dark. With CARILLON_SOAK it is asked in both lights at both widths, and of all pages of the
settings, which are made by the same code and for which some stand otherwise.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Page

from carillon.web.pages.campaigns.detail import TABS as CAMPAIGN
from carillon.web.pages.campaigns.listing import TABS as CAMPAIGNS
from carillon.web.pages.sequences.one import TABS as SEQUENCE
from carillon.web.pages.settings.places import NAMES
from carillon.web.pages.timing import TABS as TIMING
from carillon.web.shell import PLACES
from tests.web.browser.conftest import OpenPage
from tests.web.browser.test_shell import go

WIDTHS = (1440, 1024, 390)
SOAK = bool(os.environ.get("CARILLON_SOAK"))
LOOKS = ((1440, False), (1440, True), (390, False), (390, True)) if SOAK else ((1440, False), (390, True))
"""Widths, and whether it is dark."""
SETTINGS = ("state_rules", "sending", "campaign_types", "email_templates", "users", "api-keys", "outgoing",
            "history")  # fmt: skip
PARTS = {
    "plan": (
        "/", "/calendar", "/calendar?view=month", "/calendar?view=day",
        *(f"/campaigns?tab={tab}" for tab in CAMPAIGNS), *(f"/campaigns/1?tab={tab}" for tab in CAMPAIGN),
        "/campaigns/2?tab=skipped",
    ),
    "people": (
        "/sequences", *(f"/sequences/1?tab={tab}" for tab in SEQUENCE),
        *(f"/sequences/new?way={way}" for way in ("short", "draw", "file")),
        "/contacts", "/contacts/1", "/contacts/import", "/templates", "/templates/birthday_standard_v1",
        *(f"/timing?tab={tab}" for tab in TIMING),
    ),
    "program": (
        "/accounts", "/accounts/service", "/accounts/new", "/issues", "/logs", "/logs?tab=audit", "/health",
        "/me", *(f"/settings/{name}" for name in (NAMES if SOAK else SETTINGS)),
    ),
}  # fmt: skip
TURN = (
    "dark => { const still = new CSSStyleSheet();"
    " still.replaceSync('*, ::before, ::after { transition: none !important; animation: none !important }');"
    " document.adoptedStyleSheets = [still]; Quasar.Dark.set(dark) }"
)
"""Light or dark, at once: nothing fades from one into the other."""


@pytest.mark.parametrize("part", PARTS)
def test_every_page_fits_and_can_be_read(open_page: OpenPage, part: str) -> None:
    page = open_page(PARTS[part][0])
    for path in PARTS[part]:
        go(page, path)
        look(page, path)


def test_no_page_is_left_out() -> None:
    walked = {path.partition("?")[0] for paths in PARTS.values() for path in paths}
    assert {place.path for place in PLACES} - {"/settings"} <= walked


def look(page: Page, path: str) -> None:
    """What is wrong with a page that is open at 1440 pixels in light; it is left as it was."""
    assert page.locator("h1").count() == 1, path
    page.evaluate(_axe())
    for width, dark in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(TURN, dark)
        assert not (found := serious(page)), (path, width, "dark" if dark else "light", found)
    for width in reversed(WIDTHS):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{path}, {width}"
    page.evaluate(TURN, False)


def serious(page: Page) -> list[Any]:
    """What axe-core calls serious or worse: rule, elements, and what would mend it."""
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        (one["id"], [node["html"][:300] for node in one["nodes"]], one["nodes"][0].get("failureSummary"))
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@cache
def _axe() -> str:
    return AXE_FILE_PATH.read_text(encoding="utf-8")
