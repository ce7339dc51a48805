"""A condition as a few questions; one that is nested deeper is edited as it is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import yaml
from nicegui import ui

from carillon.advance.questions import ATTRIBUTE, Question, questions, written
from carillon.web.pages.sequences.words import OPERATORS, SIGNS
from carillon.web.parts import act, button, choice, field, text
from carillon.words import Operator, Role, Sign

if TYPE_CHECKING:
    from carillon.web.pages.sequences.panel import Panel


def draw(panel: Panel) -> None:
    """The fields of a condition."""
    found = questions(panel.item.settings.get("when"))
    if found is None:
        _as_written(panel)
        return
    how, rows = found

    async def store(rows: list[Question], how: str = how, again: bool = True) -> None:
        await panel.put({"when": written(how, rows)}, again=again)

    async def choose(event: Any) -> None:
        await store(rows, str(event.value))

    if len(rows) > 1:
        words = {"all": "All of these are so", "any": "Any of these is so"}
        choice("Yes, where", words, how, on_change=act(choose, role=Role.VIEWER))
    for place in range(len(rows)):
        _row(panel, rows, place, store)
    if panel.builder.may_edit:
        button("Ask one thing more", "add", lambda: store([*rows, Question()]), look="quiet")


def _row(panel: Panel, rows: list[Question], place: int, store: Any) -> None:
    row = rows[place]

    def sets(name: str, again: bool = False) -> Any:
        async def put(event: Any) -> None:
            if name == "about":
                rows[place] = Question(str(event.value), rows[place].negated)
            elif name == "operator":
                value = "yes" if event.value == Operator.KNOWN else rows[place].value
                rows[place] = replace(rows[place], operator=str(event.value), value=value)
            elif name == "negated":
                rows[place] = replace(rows[place], negated=bool(event.value))
            else:
                given: dict[str, Any] = {name: str(event.value or "")}
                rows[place] = replace(rows[place], **given)
            await store(rows, again=again)

        return act(put, role=Role.VIEWER)

    def typed(label: str, name: str, hint: str = "") -> Any:
        made = field(label, getattr(row, name), hint=hint)
        made.props("debounce=300").on_value_change(sets(name))
        return made

    with ui.element("div").classes("c-flow-question") as box:
        box.props["role"] = "group"
        box.props["aria-label"] = f"Question {place + 1}"
        about = choice("The contact", SIGNS, row.about, on_change=sets("about", True))
        if place == 0:
            panel.at("when", about)
        if row.about == ATTRIBUTE:
            typed("Field", "name", "Such as state, company, tags, or an attribute")
            choice("Compared", OPERATORS, row.operator, on_change=sets("operator", True))
            if row.operator == "known":
                choice("", {"yes": "yes", "no": "no"}, row.value or "yes", on_change=sets("value")).props(
                    'aria-label="Known"'
                )
            else:
                typed("Value", "value", "Several, with commas" if row.operator == "one_of" else "")
        else:
            if row.about == Sign.CLICKED:
                typed("Link", "name", "Empty: any link")
            if row.about == Sign.EVENT:
                typed("Name of the event", "name")
            steps = {"": "the enrollment"} | {one.key: one.key for one in panel.builder.draft.items}
            options = steps if row.since in steps else {**steps, row.since: row.since}
            choice("Since", options, row.since, on_change=sets("since"))
        with ui.element("div").classes("c-row"):
            ui.checkbox("is not so", value=row.negated, on_change=sets("negated"))
            ui.element("span").classes("c-grow")
            if len(rows) > 1 and panel.builder.may_edit:
                rest = [one for at, one in enumerate(rows) if at != place]
                gone = button("", "close", lambda: store(rest), look="quiet")
                gone.props["aria-label"] = f"Remove question {place + 1}"


def _as_written(panel: Panel) -> None:
    shown = yaml.safe_dump(panel.item.settings.get("when"), sort_keys=False, allow_unicode=True)
    text("p", "This condition has questions within questions: it is edited as it is written.", "c-muted")
    made = field("Condition (YAML)", shown, lines=True)
    made.classes("c-mono").props("autogrow debounce=400")

    async def put(event: Any) -> None:
        try:
            value = yaml.load(str(event.value or ""), yaml.BaseLoader)  # every scalar is a text
        except yaml.YAMLError:
            made.error = "cannot be read: check brackets, colons and indentation"
            return
        await panel.put({"when": value})

    made.on_value_change(act(put, role=Role.VIEWER))
    panel.at("when", made)
