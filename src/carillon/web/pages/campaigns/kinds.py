"""Types of campaigns with all they say, and which campaign wins where two would go on one day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from carillon.campaigns import TYPE_FIELDS, Campaign, CampaignType
from carillon.errors import InputError
from carillon.store import campaigns
from carillon.web.pages.campaigns.deeds import change
from carillon.web.pages.campaigns.forms import SHORT, TypeForm
from carillon.web.parts import (
    Column,
    act,
    answer,
    badge,
    button,
    card,
    dialog,
    fault,
    leave,
    link,
    note,
    number,
    simple,
    text,
    visit,
)
from carillon.words import InstanceStatus, Role

_MOST = 12
"""Campaigns named of one priority."""


def show_types(types: Mapping[str, CampaignType], found: Sequence[Campaign], edit: str) -> None:
    """The tab. `edit`: the type that is open to be changed."""
    may = visit().may(Role.EDITOR)
    fixed = visit().workspace.settings.campaign_types
    with card("Types", "What campaigns of a kind share. Choose one to change it.", flush=True) as place:
        with place:
            button("New type", "add", lambda: edit_type(None), role=Role.EDITOR, look="primary")
        simple(
            [
                Column("name", "Type", link="href"),
                *(Column(name, SHORT[name], number=name in ("priority", "days_before_event"))
                  for name in TYPE_FIELDS),
                Column("used", "Campaigns", number=True),
                Column("place", "Defined in", wide=True),
            ],
            [
                {name: number(getattr(one, name)) for name in TYPE_FIELDS}
                | {
                    "name": one.name,
                    "href": f"/campaigns?{urlencode({'tab': 'types', 'edit': one.name})}" if may else "",
                    "used": number(sum(each.type.name == one.name for each in found)),
                    "place": "carillon.yaml" if one.name in fixed else "database",
                }
                for one in types.values()
            ],
            "Types of campaigns",
        )  # fmt: skip
    _priorities(found)
    if edit in types and may:
        ui.timer(0.1, act(lambda: edit_type(types[edit])), once=True)


async def edit_type(old: CampaignType | None) -> None:
    """Make a type or change one, in a dialog."""
    if old is not None and old.name in visit().workspace.settings.campaign_types:
        fault(InputError(f"The type {old.name} is defined in carillon.yaml: change it in Settings."))
        return
    made, place = dialog("New type" if old is None else f"The type {old.name[:60]}", wide=True)
    now, by = visit().workspace.clock.now(), visit().name

    async def save() -> None:
        wanted = form.read()
        if wanted is None:
            return
        if old is None and wanted.name in await change(campaigns.types):
            raise InputError(f"there is a type {wanted.name} already: change that one.")
        made.submit(await change(lambda c: campaigns.put_type(c, wanted, now, by)))

    with place:
        form = TypeForm(old)
        if old is not None:
            note("A change holds for all campaigns of this type, from the next plan on.")
        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Save", do=save, role=Role.EDITOR, look="primary")
    changes = await answer(made)
    if changes is not None:
        words = "Saved." if changes else "It is like this already; nothing was changed."
        leave(words, "/campaigns?tab=types")


def _priorities(found: Sequence[Campaign]) -> None:
    """Campaigns by priority: of two that would go on one day, the upper one goes."""
    ranked: dict[int, list[Campaign]] = {}
    for one in sorted(found, key=lambda each: (each.priority, each.instance.id)):
        if one.instance.status != InstanceStatus.ARCHIVED:
            ranked.setdefault(one.priority, []).append(one)
    with card(
        "What wins against what",
        "Where two campaigns would write to one contact on one day, the one further up goes and the other is "
        "skipped as a campaign conflict. Within one number, the one that was made first goes.",
        flush=True,
    ):
        if not ranked:
            text("p", "There is no campaign yet that could win.", "c-muted px-4 pb-4")
            return
        with ui.element("div").classes("c-list"):
            for priority, these in ranked.items():
                with ui.element("div").classes("c-rank"):
                    text("span", str(priority), "c-rank-number").props(f'title="priority {priority}"')
                    with ui.element("div").classes("c-row"):
                        for one in these[:_MOST]:
                            _ranked(one)
                        if len(these) > _MOST:
                            text("span", f"and {len(these) - _MOST:,} more", "c-muted")


def _ranked(one: Campaign) -> Any:
    with ui.element("span").classes("c-row"):
        link(one.instance.name[:60], f"/campaigns/{one.instance.id}", "c-strong")
        if "priority" in one.overridden:
            badge("its own priority", "info")
        if not one.is_open:
            badge("held up", "warn")
