"""Sequences: what one is made of, and its one spelling in the database (03-sequences §1).

What belongs here: steps, their settings and those of the sequence as a whole, to and from JSON without a
loss. What does not: whether the steps fit together and how they are written in a file (`advance.graph`),
what they do (`advance`), how they are stored (`store.sequences`). Conditions: `sequences_conditions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Many
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from carillon import settings_checks as checks
from carillon.campaigns import HEAVIEST, LONGEST_NAME, is_template
from carillon.errors import InputError
from carillon.sequences_conditions import Condition, condition_of, plain_condition
from carillon.settings_checks import Misfit, Misfits, one_of, shown, whole
from carillon.settings_sections import Flag, Name, Section, Text, Weekday
from carillon.settings_timing import Country, SmartOverride
from carillon.settings_values import plain
from carillon.words import ActionKind, DelayUnit, ExitReason, SequenceStatus, StepType

END = "end"
"""What a file says for `next: none`; no step is called so."""
MOST_STEPS = 200
LONGEST_DELAY = {
    DelayUnit.MINUTES: 366 * 24 * 60,
    DelayUnit.HOURS: 366 * 24,
    DelayUnit.DAYS: 366,
    DelayUnit.WORKING_DAYS: 261,
}
"""About a year of each."""


def title(value: object) -> str:
    """The name of a sequence or an outreach campaign."""
    name = checks.text(value)
    if len(name) > LONGEST_NAME:
        raise ValueError(f"{shown(name)} is too long for a name; use {LONGEST_NAME} characters at most")
    return name


def _template(value: object) -> str:
    if not is_template(value):
        raise ValueError(
            f"{shown(value)} is no name of a template; use letters, digits, dots, dashes and underscores"
        )
    return str(value)


def _url(value: object) -> str:
    url = checks.text(value)
    if not url.startswith(("https://", "http://")):
        raise ValueError(f'{shown(url)} is no web address; write it like "https://example.org/hook"')
    return url


Title = Annotated[str, BeforeValidator(title)]
Template = Annotated[str, BeforeValidator(_template)]


class Variant(Section):
    """One of several templates of a step; the chance of each is its share of all weights."""

    template: Template
    weight: Annotated[int, whole(1, HEAVIEST)] = 1


class EmailSettings(Section):
    """An email: which template, in whose name, and when it has to wait."""

    template: Template | None = None
    """None where there are variants."""
    subject: Text | None = None
    """In the place of the template's own."""
    variants: tuple[Variant, ...] = ()
    account_group: Name | None = None
    """None: the sequence's."""
    respect_exclusion_windows: Flag = True
    """Whether it waits for the first day outside the windows of the contact's state."""

    @model_validator(mode="after")
    def _has_a_template(self) -> EmailSettings:
        if (self.template is None) == (not self.variants):
            raise ValueError('needs either "template: NAME" or a list of variants, not both')
        names = [one.template for one in self.variants]
        if len(set(names)) < len(names):
            raise ValueError("the variants name a template twice; give it the sum of the weights instead")
        return self

    @property
    def choices(self) -> tuple[Variant, ...]:
        """What is chosen from: the variants, or the one template."""
        if self.template is None:
            return self.variants
        return (Variant(template=self.template),)


class DelaySettings(Section):
    """A wait."""

    amount: Annotated[int, whole(0, max(LONGEST_DELAY.values()))]
    unit: Annotated[DelayUnit, one_of(*DelayUnit)]
    at: Annotated[time, BeforeValidator(checks.time_of_day)] | None = None
    """Time of day in the contact's zone at which it ends; only with days."""
    since: Text | None = None
    """The key of the step it counts from; none: the previous step."""

    @model_validator(mode="after")
    def _is_a_wait(self) -> DelaySettings:
        if self.amount > LONGEST_DELAY[self.unit]:
            raise Misfits(
                [Misfit(("amount",), f"{self.amount} {self.unit} is longer than a year; make it shorter")]
            )
        if self.at and self.unit in (DelayUnit.MINUTES, DelayUnit.HOURS):
            raise Misfits(
                [Misfit(("at",), f"a time of day goes with days or working_days, not with {self.unit}")]
            )
        if not self.amount and not self.at:
            raise Misfits(
                [Misfit(("amount",), "0 is no delay; use 1 or more, or give a time of day with it")]
            )
        return self


class ConditionSettings(Section):
    """A question: `next` where the answer is yes, `otherwise` where it is no."""

    when: Annotated[Condition, BeforeValidator(condition_of)]


class ActionSettings(Section):
    """Something done: which fields it has depends on its kind."""

    kind: Annotated[ActionKind, one_of(*ActionKind)]
    tag: Text | None = None
    field: Text | None = None
    """Of set_attribute: the name of an attribute."""
    value: Text | None = None
    template: Template | None = None
    """Of sms."""
    url: Annotated[str, BeforeValidator(_url)] | None = None
    sequence: Title | None = None
    """Of enroll and exit: which one to enter or leave."""
    text: Text | None = None
    """Of notify."""

    @model_validator(mode="after")
    def _has_its_fields(self) -> ActionSettings:
        needed = ACTION_FIELDS[self.kind]
        found = []
        for name in _ACTION_FIELDS:
            given = getattr(self, name) is not None
            if name in needed and not given:
                found.append(Misfit((name,), f'is missing: {self.kind} needs it; add "{name}: ..."'))
            elif given and name not in needed:
                found.append(
                    Misfit((name,), f"does not belong to {self.kind}, which has {' and '.join(needed)}")
                )
        if found:
            raise Misfits(found)
        return self


ACTION_FIELDS: dict[ActionKind, tuple[str, ...]] = {
    ActionKind.ADD_TAG: ("tag",),
    ActionKind.REMOVE_TAG: ("tag",),
    ActionKind.SET_ATTRIBUTE: ("field", "value"),
    ActionKind.SMS: ("template",),
    ActionKind.WEBHOOK: ("url",),
    ActionKind.ENROLL: ("sequence",),
    ActionKind.EXIT: ("sequence",),
    ActionKind.NOTIFY: ("text",),
}
_ACTION_FIELDS = tuple(name for name in ActionSettings.model_fields if name != "kind")


class ExitSettings(Section):
    """The end, with a reason: one of `words.ExitReason` or a word of one's own."""

    reason: Name = ExitReason.COMPLETED.value


StepSettings = EmailSettings | DelaySettings | ConditionSettings | ActionSettings | ExitSettings

STEP_SETTINGS: dict[StepType, type[StepSettings]] = {
    StepType.EMAIL: EmailSettings,
    StepType.DELAY: DelaySettings,
    StepType.CONDITION: ConditionSettings,
    StepType.ACTION: ActionSettings,
    StepType.EXIT: ExitSettings,
}


@dataclass(frozen=True)
class Step:
    """One step: what it does, and where the contact goes from there."""

    key: str
    settings: StepSettings
    next: str | None = None
    """The key of the step after it; none: the sequence is completed."""
    otherwise: str | None = None
    """The same of a condition whose answer is no."""

    @property
    def type(self) -> StepType:
        return next(type for type, model in STEP_SETTINGS.items() if isinstance(self.settings, model))

    @property
    def ways(self) -> tuple[str, ...]:
        """The keys of the steps that may come after it."""
        if isinstance(self.settings, ExitSettings):
            return ()
        ways = (self.next, self.otherwise if isinstance(self.settings, ConditionSettings) else None)
        return tuple(key for key in ways if key is not None)


class SequenceSettings(Section):
    """What holds for a sequence as a whole."""

    stop_on_reply: Flag = True
    stop_on_bounce: Flag = True
    stop_on_complaint: Flag = True
    stop_on_unsubscribe: Flag = True
    stop_on_opt_out: Flag = True
    company_stop: Flag = False
    """Whether a reply ends it for everybody whose address has the same domain."""
    postpone_on_out_of_office: Flag = True
    """Whether an out-of-office reply that names a day moves the next step behind it."""
    drip_per_day: Annotated[int, whole(1, 10_000_000, "contacts")] | None = None
    """How many contacts start on one day; none: all at once."""
    account_group: Name | None = None
    """The accounts it is sent through; none: the default group."""
    working_days: tuple[Weekday, ...] = Field(default=checks.WEEKDAYS[:5])
    """What a delay in working days counts."""
    holidays: Country | None = None
    """The country whose holidays are no working days; none: none are."""
    smart_scheduling: SmartOverride | None = None
    """Where it says otherwise than its campaign or the workspace when emails leave."""

    @model_validator(mode="after")
    def _work_sometimes(self) -> SequenceSettings:
        if not self.working_days:
            raise Misfits([Misfit(("working_days",), "names no day; name at least one")])
        return self


@dataclass(frozen=True)
class Sequence:
    """A sequence. The id of one that is not stored yet is 0."""

    name: str
    steps: tuple[Step, ...]
    """As in the file; everybody begins at the first."""
    settings: SequenceSettings = field(default_factory=SequenceSettings)
    campaign: str | None = None
    """The outreach campaign it belongs to."""
    id: int = 0
    status: SequenceStatus = SequenceStatus.DRAFT
    scheduled_start_at: datetime | None = None
    version: int = 1
    source: str | None = None
    """The file it was applied from, to the letter."""

    def step(self, key: str) -> Step | None:
        return next((step for step in self.steps if step.key == key), None)

    def same_definition(self, other: Sequence) -> bool:
        """Whether both do the same, whatever their status and however they are written."""
        mine = (self.name, self.steps, self.settings, self.campaign)
        return mine == (other.name, other.steps, other.settings, other.campaign)


def plain_settings(settings: StepSettings | SequenceSettings) -> dict[str, Any]:
    """Settings as JSON can hold them, what has its default left out."""
    found = plain(settings)
    assert isinstance(found, dict)
    if isinstance(settings, ConditionSettings):
        found["when"] = plain_condition(settings.when)
    return {key: str(value) if isinstance(value, str) else value for key, value in found.items()}


def step_from(
    key: str, type: str, settings: Mapping[str, object], next: str | None, otherwise: str | None
) -> Step:
    """A step as it is stored. Raises InputError where another program stored what cannot be."""
    try:
        model = STEP_SETTINGS[StepType(type)]
        return Step(key, model.model_validate(settings), next, otherwise)
    except ValueError as error:
        raise InputError(f"the stored step {key!r} cannot be read: {_first(error)}") from None


def settings_from(settings: Mapping[str, object]) -> SequenceSettings:
    """A sequence's settings as they are stored. Raises InputError where they cannot be."""
    try:
        return SequenceSettings.model_validate(settings)
    except ValueError as error:
        raise InputError(f"the stored settings of a sequence cannot be read: {_first(error)}") from None


def _first(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    found = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}".removeprefix(": ")


def entry(steps: Many[Step]) -> str | None:
    """Where everybody begins."""
    return steps[0].key if steps else None
