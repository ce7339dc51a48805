"""Warm-up mail between the workspace's own accounts: who writes to whom, in which slot (02-pace §3).

Pure: the same accounts, slots and letters give the same plan. A slot that no real mail has taken carries
warm-up mail by the toss of a coin that is its own, so that planning again changes nothing. Answers go
first; what is left begins new conversations.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from carillon.pace.conversations import SEEDS, Conversation, first_name, material

FRESH = timedelta(weeks=6)
"""Nothing is said twice within this time."""
QUICKEST, SLOWEST = timedelta(minutes=10), timedelta(hours=4)
"""How long after an email came it is answered, at the earliest."""
DAY = timedelta(days=1)
OPENED_A_DAY = 3
"""Conversations that one account begins with the same other one within a day, at most."""
DRAWS = 50
"""Conversations that are drawn before a slot stays empty because all of them were had lately."""


@dataclass(frozen=True)
class Member:
    """An account that takes part: it has slots, or its mail is read, or both."""

    account: int
    address: str
    display_name: str | None
    share: Decimal
    """Of its slots left over, how many carry warm-up mail."""
    answers: Decimal
    """How likely it answers."""
    reads: bool
    """Whether its mailbox is read: else nobody writes to it."""

    @property
    def name(self) -> str:
        return first_name(self.display_name, self.address)

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2].lower()


@dataclass(frozen=True)
class Free:
    """A slot that no real mail has taken."""

    account: int
    at: datetime


@dataclass(frozen=True)
class Letter:
    """A message that was sent lately, or is to be."""

    id: int
    account: int
    to_account: int
    template: str
    """As `Planned` has it."""
    subject: str
    at: datetime
    """When it was received, of one that may be answered; else when it leaves."""

    @property
    def conversation(self) -> Conversation | None:
        """None: it is none of ours, or of another version of Carillon."""
        topic, _, seed = self.template.rpartition(" ")[0].partition(" ")
        return Conversation(topic, int(seed)) if topic in material().topics else None

    @property
    def turn(self) -> int:
        return int(self.template.rpartition(" ")[2])


@dataclass(frozen=True)
class Planned:
    """A message for a slot."""

    account: int
    to_account: int
    at: datetime
    parent: int | None
    """The message it answers."""
    template: str
    """Topic, seed and turn of its conversation."""
    subject: str
    body: str


def wants_answer(letter: Letter, member: Member) -> bool:
    """Whether somebody who got a message answers it; the same whenever asked."""
    conversation = letter.conversation
    if conversation is None or letter.turn + 1 >= conversation.turns:
        return False
    return Random(f"{letter.id} {letter.template} answer").random() < member.answers


def plan(
    members: Mapping[int, Member], slots: Iterable[Free], waiting: Sequence[Letter], lately: Sequence[Letter]
) -> list[Planned]:
    """Messages for slots, in the order of time. `waiting`: those that are to be answered; `lately`: all
    messages of the time in which nothing is said twice."""
    chosen = sorted((one for one in slots if _carries(one, members)), key=lambda one: (one.at, one.account))
    found, left = [], []
    late = sorted(waiting, key=lambda one: one.at)
    for slot in chosen:
        letter = next((one for one in late if _answers(one, slot, members)), None)
        if letter is None:
            left.append(slot)
        else:
            late.remove(letter)
            found.append(_answer(letter, slot, members))
    return sorted(found + _opened(left, members, lately), key=lambda one: (one.at, one.account))


def _carries(slot: Free, members: Mapping[int, Member]) -> bool:
    member = members.get(slot.account)
    return member is not None and _draw(slot, "carries").random() < member.share


def _draw(slot: Free, what: str) -> Random:
    return Random(f"{slot.account} {slot.at:%Y-%m-%dT%H:%M:%S} {what}")


def _answers(letter: Letter, slot: Free, members: Mapping[int, Member]) -> bool:
    """Whether a slot may carry the answer to a message."""
    if letter.to_account != slot.account or letter.account not in members or letter.conversation is None:
        return False
    seconds = Random(f"{letter.id} {letter.template} pause").uniform(
        QUICKEST.total_seconds(), SLOWEST.total_seconds()
    )
    return slot.at >= letter.at + timedelta(seconds=seconds)


def _answer(letter: Letter, slot: Free, members: Mapping[int, Member]) -> Planned:
    conversation, turn = letter.conversation, letter.turn + 1
    assert conversation is not None
    me, you = members[slot.account], members[letter.account]
    return Planned(
        me.account,
        you.account,
        slot.at,
        letter.id,
        _template(conversation, turn),
        f"Re: {conversation.subject()}",
        conversation.text(turn, me.name, you.name),
    )


def _opened(slots: Sequence[Free], members: Mapping[int, Member], lately: Sequence[Letter]) -> list[Planned]:
    """New conversations for slots, each with whom the account has had the fewest lately."""
    had = {one.conversation for one in lately}
    said = {text for one in had if one is not None for text in _turns(one)}
    begun = defaultdict[int, list[tuple[int, datetime]]](list)
    for one in lately:
        if one.turn == 0:
            begun[one.account].append((one.to_account, one.at))
    topics = Counter(
        (_pair(one.account, one.to_account), talk.topic)
        for one in lately
        if one.turn == 0 and (talk := one.conversation) is not None
    )
    found = []
    for slot in slots:
        me, draw = members[slot.account], _draw(slot, "opens")
        you = _partner(me, slot.at, members, begun[me.account], draw)
        if you is None:
            continue
        pair = _pair(me.account, you.account)
        seldom = min(topics[pair, one] for one in material().topics)
        open_ = [one for one in material().topics if topics[pair, one] == seldom]
        conversation = _new(open_, said, draw)
        if conversation is None:
            continue
        topics[pair, conversation.topic] += 1
        begun[me.account].append((you.account, slot.at))
        said.update(_turns(conversation))
        found.append(
            Planned(
                me.account,
                you.account,
                slot.at,
                None,
                _template(conversation, 0),
                conversation.subject(),
                conversation.text(0, me.name, you.name),
            )
        )
    return found


def _partner(
    me: Member,
    at: datetime,
    members: Mapping[int, Member],
    begun: Sequence[tuple[int, datetime]],
    draw: Random,
) -> Member | None:
    """Whom to write to: the fewest conversations, then another provider's, then by chance.

    `begun`: the account's own conversations, with whom and when.
    """
    counts = Counter(you for you, _ in begun)
    today = Counter(you for you, then in begun if abs(at - then) < DAY)
    others = [
        one
        for one in members.values()
        if one.reads and one.address.lower() != me.address.lower() and today[one.account] < OPENED_A_DAY
    ]
    draw.shuffle(others)
    return min(others, key=lambda one: (counts[one.account], one.domain == me.domain), default=None)


def _pair(one: int, other: int) -> tuple[int, int]:
    """Two accounts, whoever writes first."""
    return min(one, other), max(one, other)


def _new(topics: Sequence[str], said: set[str], draw: Random) -> Conversation | None:
    """A conversation about one of these of which nothing was said lately."""
    for _ in range(DRAWS):
        found = Conversation(draw.choice(topics), draw.randrange(SEEDS))
        if said.isdisjoint(_turns(found)):
            return found
    return None


def _turns(conversation: Conversation) -> Iterator[str]:
    """All that is said in it, also what is to come."""
    return (conversation.said(turn) for turn in range(conversation.turns))


def _template(conversation: Conversation, turn: int) -> str:
    return f"{conversation.topic} {conversation.seed} {turn}"
