"""One section of the configuration: its fields, saved together or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui

from carillon.errors import SettingsError
from carillon.jobs.settings import READ_ONLY, changed, text_of
from carillon.settings_described import described
from carillon.settings_rewrite import Rewrite
from carillon.settings_values import values_of
from carillon.web.pages.settings.campaign_types import types_table
from carillon.web.pages.settings.fields import Fields
from carillon.web.pages.settings.rules import rules_table
from carillon.web.pages.settings.saving import save, try_out
from carillon.web.parts import button, card, note, text, toast, visit, work
from carillon.words import Role

OF_A_TABLE = ("birthday_windows", "effective_date_windows", "age_exclusion", "year_round_exclusion")
PLANNING = ("features", "timing_constants", "aep_config", "priorities", "load_balancing", "state_rules")
"""Sections that decide who gets an email on which day."""


class Draft:
    """What is on the screen of one section: fields, and tables that keep values of their own."""

    def __init__(self, before: str) -> None:
        self.before = before
        self.fields = Fields()
        self.tables: list[Callable[[], Mapping[str, object]]] = []
        self.problems: ui.element | None = None

    async def rewrite(self) -> Rewrite | None:
        """The change that is on the screen; None where there is none or it cannot be: that is told."""
        assert self.problems is not None
        self.problems.clear()
        wanted = self.fields.wanted()
        if wanted is None:
            return None
        for values in self.tables:
            wanted |= values()
        try:
            found = await work(lambda workspace: changed(workspace, wanted))
        except SettingsError as error:
            others = [one for one in error.problems if not self.fields.tell(*one)]
            with self.problems:
                for key, words in others:
                    note(f"{key}: {words}" if key else words, "bad")
                if not error.problems:
                    note(str(error), "bad")
            return None
        if not found.changes:
            toast("Nothing was changed on this page.")
            return None
        return found


async def section(name: str) -> None:
    """The fields of a section and what can be done with them."""
    settings = visit().workspace.settings
    values: dict[str, Any] = values_of(settings)
    draft = Draft(await work(text_of))
    if name == "state_rules":
        with card("States", "On which days the law of a contact's state forbids mail", flush=True) as place:
            draft.tables.append(rules_table(values, settings, place))
    elif name == "campaign_types":
        with card("Campaign types", described()["campaign_types"].words, flush=True) as place:
            draft.tables.append(await types_table(values["campaign_types"], settings, place))
    keys = [
        one
        for path, one in described().items()
        if path.startswith(f"{name}.") and not (name == "state_rules" and path.split(".")[1] in OF_A_TABLE)
    ]
    if keys:
        with card(), ui.element("div").classes("s-rows"):
            for one in keys:
                if one.path in READ_ONLY:
                    note(READ_ONLY[one.path])
                    text("code", str(values[one.path]))
                else:
                    draft.fields.add(one, values[one.path], settings.origin(one.path))
    draft.problems = ui.element("div").classes("c-col").props('role="alert"')
    if name == "database":
        return
    with ui.element("div").classes("s-foot"):
        if name in PLANNING:

            async def trying() -> None:
                if (found := await draft.rewrite()) is not None:
                    await try_out(found, name, draft.before)

            button("See what it would move", "preview", trying, role=Role.ADMIN, look="primary")

        async def saving() -> None:
            if (found := await draft.rewrite()) is not None:
                await save(found, name, draft.before)

        look = "plain" if name in PLANNING else "primary"
        button("Save", "save", saving, role=Role.ADMIN, look=look)
        button("Start over", "undo", lambda: ui.navigate.reload(), look="quiet")
