"""Fingerprints as they are stored: blocks, and notes of what changed since."""

from __future__ import annotations

import numpy as np
import pytest

from carillon.plan import prints
from carillon.plan.prints import BLOCK, LAYOUT, Prints, Values


def drawn(chance: np.random.Generator, ids: np.ndarray) -> Values:
    values = np.zeros(len(ids), LAYOUT)
    values["person"] = chance.integers(1, 1 << 62, len(ids))
    values["wake"] = chance.integers(0, 30_000, len(ids))
    return values


def assert_holds(book: Prints, expected: dict[int, tuple[object, ...]]) -> None:
    assert book.known().tolist() == sorted(number for number, value in expected.items() if value[0])
    ids = np.array(sorted(expected), np.int64)
    assert [value.item() for value in book.of(ids)] == [expected[number] for number in sorted(expected)]


def test_what_is_stored_is_what_was_put_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through notes on notes, contacts that come and go, and blocks written anew."""
    monkeypatch.setattr(prints, "FEW_BLOCKS", 0)
    monkeypatch.setattr(prints, "NOTED_SHARE", 0.01)
    chance = np.random.default_rng(1)
    stored: dict[int, bytes] = {}
    expected: dict[int, tuple[object, ...]] = {}
    notes, rewritten = 0, 0
    for _ in range(40):
        ids = np.unique(chance.integers(1, 5 * BLOCK, 400))
        values = drawn(chance, ids)
        values[chance.random(len(ids)) < 0.1] = np.zeros(1, LAYOUT)
        book = Prints.load(stored)
        book.put(ids, values)
        note = book.note(ids)
        stored = book.everything() if note is None else stored | note
        notes, rewritten = notes + (note is not None), rewritten + (note is None)
        expected |= {number: value.item() for number, value in zip(ids.tolist(), values, strict=True)}
        assert_holds(Prints.load(stored), expected)
    assert notes > 20
    assert rewritten > 2


def test_few_blocks_have_no_notes() -> None:
    """A small book is stored as it always was; a night without changes stores nothing."""
    ids = np.arange(1, 1000)
    book = Prints({})
    book.put(ids, drawn(np.random.default_rng(2), ids))
    assert book.note(ids[:1]) is None
    assert list(book.everything()) == [0]
    assert book.note(ids[:0]) == {}
