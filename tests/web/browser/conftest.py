"""One server and one browser for all tests of pages.

A test asks for `open_page`:

    def test_something(open_page):
        page = open_page("/contacts", user="ed", width=390, theme="dark")
        page.get_by_role("button", name="Import").click()

It is signed in as ada (admin), ed (editor) or vic (viewer). At the end of the test nothing may have been
asked of another machine, and nothing complained of in the console. `demo_site` is the server: its `folder`,
`carillon("plan")`, `session_of("ed")`. Without Chromium these tests are skipped.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.web.browser.site import Site, demo_folder, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
HEIGHT = {390: 844}
PATIENCE_MS = 60_000
"""Milliseconds that anything on a page may take: machines that test are busy."""
expect.set_options(timeout=PATIENCE_MS)

OpenPage = Callable[..., Page]
Contexts = dict[tuple[str, str], BrowserContext]


@pytest.fixture(scope="session")
def demo_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    base = tmp_path_factory.getbasetemp()
    # Under xdist the processes' folders lie in one: there the demo is made once for all.
    shared = base.parent if base.name.startswith("popen-") else base
    with serving(demo_folder(shared, tmp_path_factory.mktemp("site") / "demo")) as site:
        yield site


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Of this folder only: as long as it is open, nothing else in the process can run an event loop."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def known(browser: Browser) -> Contexts:
    """What the browser keeps for who is signed in somewhere: scripts once read and compiled stay so.

    A page of a browser that knows nothing takes twice the work.
    """
    assert browser
    return {}


@pytest.fixture
def open_page(demo_site: Site, browser: Browser, known: Contexts) -> Iterator[OpenPage]:
    """Opens pages; see above."""
    strangers: list[BrowserContext] = []
    used: set[tuple[str, str]] = set()
    troubles, foreign = [], []

    def context_of(of: Site, user: str | None) -> BrowserContext:
        if user is None:
            strangers.append(_fresh(browser))
            return strangers[-1]
        key = (of.url, user)
        if key not in known:
            known[key] = _fresh(browser)
        if key not in used:
            used.add(key)
            known[key].clear_cookies()
            known[key].add_cookies([{**one} for one in of.session_of(user)])  # type: ignore[typeddict-item]
        return known[key]

    def open_(
        path: str,
        *,
        user: str | None = "ada",
        width: int = 1440,
        theme: str = "light",
        allow: tuple[str, ...] = (),
        site: Site | None = None,
    ) -> Page:
        """`user`: None for somebody who is not signed in; `allow`: parts of complaints that are expected."""
        of = site or demo_site
        context = context_of(of, user)
        if user is not None:
            # What a browser would have left there at its first page: spares that page its second loading.
            context.add_cookies([{"name": "carillon_light", "value": theme, "url": of.url}])
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": HEIGHT.get(width, 900)})
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
        page.on("pageerror", lambda error: troubles.append((allow, f"{path}: {error}")))
        page.on("console", lambda said: said.type in ("error", "warning")
                and troubles.append((allow, f"{path}: {said.text}")))  # fmt: skip
        page.on("request", lambda asked: _is_foreign(asked.url, of.url) and foreign.append((path, asked)))
        page.goto(of.url + path)
        if page.locator("#main").count():
            ready(page)
        return page

    yield open_
    # What a page's own policy forbids is told as a request, and never leaves the browser.
    troubles += [((), f"{path}: asked {one.url}") for path, one in foreign if one.failure != "csp"]
    for context in strangers:
        context.close()
    for context in known.values():
        for page in context.pages:
            page.close()
    told = [words for allowed, words in troubles if not any(part in words for part in allowed)]
    assert not told, told


def _fresh(browser: Browser) -> BrowserContext:
    made = browser.new_context(timezone_id="America/New_York")
    made.set_default_timeout(PATIENCE_MS)
    return made


def ready(page: Page) -> None:
    """Wait until a page is drawn and talks to the server."""
    page.wait_for_function("() => window.did_handshake && window.socket.connected")


def _is_foreign(url: str, home: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(home).netloc
