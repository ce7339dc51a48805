"""Takes docs/images/web/*.webp: every page of the web application on the demo, in real Chromium.

`make screenshots`, after a page has changed. The demo is made in a temporary folder with its clock set to a
Friday afternoon, so that pictures differ only where pages do. `docs/screenshots.py DIR` uses a demo that is
there, by the computer's clock; further words are names of pages.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

TARGET = Path(os.environ.get("SHOTS", Path(__file__).parent / "images" / "web"))
NOW, ZONE = "2026-11-20T15:40", "America/Chicago"
PORT = 8399
SIZE, PHONE = (1440, 900), (390, 844)
QUALITY, PATIENCE = 82, 2500
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
PAGES = {
    "home": "/",
    "calendar": "/calendar",
    "month": "/calendar?view=month",
    "campaigns": "/campaigns",
    "campaign": "/campaigns/1",
    "sequences": "/sequences",
    "builder": "/sequences/1",
    "report": "/sequences/1?tab=report",
    "contacts": "/contacts?tag=partners",
    "contact": "/contacts/18",
    "templates": "/templates",
    "template": "/templates/partner_hello_a",
    "timing": "/timing",
    "day-strips": "/timing?tab=days&account=anna",
    "warm-up": "/timing?tab=warmup&account=clara",
    "accounts": "/accounts",
    "account": "/accounts/clara",
    "issues": "/issues",
    "logs": "/logs",
    "settings": "/settings",
    "health": "/health",
}
PHONE_PAGES = ("home", "sequences")


def main(words: list[str]) -> None:
    """Take the pictures of the pages named, or of all."""
    TARGET.mkdir(parents=True, exist_ok=True)
    given = Path(words[0]) if words and Path(words[0]).is_dir() else None
    names = words[1:] if given else words
    with tempfile.TemporaryDirectory() as scratch:
        folder, clock = (given, ()) if given else (Path(scratch) / "demo", ("--now", NOW))
        if given is None:
            _carillon(*clock, "demo", str(folder))
        with _served(folder, *clock) as entrance, sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
            _all(browser, entrance, names or list(PAGES))


def _all(browser: Browser, entrance: str, names: list[str]) -> None:
    home = "/".join(entrance.split("/")[:3])
    context = browser.new_context(timezone_id=ZONE, reduced_motion="reduce", locale="en-US")
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.goto(entrance)
    for theme in ("light", "dark"):
        context.add_cookies([{"name": "carillon_light", "value": theme, "url": home}])
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        for name in names:
            _take(page, home + PAGES[name], SIZE, f"{name}-{theme}")
    context.add_cookies([{"name": "carillon_light", "value": "light", "url": home}])
    page.emulate_media(color_scheme="light")
    for name in set(names) & set(PHONE_PAGES):
        _take(page, home + PAGES[name], PHONE, f"{name}-phone")
    context.close()


def _take(page: Page, address: str, size: tuple[int, int], name: str) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(address)
    page.wait_for_function("() => window.did_handshake && window.socket.connected")
    page.wait_for_timeout(PATIENCE)
    session = page.context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    session.detach()
    (TARGET / f"{name}.webp").write_bytes(b64decode(taken["data"]))
    print(name)


@contextmanager
def _served(folder: Path, *clock: str) -> Iterator[str]:
    """The application on a workspace; gives the link that lets a browser in."""
    order = [sys.executable, "-m", "carillon", "-w", str(folder), *clock, "web", "--port", str(PORT)]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "300"}
    with subprocess.Popen(order, stdout=subprocess.PIPE, text=True, env=environ) as server:
        try:
            assert server.stdout is not None
            found = next(hit for line in server.stdout if (hit := re.search(r"http://\S+", line)))
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", PORT)) == 0:
                        break
                time.sleep(0.1)
            yield found[0]
        finally:
            server.terminate()


def _carillon(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "carillon", *words], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main(sys.argv[1:])
