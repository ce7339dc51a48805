"""A field for each key of the configuration, by what may stand in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui

from carillon.settings_checks import WEEKDAYS
from carillon.settings_described import Described, Kind
from carillon.settings_load import Origin
from carillon.settings_values import words
from carillon.web.parts import badge, choice, field, text, wrong

Reading = Callable[[], object]


class Fields:
    """The fields of one section. What cannot be read, or may not be, is told at the field."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Described, Any, object]] = {}

    def add(self, one: Described, value: object, origin: Origin) -> None:
        """A row: the key's name and words, its field, and where the value comes from."""
        from_environment = origin.kind == "environment"
        with ui.element("div").classes("s-row"):
            with ui.element("div").classes("s-words"):
                with ui.element("div").classes("c-row"):
                    text("h3", name_of(one.path))
                    if from_environment:
                        badge(f"set by {origin.where}", "info")
                    elif value != one.default:
                        badge("changed")
                text("p", one.words, "c-muted c-small")
                text("p", f"Default: {words(one.default)}", "c-muted c-small")
            with ui.element("div").classes("s-field"):
                made = self._field(one, value)
                if from_environment:
                    made.disable()
                else:
                    self._made[one.path] = (one, made, value)

    def wanted(self) -> dict[str, object] | None:
        """What was changed, in the one spelling; None where something cannot be read."""
        found, is_right = {}, True
        for path, (one, made, before) in self._made.items():
            try:
                value = one.read(made.value)
            except ValueError as error:
                self.tell(path, str(error))
                is_right = False
                continue
            if value != before:
                found[path] = value
        return found if is_right else None

    def tell(self, path: str, problem: str) -> bool:
        """Tell at a key's field what is wrong with it; returns whether it has one here."""
        place = next((one for one in self._made if path == one or path.startswith(f"{one}.")), None)
        if place is None:
            return False
        made = self._made[place][1]
        if hasattr(made, "error"):
            wrong(made, problem)
            return True
        return False

    def _field(self, one: Described, value: object) -> Any:
        label = name_of(one.path)
        if one.kind is Kind.FLAG:
            return ui.switch(value=bool(value)).props(f'aria-label="{label}"')
        if one.kind is Kind.CHOICE:
            return choice(label, list(one.options), value)
        if one.kind is Kind.WEEKDAYS:
            days = {day: day.capitalize() for day in WEEKDAYS}
            return choice(label, days, value, multiple=True).props("use-chips")

        def check(given: Any) -> str | None:
            try:
                one.read(given)
            except ValueError as error:
                return str(error)
            return None

        long = one.kind is Kind.MAP or "\n" in str(value)
        hint = _HINTS.get(one.kind, "") + (" Empty: none." if one.may_be_empty else "")
        made = field(label, shown(value), hint=hint.strip(), check=check, lines=long)
        if one.kind is Kind.NUMBER:
            made.props("inputmode=decimal")
        return made


_HINTS = {
    Kind.LIST: "Separate with commas.",
    Kind.MAP: "name: value, one on each line.",
    Kind.TIME: "Such as 08:30.",
}


def name_of(path: str) -> str:
    """A key as a person reads it."""
    parts = path.split(".")[1:] or [path]
    name = ", ".join(part.replace("_", " ") for part in parts)
    name = f"effective-date {name[3:]}" if name.startswith("ed ") else name
    return name[:1].upper() + name[1:]


def shown(value: object) -> str:
    """A value as it stands in a text field."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {below}" for key, below in value.items())
    return str(value)
