"""Steps that fit together and steps that do not, against a slow look at every way through them."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.advance.graph import faults, templates_of
from carillon.advance.preview import first_email
from carillon.sequences import (
    ActionSettings,
    ConditionSettings,
    DelaySettings,
    EmailSettings,
    ExitSettings,
    Sequence,
    Step,
    Variant,
)
from carillon.sequences_conditions import Not, Seen
from carillon.words import DelayUnit, Sign
from tests.advance.definitions import sequences, tangles

CIRCLE, UNREACHED, EARLY = "leads back here", "no way leads to", "never comes before"
MAIL = EmailSettings(template="t")


def reached(steps: tuple[Step, ...], start: str) -> set[str]:
    """Steps that may come after one, by trying every way with at most as many turns as there are steps."""
    by_key = {step.key: step for step in steps}
    found: set[str] = set()
    for _ in steps:
        found |= {way for key in (found | {start}) for way in by_key[key].ways}
    return found


def circles(steps: tuple[Step, ...]) -> list[list[Step]]:
    """Every way that leads back to its first step and meets no other twice."""
    by_key = {step.key: step for step in steps}
    found = []

    def walk(way: list[Step]) -> None:
        for key in way[-1].ways:
            if key == way[0].key:
                found.append(way)
            elif all(step.key != key for step in way):
                walk([*way, by_key[key]])

    for step in steps:
        walk([step])
    return found


def waits(circle: list[Step]) -> bool:
    """Whether each round takes time: a delay that counts from a step of the round or the one before it."""
    keys = {step.key for step in circle}
    return any(
        isinstance(step.settings, DelaySettings)
        and step.settings.amount > 0
        and step.settings.since in (None, *keys)
        for step in circle
    )


@given(tangles(with_since=False))
def test_circles_without_a_delay_and_steps_nobody_reaches_are_found(steps: tuple[Step, ...]) -> None:
    found = faults(steps)
    for_ever = not all(map(waits, circles(steps)))
    assert for_ever == any(CIRCLE in one.text for one in found)
    alone = {step.key for step in steps} - reached(steps, steps[0].key) - {steps[0].key}
    assert alone == {steps[one.step].key for one in found if UNREACHED in one.text}
    assert len(found) == len(alone) + for_ever


@given(tangles(with_since=True))
def test_what_counts_from_a_step_must_come_after_it_and_still_take_time(steps: tuple[Step, ...]) -> None:
    found = faults(steps)
    early = {
        step.key
        for step in steps
        if isinstance(step.settings, DelaySettings)
        and step.settings.since is not None
        and step.key not in reached(steps, step.settings.since)
    }
    assert early == {steps[one.step].key for one in found if EARLY in one.text}
    if not any(CIRCLE in one.text for one in found):
        assert all(map(waits, circles(steps)))


@given(sequences)
def test_a_sequence_whose_ways_lead_onward_has_no_faults(sequence: Sequence) -> None:
    assert faults(sequence.steps) == []


def test_a_circle_round_a_delay_that_counts_from_outside_is_refused() -> None:
    delay = DelaySettings(amount=3, unit=DelayUnit.DAYS, since="a")
    steps = (Step("a", MAIL, "b"), Step("b", MAIL, "c"), Step("c", delay, "b"))
    assert [one.step for one in faults(steps)] == [1]
    inside = DelaySettings(amount=3, unit=DelayUnit.DAYS, since="b")
    assert faults((*steps[:2], Step("c", inside, "b"))) == []


@pytest.mark.parametrize(
    ("steps", "step", "key", "text"),
    [
        ((), 0, "", "has no steps"),
        ((Step("a", MAIL), Step("a", MAIL)), 1, "key", "two steps"),
        ((Step("end", MAIL),), 0, "key", "the end of the sequence"),
        ((Step("A b", MAIL),), 0, "key", "not a name"),
        ((Step("a", MAIL, "wiat"), Step("wait", MAIL)), 0, "next", 'did you mean "wait"'),
        ((Step("a", MAIL, "b", "b"), Step("b", MAIL)), 0, "otherwise", "only a condition"),
        ((Step("a", ExitSettings(), "b"), Step("b", MAIL)), 0, "next", "after an exit"),
        (
            (
                Step("a", MAIL, "b"),
                Step("b", ConditionSettings(when=Not(Seen(Sign.REPLIED, None, "x"))), None),
            ),
            1,
            "when",
            'no step "x"',
        ),
        (
            (Step("a", DelaySettings(amount=1, unit=DelayUnit.DAYS, since="a"), None),),
            0,
            "since",
            "from the step itself",
        ),
        (
            (*(Step(f"s{n}", MAIL, f"s{n + 1}") for n in range(200)), Step("s200", MAIL)),
            200,
            "",
            "200 st",
        ),
    ],
)
def test_a_fault_names_its_step_and_key(steps: tuple[Step, ...], step: int, key: str, text: str) -> None:
    (found,) = faults(steps)
    assert (found.step, found.key) == (step, key)
    assert text in found.text


def test_templates_are_named_once() -> None:
    variants = EmailSettings(variants=(Variant(template="b"), Variant(template="t", weight=2)))
    sms = ActionSettings(kind="sms", template="s")
    steps = (Step("x", MAIL, "y"), Step("y", variants, "z"), Step("z", sms))
    assert templates_of(Sequence("q", steps)) == ["t", "b", "s"]


@given(st.integers(0, 5))
def test_the_first_email_is_foreseen_behind_delays(days: int) -> None:
    zone = ZoneInfo("Asia/Tokyo")
    begins = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    delay = DelaySettings(amount=days, unit=DelayUnit.DAYS, at=time(12))
    tag = ActionSettings(kind="add_tag", tag="x")
    sequence = Sequence("q", (Step("d", delay, "t"), Step("t", tag, "m"), Step("m", MAIL)))
    # In Tokyo it is 8:30 on the third.
    assert first_email(sequence, begins, zone) == datetime(2026, 3, 3 + days, 12, tzinfo=zone)
    asked = Step("q", ConditionSettings(when=Seen(Sign.REPLIED)), "m")
    assert first_email(Sequence("q", (asked, Step("m", MAIL))), begins, zone) is None
    assert first_email(Sequence("q", (Step("t", tag),)), begins, zone) is None
