"""What pages send: files and messages, bounded while they arrive, before NiceGUI looks at them.

The browser is told the bound of a file, too, but only we can hold to it: what is sent beyond it is not read,
so that nobody fills the disk or the memory. Messages over the WebSocket are bounded by the server.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOAD = re.compile(r"/_nicegui/client/([^/]+)/upload/([0-9]{1,9})")
"""Where a page's files go: page and element."""
FORM = 100_000
"""Bytes around a file: its name and the lines between parts."""


async def bounded(inside: ASGIApp, scope: Scope, receive: Receive, send: Send, most: int) -> None:
    """Let `inside` read at most `most` bytes; 413 at once for a body that says or turns out to be more.

    `inside` then sees a browser that left, and what it says to that is not passed on.
    """
    length = Headers(scope=scope).get("content-length", "")
    if length.isdecimal() and (len(length) > 15 or int(length) > most):
        await _too_large(most)(scope, receive, send)
        return
    taken = 0
    is_over = False

    async def some() -> Message:
        nonlocal taken, is_over
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most and not is_over:
            is_over = True
            await _too_large(most)(scope, receive, send)
        return {"type": "http.disconnect"} if is_over else message

    async def unless_over(message: Message) -> None:
        if not is_over:
            await send(message)

    try:
        await inside(scope, some, unless_over)
    except ClientDisconnect:
        if not is_over:
            raise


def _too_large(most: int) -> Response:
    return PlainTextResponse(f"This is larger than {most:,} bytes.", 413, {"Connection": "close"})
