"""The law of the states as a table: one row a state, edited in a dialog."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui
from nicegui.element import Element

from carillon.settings import Settings
from carillon.settings_described import described
from carillon.settings_values import words
from carillon.states import STATES
from carillon.web.parts import (
    all_right,
    answer,
    badge,
    button,
    choice,
    dialog,
    empty,
    needed,
    note,
    number_field,
    text,
    toast,
)
from carillon.words import Role

YEAR, BIRTHDAY, EFFECTIVE, AGE = (
    f"state_rules.{key}"
    for key in ("year_round_exclusion", "birthday_windows", "effective_date_windows", "age_exclusion")
)
PATHS = (YEAR, BIRTHDAY, EFFECTIVE, AGE)
BEFORE, AFTER, EXTENSION, MONTH = (
    "window_before_days",
    "window_after_days",
    "pre_window_extension_days",
    "use_month_start",
)


class Rules:
    """The rules as they are on the screen."""

    def __init__(self, values: Mapping[str, Any], extension: int) -> None:
        self.year = list(values[YEAR])
        self.windows = {path: dict(values[path]) for path in (BIRTHDAY, EFFECTIVE)}
        self.ages = dict(values[AGE])
        self.extension = extension

    def states(self) -> list[str]:
        return sorted({*self.year, *self.windows[BIRTHDAY], *self.windows[EFFECTIVE], *self.ages})

    def values(self) -> dict[str, object]:
        found = {YEAR: sorted(self.year), **self.windows, AGE: self.ages}
        return {path: described()[path].read(value) for path, value in found.items()}

    def remove(self, state: str) -> None:
        self.year = [one for one in self.year if one != state]
        for known in (*self.windows.values(), self.ages):
            known.pop(state, None)

    def told(self, state: str) -> list[str]:
        """What holds in a state, a sentence each."""
        found = ["No mail on any day."] if state in self.year else []
        for path, about in ((BIRTHDAY, "birthday"), (EFFECTIVE, "effective date")):
            if (window := self.windows[path].get(state)) is not None:
                found.append(self._window(window, about))
        if state in self.ages:
            found.append(f"No mail from the age of {self.ages[state]}.")
        return found

    def _window(self, window: Mapping[str, Any], about: str) -> str:
        extra = window.get(EXTENSION)
        days = int(window[BEFORE]) + (self.extension if extra is None else int(extra))
        anchor = f"the first of the {about}'s month" if window.get(MONTH) else f"the {about}"
        return f"No mail from {days} days before {anchor} to {window[AFTER]} days after it."


def rules_table(
    values: Mapping[str, Any], settings: Settings, actions: Element
) -> Callable[[], Mapping[str, object]]:
    """Draw the table; returns what gives the values that stand in it."""
    rules = Rules(values, settings.timing_constants.pre_window_exclusion_days)
    fixed = [path for path in PATHS if settings.origin(path).kind == "environment"]
    with ui.element("div").classes("s-table") as place:
        pass

    def draw() -> None:
        place.clear()
        with place:
            for path in fixed:
                note(f"{path} is set by {settings.origin(path).where} and cannot be changed here.")
            if not rules.states():
                with empty("gavel", "No state has a rule", "Add those that your law asks for."):
                    pass
            for state in rules.states():
                _row(rules, state, draw if not fixed else None)

    async def add() -> None:
        if await edit(rules, None):
            draw()

    if not fixed:
        with actions:
            button("Add a state", "add", add, role=Role.ADMIN)
    draw()
    return lambda: {path: value for path, value in rules.values().items() if path not in fixed}


def _row(rules: Rules, state: str, draw: Callable[[], None] | None) -> None:
    with ui.element("div").classes("s-state").props(f'data-state="{state}"'):
        with ui.element("div").classes("s-code"):
            text("span", state, "c-strong")
            text("span", STATES[state], "c-muted c-small")
        with ui.element("div").classes("c-grow"):
            for told in rules.told(state):
                text("div", told)
        if state in rules.year:
            badge("all year", "warn")
        if draw is None:
            return
        redraw = draw

        async def change() -> None:
            if await edit(rules, state):
                redraw()

        def away() -> None:
            rules.remove(state)
            redraw()
            toast(f"{state} has no rule any more once this is saved.")

        button("", "edit", change, role=Role.ADMIN, look="quiet").props(f'aria-label="Change {state}"')
        button("", "delete", away, role=Role.ADMIN, look="quiet").props(f'aria-label="Remove {state}"')


async def edit(rules: Rules, state: str | None) -> bool:
    """A dialog about one state. Returns whether anything was taken over."""
    made, place = dialog("Add a state" if state is None else f"{STATES[state]} ({state})", wide=True)
    with place:
        free = {code: f"{code} · {name}" for code, name in STATES.items() if code not in rules.states()}
        which = None
        if state is None:
            which = choice("State", free, with_input=True, validation=needed)
        year = ui.switch("No mail on any day of the year", value=state in rules.year)
        windows = {
            path: _Window(about, rules.windows[path].get(state or ""), rules.extension)
            for path, about in ((BIRTHDAY, "birthday"), (EFFECTIVE, "effective date"))
        }
        age = number_field("No mail from this age on", rules.ages.get(state or ""), least=1, most=120)
        age.props["hint"] = "Years. Empty: at any age."
        problem = ui.element("div").props('role="alert"')

        def take() -> None:
            code = state or (which and which.value)
            checked = [one for one in (which, age) if one is not None]
            if not all_right(*checked) or not code:
                return
            draft = Rules({**rules.values()}, rules.extension)
            draft.remove(code)
            draft.year += [code] if year.value else []
            for path, window in windows.items():
                if (given := window.value()) is not None:
                    draft.windows[path][code] = given
            if age.value:
                draft.ages[code] = str(int(age.value))
            try:
                draft.values()
            except ValueError as error:
                problem.clear()
                with problem:
                    note(str(error), "bad")
                return
            rules.year, rules.windows, rules.ages = draft.year, draft.windows, draft.ages
            made.submit(True)

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Take over", "check", take, role=Role.ADMIN, look="primary")
    return bool(await answer(made))


class _Window:
    """The fields of a window, shown when there is one."""

    def __init__(self, about: str, given: Mapping[str, Any] | None, extension: int) -> None:
        now = dict(given or {})
        self._on = ui.switch(f"No mail around the {about}", value=given is not None)
        with ui.element("div").classes("s-window").bind_visibility_from(self._on, "value"):
            self._before = number_field(
                f"Days before the {about}", int(now.get(BEFORE, 0)), least=0, most=364
            )
            self._after = number_field(f"Days after the {about}", int(now.get(AFTER, 30)), least=0, most=364)
            extra = now.get(EXTENSION)
            self._extra = number_field(
                "Begins earlier by", None if extra is None else int(extra), least=0, most=364
            )
            self._extra.props["hint"] = f"Days. Empty: {words(extension)}, as for all states."
            self._month = ui.checkbox("Count from the first of the month", value=bool(now.get(MONTH)))

    def value(self) -> dict[str, Any] | None:
        if not self._on.value:
            return None
        found: dict[str, Any] = {
            BEFORE: str(int(self._before.value or 0)),
            AFTER: str(int(self._after.value or 0)),
        }
        if self._extra.value is not None:
            found[EXTENSION] = str(int(self._extra.value))
        if self._month.value:
            found[MONTH] = True
        return found
