"""The short form of a sequence: an email and follow-ups until there is a reply (03-sequences §1).

What belongs here: what it says, whose defaults it takes, and the steps it stands for. The delays count from
the initial email, so that what came late does not make the next one later still:

    initial -> wait_1 -> unanswered_1 -> followup_1 -> wait_2 -> ... -> end
                               `-> answered
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field, model_validator

from carillon.errors import InputError
from carillon.sequences import (
    ConditionSettings,
    DelaySettings,
    EmailSettings,
    ExitSettings,
    Step,
    Template,
)
from carillon.sequences_conditions import Not, Seen
from carillon.settings_checks import Misfit, Misfits, did_you_mean, whole
from carillon.settings_sections import Section, Text
from carillon.words import DelayUnit, ExitReason, Sign

INITIAL, ANSWERED = "initial", "answered"
MOST_FOLLOWUPS = 20
USUAL_DELAYS = (3, 7, 14)
"""Days after the initial email."""


def followup(number: int) -> str:
    """The key of a follow-up and of its template; the first is 1."""
    return f"followup_{number}"


_TEMPLATES = (INITIAL, *(followup(number) for number in range(1, MOST_FOLLOWUPS + 1)))


class ShortForm(Section):
    """A sequence in short, or what the sequences of an outreach campaign have in common."""

    subject: Text | None = None
    """Of the initial email, in the place of its template's own."""
    templates: Mapping[Text, Template] = Field(default_factory=dict)
    """By `initial`, `followup_1` and so on."""
    followup_delays: tuple[Annotated[int, whole(1, 366, "days")], ...] | None = None
    """Days after the initial email, ascending; none: 3, 7, 14."""
    max_followups: Annotated[int, whole(0, MOST_FOLLOWUPS)] | None = None
    """At most so many; none: one for each delay."""

    @model_validator(mode="after")
    def _in_order(self) -> ShortForm:
        found = []
        delays = self.followup_delays or ()
        if any(later <= earlier for earlier, later in pairwise(delays)):
            found.append(
                Misfit(
                    ("followup_delays",),
                    "the days count from the initial email, so that each must be more than the one before it",
                )
            )
        if len(delays) > MOST_FOLLOWUPS:
            found.append(
                Misfit(("followup_delays",), f"has more than {MOST_FOLLOWUPS} delays; leave some out")
            )
        for name in self.templates:
            if name not in _TEMPLATES:
                hint = did_you_mean(name, _TEMPLATES) or "; use initial, followup_1, followup_2 and so on"
                found.append(Misfit(("templates", name), f"is no part of a sequence{hint}"))
        if found:
            raise Misfits(found)
        return self

    def over(self, defaults: ShortForm) -> ShortForm:
        """This one, and where it says nothing what `defaults` say."""
        mine = self.model_dump(exclude_none=True)
        templates = {**defaults.templates, **self.templates}
        return ShortForm.model_validate(defaults.model_dump() | mine | {"templates": templates})

    @property
    def delays(self) -> tuple[int, ...]:
        """Days from the initial email to each follow-up."""
        return (USUAL_DELAYS if self.followup_delays is None else self.followup_delays)[: self.max_followups]

    def missing(self) -> list[str]:
        """The templates it would need and does not name."""
        needed = (INITIAL, *(followup(number) for number in range(1, len(self.delays) + 1)))
        return [name for name in needed if name not in self.templates]

    def steps(self) -> tuple[Step, ...]:
        """The steps it stands for. Raises InputError where it does not name a template that it needs."""
        if missing := self.missing():
            raise InputError(f"no template is named for {', '.join(missing)}")
        delays = self.delays
        found = [
            Step(
                INITIAL,
                EmailSettings(template=self.templates[INITIAL], subject=self.subject),
                next="wait_1" if delays else None,
            )
        ]
        for number, days in enumerate(delays, 1):
            last = number == len(delays)
            asked = Not(Seen(Sign.REPLIED))
            found += [
                Step(
                    f"wait_{number}",
                    DelaySettings(amount=days, unit=DelayUnit.DAYS, since=INITIAL),
                    next=f"unanswered_{number}",
                ),
                Step(
                    f"unanswered_{number}",
                    ConditionSettings(when=asked),
                    next=followup(number),
                    otherwise=ANSWERED,
                ),
                Step(
                    followup(number),
                    EmailSettings(template=self.templates[followup(number)]),
                    next=None if last else f"wait_{number + 1}",
                ),
            ]
        if delays:
            found.append(Step(ANSWERED, ExitSettings(reason=ExitReason.REPLIED.value)))
        return tuple(found)


def short_from(values: Mapping[str, Any]) -> ShortForm:
    """A short form as it is stored. Raises InputError where another program stored what cannot be."""
    try:
        return ShortForm.model_validate(values)
    except ValueError:
        raise InputError("the stored defaults of an outreach campaign cannot be read") from None
