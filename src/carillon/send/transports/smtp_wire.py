"""The bytes of one SMTP connection: commands out, replies in.

What belongs here: lines, replies, waiting, the end of a connection. What does not: what a reply means
(`smtp_replies`) and what is said when (`smtp`). aiosmtplib opens, secures and logs in; from then on this
protocol has the connection, because it can take many replies to one write.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from enum import Enum

LONGEST_REPLY = 65_536
"""Bytes; a server that says more without an end talks nonsense."""
_REPLY = re.compile(rb"([2-5][0-9][0-9])(?:([ -])([^\r\n]*))?\r?\n")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered to one command."""

    code: int
    text: str
    """Its lines, joined by a blank."""

    def __str__(self) -> str:
        return f"{self.code} {self.text}"[:400].rstrip()


class Fault(Enum):
    """Why no reply came."""

    LOST = "the connection was closed"
    SILENT = "no answer in time"
    GARBAGE = "the answer was not SMTP"


class Wire(asyncio.Protocol):
    """One connection after its greeting. Used by one task at a time; of no use after a fault."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.detail = ""
        """What was received instead of a reply, or why the connection broke."""
        self._loop = asyncio.get_running_loop()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._waiter: asyncio.Future[None] | None = None
        self._wanted = 0
        # One timer for all waiting: one for each would cost more than the rest of it.
        self._timer: asyncio.TimerHandle | None = None
        self._patience = self._due = 0.0
        self._buffer = b""
        self._lines: list[bytes] = []
        self._replies: list[Reply] = []
        self._may_write = asyncio.Event()
        self._may_write.set()

    @classmethod
    def take_over(cls, transport: asyncio.Transport) -> Wire:
        """A wire on a connection that another protocol has opened."""
        wire = cls()
        wire._transport = transport
        transport.set_protocol(wire)
        if transport.is_closing():
            wire.connection_lost(None)
        return wire

    _transport: asyncio.Transport

    @property
    def is_quiet(self) -> bool:
        """Whether the connection is open and the server has said nothing that nobody asked for."""
        return self.fault is None and not self._replies and not self._buffer and not self._lines

    def write(self, data: bytes) -> None:
        """Send; what is written after a fault goes nowhere."""
        if self.fault is None:
            self._transport.write(data)

    async def flushed(self, seconds: float) -> bool:
        """Wait until all that was written has been handed to the operating system; False: it was not.

        Under TLS, up to 64 KiB may still wait in the layer below.
        """
        self._transport.set_write_buffer_limits(high=1, low=0)
        try:
            async with asyncio.timeout(seconds):
                await self._may_write.wait()
        except TimeoutError:
            return False
        return self.fault is None

    async def replies(self, wanted: int, seconds: float) -> list[Reply]:
        """The next replies, in order. Fewer than wanted: `fault` says why."""
        if len(self._replies) < wanted and self.fault is None:
            self._wanted = wanted
            waiter = self._waiter = self._loop.create_future()
            self._patience, self._due = seconds, self._loop.time() + seconds
            if self._timer is None or self._timer.when() > self._due:
                self._set_timer()
            try:
                await waiter
            finally:
                self._waiter = None
        found, self._replies = self._replies[:wanted], self._replies[wanted:]
        return found

    def abort(self) -> None:
        """Drop the connection, and with it all that has not left yet."""
        self._end(Fault.LOST, "")
        self._transport.abort()

    async def close(self, seconds: float) -> None:
        """Drop the connection and wait, but not for ever, until it is gone."""
        self._end(Fault.LOST, "")
        self._transport.close()
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(self._closed)
        except TimeoutError:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self.fault is not None:
            return
        buffer = self._buffer + data if self._buffer else data
        at = 0
        while match := _REPLY.match(buffer, at):
            at = match.end()
            code, mark, text = match.groups()
            self._lines.append(text or b"")
            if mark != b"-":
                said = b" ".join(self._lines).decode("utf-8", "replace")
                self._replies.append(Reply(int(code), said.strip()))
                self._lines.clear()
        self._buffer = buffer[at:]
        if b"\n" in self._buffer or len(self._buffer) > LONGEST_REPLY or len(self._lines) > 1000:
            self._end(Fault.GARBAGE, ascii(self._buffer[:80].decode("latin-1")))
        elif self._waiter is not None and len(self._replies) >= self._wanted and not self._waiter.done():
            self._waiter.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(Fault.LOST, str(exc or ""))
        if not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._due, self._time_is_up)

    def _time_is_up(self) -> None:
        """For whoever waits now, or for somebody who has been answered long ago."""
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() >= self._due:
            self._end(Fault.SILENT, f"{self._patience:.0f} s")
        else:
            self._set_timer()

    def _end(self, fault: Fault, detail: str) -> None:
        if self.fault is None:
            self.fault, self.detail = fault, detail
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._may_write.set()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
