"""The settings of an email: one template, or several that are tried against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from carillon.web.parts import act, button, choice, link, number_field, text
from carillon.words import Role

if TYPE_CHECKING:
    from carillon.web.pages.sequences.panel import Panel


def draw(panel: Panel) -> None:
    """The fields of an email."""
    said, known = panel.item.settings, panel.builder.known
    if said.get("variants"):
        _variants(panel)
    else:
        made = panel.choice("template", "Template", known.templates, with_input=True)
        panel.at("", made)
        with ui.element("div").classes("c-row c-small"):
            if said.get("template"):
                link("Look at the template", f"/templates/{said['template']}")
            else:
                link("Templates", "/templates")
            if panel.builder.may_edit:
                button("Try several versions", "science", lambda: _split(panel), look="quiet")
    panel.field("subject", "Subject", hint="Empty: the template's own")
    groups = {"": "the sequence's"} | {one: one for one in known.groups}
    panel.choice("account_group", "Sent by the accounts", groups, otherwise="")

    async def waits(event: Any) -> None:
        await panel.put({"respect_exclusion_windows": None if event.value else False})

    ui.switch(
        "Waits for the end of exclusion windows",
        value=said.get("respect_exclusion_windows", True) is True,
        on_change=act(waits, role=Role.VIEWER),
    )


async def _split(panel: Panel) -> None:
    said = dict(panel.item.settings)
    first = said.pop("template", None) or (panel.builder.known.templates or [""])[0]
    others = [one for one in panel.builder.known.templates if one != first]
    variants = [{"template": one, "weight": 1} for one in (first, others[0] if others else "")]
    await panel.put_all({"variants": variants, **said}, again=True)


def _variants(panel: Panel) -> None:
    rows = [dict(one) for one in panel.item.settings.get("variants", ())]
    text("h3", "Versions, by their shares")
    for place, row in enumerate(rows):
        _variant(panel, rows, place, row)

    async def more() -> None:
        named = {one.get("template") for one in rows}
        free = next((one for one in panel.builder.known.templates if one not in named), "")
        await panel.put({"variants": [*rows, {"template": free, "weight": 1}]}, again=True)

    if panel.builder.may_edit:
        button("Add a version", "add", more, look="quiet")


def _variant(panel: Panel, rows: list[dict[str, Any]], place: int, row: dict[str, Any]) -> None:
    async def set_template(event: Any) -> None:
        row["template"] = str(event.value or "")
        await panel.put({"variants": [dict(one) for one in rows]})

    async def set_weight(event: Any) -> None:
        row["weight"] = int(event.value or 0)
        await panel.put({"variants": [dict(one) for one in rows]})

    async def remove() -> None:
        rest = [one for at, one in enumerate(rows) if at != place]
        if len(rest) > 1:
            await panel.put({"variants": rest}, again=True)
        else:
            settings = {key: value for key, value in panel.item.settings.items() if key != "variants"}
            await panel.put_all({"template": rest[0].get("template", ""), **settings}, again=True)

    name, known = row.get("template"), panel.builder.known.templates
    options = known if not name or name in known else [*known, name]
    with ui.element("div").classes("c-flow-version"):
        made = choice(
            f"Template {place + 1}", options, name or None, with_input=True,
            on_change=act(set_template, role=Role.VIEWER),
        )  # fmt: skip
        panel.at(f"variants[{place}].template", made)
        panel.at("variants" if place == 0 else f"variants.{place}", made)
        share = number_field("Share", float(row.get("weight") or 1), least=1)
        share.props("debounce=300").on_value_change(act(set_weight, role=Role.VIEWER))
        panel.at(f"variants[{place}].weight", share)
        if panel.builder.may_edit:
            gone = button("", "close", remove, look="quiet")
            gone.props["aria-label"] = f"Remove version {place + 1}"
