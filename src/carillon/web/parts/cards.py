"""Cards, and what stands in them: figures, empty places, tabs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nicegui import ui
from nicegui.element import Element

from carillon.web.parts.deeds import button
from carillon.web.parts.texts import icon, link, text
from carillon.words import Role


@contextmanager
def card(title: str = "", lead: str = "", *, flush: bool = False) -> Iterator[Element]:
    """A card; `flush`: what is in it reaches its edges (tables, lists). Yields the place for its actions."""
    with ui.element("section").classes("c-card") as made:
        place = ui.element("div")
        if title:
            made.props["aria-label"] = title
            with place.classes("c-card-head"):
                with ui.element("div").classes("c-words"):
                    text("h2", title)
                    if lead:
                        text("p", lead, "c-muted c-small")
                actions = ui.element("div").classes("c-actions")
        else:
            actions = place
        with ui.element("div").classes(f"c-card-body {'c-flush' if flush else ''}"):
            yield actions


def stat(name: str, value: str, remark: str = "", *, href: str = "", tone: str = "") -> Element:
    """One figure with its name; a link where it has a page."""
    with ui.element("a" if href else "div").classes("c-card c-stat") as made:
        if href:
            made.props["href"] = href
        text("span", name, "c-name")
        text("span", value, f"c-value {f'c-{tone}' if tone else ''}")
        if remark:
            text("span", remark, "c-note")
    return made


def grid(least: int = 300) -> Element:
    """Cards side by side, each at least so many pixels wide."""
    return ui.element("div").classes("c-grid").style(f"--least: {least}px")


def split() -> Element:
    """Two columns, the first twice as wide; under each other where there is no room."""
    return ui.element("div").classes("c-split")


def row() -> Element:
    return ui.element("div").classes("c-row")


def column() -> Element:
    return ui.element("div").classes("c-col")


@contextmanager
def empty(
    symbol: str,
    title: str,
    words: str,
    label: str = "",
    do: str | Callable[..., Any] | None = None,
    *,
    role: Role = Role.EDITOR,
) -> Iterator[Element]:
    """A place with nothing in it yet, which teaches the first step. `do`: a path, or what a click does.

    A context, so that more than one step can stand there: `with empty(...): button(...)`.
    """
    with ui.element("div").classes("c-empty"):
        with ui.element("div").classes("c-disc"):
            icon(symbol)
        text("h2", title)
        text("p", words)
        with ui.element("div").classes("c-actions") as actions:
            if isinstance(do, str):
                way(label, do)
            elif do is not None:
                button(label, do=do, role=role, look="primary")
            yield actions


def way(label: str, path: str, look: str = "primary", symbol: str = "") -> Element:
    """A link that looks like a button."""
    made = link("", path, f"q-btn q-btn-item no-outline c-{look}").style("text-decoration: none")
    with made:
        if symbol:
            icon(symbol).classes("on-left")
        text("span", label)
    return made


@contextmanager
def tabs(names: dict[str, str], value: str = "") -> Iterator[dict[str, ui.tab_panel]]:
    """Tabs by their keys; fill each with `with panels[key]:`."""
    with ui.tabs().props("align=left no-caps inline-label") as bar:
        made = {key: ui.tab(key, label=label) for key, label in names.items()}
    first = made.get(value) or next(iter(made.values()))
    with ui.tab_panels(bar, value=first).props("keep-alive").classes("w-full"):
        yield {key: ui.tab_panel(key) for key in names}
