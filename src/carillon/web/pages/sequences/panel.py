"""The settings of one step, with what is wrong told at the field it concerns.

Each field writes its value into the draft as it is typed; nothing is stored before Save.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from nicegui import ui

from carillon.sequences import ACTION_FIELDS, END
from carillon.web.pages.sequences import panel_condition, panel_email
from carillon.web.pages.sequences.words import ACTIONS, KINDS, UNITS
from carillon.web.parts import act, button, choice, field, icon, note, number_field, text
from carillon.words import ActionKind, ExitReason, Role, StepType

if TYPE_CHECKING:
    from carillon.advance.written import Item
    from carillon.web.pages.sequences.builder import Builder

LABELS = {
    "tag": "Tag",
    "field": "Attribute",
    "value": "Value",
    "template": "SMS template",
    "url": "Address",
    "sequence": "Sequence",
    "text": "What to tell",
}


class Fields(Protocol):
    """What stands in the panel."""

    def draw(self) -> None:
        """Make the fields."""

    def tell(self) -> None:
        """Say what is wrong at them."""


class Panel:
    """The fields of a step."""

    def __init__(self, builder: Builder, key: str) -> None:
        self.builder, self.key = builder, key
        self._at: dict[str, Any] = {}
        """Fields by the key that a fault names."""

    @property
    def item(self) -> Item:
        found = self.builder.draft.item(self.key)
        assert found is not None
        return found

    def draw(self) -> None:
        item, builder = self.item, self.builder
        name, symbol, _ = KINDS[item.type]
        with ui.element("div").classes("c-flow-head"):
            icon(symbol)
            text("h2", name, "c-grow")
            if builder.may_edit:
                self._tool("arrow_upward", "Move up", lambda: builder.draft.up(self.key))
                self._tool("arrow_downward", "Move down", lambda: builder.draft.down(self.key))
                self._tool("delete", "Remove the step", lambda: builder.draft.remove(self.key))
            button("", "close", lambda: builder.select(None), look="quiet").props('aria-label="Close"')
        self._whole = ui.element("div")
        with ui.element("div").classes("c-col") as fields:
            self._name()
            {
                StepType.EMAIL: lambda: panel_email.draw(self),
                StepType.DELAY: self._delay,
                StepType.CONDITION: lambda: panel_condition.draw(self),
                StepType.ACTION: self._action,
                StepType.EXIT: self._exit,
            }[item.type]()
            self._ways()
        if not builder.may_edit:
            for one in fields.descendants():
                if hasattr(one, "set_enabled"):
                    one.set_enabled(False)

    def tell(self) -> None:
        rest = []
        for made in self._at.values():
            made.error = None
        for fault in self.builder.faults_of(self.key):
            at = self._field(fault.key)
            if at is None:
                rest.append(f"{fault.key}: {fault.text}" if fault.key else fault.text)
            elif at.error is None:
                at.error = fault.text
        self._whole.clear()
        with self._whole:
            for words in rest:
                note(words, "bad")

    def at(self, name: str, made: Any) -> Any:
        """Remember the field that a key of the settings is typed into."""
        self._at[name] = made
        return made

    async def put(self, values: Mapping[str, Any], *, again: bool = False) -> None:
        """Change settings; None and empty take one away. `again`: other fields belong to it now."""
        settings = {**self.item.settings, **values}
        await self.put_all({key: value for key, value in settings.items() if value not in (None, "")}, again)

    async def put_all(self, settings: Mapping[str, Any], again: bool = False) -> None:
        """Give the step these settings and no others."""
        draft = self.builder.draft.change(self.key, settings=settings)
        part = "" if again else f"{self.key}:{'.'.join(settings)}"
        await self.builder.change(draft, part=part)

    def puts(self, name: str, *, again: bool = False) -> Callable[..., Any]:
        """A handler that stores the value of a field."""

        async def put(event: Any) -> None:
            await self.put({name: _plain(event.value)}, again=again)

        return act(put, role=Role.VIEWER)

    def field(self, name: str, label: str, *, hint: str = "", lines: bool = False) -> Any:
        """A field for a text of the settings."""
        made = field(label, str(self.item.settings.get(name) or ""), hint=hint, lines=lines)
        made.props("debounce=300").on_value_change(self.puts(name))
        return self.at(name, made)

    def choice(self, name: str, label: str, options: Any, *, again: bool = False, **more: Any) -> Any:
        """A field that chooses one for the settings."""
        value = self.item.settings.get(name) or more.pop("otherwise", None)
        given = _with(options, value)
        made = choice(label, given, value, on_change=self.puts(name, again=again), **more)
        return self.at(name, made)

    def _field(self, key: str) -> Any:
        parts = key.split(".") if key else [""]
        for end in range(len(parts), 0, -1):
            if (found := self._at.get(".".join(parts[:end]))) is not None:
                return found
        return self._at.get("")

    def _tool(self, symbol: str, label: str, draft: Callable[[], Any]) -> None:
        async def do() -> None:
            wanted = draft()
            await self.builder.change(wanted, self.key if wanted.item(self.key) else None)

        made = button("", symbol, do, look="quiet")
        made.props["aria-label"] = made.props["title"] = label

    def _name(self) -> None:
        async def rename() -> None:
            wanted = str(made.value or "").strip()
            if not wanted or wanted == self.key:
                return
            if self.builder.draft.item(wanted) is not None:
                made.error = "another step is called so"
                return
            await self.builder.change(self.builder.draft.rename(self.key, wanted), wanted)

        made = field("Name of the step", self.key, hint="Letters, digits and underscores")
        made.on("blur", act(rename, role=Role.VIEWER)).on("keydown.enter", act(rename, role=Role.VIEWER))
        self.at("key", made)

    def _delay(self) -> None:
        said = self.item.settings
        with ui.element("div").classes("c-flow-pair"):
            amount = number_field("How long", _number(said.get("amount")), least=0)
            amount.props("debounce=300").on_value_change(self.puts("amount"))
            self.at("amount", amount)
            self.choice("unit", "Unit", UNITS, again=True)
        if said.get("unit") in ("days", "working_days") or said.get("at"):
            made = field(
                "Until this time of day", str(said.get("at") or "")[:5], hint="In the contact's time zone"
            )
            made.props("type=time stack-label clearable").on_value_change(self.puts("at"))
            self.at("at", made)
        steps = {"": "the step before"} | self._others()
        self.choice("since", "Counted from", steps, otherwise="")

    def _action(self) -> None:
        said, known = self.item.settings, self.builder.known

        async def choose(event: Any) -> None:
            await self.put_all({"kind": str(event.value)}, again=True)

        names = {kind.value: words for kind, words in ACTIONS.items()}
        kind = said.get("kind")
        chosen = choice("What it does", names, kind, on_change=act(choose, role=Role.VIEWER))
        self.at("kind", chosen)
        needed = ACTION_FIELDS[ActionKind(kind)] if kind in list(ActionKind) else ()
        for name in needed:
            if name == "template":
                self.choice(name, LABELS[name], known.sms, with_input=True)
            elif name == "sequence":
                others = [one for one in known.sequences if one != self.builder.draft.name]
                self.choice(name, LABELS[name], others, with_input=True)
            else:
                self.field(name, LABELS[name], lines=name == "text")

    def _exit(self) -> None:
        usual = [ExitReason.COMPLETED.value, ExitReason.REPLIED.value, ExitReason.MANUAL.value]
        self.field("reason", "Reason", hint=f"Such as {', '.join(usual)}, or a word of your own")

    def _ways(self) -> None:
        """Where it leads."""
        if self.item.type is StepType.EXIT:
            return
        is_condition = self.item.type is StepType.CONDITION
        self._way("next", "If yes, go to" if is_condition else "Then go to")
        if is_condition:
            self._way("otherwise", "If no, go to")

    def _way(self, name: str, label: str) -> None:
        async def choose(event: Any) -> None:
            to = None if event.value == END else str(event.value)
            await self.builder.change(self.builder.draft.change(self.key, **{name: to}), self.key)

        options = {END: "the end"} | self._others()
        value = getattr(self.item, name) or END
        made = choice(label, _with(options, value), value, on_change=act(choose, role=Role.VIEWER))
        self.at(name, made)

    def _others(self) -> dict[str, str]:
        return {one.key: one.key for one in self.builder.draft.items if one.key != self.key}


def _plain(value: Any) -> Any:
    """As a file has it."""
    if isinstance(value, float) and value == int(value):
        return int(value)
    return value.strip() if isinstance(value, str) else value


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def _with(options: Any, value: Any) -> Any:
    """Options, and among them what is chosen although it is not there (any more)."""
    if value is None or value in options:
        return options
    return {**options, value: f"{value} (not there)"} if isinstance(options, dict) else [*options, value]
