"""Who comes in, and who does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyotp
import pytest
from playwright.sync_api import expect

from tests.web.browser.conftest import OpenPage
from tests.web.browser.site import PASSWORDS, Site, carillon, serving

UNKNOWN = "The name or the password is wrong."


@pytest.fixture(scope="module")
def empty_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A workspace with nobody in it, and no users."""
    folder = tmp_path_factory.mktemp("empty") / "site"
    carillon("init", str(folder))
    with serving(folder) as site:
        yield site


def test_signing_in_and_out(open_page: OpenPage, demo_site: Site) -> None:
    """A page that needs it leads to the form and from there on; after signing out nothing opens any more."""
    page = open_page("/health?a=1", user=None)
    assert page.url == f"{demo_site.url}/login?next=%2Fhealth%3Fa%3D1"
    page.get_by_label("Name").fill("VIC")
    page.get_by_label("Password").fill(PASSWORDS["vic"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/health?a=1")
    other = page.context.new_page()
    other.goto(demo_site.url)
    page.get_by_role("button", name="You: vic").click()
    page.get_by_text("Sign out").click()
    page.wait_for_url("**/login")
    other.wait_for_url("**/login")
    page.goto(demo_site.url)
    assert "/login" in page.url


def test_wrong_password_and_lock(demo_site: Site) -> None:
    """The words are the same for who exists and who does not, and so is the lock after five failures."""
    for name in ("ed", "nobody"):
        for n in range(5):
            answer = demo_site.sign_in(name, f"wrong {n} horse battery")
            assert answer.status_code == 401
            assert UNKNOWN in answer.text
        assert re.search(r"Too many attempts. Try again in \d+ seconds", demo_site.sign_in(name, "x").text)
    assert "Too many attempts" in demo_site.sign_in("ed", PASSWORDS["ed"]).text
    demo_site.carillon("user", "enable", "ed")
    assert demo_site.sign_in("ed").status_code == 303


def test_a_viewer_changes_nothing(open_page: OpenPage, demo_site: Site) -> None:
    """What a viewer may not do is not there; and a role that is taken away counts at the next click."""
    page = open_page("/", user="vic")
    assert page.get_by_role("button", name="Run everything due").count() == 0
    assert page.get_by_role("link", name="Settings").count() == 0
    page = open_page("/", user="ed")
    pause = page.get_by_role("button", name="Pause or resume all mail")
    expect(pause).to_be_visible()
    demo_site.carillon("user", "set-role", "ed", "viewer")
    try:
        pause.click()
        expect(page.get_by_text("this takes the role editor; ed has the role viewer")).to_be_visible()
    finally:
        demo_site.carillon("user", "set-role", "ed", "editor")


def test_who_is_disabled_is_out_at_once(open_page: OpenPage, demo_site: Site) -> None:
    page = open_page("/", user="vic")
    demo_site.carillon("user", "disable", "vic")
    try:
        demo_site.cookies.pop("vic", None)
        page.reload()
        assert "/login" in page.url
        assert UNKNOWN in demo_site.sign_in("vic").text
    finally:
        demo_site.carillon("user", "enable", "vic")


def test_second_factor(open_page: OpenPage, demo_site: Site) -> None:
    """Set up with a code; asked for after the password; a code counts once; an admin can take it away."""
    page = open_page("/me", user="vic")
    page.get_by_role("button", name="Set it up").click()
    key = "".join(page.get_by_role("dialog").locator("code").inner_text().split())
    page.get_by_label("Code").fill("000000")
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_text("is not the code for this key")).to_be_visible()
    page.get_by_label("Code").fill(pyotp.TOTP(key).now())
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_text("Set up. Without your phone")).to_be_visible()
    try:
        page = open_page("/login", user=None, allow=("401",))
        page.get_by_label("Name").fill("vic")
        page.get_by_label("Password").fill(PASSWORDS["vic"])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Code").fill("123456")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("This code is wrong or was used already")
        page.get_by_label("Code").fill(pyotp.TOTP(key).now())
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{demo_site.url}/")
    finally:
        demo_site.cookies.pop("vic", None)
        demo_site.carillon("user", "totp-reset", "vic")


def test_changing_the_password(open_page: OpenPage, demo_site: Site) -> None:
    """The old one is asked for; other sessions end, this one goes on."""
    other = demo_site.sign_in("ed").cookies
    demo_site.cookies.pop("ed")
    page = open_page("/me", user="ed")
    page.get_by_label("Password now").fill("wrong horse battery")
    page.get_by_label("New password", exact=True).fill("a much better password")
    page.get_by_label("New password again").fill("a much better password")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("is wrong")).to_be_visible()
    page.get_by_label("Password now").fill(PASSWORDS["ed"])
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_text("The password is changed.")).to_be_visible()
    page.reload()
    assert page.url.endswith("/me")
    assert demo_site.sign_in("ed").status_code == 401
    assert demo_site.sign_in("ed", "a much better password").status_code == 303
    with httpx.Client(cookies=other, trust_env=False) as client:
        assert client.get(f"{demo_site.url}/").status_code == 303
    demo_site.cookies.pop("ed")
    back = ("user", "password", "ed", "--password-env", "PW")
    carillon("-w", str(demo_site.folder), *back, PW=PASSWORDS["ed"])


def test_forms_of_others_are_refused(demo_site: Site) -> None:
    """No Origin, another one, or a form without its token: nothing happens. Nor does a socket open."""
    form = {"name": "ada", "password": PASSWORDS["ada"], "next": "/"}
    with httpx.Client(base_url=demo_site.url, trust_env=False) as client:
        assert client.post("/login", data=form).status_code == 403
        assert client.post("/login", data=form, headers={"Origin": "https://evil.example"}).status_code == 403
        answer = client.post("/login", data=form, headers={"Origin": demo_site.url})
        assert answer.status_code == 401
        assert "set-cookie" in answer.headers
        assert "The form was open for too long" in answer.text
        cookies = {one["name"]: one["value"] for one in demo_site.session_of("ada")}
        client.cookies.update(cookies)
        socket = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip
        path = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
        for origin in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
            assert client.get(path, headers={**socket, **origin}).status_code == 403
        assert (
            client.post("/logout", data={"token": "x"}, headers={"Origin": demo_site.url}).status_code == 403
        )


def test_redirects_stay_here(demo_site: Site) -> None:
    with httpx.Client(base_url=demo_site.url, trust_env=False) as client:
        client.cookies.update({one["name"]: one["value"] for one in demo_site.session_of("ada")})
        for wanted in ("//evil.example", "https://evil.example", "/\\evil.example", "/login", "/logout"):
            answer = client.get("/login", params={"next": wanted})
            assert answer.status_code == 303
            assert answer.headers["location"] == "/"


def test_headers_and_cookies(demo_site: Site) -> None:
    answer = demo_site.sign_in("ada")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    with httpx.Client(base_url=demo_site.url, trust_env=False) as client:
        for path in ("/login", "/", "/_nicegui/nothing"):
            headers = client.get(path).headers
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert "server" not in headers
        assert client.get("/login").headers["cache-control"] == "no-store"


def test_without_users_only_this_machine(empty_site: Site) -> None:
    """Without the link nobody comes in; nor with it from a forwarded request or under another name."""
    with httpx.Client(base_url=empty_site.url, trust_env=False) as client:
        answer = client.get("/")
        assert answer.status_code == 401
        assert "Open the link in the terminal" in answer.text
        assert client.get("/enter?token=wrong").status_code == 401
        for headers in (
            {"X-Forwarded-For": "8.8.8.8"},
            {"Forwarded": "for=8.8.8.8"},
            {"Host": "evil.example"},
        ):
            answer = client.get("/enter", params={"token": token_of(empty_site)}, headers=headers)
            assert answer.status_code == 403
            assert "only the machine that Carillon runs on" in answer.text


def test_the_link_works_once(open_page: OpenPage, empty_site: Site) -> None:
    """The one who opens it first is in; from the first user on everybody signs in."""
    page = open_page(f"/enter?token={token_of(empty_site)}", user=None, site=empty_site)
    page.wait_for_url(f"{empty_site.url}/")
    expect(page.get_by_role("heading", name="Home")).to_be_visible()
    with httpx.Client(base_url=empty_site.url, trust_env=False) as client:
        assert client.get(f"/enter?token={token_of(empty_site)}").status_code == 401
    carillon("-w", str(empty_site.folder), "user", "add", "ada", "--role", "admin", "--password-env", "PW",
             PW=PASSWORDS["ada"])  # fmt: skip
    page.reload()
    assert "/login" in page.url
    assert empty_site.sign_in("ada").status_code == 303


def test_public_only(demo_site: Site, tmp_path: Path) -> None:
    """The public server has no login, no pages and no scripts."""
    folder = tmp_path / "site"
    carillon("init", str(folder))
    del demo_site
    with serving(folder, "--public-only") as site, httpx.Client(base_url=site.url, trust_env=False) as client:
        for path in ("/", "/login", "/enter", "/health", "/_nicegui/"):
            assert client.get(path).status_code == 404
        assert client.get("/u/none").status_code == 404


def token_of(site: Site) -> str:
    """What the terminal shows."""
    log = (site.folder.parent / f"{site.folder.name}.log").read_text()
    found = re.search(r"token=(\S+)", log)
    assert found is not None, log
    return found[1]


def test_markup_that_got_in_runs_nothing(open_page: OpenPage) -> None:
    """Neither a handler in an attribute nor a script without the mark of the page: the policy of pages."""
    page = open_page("/health", allow=("Content Security Policy", "404"))
    ran = page.evaluate(
        """async () => {
            window.ran = [];
            const place = document.createElement("div");
            place.innerHTML = '<img src=none onerror="ran.push(1)"><a href="javascript:ran.push(2)">x</a>';
            const script = document.createElement("script");
            script.textContent = "ran.push(3)";
            document.body.append(place, script);
            place.querySelector("a").click();
            await new Promise(resolve => setTimeout(resolve, 500));
            return window.ran;
        }"""
    )
    assert ran == []
