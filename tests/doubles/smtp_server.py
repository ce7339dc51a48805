"""A real SMTP server on loopback that does what a test wants, also what no server should.

In a test: `async with SmtpServer() as server`, or `with in_a_thread(SmtpServer()) as server` where the test
itself is not asynchronous; then `server.port`, `server.on(stage, action)`, `server.accepted`. As a process of
its own: `python -m tests.doubles.smtp_server --port 0 --record FILE`, which prints its port and writes down
every message it takes; `read_record` counts them by Message-ID.

A message is `taken` when the server is answerable for it, and `answered` when it has said so to the client.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import re
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random
from typing import TextIO

EXTENSIONS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 20000000", "ENHANCEDSTATUSCODES")
STAGES = ("greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot", "rset", "quit")
LIMIT = 64 * 1024 * 1024
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


class Act(Enum):
    """What can be done instead of an answer. A text in its place is the answer."""

    DROP = "close the connection; a message is not taken"
    TAKE_AND_DROP = "take the message and close the connection without a word"
    ANSWER_AND_DROP = "do as usual, then close the connection"
    HANG = "say nothing and wait for the client to leave"
    GARBAGE = "answer with something that is not SMTP"


@dataclass
class Rule:
    """An action for a stage: `times` times (None: always), after it was passed over `skip` times."""

    stage: str
    action: Act | str
    times: int | None = None
    skip: int = 0


@dataclass(frozen=True)
class Accepted:
    """A message the server took."""

    message_id: str
    sender: str
    recipient: str
    data: bytes


@dataclass
class Odds:
    """How often connections break at the end of a message, by chance with a seed."""

    take_and_drop: float = 0.0
    answer_and_drop: float = 0.0
    drop: float = 0.0
    seed: int = 0
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)

    def action(self) -> Act | None:
        at = self.random.random()
        for share, act in (
            (self.take_and_drop, Act.TAKE_AND_DROP),
            (self.answer_and_drop, Act.ANSWER_AND_DROP),
            (self.drop, Act.DROP),
        ):
            if at < share:
                return act
            at -= share
        return None


@dataclass(frozen=True)
class Record:
    """How often each Message-ID was taken, and how often the client was told."""

    taken: Counter[str]
    answered: Counter[str]


class Gone(Exception):
    """This connection is over."""


class SmtpServer:
    """See the module. `tls`: offer STARTTLS, or with `implicit_tls` encrypt from the start."""

    def __init__(
        self,
        *,
        extensions: tuple[str, ...] = EXTENSIONS,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        users: dict[str, str] | None = None,
        auth: str = "PLAIN LOGIN",
        record: Path | None = None,
        odds: Odds | None = None,
        delay: float = 0.0,
    ) -> None:
        self.extensions, self.tls, self.implicit_tls = extensions, tls, implicit_tls
        self.users, self.auth, self.odds, self.delay = users or {}, auth, odds, delay
        self.accepted: list[Accepted] = []
        self.record = Record(Counter(), Counter())
        self.connections = 0
        self.commands: list[str] = []
        """Every line received, but for messages, passwords and tokens."""
        self.impatient = 0
        """How often a client without PIPELINING did not wait for the answer."""
        self.port = 0
        self._rules: list[Rule] = []
        self._file: TextIO | None = record.open("a", encoding="utf-8") if record else None
        self._tasks: set[asyncio.Task[None]] = set()

    def on(self, stage: str, action: Act | str, times: int | None = None, skip: int = 0) -> SmtpServer:
        """From now on, do this at that stage. Rules are asked in the order in which they were made."""
        assert stage in STAGES, stage
        self._rules.append(Rule(stage, action, times, skip))
        return self

    async def start(self, port: int = 0) -> None:
        context = self.tls if self.implicit_tls else None
        self._server = await asyncio.start_server(self._client, "127.0.0.1", port, ssl=context, limit=LIMIT)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._file is not None:
            self._file.close()

    async def __aenter__(self) -> SmtpServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def action(self, stage: str) -> Act | str | None:
        """What is to be done now; None: what a good server does."""
        for rule in self._rules:
            if rule.stage != stage or rule.times == 0:
                continue
            if rule.skip:
                rule.skip -= 1
                continue
            if rule.times is not None:
                rule.times -= 1
            return rule.action
        return self.odds.action() if stage == "dot" and self.odds else None

    def take(self, message: Accepted) -> None:
        self.accepted.append(message)
        self.record.taken[message.message_id] += 1
        self._note("taken", message)

    def answered(self, message: Accepted) -> None:
        self.record.answered[message.message_id] += 1
        self._note("answered", message)

    def _note(self, what: str, message: Accepted) -> None:
        if self._file is not None:
            self._file.write(f"{what}\t{message.message_id}\t{message.recipient}\n")
            self._file.flush()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            with suppress(Gone, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                await _Dialogue(self, reader, writer).run()
        finally:
            self._tasks.discard(task)
            writer.transport.abort()


class _Dialogue:
    """One connection."""

    def __init__(
        self, server: SmtpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.encrypted = server.implicit_tls
        self.sender = self.recipient = ""

    async def run(self) -> None:
        await self.answer("greeting", "220 double ESMTP")
        while line := await self.reader.readline():
            command = line.decode("utf-8", "replace").strip()
            verb = command.split(" ")[0].upper()
            self.server.commands.append(verb if verb == "AUTH" else command)
            if "PIPELINING" not in self.server.extensions and self.reader._buffer:  # type: ignore[attr-defined]
                self.server.impatient += 1
            await self.obey(verb, command)

    async def obey(self, verb: str, command: str) -> None:
        argument = command.partition("<")[2].partition(">")[0]
        if verb in ("EHLO", "HELO"):
            await self.answer("ehlo", self.hello() if verb == "EHLO" else "250 double")
        elif verb == "STARTTLS":
            await self.start_tls()
        elif verb == "AUTH":
            await self.log_in(command)
        elif verb == "MAIL":
            ok = await self.answer("mail", "250 2.1.0 Ok")
            self.sender, self.recipient = (argument if ok else ""), ""
        elif verb == "RCPT":
            usual = "250 2.1.5 Ok" if self.sender else "503 5.5.1 Error: need MAIL command"
            self.recipient = argument if await self.answer("rcpt", usual) and self.sender else ""
        elif verb == "DATA":
            usual = (
                "354 End data with <CR><LF>.<CR><LF>" if self.recipient else "554 5.5.1 No valid recipients"
            )
            if await self.answer("data", usual) and self.recipient:
                await self.message()
        elif verb == "RSET":
            self.sender = self.recipient = ""
            await self.answer("rset", "250 2.0.0 Ok")
        elif verb == "QUIT":
            await self.answer("quit", "221 2.0.0 Bye")
            raise Gone
        else:
            await self.say("500 5.5.2 Error: command not recognized")

    async def message(self) -> None:
        raw = await self.reader.readuntil(b"\r\n.\r\n")
        data = raw[:-3].replace(b"\r\n..", b"\r\n.")
        data = data[1:] if data.startswith(b"..") else data
        found = _MESSAGE_ID.search(data)
        name = found[1].decode() if found else ""
        taken = Accepted(name, self.sender, self.recipient, data)
        self.sender = self.recipient = ""
        if self.server.delay:
            await asyncio.sleep(self.server.delay)
        action = self.server.action("dot")
        if action in (None, Act.TAKE_AND_DROP, Act.ANSWER_AND_DROP):
            self.server.take(taken)
        if action is None or action is Act.ANSWER_AND_DROP:
            await self.say(f"250 2.0.0 Ok: queued as {len(self.server.accepted):X}")
            self.server.answered(taken)
        if action is Act.ANSWER_AND_DROP:
            self.writer.close()
            raise Gone
        if action is not None:
            await self.do(action)

    async def answer(self, stage: str, usual: str) -> bool:
        """Answer as usual or as the test wants; whether the answer was a good one."""
        action = self.server.action(stage)
        if action is None or action is Act.ANSWER_AND_DROP:
            await self.say(usual)
            if action is not None:
                self.writer.close()
                raise Gone
            return usual[0] in "23"
        await self.do(action)
        return isinstance(action, str) and action[0] in "23"

    async def do(self, action: Act | str) -> None:
        if isinstance(action, str):
            await self.say(action)
            if action.startswith("421"):
                self.writer.close()
                raise Gone
        elif action is Act.GARBAGE:
            await self.say("HTTP/1.1 400 Bad Request")
        elif action is Act.HANG:
            await self.reader.read()
            raise Gone
        else:
            raise Gone

    async def say(self, text: str) -> None:
        self.writer.write(text.encode() + b"\r\n")
        await self.writer.drain()

    def hello(self) -> str:
        lines = ["double", *self.server.extensions]
        if self.server.tls is not None and not self.encrypted:
            lines.append("STARTTLS")
        if self.server.users and (self.encrypted or self.server.tls is None):
            lines.append(f"AUTH {self.server.auth}")
        return "\r\n".join(f"250{'-' if line is not lines[-1] else ' '}{line}" for line in lines)

    async def start_tls(self) -> None:
        if not await self.answer("starttls", "220 2.0.0 Ready to start TLS") or self.server.tls is None:
            return
        await self.writer.start_tls(self.server.tls)
        self.encrypted = True

    async def log_in(self, command: str) -> None:
        _, method, *first = command.split(" ")
        if method.upper() == "XOAUTH2":
            await self.log_in_by_token(base64.b64decode(first[0]).decode())
            return
        if method.upper() == "PLAIN":
            _, user, password = base64.b64decode(first[0]).decode().split("\0")
        else:
            user = base64.b64decode(first[0] if first else await self.ask("VXNlcm5hbWU6")).decode()
            password = base64.b64decode(await self.ask("UGFzc3dvcmQ6")).decode()
        right = self.server.users.get(user) == password
        usual = "235 2.7.0 Authentication successful" if right else "535 5.7.8 Error: authentication failed"
        await self.answer("auth", usual)

    async def log_in_by_token(self, said: str) -> None:
        """As Gmail does: a refusal comes with a challenge first, and wants an empty line."""
        user, token = said.removesuffix("\1\1").split("\1")
        wanted = f"user={user.removeprefix('user=')}", f"auth=Bearer {self.server.users.get(user[5:])}"
        if (user, token) != wanted or not said.endswith("\1\1"):
            challenge = base64.b64encode(b'{"status":"400","schemes":"Bearer","scope":"mail"}').decode()
            assert await self.ask(challenge) == ""
            await self.answer("auth", "535 5.7.8 Username and Password not accepted.")
            return
        await self.answer("auth", "235 2.7.0 Accepted")

    async def ask(self, prompt: str) -> str:
        await self.say(f"334 {prompt}")
        return (await self.reader.readline()).decode().strip()


@contextmanager
def in_a_thread(server: SmtpServer) -> Iterator[SmtpServer]:
    """The server, running on a loop of its own."""
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with server:
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield server
    finally:
        over.set()
        thread.join()


def read_record(file: Path) -> Record:
    """What a server process has written down so far."""
    record = Record(Counter(), Counter())
    for line in file.read_text(encoding="utf-8").splitlines():
        what, name, _ = line.split("\t")
        (record.taken if what == "taken" else record.answered)[name] += 1
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--take-and-drop", type=float, default=0.0, help="share of messages")
    parser.add_argument("--answer-and-drop", type=float, default=0.0, help="share of messages")
    parser.add_argument("--drop", type=float, default=0.0, help="share of messages, which are not taken")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each final answer")
    wanted = parser.parse_args()
    odds = Odds(wanted.take_and_drop, wanted.answer_and_drop, wanted.drop, wanted.seed)

    async def serve() -> None:
        server = SmtpServer(record=wanted.record, odds=odds, delay=wanted.delay)
        await server.start(wanted.port)
        print(server.port, flush=True)
        await asyncio.Event().wait()

    with suppress(KeyboardInterrupt):
        asyncio.run(serve())


if __name__ == "__main__":
    main()
