"""What pages do, asked for by who may not: every handler of every page is called as if its button were there.

A browser can send any event of any element it was given, hidden ones, too. So each page is drawn for a
viewer, and whatever its elements listen to is called, hidden or not, with all that these calls bring onto the
page. Afterwards the database and the settings have to be as they were.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from nicegui import Client, background_tasks, core, events, ui

from carillon.clock import SystemClock
from carillon.errors import Refused
from carillon.tokens import open_keys
from carillon.web import app as web
from carillon.web.auth import cookie_name
from carillon.web.server import opened
from carillon.web.visit import Visit
from carillon.words import Role
from carillon.workspace import open_workspace
from tests.web.api.conftest import listening, unending
from tests.web.browser.site import PASSWORDS, demo_folder

IDS = {
    "/accounts/{name}": ("maildir",),
    "/campaigns/{id}": ("1", "4"),
    "/contacts/{id}": ("1",),
    "/sequences/{id}": ("1", "2"),
    "/settings/{name}": ("workspace", "users", "api-keys", "outgoing", "history"),
    "/templates/{name}": ("birthday_standard_v1",),
}
"""What stands for the parts of paths."""
OWN = {"sessions", "users"}
"""Tables that hold what people may change of themselves: preferences; on their own page a password."""
ADMINS = ("roles", "api_keys", "webhook_subscriptions", "config_versions", "accounts", "carillon.yaml")
PATIENCE = 0.5
"""Seconds for what a round of calls sets off."""
ROUNDS = 2
"""How often what is new on the page since the last calls is called, too."""


class People:
    """The application in this process, and who is signed in."""

    def __init__(self, url: str, folder: Path, cookie: str) -> None:
        self.url, self.folder, self._cookie = url, folder, cookie
        self._cookies: dict[str, str] = {}

    @contextlib.contextmanager
    def browser(self, name: str) -> Iterator[httpx.Client]:
        """Somebody who is signed in."""
        with httpx.Client(base_url=self.url, trust_env=False, timeout=60) as client:
            client.headers["Origin"] = self.url
            if name not in self._cookies:
                token = re.search(r'name="token" value="([^"]+)"', client.get("/login").text)
                assert token is not None
                form = {"name": name, "password": PASSWORDS[name], "token": token[1], "next": "/"}
                assert client.post("/login", data=form).status_code == 303
                self._cookies[name] = client.cookies[self._cookie]
            client.cookies.set(self._cookie, self._cookies[name], domain="127.0.0.1")
            yield client

    def page(self, name: str, path: str) -> Client:
        """A page as it was drawn for somebody."""
        with self.browser(name) as browser:
            answer = browser.get(path)
        found = re.search(r"['\"]client_id['\"]: ['\"]([^'\"]+)", answer.text)
        assert answer.status_code == 200, (path, answer.text)
        assert found is not None, (path, answer.text[-1500:])
        return Client.instances[found[1]]

    def role(self, name: str, role: Role) -> None:
        with contextlib.closing(sqlite3.connect(self.folder / "carillon.db", timeout=30)) as database:
            database.execute("update users set role = ? where name = ?", (role.value, name))
            database.commit()

    def everything(self) -> dict[str, int]:
        """What each table holds, and the settings."""
        with contextlib.closing(sqlite3.connect(self.folder / "carillon.db")) as database:
            names = [row[0] for row in database.execute("select name from sqlite_master where type='table'")]
            found = {
                name: hash(tuple(database.execute(f'select * from "{name}"')))
                for name in names
                if not name.startswith("sqlite_")
            }
            roles = tuple(database.execute("select name, role, disabled_at from users order by name"))
        return found | {
            "roles": hash(roles),
            "carillon.yaml": hash((self.folder / "carillon.yaml").read_bytes()),
        }


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    folder = demo_folder(shared, tmp_path_factory.mktemp("deeds") / "demo")
    workspace = open_workspace(folder, {}, SystemClock())
    site = opened(lambda: workspace, {})
    with listening(web.Application(site, open_keys(folder, {})), lifespan="on") as url:
        yield People(url, folder, cookie_name(site))
    workspace.close()


def pages() -> list[str]:
    """All pages there are, each with something in the place of its parameter."""
    web.inside()
    found: list[str] = []
    for route in core.app.routes:
        if getattr(getattr(route, "endpoint", None), "__module__", "").startswith("carillon.web.pages"):
            path: str = route.path  # type: ignore[attr-defined]
            found += [re.sub(r"{\w+}", one, path) for one in IDS.get(path, ("",))]
    return sorted(found)


async def _settle(before: set[asyncio.Task[Any]]) -> None:
    """Wait for what calls have set off; timers go on for ever, and some questions no browser answers here."""
    fresh = {one for one in background_tasks.running_tasks - before if "timer" not in one.get_name().lower()}
    if fresh:
        _, left = await asyncio.wait(fresh, timeout=PATIENCE)
        for one in left:
            one.cancel()


def _calls(element: ui.element) -> Iterator[Any]:
    """Functions that do what a browser can have done with an element."""
    client = element.client
    for listener in list(element._event_listeners.values()):
        for args in ({}, [{}, {"id": 1, "name": "1", "path": "/"}, 0]):
            told = events.GenericEventArguments(sender=element, client=client, args=args)
            yield lambda told=told, listener=listener: events.handle_event(listener.handler, told)
    if isinstance(element, ui.upload):
        file = ui.upload.SmallFileUpload("../../list.csv", "text/csv", b"email\nnew@example.com\n")
        yield lambda: client.loop.create_task(element.handle_uploads([file]))
    if isinstance(element, ui.tabs):
        for tab in element.descendants():
            if isinstance(tab, ui.tab):
                yield lambda tab=tab: element.set_value(tab.props["name"])
    elif isinstance(element, ui.select | ui.toggle | ui.radio):
        for one in list(element.options)[:3]:
            yield lambda one=one: element.set_value(one)


async def _everything_on(client: Client) -> int:
    """Call whatever a page listens to, and what that brings onto it; how many calls that were."""
    seen: set[int] = set()
    count = 0
    for _ in range(ROUNDS):
        new = [one for number, one in list(client.elements.items()) if number not in seen]
        seen |= {one.id for one in new}
        before = set(background_tasks.running_tasks)
        for call in [call for element in new for call in _calls(element)]:
            count += 1
            with contextlib.suppress(Exception), client:
                call()
        await _settle(before)
    return count


async def _texts(client: Client) -> list[str]:
    """What stands on a page, once it is quiet."""
    await _settle(set())
    return [str(one.props.get("innerHTML") or one._text or "") for one in client.elements.values()]


def _run(work: Any) -> Any:
    """On the server's loop."""
    assert core.loop is not None
    return asyncio.run_coroutine_threadsafe(work, core.loop).result(120)


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was refused for want of a role."""
    found: list[str] = []
    require = Visit.require

    def watched(visit: Visit, role: Role) -> None:
        try:
            require(visit, role)
        except Refused as error:
            found.append(str(error))
            raise

    monkeypatch.setattr(Visit, "require", watched)
    return found


def test_a_viewer_changes_nothing_on_any_page(people: People, refusals: list[str]) -> None:
    before, calls = people.everything(), 0
    for path in pages():
        calls += _run(_everything_on(people.page("vic", path)))
        now = people.everything()
        assert not {name for name in now if now[name] != before.get(name)} - OWN, path
    assert calls > 500
    assert len(refusals) > 50


def test_an_editor_changes_nothing_that_is_for_admins(people: People, refusals: list[str]) -> None:
    before = people.everything()
    for path in pages():
        if path.startswith(("/settings", "/accounts", "/timing")):
            _run(_everything_on(people.page("ed", path)))
            now = people.everything()
            assert not {name for name in ADMINS if now[name] != before[name]}, path
    assert any("this takes the role admin; ed has the role editor" in one for one in refusals)


def test_files_are_bounded_while_they_arrive(people: People) -> None:
    """Beyond the bound nothing is read; and a file only of who may, on a page of theirs that asks for one."""
    client = people.page("ed", "/contacts/import")
    upload = next(one for one in client.elements.values() if isinstance(one, ui.upload))
    path = f"/_nicegui/client/{client.id}/upload/{upload.id}"
    upload.props["max-file-size"] = 1_000_000
    with people.browser("ed") as browser:
        cookie = "; ".join(f"{one.name}={one.value}" for one in browser.cookies.jar)
        headers = {"Origin": people.url, "Cookie": cookie}
        form = headers | {"Content-Type": "multipart/form-data; boundary=b"}
        begin = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f.csv"\r\n\r\n'
        status, sent = unending(people.url, path, form, 20_000_000, begin)
        assert (status, sent < 3_000_000) == (413, True)
        said = http.client.HTTPConnection("127.0.0.1", httpx.URL(people.url).port, timeout=30)
        said.putrequest("POST", path)
        for name, value in {**form, "Content-Length": "9999999999999"}.items():
            said.putheader(name, value)
        said.endheaders()
        assert said.getresponse().status == 413, "told beforehand"
        said.close()
        status, sent = unending(
            people.url, "/_nicegui_ws/socket.io/?EIO=4&transport=polling", headers, 20_000_000
        )
        assert status in (400, 413)
        file = {"file": ("../../list.csv", b"email\nnew@example.com\n", "text/csv")}
        assert browser.post(path, files=file).status_code == 200
        assert browser.post(f"{path}9", files=file).status_code == 404
        people.role("ed", Role.VIEWER)
        try:
            assert browser.post(path, files=file).status_code == 403
        finally:
            people.role("ed", Role.EDITOR)
    with people.browser("ada") as browser:
        assert browser.post(path, files=file).status_code == 403, "of somebody else's page"
    assert "list" in str(_run(_texts(client))), "what was small enough has arrived"


def test_scripts_run_only_with_the_mark_of_their_page(people: People) -> None:
    """Twice another mark, on every script of ours; and nothing is allowed that a page can do without."""
    with people.browser("vic") as browser:
        first, second = (browser.get("/health") for _ in range(2))
        policy = dict(one.split(" ", 1) for one in first.headers["content-security-policy"].split("; "))
        mark = re.search(r"'nonce-([\w-]{20,})'", policy["script-src"])
        assert mark is not None
        assert mark[1] not in second.headers["content-security-policy"]
        assert policy["script-src"] == f"'self' 'nonce-{mark[1]}' 'unsafe-eval'"
        scripts = re.findall(r"<script[^>]*>", first.text)
        assert len(scripts) > 5
        assert all(f'nonce="{mark[1]}"' in one for one in scripts), scripts
        for name in ("default", "script-src-attr", "frame", "object", "base-uri", "frame-ancestors"):
            assert policy[name if "-" in name else f"{name}-src"] == "'none'", name
        assert policy["connect-src"] == policy["form-action"] == policy["font-src"] == "'self'"
        for path in ("/login", "/nothing", "/_nicegui/client/x/upload/1"):
            assert "default-src 'none'" in browser.get(path).headers["content-security-policy"], path
