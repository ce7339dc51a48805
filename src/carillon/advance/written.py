"""Sequences as YAML files: read with every problem at its line, and written so that reading gives the same.

    name: welcome                     what it is called
    campaign: spring                  the outreach campaign it belongs to, if any
    settings: {stop_on_reply: true}   sequences.SequenceSettings
    steps:                            in their order; each leads to the one below it, unless it says otherwise
      - key: hello
        type: email
        template: welcome_v1

or in place of `steps` the short form (`sequences_short`): subject, templates, followup_delays,
max_followups. `next: end` completes the sequence, as the last step does by itself. What it means for one
step to come after another is for `graph`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

import yaml
from pydantic import Field, ValidationError

from carillon.advance.graph import Fault, faults
from carillon.errors import InputError
from carillon.sequences import (
    END,
    STEP_SETTINGS,
    ConditionSettings,
    ExitSettings,
    SequenceSettings,
    Step,
    Title,
    plain_settings,
)
from carillon.sequences import Sequence as Definition
from carillon.sequences_short import ShortForm
from carillon.settings_checks import did_you_mean, shown
from carillon.settings_load import KeyPath, problems_of
from carillon.settings_sections import Section
from carillon.settings_yaml import Document, Problem, dotted, parse_yaml
from carillon.words import StepType

_COMMON = ("key", "type", "next", "otherwise")
_SHORT = tuple(ShortForm.model_fields)


class _Head(Section):
    """The keys of a file beside its steps."""

    name: Title
    campaign: Title | None = None
    settings: SequenceSettings = Field(default_factory=SequenceSettings)


_KEYS = (*_Head.model_fields, "steps", *_SHORT)


@dataclass(frozen=True)
class Written:
    """What a file says."""

    sequence: Definition
    """Without steps where it is in short."""
    short: ShortForm | None
    file: str

    def complete(self, defaults: ShortForm | None) -> Definition:
        """With its steps; `defaults`: those of its outreach campaign.

        Raises InputError where the short form does not name a template that is needed.
        """
        if self.short is None:
            return self.sequence
        short = self.short if defaults is None else self.short.over(defaults)
        if missing := short.missing():
            raise InputError(
                f"{self.file}: templates: {missing[0]} is missing; name the template of each email: "
                f"{', '.join(missing)}"
            )
        return replace(self.sequence, steps=short.steps())


def read(text: str, file: str) -> Written:
    """A sequence out of the text of a file; `file`: its name.

    Raises InputError with a line for each problem: file, line, key, what is wrong and what to do.
    """
    document, found = _read(text, file)
    if found is None:
        raise InputError("\n".join(map(str, _ordered(document))))
    return replace(found, sequence=replace(found.sequence, source=text))


def troubles(text: str) -> list[Fault]:
    """The same problems, each with its step; of the sequence as a whole where the step is -1."""
    document, _ = _read(text, "the sequence")
    begins = sorted(
        (line, int(path[1])) for path, line in document.lines.items() if len(path) == 2 and path[0] == "steps"
    )
    found = []
    for one in _ordered(document):
        step = max((place for line, place in begins if line <= one.line), default=-1)
        _, _, key = one.key.partition(".")
        found.append(Fault(step, key if step >= 0 else one.key, one.text))
    return found


def _read(text: str, file: str) -> tuple[Document, Written | None]:
    """The document with its problems, and what it says where it has none."""
    document = parse_yaml(text, file)
    if not document.problems and not document.data:
        document.complain(1, "", 'the file says nothing; begin with "name: ..." and "steps:"')
    found = _Reading(document).read() if not document.problems else None
    return document, None if document.problems else found


def _ordered(document: Document) -> list[Problem]:
    return sorted(set(document.problems), key=lambda one: (one.line == 0, one.line, str(one)))


def write(sequence: Definition) -> str:
    """A sequence as a file that says the same: as it was applied, or else written out."""
    return sequence.source if sequence.source is not None else write_out(sequence)


def sample(name: str, in_steps: bool) -> str:
    """A commented file to begin a sequence of this name with, in short or in steps."""
    file = resources.files("carillon").joinpath(
        "data", "sequences", "steps.yaml" if in_steps else "short.yaml"
    )
    written = yaml.safe_dump({"name": name}, allow_unicode=True, width=1000)
    return re.sub(r"(?m)^name: .*\n", lambda _: written, file.read_text(encoding="utf-8"), count=1)


def write_out(sequence: Definition) -> str:
    """A sequence as a file, in full; what has its default is left out."""
    settings = plain_settings(sequence.settings)
    return spell(sequence.name, sequence.campaign, settings, [Item.of(step) for step in sequence.steps])


@dataclass(frozen=True)
class Item:
    """A step as it is written, whether it can be read or not."""

    key: str
    type: StepType
    settings: Mapping[str, Any]
    """Plain values, as in a file."""
    next: str | None = None
    otherwise: str | None = None

    @classmethod
    def of(cls, step: Step) -> Item:
        return cls(step.key, step.type, plain_settings(step.settings), step.next, step.otherwise)


def spell(name: str, campaign: str | None, settings: Mapping[str, Any], items: Sequence[Item]) -> str:
    """The text of a file; what is said by the order of the steps is left out."""
    data: dict[str, Any] = {"name": name}
    if campaign is not None:
        data["campaign"] = campaign
    if settings:
        data["settings"] = dict(settings)
    below = [*(item.key for item in items[1:]), None]
    data["steps"] = [_item_out(item, after) for item, after in zip(items, below, strict=False)]
    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100))


def _item_out(item: Item, below: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"key": item.key, "type": item.type.value, **item.settings}
    if item.type is not StepType.EXIT and item.next != below:
        found["next"] = item.next or END
    if item.type is StepType.CONDITION:
        found["otherwise"] = item.otherwise or END
    return found


class _Reading:
    """One document on its way to a sequence; problems go into the document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._data: dict[str, Any] = document.data
        self._lines = document.lines

    def read(self) -> Written | None:
        self._unknown(self._data, _KEYS, ())
        head = self._checked(_Head, _Head.model_fields, self._data, ())
        short: ShortForm | None = None
        steps: tuple[Step, ...] = ()
        if "steps" in self._data:
            for key in filter(self._data.__contains__, _SHORT):
                self._complain((key,), "belongs to the short form; remove it, or the steps")
            steps = self._steps(self._data["steps"])
        elif any(key in self._data for key in _SHORT):
            short = self._checked(ShortForm, _SHORT, self._data, ())
        elif not self._document.problems:
            self._document.complain(
                1, "steps", 'is missing; write the steps, or the short form with "templates: ..."'
            )
        if head is None or self._document.problems:
            return None
        return Written(Definition(head.name, steps, head.settings, head.campaign), short, self._document.name)

    def _steps(self, given: object) -> tuple[Step, ...]:
        if not isinstance(given, list) or not given:
            self._complain(("steps",), f"{shown(given)} stands where a list of steps is meant")
            return ()
        keys = [item.get("key") if isinstance(item, dict) else None for item in given]
        read = [self._step(place, item, keys) for place, item in enumerate(given)]
        steps = tuple(step for step in read if step is not None)
        if len(steps) == len(given):
            for fault in faults(steps):
                path: KeyPath = ("steps", fault.step)
                self._complain((*path, fault.key) if fault.key else path, fault.text)
        return steps

    def _step(self, place: int, item: object, keys: Sequence[object]) -> Step | None:
        path: KeyPath = ("steps", place)
        if not isinstance(item, dict):
            self._complain(path, f'{shown(item)} stands where a step is meant, like "key: first"')
            return None
        before = len(self._document.problems)
        for name in ("key", "type"):
            if item.get(name) is None:
                self._complain(path, f'{name} is missing; add "{name}: ..."')
        kind = item.get("type")
        if kind is not None and kind not in list(StepType):
            hint = did_you_mean(str(kind), StepType) or f"; use {', '.join(StepType)}"
            self._complain((*path, "type"), f"{shown(kind)} is no type of a step{hint}")
        if len(self._document.problems) > before:
            return None
        model = STEP_SETTINGS[StepType(str(kind))]
        own = tuple(model.model_fields)
        self._unknown(item, (*_COMMON, *own), path)
        settings = self._checked(model, own, item, path)
        if model is ConditionSettings and "otherwise" not in item:
            self._complain(path, 'otherwise is missing; say where those go for whom it is not so, or "end"')
        if settings is None or len(self._document.problems) > before:
            return None
        after = keys[place + 1] if place + 1 < len(keys) else None
        if model is ExitSettings:
            after = None
        return Step(
            str(item["key"]).strip(),
            settings,
            self._way(item, "next", path, after),
            self._way(item, "otherwise", path, None),
        )

    def _way(self, item: dict[str, Any], name: str, path: KeyPath, usual: object) -> str | None:
        """Where a step leads; `usual`: where it does not say."""
        given = item.get(name, usual)
        if name in item and not isinstance(given, str):
            self._complain((*path, name), f'{shown(given)} is no step; write its key, or "{END}"')
        return None if given is None or given == END else str(given).strip()

    def _checked(
        self, model: type[Any], own: Sequence[str] | dict[str, Any], item: dict[str, Any], path: KeyPath
    ) -> Any:
        """The keys of an item that are the model's; None, and problems, if they cannot be used."""
        given = {name: item[name] for name in own if name in item}
        try:
            return model.model_validate(given)
        except ValidationError as error:
            for one in problems_of(model, error, self._document, path):
                key = one.key.removeprefix("steps").removeprefix(".")
                self._document.problems.append(replace(one, key=self._dotted(path, key)))
            return None

    def _unknown(self, item: dict[str, Any], known: Sequence[str], path: KeyPath) -> None:
        for name in item:
            if name not in known:
                hint = did_you_mean(name, known) or f"; remove it, or use one of: {', '.join(known)}"
                self._complain((*path, name), f"unknown key{hint}")

    def _complain(self, path: KeyPath, text: str) -> None:
        tries = (path[:end] for end in range(len(path), 0, -1))
        line = next((self._lines[one] for one in tries if one in self._lines), 1)
        self._document.complain(line, self._dotted(path, dotted(path[2:])), text)

    def _dotted(self, path: KeyPath, key: str) -> str:
        """A key as it is told: of a step with the step's own key before it."""
        if len(path) < 2:
            return key or dotted(path)
        step = self._data["steps"][path[1]]
        name = step.get("key") if isinstance(step, dict) else None
        return ".".join(filter(None, (name if isinstance(name, str) else "steps", key)))
