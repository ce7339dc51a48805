"""A real IMAP server on loopback: Dovecot with a small configuration of its own, started in 0.1 seconds.

In a test: `with imap_server() as server`, then `server.port`, `server.deliver(raw)`, `server.renumber()`.
Users are made by being named; the password of each is PASSWORD. `Cutter` stands between client and server
where a connection is to break.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

PASSWORD = "s3cret-wörd"
DOVECOT = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
NOBODY = 65534
"""Dovecot does not touch mail as root."""
WITHOUT_IDLE = "IMAP4rev1 LITERAL+ UIDPLUS NAMESPACE SPECIAL-USE"

_CONFIG = """
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
listen = 127.0.0.1
protocols = imap
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
auth_mechanisms = plain{mechanisms}
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:{home}/mail/%u
mail_max_userip_connections = 1000
mailbox_idle_check_interval = 1s
mailbox_list_index = no
maildir_very_dirty_syncs = no
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home}/mail/%u
}}
namespace inbox {{
  inbox = yes
{folders}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
{more}
"""


@dataclass
class ImapServer:
    """One that runs. `tls_port` is 0 without certificates."""

    home: Path
    port: int
    tls_port: int
    uid: int
    gid: int
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def maildir(self, folder: str = "INBOX", user: str = "ann") -> Path:
        """Where the messages of a folder lie."""
        home = self.home / "mail" / user
        path = home if folder == "INBOX" else home / f".{folder}"
        for part in (home, path, *(path / part for part in ("tmp", "new", "cur"))):
            self._make(part)
        return path

    def deliver(self, raw: bytes, folder: str = "INBOX", user: str = "ann", at: float | None = None) -> Path:
        """Put a message into a folder as a mail server does. `at`: when it arrived (seconds since 1970)."""
        path = self.maildir(folder, user)
        name = f"{time.time_ns()}.{next(self._numbers):06d}.test"
        draft = path / "tmp" / name
        draft.write_bytes(raw)
        if at is not None:
            os.utime(draft, (at, at))
        self._own(draft)
        return draft.rename(path / "new" / name)

    def renumber(self, folder: str = "INBOX", user: str = "ann") -> None:
        """Number the messages of a folder anew, as after a move to another server: another UIDVALIDITY."""
        path = self.maildir(folder, user)
        known = path / "dovecot-uidlist"
        for file in (known, *path.glob("dovecot.index*")):
            file.unlink(missing_ok=True)
        time.sleep(1.1)  # UIDVALIDITY is the second in which it was given

    def flags(self, folder: str = "INBOX", user: str = "ann") -> list[str]:
        """Of each message, what mail programs have marked it with."""
        path = self.maildir(folder, user)
        return [file.name.partition(":2,")[2] for part in ("new", "cur") for file in (path / part).iterdir()]

    def log(self) -> str:
        return (self.home / "log").read_text(encoding="utf-8", errors="replace")

    def _make(self, folder: Path) -> None:
        if not folder.exists():
            folder.mkdir(parents=True)
            self._own(folder)

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)


@contextmanager
def imap_server(
    *,
    certificate: tuple[Path, Path] | None = None,
    capability: str | None = None,
    folders: dict[str, str] | None = None,
    token_info: str | None = None,
) -> Iterator[ImapServer]:
    """A running server, or a skipped test where there is no Dovecot.

    `certificate`: files of certificate and key; `capability`: what it says it can, instead of all;
    `token_info`: also log in by XOAUTH2, and ask at this URL whose a token is;
    `folders`: those it makes by itself, with their special use, such as {"Bulk": "\\\\Junk"}.
    """
    if DOVECOT is None:
        pytest.skip("Dovecot is not installed: apt-get install dovecot-imapd")
    home = Path(tempfile.mkdtemp(prefix="carillon-imap-"))
    root = os.geteuid() == 0
    me = pwd.getpwuid(os.geteuid()).pw_name
    uid, gid = (NOBODY, NOBODY) if root else (os.geteuid(), os.getegid())
    server = ImapServer(home, _free_port(), _free_port() if certificate else 0, uid, gid)
    more = ["ssl = no"] if certificate is None else [
        "ssl = yes", f"ssl_cert = <{certificate[0]}", f"ssl_key = <{certificate[1]}",
    ]  # fmt: skip
    if capability is not None:
        more.append(f"imap_capability = {capability}")
    if token_info is not None:
        asked = home / "oauth2.conf"
        asked.write_text(f"tokeninfo_url = {token_info}\nusername_attribute = email\n", encoding="utf-8")
        more.append(f"passdb {{\n  driver = oauth2\n  mechanisms = xoauth2\n  args = {asked}\n}}")
    special = (
        f"  mailbox {name} {{\n    auto = create\n    special_use = {use}\n  }}"
        for name, use in (folders or {}).items()
    )
    home.chmod(0o755)
    (home / "dovecot.conf").write_text(
        _CONFIG.format(
            home=home,
            internal="dovecot" if root else me,
            internal_group="dovecot" if root else _group(os.getegid()),
            login="dovenull" if root else me,
            password=PASSWORD,
            uid=uid,
            gid=gid,
            port=server.port,
            tls_port=server.tls_port,
            folders="\n".join(special),
            more="\n".join(more),
            mechanisms="" if token_info is None else " xoauth2",
        ),
        encoding="utf-8",
    )
    (home / "mail").mkdir(mode=0o755)
    server._own(home / "mail")
    with (home / "out").open("w") as out:
        order = [DOVECOT, "-F", "-c", str(home / "dovecot.conf")]
        process = subprocess.Popen(order, stdout=out, stderr=out, start_new_session=True)
    try:
        _until_open(server.port, process, home)
        yield server
    finally:
        # All of its processes at once: it would take a second to end them one by one.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


class Cutter:
    """Passes on what client and server say, until it is told to break off."""

    def __init__(self, port: int) -> None:
        """`port`: the server's."""
        self._server_port = port
        self.after: int | None = None
        """Bytes from the server after which each connection is cut; None: never."""
        self.silent = False
        """Whether the server's words are kept back."""
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break off all connections there are."""
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        # A thread that waits in accept() is not woken by close() alone.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                return
            self.connections += 1
            self._open |= {client, server}
            for source, target, counted in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pass_on, args=(source, target, counted), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(4096):
                passed += len(data)
                if counted and self.after is not None and passed > self.after:
                    break
                if not (counted and self.silent):
                    target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
            self._open.discard(one)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _group(gid: int) -> str:
    import grp

    return grp.getgrgid(gid).gr_name


def _until_open(port: int, process: subprocess.Popen[bytes], home: Path) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as found:
            found.settimeout(5)
            if found.recv(64).startswith(b"* OK"):
                return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise AssertionError(f"Dovecot did not start: {(home / 'out').read_text()}")
