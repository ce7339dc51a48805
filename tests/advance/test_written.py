"""Sequences as files and as JSON: what is written is read as the same, and every mistake has its line."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.advance.graph import faults
from carillon.advance.written import read, sample, write, write_out
from carillon.errors import InputError
from carillon.sequences import (
    ConditionSettings,
    DelaySettings,
    EmailSettings,
    ExitSettings,
    Sequence,
    plain_settings,
    settings_from,
    step_from,
)
from carillon.sequences_conditions import Not, Seen
from carillon.sequences_short import ShortForm, short_from
from carillon.settings_values import plain
from carillon.words import DelayUnit, Sign
from tests.advance.definitions import sequences, templates, words

SHORT = """\
name: spring   # of this year
templates: {initial: a, followup_1: b, followup_2: c, followup_3: d}
"""


@given(sequences)
def test_a_file_written_out_says_the_same(sequence: Sequence) -> None:
    text = write_out(sequence)
    again = read(text, "x.yaml").complete(None)
    assert again.same_definition(sequence)
    assert write(again) == text
    assert write_out(again) == text


@given(sequences)
def test_json_keeps_everything(sequence: Sequence) -> None:
    for step in sequence.steps:
        stored = json.loads(json.dumps(plain_settings(step.settings)))
        assert step_from(step.key, step.type.value, stored, step.next, step.otherwise) == step
    stored = json.loads(json.dumps(plain_settings(sequence.settings)))
    assert settings_from(stored) == sequence.settings


def test_a_file_is_kept_to_the_letter() -> None:
    text = SHORT.replace("\n", "\r\n") + "\r\n# the end"
    assert write(read(text, "x.yaml").complete(None)) == text


@given(
    st.lists(st.integers(1, 366), min_size=0, max_size=20, unique=True).map(sorted),
    st.none() | st.integers(0, 20),
    st.none() | words,
)
def test_the_short_form_is_follow_ups_that_count_from_the_initial_email(
    delays: list[int], most: int | None, subject: str | None
) -> None:
    names = {"initial": "t0"} | {f"followup_{n}": f"t{n}" for n in range(1, 21)}
    short = ShortForm(templates=names, followup_delays=tuple(delays), max_followups=most, subject=subject)
    steps = short.steps()
    assert faults(steps) == []
    sent = delays if most is None else delays[:most]
    mails = [step for step in steps if isinstance(step.settings, EmailSettings)]
    assert [step.settings.template for step in mails] == [f"t{n}" for n in range(len(sent) + 1)]
    assert mails[0].settings.subject == subject
    by_key = {step.key: step for step in steps}
    at = steps[0]
    for days, mail in zip(sent, mails[1:], strict=True):
        wait = by_key[at.next or ""]
        assert wait.settings == DelaySettings(amount=days, unit=DelayUnit.DAYS, since="initial")
        asked = by_key[wait.next or ""]
        assert asked.settings == ConditionSettings(when=Not(Seen(Sign.REPLIED)))
        assert by_key[asked.otherwise or ""].settings == ExitSettings(reason="replied")
        at = by_key[asked.next or ""]
        assert at is mail
    assert at.next is None


@given(
    st.dictionaries(st.sampled_from(["initial", "followup_1", "followup_2"]), templates),
    st.dictionaries(st.sampled_from(["initial", "followup_1", "followup_2"]), templates),
    st.none() | st.just((4,)),
    st.none() | st.just((5, 6)),
)
def test_a_campaign_says_what_its_sequence_does_not(
    own: dict[str, str], given: dict[str, str], delays: tuple[int, ...] | None, usual: tuple[int, ...] | None
) -> None:
    mine = ShortForm(templates=own, followup_delays=delays)
    defaults = ShortForm(templates=given, followup_delays=usual, subject="Hello", max_followups=1)
    assert short_from(json.loads(json.dumps(plain(defaults)))) == defaults
    both = mine.over(defaults)
    assert dict(both.templates) == given | own
    assert both.followup_delays == (usual if delays is None else delays)
    assert (both.subject, both.max_followups) == ("Hello", 1)


def test_the_usual_delays_are_3_7_and_14_days() -> None:
    steps = read(SHORT, "x.yaml").complete(None).steps
    waits = [step.settings.amount for step in steps if isinstance(step.settings, DelaySettings)]
    assert waits == [3, 7, 14]


def test_a_template_that_nobody_names_is_missing() -> None:
    written = read("name: x\ntemplates: {initial: a}\n", "x.yaml")
    with pytest.raises(InputError, match="followup_1, followup_2, followup_3"):
        written.complete(None)
    assert len(written.complete(ShortForm(max_followups=0)).steps) == 1


@pytest.mark.parametrize("in_steps", [False, True])
@given(name=words)
def test_the_samples_can_be_applied(in_steps: bool, name: str) -> None:
    text = sample(name, in_steps)
    found = read(text, "x.yaml").complete(None)
    assert found.name == name
    assert text.count("#") > 3


GOOD = """\
name: x
steps:
  - key: first
    type: email
    template: t
"""

WRONG = [
    ("", "x.yaml:1: the file says nothing"),
    ("name: x\n", "x.yaml:1: steps: is missing"),
    ('name: "x', "x.yaml:1:7: a quotation mark is opened here and not closed"),
    (GOOD.replace("name: x", "nam: x"), 'x.yaml:1: nam: unknown key; did you mean "name"?'),
    (GOOD + "templates: {initial: a}\n", "x.yaml:6: templates: belongs to the short form"),
    (
        GOOD.replace("email", "emial"),
        'x.yaml:4: first.type: "emial" is no type of a step; did you mean "email"?',
    ),
    (GOOD.replace("template:", "templat:"), 'x.yaml:5: first.templat: unknown key; did you mean "template"?'),
    (
        GOOD.replace("template: t", "template: a b"),
        'x.yaml:5: first.template: "a b" is no name of a template',
    ),
    (GOOD.replace("    template: t\n", ""), 'x.yaml:3: first: needs either "template: NAME" or a list'),
    (GOOD.replace("type: email", "next: end"), 'x.yaml:3: first: type is missing; add "type: ..."'),
    (GOOD + "    next: frist\n", 'x.yaml:6: first.next: there is no step "frist"; did you mean "first"?'),
    (GOOD + "    next: first\n", "x.yaml:6: first.next: the way leads back here without a delay"),
    (GOOD + "    next: end\n  - {key: b, type: exit}\n", 'x.yaml:7: b.key: no way leads to "b"'),
    (GOOD + "  - hello\n", 'x.yaml:6: steps: "hello" stands where a step is meant'),
    (GOOD + "  - {key: d, type: delay, amount: 0, unit: days}\n", "x.yaml:6: d.amount: 0 is no delay"),
    (GOOD + "  - {key: d, type: delay, amount: 3, unit: dys}\n", 'x.yaml:6: d.unit: "dys" is not known'),
    (GOOD + "  - {key: d, type: delay, unit: days}\n", 'x.yaml:6: d.amount: is missing; add "amount: ..."'),
    (
        GOOD + "  - {key: d, type: delay, amount: 400, unit: days}\n",
        "x.yaml:6: d.amount: 400 days is longer than a year",
    ),
    (
        GOOD + "  - {key: d, type: delay, amount: 3, unit: hours, at: 9:00}\n",
        "x.yaml:6: d.at: a time of day goes with days",
    ),
    (
        GOOD + "  - {key: d, type: delay, amount: 3, unit: days, since: frst}\n",
        'x.yaml:6: d.since: there is no step "frst"; did you mean "first"?',
    ),
    (GOOD + "  - {key: q, type: condition, when: replied}\n", "x.yaml:6: q: otherwise is missing"),
    (
        GOOD + "  - {key: q, type: condition, otherwise: end, when: replid}\n",
        'x.yaml:6: q.when: "replid" is no condition; did you mean "replied"?',
    ),
    (
        GOOD
        + "  - key: q\n    type: condition\n    otherwise: end\n    when:\n      all:\n        - opened\n"
        "        - attribute: {field: state, iz: TX}\n",
        'x.yaml:12: q.when.all.attribute.iz: is no comparison; did you mean "is"?',
    ),
    (
        GOOD + "  - {key: t, type: action, kind: add_tag, tag: a, url: https://example.com}\n",
        "x.yaml:6: t.url: does not belong to add_tag, which has tag",
    ),
    (
        GOOD + "  - {key: t, type: action, kind: enroll}\n",
        "x.yaml:6: t.sequence: is missing: enroll needs it",
    ),
    (GOOD + "  - {key: t, type: exit, reason: No Way}\n", 'x.yaml:6: t.reason: "No Way" is not a name'),
    (GOOD + "settings: {stop_on_rply: no}\n", "x.yaml:6: settings.stop_on_rply: unknown key; did you mean"),
    (GOOD + "settings: {holidays: XX}\n", 'x.yaml:6: settings.holidays: "XX" is not a country'),
    (GOOD + "settings: {working_days: []}\n", "x.yaml:6: settings.working_days: names no day"),
    (SHORT + "followup_delays: [7, 3]\n", "x.yaml:3: followup_delays: the days count from the initial email"),
    (SHORT.replace("followup_3", "folowup_3"), "x.yaml:2: templates.folowup_3: is no part of a sequence"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[expected[:60] for _, expected in WRONG])
def test_a_mistake_is_told_with_its_line_and_the_nearest_right_word(text: str, expected: str) -> None:
    with pytest.raises(InputError) as error:
        read(text, "x.yaml")
    lines = str(error.value).splitlines()
    assert any(line.startswith(expected) for line in lines)
    # A key that is misspelled is also one that is missing.
    assert len(lines) <= 1 + ("unknown key" in expected)


def test_all_mistakes_are_told_at_once_in_their_order() -> None:
    text = dedent(
        """\
        nme: x
        settings: {drip_per_day: 0}
        steps:
          - {key: a, type: email, template: t, sbject: hi}
          - {key: b, type: delay, amount: x, unit: days}
        """
    )
    with pytest.raises(InputError) as error:
        read(text, "x.yaml")
    lines = str(error.value).splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["x.yaml:1", "nme"],
        ["x.yaml:2", "settings.drip_per_day"],
        ["x.yaml:4", "a.sbject"],
        ["x.yaml:5", "b.amount"],
        ["x.yaml", "name"],
    ]
