"""Which rules choose the hour, where each comes from, and what accounts and campaigns say otherwise."""

from __future__ import annotations

from functools import partial
from typing import get_args

from nicegui import ui

from carillon.errors import CarillonError
from carillon.settings_timing import SmartScheduling
from carillon.settings_values import words
from carillon.store import timing_edit
from carillon.watch.timing import InForce, settings_in_force
from carillon.web.pages.timing.ways import chooser, names, path
from carillon.web.parts import (
    answer,
    badge,
    button,
    card,
    choice,
    dialog,
    field,
    note,
    number,
    read,
    row,
    text,
    toast,
    visit,
    way,
    work,
)
from carillon.words import Role

MEANINGS = {
    "enabled": "Whether hours are chosen at all",
    "strategy": "Take the best hour, or go on exploring",
    "outcome": "What counts as an answer",
    "analysis_window_days": "Days of history that are learnt from",
    "min_delay_hours": "Hours an email waits at least once its time has come",
    "max_delay_hours": "Hours an email may wait at most",
    "min_sample_size": "Emails below which an hour says nothing",
    "preferred_send_times": "Hours preferred among equals, and before there is history",
    "preferred_days": "Days on which emails leave",
    "business_hours_start": "First hour in which they leave, on the contact's clock",
    "business_hours_end": "When the last of these hours is over",
    "avoid_holidays": "Country on whose holidays nothing leaves",
    "target_timezone": "Zone of contacts whose own is not known",
    "hold_out_percent": "Percent that keep their time, to compare with",
}
OWN = ("account", "campaign", "sequence")


async def draw(account: str, campaign: str, sequence: str) -> None:
    """What holds for mail of these; without any, the workspace's rules."""
    known = await read(names)
    accounts = [one.name for one in known.accounts]
    with row().classes("p-filters"):
        chooser("For mail through", accounts, account, "any account",
                lambda name: path("rules", account=name, campaign=campaign, sequence=sequence))  # fmt: skip
        chooser("of the campaign", known.campaigns, campaign, "any campaign",
                lambda name: path("rules", account=account, campaign=name, sequence=sequence))  # fmt: skip
        chooser("of the sequence", known.sequences, sequence, "any sequence",
                lambda name: path("rules", account=account, campaign=campaign, sequence=name))  # fmt: skip

    @ui.refreshable
    async def shown() -> None:
        found, faults = await work(
            lambda workspace: settings_in_force(
                workspace, account or None, campaign or None, sequence or None
            )
        )
        on = next(one.value for one in found if one.key == "enabled")
        note(
            "Hours are chosen: emails leave when their readers answer most."
            if on
            else "Hours are not chosen: each email leaves at its own time. Switch it on and it learns;"
            " a share is held out, so that you see what it gains.",
            "good" if on else "info",
        )
        for fault in faults:
            note(fault, "warn")
        with card(
            "Rules in force", "What is nearest to an email holds: sequence, campaign, account, workspace."
        ) as place:
            with place:
                if visit().may(Role.ADMIN):
                    way("Change the workspace's", "/settings/smart_scheduling", "plain", "settings")
                for what, name in (("account", account), ("campaign", campaign)):
                    if name:
                        own = partial(_edit, what, name, shown)
                        button(f"Change for {name}", "edit", own, role=Role.EDITOR)
            _table(found)

    await shown()


def _table(found: list[InForce]) -> None:
    with ui.element("div").classes("p-rules"):
        for one in found:
            with ui.element("div"):
                with ui.element("div"):
                    text("div", MEANINGS.get(one.key, one.key))
                    text("code", one.key, "c-muted c-small")
                text("div", _said(one.value), "c-strong")
                if one.origin in OWN:
                    badge(f"the {one.origin}'s", "info")
                else:
                    badge("the default" if one.origin == "default" else "the workspace's").props["title"] = (
                        one.origin
                    )


def _said(value: object) -> str:
    if isinstance(value, bool):
        return number(value)
    return "none" if value in (None, [], ()) else words(value)


async def _edit(what: str, name: str, shown: object) -> None:
    who = visit().name
    made, place = dialog(f"Rules of the {what} {name}")
    with place:
        text("p", "It says otherwise in one setting; empty takes back what it said.", "c-muted")
        key = choice("Setting", MEANINGS, "enabled")
        holder = ui.element("div").classes("w-full")
        state: dict[str, object] = {}

        def offer() -> None:
            holder.clear()
            annotation = SmartScheduling.model_fields[str(key.value)].annotation
            options = ["yes", "no"] if annotation is bool else [str(one) for one in get_args(annotation)
                                                               if isinstance(one, str)]  # fmt: skip
            with holder:
                if options:
                    state["field"] = choice(
                        "Value", {"": "as the levels above say", **{one: one for one in options}}, ""
                    )
                else:
                    state["field"] = field("Value", hint="Lists with commas, such as mon,wed or 9,14.")

        key.on_value_change(offer)
        offer()
        wrong = ui.element("div").classes("w-full")

        async def save() -> None:
            wrong.clear()
            value = str(getattr(state["field"], "value", "") or "").strip()
            pairs = {str(key.value): value}
            account, campaign = (name, None) if what == "account" else (None, name)
            try:
                await work(
                    lambda workspace: workspace.database.write(
                        lambda c: timing_edit.change(c, account, campaign, pairs, workspace.clock.now(), who)
                    )
                )
            except CarillonError as error:
                with wrong:
                    note(str(error), "bad")
                return
            made.submit(pairs)

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Save", do=save, role=Role.EDITOR, look="primary")
    if await answer(made):
        toast(f"Changed the rules of {name}.")
        shown.refresh()  # type: ignore[attr-defined]
