"""The frame of every page, and how a page is made.

A page is a function in a module of `web/pages` (all of them are imported when the server starts):

    from nicegui import ui
    from carillon.web.parts import act, button, card, confirm, empty, read, toast, write
    from carillon.web.shell import actions, page
    from carillon.words import Role

    @page("/contacts", "Contacts", "Everybody you may write to.")
    async def contacts() -> None:
        with actions():                                   # buttons beside the title
            button("Import", "upload", start_import, role=Role.EDITOR)
        people = await read(lambda connection: store.every(connection))     # in a thread, one snapshot
        with card("People"):
            ...

- `page(path, title, lead, role)` draws the frame around it, refuses who lacks the role, and turns a
  CarillonError into words. Parameters of the path and the query work as in FastAPI:
  `@page("/contacts/{id}", ...)`, `async def contact(id: int, tab: str = "") -> None`.
- `visit()` says who is looking: `.name` (for audit rows), `.role`, `.may(role)`, `.zone`, `.workspace`.
- The store is never called on the event loop: `await read(fn)`, `await write(fn)` and `await work(fn)` run
  in threads.
- Whatever changes something goes through `act(fn, role=...)` (or `button(..., role=...)`): it asks for the
  role again at the moment of the click and shows a CarillonError as a toast.
- What the page shows again by itself: `every(fn)`, at the person's own interval.

`web/parts` has the rest: cards, tables with server-side paging, forms, dialogs, progress, times, charts.
The list of pages, which is the navigation, is `PLACES` here.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import Any

from nicegui import Client, ui
from nicegui.element import Element

from carillon.errors import CarillonError
from carillon.web import theme
from carillon.web.bell import counted
from carillon.web.parts.deeds import arrive, defect, fault, visit
from carillon.web.parts.texts import icon, link, note, text
from carillon.web.policy import NONCE
from carillon.web.statusbar import bar
from carillon.web.visit import CURRENT
from carillon.words import Role

Build = Callable[..., Awaitable[None] | None]


@dataclass(frozen=True)
class Place:
    """A page in the navigation."""

    path: str
    name: str
    icon: str
    """Of Material Symbols."""
    role: Role = Role.VIEWER
    ends_group: bool = False


PLACES = (
    Place("/", "Home", "home"),
    Place("/calendar", "Calendar", "calendar_month", ends_group=True),
    Place("/campaigns", "Campaigns", "campaign"),
    Place("/sequences", "Sequences", "account_tree"),
    Place("/contacts", "Contacts", "group"),
    Place("/templates", "Templates", "draft", ends_group=True),
    Place("/timing", "Timing", "schedule"),
    Place("/accounts", "Accounts", "mail", ends_group=True),
    Place("/issues", "Doubts & issues", "rule"),
    Place("/logs", "Logs", "receipt_long"),
    Place("/health", "Health", "monitor_heart"),
    Place("/settings", "Settings", "settings", role=Role.ADMIN),
)
ON_PHONE = ("/", "/calendar", "/contacts", "/sequences")
"""What has a place of its own at the foot of a phone; the rest is behind "More"."""


class _Page(ui.page):
    """NiceGUI's page, in the light its visitor wants."""

    def resolve_dark(self) -> bool | None:
        found = CURRENT.get(None)
        return None if found is None else theme.is_dark(found.theme)


def page(
    path: str, title: str, lead: str = "", *, role: Role = Role.VIEWER, wide: bool = False
) -> Callable[[Build], Build]:
    """Make a function the content of a page. `lead`: a line under the title; `wide`: no title at all."""

    def decorate(build: Build) -> Build:
        @wraps(build)
        async def built(*given: Any, **named: Any) -> None:
            who = visit()
            nonce = ui.context.client.request.scope[NONCE]
            ui.add_head_html(theme.head(who.theme, who.browser_is_dark, nonce))
            ui.on_exception(fault)
            main = await _frame(path, title)
            ui.context.client.title = counted(f"{title} · Carillon")
            arrive()
            with main:
                if not wide:
                    _title(title, lead)
                if not who.may(role):
                    note(
                        f"This page takes the role {role.value}; you have the role {who.role.value}.", "warn"
                    )
                    return
                try:
                    found = build(*given, **named)
                    if inspect.isawaitable(found):
                        await found
                except CarillonError as error:
                    note(str(error), "bad")
                except Exception as error:
                    note(defect(error), "bad")

        built.__signature__ = inspect.signature(build)  # type: ignore[attr-defined]
        _Page(path, title=title, response_timeout=30)(built)
        return build

    return decorate


def actions() -> Element:
    """Where the buttons of a page are: beside its title."""
    found = ui.context.client.storage.get("carillon_actions")
    assert isinstance(found, Element), "a page without a title has no place for actions"
    return found


def retitle(title: str, lead: str = "") -> None:
    """Give the page another title: the name of what is shown, known only once it is read."""
    kept = ui.context.client.storage
    kept["carillon_title"].set_text(title)
    kept["carillon_lead"].set_text(lead)
    kept["carillon_lead"].set_visibility(bool(lead))
    ui.page_title(counted(f"{title} · Carillon"))


def _title(title: str, lead: str) -> None:
    kept = ui.context.client.storage
    with ui.element("div").classes("c-head"):
        with ui.element("div").classes("c-words"):
            kept["carillon_title"] = text("h1", title)
            kept["carillon_lead"] = text("p", lead).classes("c-lead")
            kept["carillon_lead"].set_visibility(bool(lead))
        kept["carillon_actions"] = ui.element("div").classes("c-actions")


async def _frame(path: str, title: str) -> Element:
    """Everything around the content; returns where that goes."""
    here = next((one.path for one in reversed(PLACES) if _is_below(path, one.path)), "")
    link("Skip to the content", "#main", "c-skip")
    with ui.element("div").classes("c-frame"):
        _rail(here)
        with ui.element("div").classes("c-body"):
            await bar(title)
            main = ui.element("main").classes("c-main").props('id="main" tabindex="-1"')
    _tabbar(here)
    return main


def _is_below(path: str, place: str) -> bool:
    return path == place or (place != "/" and path.startswith(f"{place}/"))


def _rail(here: str) -> None:
    with ui.element("nav").classes("c-rail").props('aria-label="Pages"'):
        with link("", "/", "c-brand").props('aria-label="Carillon, home"'):
            ui.element("img").props(f'src="{theme.ICON_PATH}" alt=""')
            text("span", "Carillon").classes("c-label")
        for place in _open_places():
            _entry(place, here)
            if place.ends_group:
                ui.element("div").classes("c-gap").props("role=presentation")


def _open_places() -> list[Place]:
    return [one for one in PLACES if visit().may(one.role)]


def _entry(place: Place, here: str) -> None:
    with link("", place.path, "c-nav", place.path == here).props(f'title="{place.name}"'):
        icon(place.icon)
        text("span", place.name).classes("c-label")


def _tabbar(here: str) -> None:
    with (
        ui.dialog().props('position=bottom aria-label="All pages"') as sheet,
        ui.element("nav").classes("c-sheet").props('aria-label="All pages"'),
    ):
        for place in _open_places():
            _entry(place, here)
    with ui.element("nav").classes("c-tabbar").props('aria-label="Main pages"'):
        for place in PLACES:
            if place.path in ON_PHONE:
                with link("", place.path, "", place.path == here):
                    icon(place.icon)
                    text("span", place.name)
        with ui.element("button").props('type="button" aria-haspopup="dialog"').on("click", sheet.open):
            icon("menu")
            text("span", "More")


def sign_out_everywhere(hashed: str) -> None:
    """Take pages of a session off the screen: it is over."""
    for client in list(Client.instances.values()):
        with suppress(RuntimeError, KeyError):
            owner = client.request.scope.get("carillon.visit")
            if owner is not None and owner.session.hash == hashed:
                client.open("/login")
