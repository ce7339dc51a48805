"""Sequences while they are drawn: whatever is done to them, the ways stay together."""

from __future__ import annotations

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.advance.draft import BEGINNINGS, NEXT, OTHERWISE, Draft, Way
from carillon.advance.layout import Lane, Node, laid_out, walk
from carillon.advance.questions import Question, questions, written
from carillon.advance.written import read, sample, troubles, write_out
from carillon.sequences_conditions import condition_of, plain_condition
from carillon.words import Operator, Sign, StepType

DEEDS = st.lists(
    st.tuples(
        st.sampled_from(("insert", "move", "remove", "up", "down", "rename")),
        st.sampled_from(list(StepType)),
        st.integers(0, 30),
        st.integers(0, 60),
    ),
    max_size=25,
)


def ways(draft: Draft) -> list[Way]:
    found = [Way()]
    for one in draft.items:
        if one.type is not StepType.EXIT:
            found.append(Way(one.key, NEXT))
        if one.type is StepType.CONDITION:
            found.append(Way(one.key, OTHERWISE))
    return found


def done(deeds: list[tuple[str, StepType, int, int]]) -> Draft:
    draft = Draft("drawn")
    for n, (deed, kind, which, where) in enumerate(deeds):
        way = ways(draft)[where % len(ways(draft))]
        if deed == "insert" or not draft.items:
            draft, _ = draft.insert(kind, way)
            continue
        key = draft.items[which % len(draft.items)].key
        if deed == "move":
            draft = draft.move(key, way)
        elif deed == "rename":
            draft = draft.rename(key, f"step_{n}")
        else:
            draft = getattr(draft, deed)(key)
    return draft


@given(DEEDS)
@settings(max_examples=150, deadline=None)
def test_every_way_leads_somewhere(deeds: list[tuple[str, StepType, int, int]]) -> None:
    """Keys stay single, no way leads to a step that is gone, and each step is drawn exactly once."""
    draft = done(deeds)
    keys = [one.key for one in draft.items]
    assert len(set(keys)) == len(keys)
    for one in draft.items:
        assert one.next in (None, *keys)
        assert one.otherwise in (None, *keys)
        assert one.type is not StepType.EXIT or one.next is None
    seen: list[str] = []
    main, loose = laid_out(draft)
    for lane in (main, *loose):
        walk(lane, lambda node: seen.append(node.item.key))
    assert sorted(seen) == sorted(keys)
    drawn = {way for lane in (main, *loose) for way in drawn_ways(lane)}
    assert drawn <= set(ways(draft))


@given(DEEDS, st.sampled_from(list(StepType)), st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_a_step_put_in_and_taken_out_leaves_no_trace(
    deeds: list[tuple[str, StepType, int, int]], kind: StepType, where: int
) -> None:
    """But for an exit, after which nothing comes."""
    draft = done(deeds)
    way = ways(draft)[where % len(ways(draft))]
    after, key = draft.insert(kind, way)
    assert after.target(way) == key
    if kind is not StepType.EXIT:
        item = after.item(key)
        assert item is not None
        assert item.next == draft.target(way)
        assert after.remove(key) == draft


def test_files_are_drawn_without_a_loss() -> None:
    for in_steps in (True, False):
        sequence = read(sample("drawn", in_steps), "file").complete(None)
        draft = Draft.of(sequence)
        assert draft.text == write_out(sequence)
        assert read(draft.text, "file").sequence.steps == sequence.steps


def test_what_is_wrong_is_told_at_its_step() -> None:
    draft, first = Draft("drawn").insert(StepType.EMAIL, Way())
    draft, _ = draft.insert(StepType.ACTION, Way(first))
    assert [(one.step, one.key) for one in troubles(draft.text)] == [(0, ""), (1, "tag")]
    draft = draft.change(first, settings={"template": "hello", "subjekt": "x"})
    assert [(one.step, one.key) for one in troubles(draft.text)] == [(0, "subjekt"), (1, "tag")]
    bad = Draft("", draft.items, {"drip_per_day": 0})
    assert {one.key for one in troubles(bad.text) if one.step < 0} == {"name", "settings.drip_per_day"}


def test_renaming_reaches_those_who_name_the_step() -> None:
    draft = Draft.of(read(sample("drawn", False), "file").complete(None)).rename("initial", "hello")
    assert not troubles(draft.text)
    assert "since: hello" in draft.text
    assert "initial" not in [one.key for one in draft.items]


ROWS = st.one_of(
    st.builds(
        Question, st.sampled_from(["replied", "opened", "bounced"]), st.booleans(),
        since=st.sampled_from(["", "a"]),
    ),
    st.builds(Question, st.just("clicked"), st.booleans(), st.sampled_from(["", "https://x.example/"])),
    st.builds(Question, st.just("event"), st.booleans(), st.just("accepted"), st.sampled_from(["", "a"])),
    st.builds(
        Question, st.just("attribute"), st.booleans(), st.just("state"), st.just(""),
        st.sampled_from([one.value for one in Operator if one is not Operator.KNOWN]), st.just("TX"),
    ),
    st.builds(
        Question, st.just("attribute"), st.booleans(), st.just("state"), st.just(""), st.just("known"),
        st.sampled_from(["yes", "no"]),
    ),
)  # fmt: skip


@given(st.sampled_from(["all", "any"]), st.lists(ROWS, min_size=1, max_size=4))
def test_questions_come_back(how: str, rows: list[Question]) -> None:
    """Through the file, whose values are texts."""
    plain = plain_condition(condition_of(yaml.safe_load(yaml.safe_dump(written(how, rows)))))
    found = questions(plain)
    assert found == (how if len(rows) > 1 else "all", rows)


def test_a_question_half_filled_in_stays_a_question() -> None:
    for row in (Question(Sign.EVENT), Question("attribute", name="", value="")):
        assert questions(row.plain) == ("all", [row])
    assert questions({"all": ["replied", {"any": ["opened", "bounced"]}]}) is None
    assert questions("nonsense") is None


def drawn_ways(lane: Lane) -> list[Way]:
    found = [lane.end] if lane.end is not None else []

    def see(node: Node) -> None:
        if node.before is not None:
            found.append(node.before)
        for inner in node.lanes or ():
            if inner.end is not None:
                found.append(inner.end)

    walk(lane, see)
    return found


def test_new_steps_say_something() -> None:
    assert set(BEGINNINGS) == set(StepType)
