"""The settings of a sequence as a whole: when it stops, how many begin a day, who sends it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nicegui import ui

from carillon.settings_checks import WEEKDAYS
from carillon.web.parts import act, choice, field, note, number_field, text
from carillon.words import Role

if TYPE_CHECKING:
    from carillon.web.pages.sequences.builder import Builder

STOPS = {
    "stop_on_reply": "a reply",
    "stop_on_bounce": "a bounce",
    "stop_on_complaint": "a complaint",
    "stop_on_unsubscribe": "an unsubscribe",
    "stop_on_opt_out": "an opt-out",
}


class Rules:
    """The fields of a sequence."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._at: dict[str, Any] = {}

    def draw(self) -> None:
        builder = self._builder
        said, known = builder.draft.settings, builder.known
        with ui.element("div").classes("c-flow-head"):
            text("h2", "The sequence", "c-grow")
        self._whole = ui.element("div")
        with ui.element("div").classes("c-col") as fields:
            if not builder.version:
                made = field("Name", builder.draft.name)
                made.props("debounce=300").on_value_change(self._heads("name"))
                self._at["name"] = made
            names = {"": "none"} | {one: one for one in known.campaigns}
            campaign = builder.draft.campaign or ""
            options = names if campaign in names else {**names, campaign: campaign}
            self._at["campaign"] = choice(
                "Outreach campaign", options, campaign, on_change=self._heads("campaign")
            )
            text("h3", "It ends for a contact at")
            for name, words in STOPS.items():
                self._switch(name, words, True)
            self._switch("company_stop", "a reply of anybody at the same company", False)
            text("h3", "Pace")
            drip = number_field(
                "Contacts who begin each day", _number(said.get("drip_per_day")), least=1,
                hint="Empty: all at once",
            )  # fmt: skip
            drip.props("debounce=300").on_value_change(self._sets("drip_per_day"))
            self._at["settings.drip_per_day"] = drip
            self._switch("postpone_on_out_of_office", "Waits for who is out of office", True)
            groups = {"": "the usual ones"} | {one: one for one in known.groups}
            group = str(said.get("account_group") or "")
            options = groups if group in groups else {**groups, group: f"{group} (not there)"}
            self._at["settings.account_group"] = choice(
                "Sent by the accounts", options, group, on_change=self._sets("account_group")
            )
            days = list(said.get("working_days") or WEEKDAYS[:5])
            working = {one: one.capitalize() for one in WEEKDAYS}
            self._at["settings.working_days"] = choice(
                "Working days", working, days, multiple=True, on_change=self._sets("working_days")
            )
            country = field("Holidays of the country", str(said.get("holidays") or ""), hint="Such as US")
            country.props("debounce=300").on_value_change(self._sets("holidays"))
            self._at["settings.holidays"] = country
        if not builder.may_edit:
            for one in fields.descendants():
                if hasattr(one, "set_enabled"):
                    one.set_enabled(False)

    def tell(self) -> None:
        for made in self._at.values():
            made.error = None
        self._whole.clear()
        for fault in self._builder.faults:
            if fault.step >= 0:
                continue
            at = self._at.get(fault.key) or self._at.get(".".join(fault.key.split(".")[:2]))
            if at is not None:
                at.error = fault.text
            else:
                with self._whole:
                    note(f"{fault.key}: {fault.text}".removeprefix(": "), "bad")

    def _switch(self, name: str, words: str, usual: bool) -> None:
        async def put(event: Any) -> None:
            await self._put(name, None if event.value is usual else event.value)

        value = self._builder.draft.settings.get(name, usual) is True
        ui.switch(words, value=value, on_change=act(put, role=Role.VIEWER))

    def _sets(self, name: str) -> Any:
        async def put(event: Any) -> None:
            value = event.value
            if name == "drip_per_day" and value is not None:
                value = int(value)
            if name == "working_days":
                value = [one for one in WEEKDAYS if one in value]
                value = None if value == list(WEEKDAYS[:5]) else value
            await self._put(name, value.strip() if isinstance(value, str) else value)

        return act(put, role=Role.VIEWER)

    async def _put(self, name: str, value: Any) -> None:
        draft = self._builder.draft
        settings = {**draft.settings, name: value}
        kept = {key: one for key, one in settings.items() if one not in (None, "")}
        await self._builder.change(replace(draft, settings=kept), part=f":{name}")

    def _heads(self, name: str) -> Any:
        async def put(event: Any) -> None:
            value = str(event.value or "").strip()
            wanted = {name: value or None} if name == "campaign" else {name: value}
            await self._builder.change(replace(self._builder.draft, **wanted), part=f":{name}")

        return act(put, role=Role.VIEWER)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int) else None
