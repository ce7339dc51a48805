"""The campaign types that the settings define, as a table; and those that the database has beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui
from nicegui.element import Element

from carillon.settings import Settings
from carillon.settings_described import described
from carillon.store import campaigns as store
from carillon.web.parts import (
    all_right,
    answer,
    badge,
    button,
    dialog,
    empty,
    field,
    note,
    number_field,
    read,
    text,
    toast,
)
from carillon.words import Role

PATH = "campaign_types"
FLAGS = {
    "respect_exclusion_windows": ("Keeps out of exclusion windows", True),
    "enable_followups": ("Gets follow-ups", True),
    "target_all_contacts": ("Goes to everyone", False),
    "active": ("Sends", True),
}


async def types_table(
    given: Mapping[str, Any], settings: Settings, actions: Element
) -> Callable[[], Mapping[str, object]]:
    """Draw the table; returns what gives the values that stand in it."""
    types = {name: dict(one) for name, one in given.items()}
    known = await read(lambda connection: store.types(connection, {}))
    fixed = settings.origin(PATH).kind == "environment"
    place = ui.element("div").classes("s-table")

    def draw() -> None:
        place.clear()
        with place:
            if fixed:
                note(f"{PATH} is set by {settings.origin(PATH).where} and cannot be changed here.")
            if not types:
                with empty(
                    "category",
                    "No type stands in carillon.yaml",
                    "Types made on the page of campaigns need not. One that does is always as written.",
                ):
                    pass
            for name in sorted(types):
                _row(types, name, None if fixed else draw)
            others = sorted(set(known) - set(types))
            if others:
                with ui.element("div").classes("s-state"):
                    text("span", f"Kept in the database: {', '.join(others)}", "c-muted c-small")

    async def add() -> None:
        if await _edit(types, None):
            draw()

    if not fixed:
        with actions:
            button("Add a type", "add", add, role=Role.ADMIN)
    draw()
    return lambda: {} if fixed else {PATH: described()[PATH].read(types)}


def _row(types: dict[str, dict[str, Any]], name: str, draw: Callable[[], None] | None) -> None:
    one = types[name]
    with ui.element("div").classes("s-state").props(f'data-type="{name}"'):
        with ui.element("div").classes("c-grow"):
            text("div", name.replace("_", " "), "c-strong")
            days = int(one.get("days_before_event", 0))
            told = [
                f"{abs(days)} days {'after' if days < 0 else 'before'} its event" if days else "on its event"
            ]
            told += [
                words.lower()
                for key, (words, default) in FLAGS.items()
                if one.get(key, default) and key != "active"
            ]
            text("div", f"Priority {one.get('priority', 10)}; {', '.join(told)}.", "c-muted c-small")
        if not one.get("active", True):
            badge("sends nothing", "warn")
        if draw is None:
            return
        redraw = draw

        async def change() -> None:
            if await _edit(types, name):
                redraw()

        def away() -> None:
            del types[name]
            redraw()
            toast(f"{name} does not stand in carillon.yaml any more once this is saved.")

        button("", "edit", change, role=Role.ADMIN, look="quiet").props(f'aria-label="Change {name}"')
        button("", "delete", away, role=Role.ADMIN, look="quiet").props(f'aria-label="Remove {name}"')


async def _edit(types: dict[str, dict[str, Any]], name: str | None) -> bool:
    now = types.get(name or "", {})
    made, place = dialog("Add a campaign type" if name is None else name.replace("_", " "))
    with place:
        named = field("Name", name or "", hint="Lower-case letters, digits and _.")
        if name is not None:
            named.disable()
        days = number_field(
            "Days before its event", int(now.get("days_before_event", 0)), least=-364, most=364
        )
        days.props["hint"] = "Below 0: after it."
        rank = number_field("Priority", int(now.get("priority", 10)), least=0, most=99)
        rank.props["hint"] = "The lower number goes first."
        flags = {
            key: ui.switch(words, value=bool(now.get(key, default)))
            for key, (words, default) in FLAGS.items()
        }
        problem = ui.element("div").props('role="alert"')

        def take() -> None:
            if not all_right(days, rank):
                return
            wanted: dict[str, Any] = {key: one.value for key, one in flags.items()}
            wanted |= {"days_before_event": str(int(days.value or 0)), "priority": str(int(rank.value or 0))}
            try:
                found = described()[PATH].read({str(named.value).strip(): wanted})
            except ValueError as error:
                problem.clear()
                with problem:
                    note(str(error), "bad")
                return
            assert isinstance(found, dict)
            types.update(found)
            made.submit(True)

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Take over", "check", take, role=Role.ADMIN, look="primary")
    return bool(await answer(made))
