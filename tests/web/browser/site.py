"""A workspace as `carillon demo` makes it, with users, served by a process of its own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from filelock import FileLock

from carillon.clock import SystemClock
from carillon.passwords import hashed
from carillon.store import users
from carillon.store.engine import Connection
from carillon.words import Role
from carillon.workspace import open_workspace

PASSWORDS = {"ada": "admin horse battery", "ed": "editor horse battery", "vic": "viewer horse battery"}
"""An admin, an editor and a viewer."""
ROLES = {"ada": Role.ADMIN, "ed": Role.EDITOR, "vic": Role.VIEWER}
_TOKEN = re.compile(r'name="token" value="([^"]+)"')


@dataclass
class Site:
    """Where it is, and who may come in."""

    url: str
    folder: Path
    cookies: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    """Of sessions that were begun, by user."""

    def carillon(self, *words: str) -> str:
        """Run a command on the workspace; returns what it printed."""
        return carillon("-w", str(self.folder), *words)

    def sign_in(self, name: str, password: str | None = None) -> httpx.Response:
        """Send the login form; the answer is not followed."""
        with httpx.Client(base_url=self.url, trust_env=False, timeout=30) as client:
            page = client.get("/login")
            found = _TOKEN.search(page.text)
            assert found is not None, page.text
            answer = client.post(
                "/login",
                data={"name": name, "password": password or PASSWORDS[name], "token": found[1], "next": "/"},
                headers={"Origin": self.url},
            )
            if answer.status_code == 303:
                self.cookies[name] = [
                    {"name": one.name, "value": one.value or "", "url": self.url}
                    for one in client.cookies.jar
                ]
            return answer

    def session_of(self, name: str) -> list[dict[str, str]]:
        """The cookies of a user who is signed in, as a browser takes them."""
        if name not in self.cookies:
            assert self.sign_in(name).status_code == 303
        return self.cookies[name]


def carillon(*words: str, **environ: str) -> str:
    """Run a command of the product."""
    done = subprocess.run(
        [sys.executable, "-m", "carillon", *words],
        capture_output=True, text=True, timeout=600, env={**os.environ, **environ}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def add_users(folder: Path) -> None:
    """Make the three users of a workspace."""
    workspace = open_workspace(folder, {}, SystemClock())

    def add(connection: Connection) -> None:
        for name, password in PASSWORDS.items():
            users.add(connection, name, hashed(password), ROLES[name], workspace.clock.now(), "tests")

    workspace.database.write(add)
    workspace.close()


def demo_folder(shared: Path, mine: Path) -> Path:
    """A demo with users. It is made once for all test processes (`shared`) and copied for each (`mine`)."""
    made = shared / "browser-demo"
    with FileLock(str(shared / "browser-demo.lock")):
        if not made.exists():
            draft = shared / "browser-demo.draft"
            shutil.rmtree(draft, ignore_errors=True)
            carillon("demo", str(draft))
            add_users(draft)
            draft.rename(made)
    shutil.copytree(made, mine)
    return mine


@contextmanager
def serving(folder: Path, *words: str, now: str | None = None) -> Iterator[Site]:
    """`carillon web` on a free port, until the end. `now`: a moment at which its clock starts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder.parent / f"{folder.name}.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [
                sys.executable, "-m", "carillon", "-w", str(folder), *(("--now", now) if now else ()),
                "web", "--port", str(port), *words,
            ],
            stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        ) as process,
    ):  # fmt: skip
        try:
            _wait(process, port, log)
            yield Site(f"http://127.0.0.1:{port}", folder)
        finally:
            process.terminate()
            process.wait(30)
    assert "Traceback" not in log.read_text(), log.read_text()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(1200):
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"the server did not start: {log.read_text()}")
