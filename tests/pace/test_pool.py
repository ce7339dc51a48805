"""Who writes to whom in warm-up mail, and what: nobody twice the same, nobody too often."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from carillon.pace.conversations import Conversation, first_name, material
from carillon.pace.pool import (
    OPENED_A_DAY,
    QUICKEST,
    SLOWEST,
    Free,
    Letter,
    Member,
    Planned,
    plan,
    wants_answer,
)

START = datetime(2026, 3, 2, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)


def member(number: int, share: str = "1", answers: str = "1", reads: bool = True) -> Member:
    address = f"person{number}@{'one' if number % 2 else 'two'}.example"
    return Member(number, address, None, Decimal(share), Decimal(answers), reads)


def members(*several: Member) -> dict[int, Member]:
    return {one.account: one for one in several}


def slots(account: int, many: int, apart: timedelta = HOUR) -> list[Free]:
    return [Free(account, START + n * apart) for n in range(many)]


def letter(one: Planned, number: int) -> Letter:
    return Letter(number, one.account, one.to_account, one.template, one.subject, one.at)


def test_the_same_question_has_the_same_answer_whatever_else_is_asked() -> None:
    all_, free = members(member(1, "0.5"), member(2), member(3)), slots(1, 200, 4 * HOUR)
    first = plan(all_, free, [], [])
    assert plan(all_, reversed(free), [], []) == first
    assert 70 <= len(first) <= 130, "about half of the slots"
    early = plan(all_, free[:20], [], [])
    assert early == first[: len(early)], "later slots change nothing"
    assert {one.at for one in first} <= {one.at for one in free}


def test_nobody_is_written_to_too_often_and_all_are_in_turn() -> None:
    all_ = members(*(member(n) for n in range(1, 6)))
    made = plan(all_, slots(1, 40, timedelta(minutes=10)), [], [])
    counts = Counter(one.to_account for one in made)
    assert counts == dict.fromkeys((2, 3, 4, 5), OPENED_A_DAY)
    first, second = sorted(one.to_account for one in made[:2]), sorted(one.to_account for one in made[2:4])
    assert (first, second) == ([2, 4], [3, 5]), "other providers first"


def test_nobody_writes_to_who_does_not_read_or_is_the_same_mailbox() -> None:
    me, deaf = member(1), member(2, reads=False)
    double = replace(member(3), address=me.address.upper())
    assert plan(members(me, deaf, double), slots(1, 3), [], []) == []
    assert len(plan(members(me, deaf, double), slots(2, 3), [], [])) == 3


def test_nothing_is_said_twice_in_six_weeks_of_busy_mail() -> None:
    all_ = members(*(member(n) for n in range(1, 5)))
    had: list[Letter] = []
    for day in range(42):
        free = [Free(n, START + timedelta(days=day, minutes=70 * k)) for n in all_ for k in range(5)]
        had += [letter(one, len(had) + n) for n, one in enumerate(plan(all_, free, [], had))]
    assert len(had) == 42 * 4 * 5
    said = Counter(one.conversation.said(0) for one in had if one.conversation)
    assert max(said.values()) == 1


def test_two_do_not_come_back_to_a_topic_before_they_had_all() -> None:
    all_ = members(member(1), member(2))
    free = [Free(1 + n % 2, START + n * timedelta(hours=8)) for n in range(2 * len(material().topics))]
    made = plan(all_, free, [], [])
    had = [one.template.split()[0] for one in made]
    assert sorted(had) == sorted([*material().topics, *material().topics])
    assert set(had[: len(material().topics)]) == set(material().topics)


def test_answers_come_first_and_not_at_once() -> None:
    all_ = members(member(1), member(2))
    (opening,) = plan(all_, slots(1, 1), [], [])
    received = letter(opening, 7)
    free = [Free(2, START + n * timedelta(minutes=5)) for n in range(60)]
    made = plan(all_, free, [received], [received])
    (answer,) = [one for one in made if one.parent is not None]
    assert QUICKEST <= answer.at - START <= SLOWEST + timedelta(minutes=5)
    assert (answer.account, answer.to_account, answer.parent) == (2, 1, 7)
    assert answer.subject == f"Re: {opening.subject}"
    assert answer.template.split()[:2] == opening.template.split()[:2]
    assert answer.template.split()[2] == "1"
    assert plan(members(member(1)), free, [received], []) == [], "who left is not answered"


def test_how_likely_an_answer_is_and_where_a_conversation_ends() -> None:
    talk = Letter(0, 1, 2, "lunch 5 0", "Lunch", START)
    half = member(2, answers="0.5")
    yes = sum(wants_answer(replace(talk, id=n), half) for n in range(1000))
    assert 430 <= yes <= 570
    assert wants_answer(talk, member(2))
    last = material().topics["lunch"].turns
    assert not wants_answer(replace(talk, template=f"lunch 5 {len(last) - 1}"), member(2))
    assert not wants_answer(replace(talk, template="of_another_version 5 0"), member(2))


@pytest.mark.parametrize("topic", material().topics)
def test_every_conversation_is_whole_and_has_many_ways(topic: str) -> None:
    known = material()
    assert 3 <= len(known.topics[topic].turns) <= 5
    for turn in known.topics[topic].turns:
        places = {place for ways in turn for one in ways for place in re.findall(r"\{([a-z]+)2?\}", one)}
        ways = math.prod(len(one) for one in turn) * math.prod(len(known.words[one]) for one in places)
        assert ways > 2000
    for seed in range(200):
        talk = Conversation(topic, seed)
        texts = [talk.subject(), *(talk.text(turn, "Ann", "Bob") for turn in range(talk.turns))]
        for text in texts:
            assert not set("{}") & set(text)
            assert text.isascii()
            assert not re.search(r"  |offer|click|http|!!|\$", text), text
        assert len(texts[0]) < 70


def test_names() -> None:
    assert first_name("Ann-Marie Lee", "x@example.com") == "Ann"
    assert first_name(None, "bob.miller@example.com") == "Bob"
    assert first_name("", "42@example.com") == "42@example.com"
