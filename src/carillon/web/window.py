"""The application in a window of its own, by the web view of the machine (pywebview: extra `desktop`)."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping
from importlib import import_module
from threading import Event, Thread

from carillon.errors import UsageError, WorkspaceError
from carillon.web.server import serve
from carillon.web.visit import Site

WIDTH, HEIGHT = 1280, 860
_START_SECONDS = 60.0


def show_window(site: Site, host: str, port: int) -> None:
    """Serve, open the window, and end when it is closed.

    Raises UsageError without pywebview, WorkspaceError where there is no screen or no port.
    """
    try:
        webview = import_module("webview")
    except ImportError:
        raise UsageError(
            'a window needs an extra: install it with `pip install "carillon-mail[desktop]"`, or leave '
            "--window out and open the address in a browser."
        ) from None
    if not has_screen(site.environ):
        raise _no_window("neither DISPLAY nor WAYLAND_DISPLAY is set")
    logging.getLogger("pywebview").setLevel(logging.CRITICAL)  # it tells of each toolkit that is not there
    webview.settings["ALLOW_DOWNLOADS"] = True
    serving = _Serving(site, host, port)
    serving.start()
    try:
        serving.wait()
        webview.create_window(
            site.current().settings.workspace.name, site.entrance(host, port), width=WIDTH, height=HEIGHT
        )
        try:
            webview.start()
        except Exception as error:
            raise _no_window(str(error)) from None
    finally:
        serving.end()


def has_screen(environ: Mapping[str, str]) -> bool:
    """Whether there is one to be seen on: toolkits on Linux end the program where there is none."""
    return not sys.platform.startswith("linux") or any(
        environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )


def _no_window(why: str) -> WorkspaceError:
    return WorkspaceError(
        f"no window can be opened here ({why.rstrip('.')}). On Linux it takes a screen and a toolkit: "
        '`pip install "pywebview[qt]"`. Or leave --window out and open the address in a browser.'
    )


class _Serving:
    """The server on a thread: the window wants the first one."""

    def __init__(self, site: Site, host: str, port: int) -> None:
        self._site, self._host, self._port = site, host, port
        self._begun = Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._trouble: Exception | None = None
        self._thread = Thread(target=self._run, name="web")

    def start(self) -> None:
        self._thread.start()

    def wait(self) -> None:
        """Until it listens. Raises what kept it from that."""
        self._begun.wait(_START_SECONDS)
        if self._trouble is not None:
            raise self._trouble

    def end(self) -> None:
        if self._loop is not None and self._stop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            self._trouble = error
        finally:
            self._begun.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await serve(self._site, self._host, self._port, self._stop, begun=self._begun.set)
