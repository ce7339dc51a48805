"""Conversations of warm-up mail: short plain texts, put together from sentences (`data/warmup/`).

Pure: topic and seed say every word of a conversation, but for the names of the two who have it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib import resources

import yaml

FILE = "conversations.yaml"
SEEDS = 1 << 48
_PLACE = re.compile(r"\{([a-z]+)(2?)\}")
_NAME = re.compile(r"[^\W\d_]+")

Sentences = tuple[tuple[str, ...], ...]
"""Of one turn: for each sentence, the ways to say it."""


@dataclass(frozen=True)
class Topic:
    """What two people may talk about."""

    name: str
    subjects: tuple[str, ...]
    turns: tuple[Sentences, ...]


@dataclass(frozen=True)
class Material:
    """What all conversations are made of."""

    topics: Mapping[str, Topic]
    greetings: tuple[str, ...]
    closings: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]
    """What may stand in braces, and what is put there."""


@dataclass(frozen=True)
class Conversation:
    """One of them. The first turn is its opener's, the second the other's, and so on."""

    topic: str
    seed: int

    @property
    def turns(self) -> int:
        return len(material().topics[self.topic].turns)

    def subject(self) -> str:
        """Of the first email; answers put `Re: ` before it."""
        return _upper(self._filled(self._one("subject", material().topics[self.topic].subjects)))

    def said(self, turn: int) -> str:
        """What is said in a turn, on one line, without greeting and name: what must not be said twice."""
        sentences = enumerate(material().topics[self.topic].turns[turn])
        ways = [self._one(f"{turn} {place}", one) for place, one in sentences]
        return " ".join(_upper(self._filled(one)) for one in ways if one)

    def text(self, turn: int, me: str, you: str) -> str:
        """The email of a turn. `me`, `you`: first names of who writes it and who gets it."""
        known = material()
        greeting, closing = (
            self._one(f"{turn} {what}", some).replace("{me}", me).replace("{you}", you)
            for what, some in (("greeting", known.greetings), ("closing", known.closings))
        )
        return f"{greeting}\n\n{self.said(turn)}\n\n{closing}\n"

    def _filled(self, sentence: str) -> str:
        """With its words: each is the same throughout the conversation, and its second is another one."""

        def word(found: re.Match[str]) -> str:
            some = material().words[found[1]]
            first = self._one(found[1], some)
            return self._one(f"{found[1]} 2", [one for one in some if one != first]) if found[2] else first

        return _PLACE.sub(word, sentence)

    def _one(self, what: str, some: Sequence[str]) -> str:
        """One of several, by the seed."""
        drawn = blake2b(f"{self.topic} {self.seed} {what}".encode(), digest_size=8).digest()
        return some[int.from_bytes(drawn, "big") % len(some)]


@cache
def material() -> Material:
    """What comes with Carillon."""
    raw = resources.files("carillon").joinpath("data", "warmup", FILE).read_text(encoding="utf-8")
    found = yaml.safe_load(raw)
    topics = {
        name: Topic(name, tuple(one["subjects"]), tuple(map(_sentences, one["turns"])))
        for name, one in found["topics"].items()
    }
    words = {name: tuple(map(str, some)) for name, some in found["words"].items()}
    return Material(topics, tuple(found["greetings"]), tuple(found["closings"]), words)


def first_name(display_name: str | None, address: str) -> str:
    """How somebody is called: the first word of the name, else of the address."""
    found = _NAME.search(display_name or "") or _NAME.search(address.partition("@")[0])
    return _upper(found[0]) if found else address


def _sentences(turn: Sequence[Sequence[str]]) -> Sentences:
    return tuple(tuple(ways) for ways in turn)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
