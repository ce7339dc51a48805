"""Sequences to test with: any that fit together, and steps that need not.

Those that fit are made from a seed, which is ten times as fast as drawing them part by part.
"""

from __future__ import annotations

from datetime import time
from random import Random
from typing import Any

from hypothesis import strategies as st

from carillon.sequences import (
    ActionSettings,
    ConditionSettings,
    DelaySettings,
    EmailSettings,
    ExitSettings,
    Sequence,
    SequenceSettings,
    Step,
    StepSettings,
    Variant,
)
from carillon.sequences_conditions import AllOf, AnyOf, Compared, Condition, Not, Seen
from carillon.settings_checks import WEEKDAYS
from carillon.words import DelayUnit, Operator, Sign

AWKWARD = (
    "null", "~", "yes", "no", "3", "0.5", "08:30", "- a", "a: b", "# x", "'", '"', "é", "{x}", "[", "&a",
    "*a", "!x", "|", ">", "%", "@", "`", "a,b", "?", "\\", "a #b", "x:", "Zoë & Co.", "日本", "😀",
)  # fmt: skip
"""One line each, with all that means something in YAML."""
words = st.sampled_from(AWKWARD)
templates = st.text("ab.-_9", max_size=4).map("t{}".format)
_ALONE = (Sign.REPLIED, Sign.OPENED, Sign.BOUNCED)
_COMPARED = tuple(one for one in Operator if one not in (Operator.ONE_OF, Operator.KNOWN))


class Maker:
    """Parts of sequences by chance."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)

    def sequence(self) -> Sequence:
        """One whose ways all lead onward, each step right behind some other."""
        n = self._chance.randint(1, 7)
        keys = [f"{self._chance.choice('abc_9')}{place}" for place in range(n)]
        steps = tuple(self._step(place, keys) for place in range(n))
        return Sequence(self.word(), steps, self._settings(), self._perhaps(self.word()))

    def word(self) -> str:
        return self._chance.choice(AWKWARD)

    def _step(self, place: int, keys: list[str]) -> Step:
        earlier, later = keys[:place], keys[place + 1 :]
        below = later[0] if later else None
        match self._chance.choice(
            ["email", "delay", "condition", "action", *(["exit"] if not later else [])]
        ):
            case "condition":
                ways = [below, self._chance.choice([*later, None])]
                self._chance.shuffle(ways)
                return Step(keys[place], ConditionSettings(when=self._condition(earlier, 3)), *ways)
            case "exit":
                return Step(keys[place], ExitSettings(reason=self._chance.choice(["replied", "over_9"])))
            case kind:
                made: dict[str, StepSettings] = {
                    "email": self._email(), "delay": self._delay(earlier), "action": self._action()
                }  # fmt: skip
                return Step(keys[place], made[kind], below)

    def _email(self) -> EmailSettings:
        common: dict[str, Any] = {
            "subject": self._perhaps(self.word()),
            "account_group": self._perhaps("sales_1"),
            "respect_exclusion_windows": self._chance.random() < 0.5,
        }
        if self._chance.random() < 0.5:
            return EmailSettings(template="t.1", **common)
        weights = [self._chance.randint(1, 9) for _ in range(self._chance.randint(1, 3))]
        variants = tuple(Variant(template=f"v{n}", weight=weight) for n, weight in enumerate(weights))
        return EmailSettings(variants=variants, **common)

    def _delay(self, earlier: list[str]) -> DelaySettings:
        unit = self._chance.choice(list(DelayUnit))
        at = time(self._chance.randrange(24), self._chance.randrange(60))
        timed = unit in (DelayUnit.DAYS, DelayUnit.WORKING_DAYS) and self._chance.random() < 0.5
        amount = self._chance.randint(0 if timed else 1, 200)
        return DelaySettings(amount=amount, unit=unit, at=at if timed else None, since=self._since(earlier))

    def _action(self) -> ActionSettings:
        word = self.word()
        return self._chance.choice(
            [
                ActionSettings(kind="add_tag", tag=word),
                ActionSettings(kind="set_attribute", field=word, value=self.word()),
                ActionSettings(kind="sms", template="s"),
                ActionSettings(kind="webhook", url="https://example.com/a?b=c#d"),
                ActionSettings(kind="enroll", sequence=word),
                ActionSettings(kind="notify", text=word),
            ]
        )

    def _condition(self, earlier: list[str], depth: int) -> Condition:
        several = tuple(self._condition(earlier, depth - 1) for _ in range(2)) if depth else ()
        leaves: list[Condition] = [
            Seen(self._chance.choice(_ALONE), None, self._since(earlier)),
            Seen(Sign.CLICKED, self._perhaps(self.word()), self._since(earlier)),
            Seen(Sign.EVENT, self.word(), self._since(earlier)),
            Compared(self.word(), self._chance.choice(_COMPARED), self.word()),
            Compared(self.word(), Operator.ONE_OF, (self.word(), self.word())),
            Compared(self.word(), Operator.KNOWN, self._chance.random() < 0.5),
        ]
        groups: list[Condition] = [AllOf(several), AnyOf(several), Not(several[0])] if several else []
        return self._chance.choice([self._chance.choice(leaves), *groups])

    def _settings(self) -> SequenceSettings:
        days = tuple(day for day in WEEKDAYS if self._chance.random() < 0.7) or WEEKDAYS[:1]
        return SequenceSettings(
            stop_on_reply=self._chance.random() < 0.5,
            company_stop=self._chance.random() < 0.5,
            drip_per_day=self._perhaps(self._chance.randint(1, 99)),
            account_group=self._perhaps("team"),
            working_days=days,
            holidays=self._perhaps("DE"),
        )

    def _since(self, earlier: list[str]) -> str | None:
        return self._perhaps(self._chance.choice(earlier)) if earlier else None

    def _perhaps(self, value: Any) -> Any:
        return value if self._chance.random() < 0.5 else None


sequences = st.integers(0, 1 << 32).map(lambda seed: Maker(seed).sequence())
"""Sequences that fit together."""


@st.composite
def tangles(draw: st.DrawFn, with_since: bool) -> tuple[Step, ...]:
    """A few steps whose ways lead anywhere."""
    keys = ["a", "b", "c", "d", "e"][: draw(st.integers(1, 5))]
    way = st.sampled_from([*keys, None])
    steps = []
    for key in keys:
        match draw(st.sampled_from(["email", "delay", "at", "condition"])):
            case "email":
                steps.append(Step(key, EmailSettings(template="t"), draw(way)))
            case "delay":
                others = [other for other in keys if other != key]
                since = draw(st.none() | st.sampled_from(others)) if with_since and others else None
                steps.append(Step(key, DelaySettings(amount=1, unit=DelayUnit.DAYS, since=since), draw(way)))
            case "at":
                steps.append(Step(key, DelaySettings(amount=0, unit=DelayUnit.DAYS, at=time(9)), draw(way)))
            case _:
                steps.append(Step(key, ConditionSettings(when=Seen(Sign.REPLIED)), draw(way), draw(way)))
    return tuple(steps)
