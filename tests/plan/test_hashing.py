"""The numbers every choice hangs on. They are in people's databases: a change here moves their emails."""

from __future__ import annotations

import hashlib

import numpy as np

from carillon.addresses import identity, seed, seeds
from carillon.keys import FOLLOWUP_BIT, contact_of, event_of, is_followup, kind_of, pack
from carillon.plan.hashing import choice, code_table, codes_of, splitmix64
from carillon.variants import instance_code
from tests.plan import reference

GAMMA = 0x9E3779B97F4A7C15
KINDS = (0, 1, 2, 3, 16, 18)
TABLE = code_table({16: "spring", 18: "Autumn 2026"})
KEYS = np.array(
    [
        int(pack(np.array([7]), kind, np.array([20000]))[0]) | bit
        for kind in KINDS
        for bit in (0, FOLLOWUP_BIT)
    ],
    np.int64,
)


def sequence(start: int, how_many: int) -> list[int]:
    states = np.array([(start + GAMMA * n) % 2**64 for n in range(how_many)], np.uint64)
    return [int(one) for one in splitmix64(states)]


def test_splitmix64_gives_the_published_numbers() -> None:
    """Vigna's generator seeded with 0 and with 1234567, as published."""
    assert sequence(0, 3) == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert sequence(1234567, 5) == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_it_agrees_with_plain_integers() -> None:
    """Arrays wrap around as 64-bit arithmetic does."""
    values = [0, 1, 2**63, 2**64 - 1, *(reference.splitmix64(n) for n in range(200))]
    got = splitmix64(np.array(values, np.uint64))
    assert got.tolist() == [reference.splitmix64(one) for one in values]


def test_codes_never_change() -> None:
    """Pinned: four anniversary types and two instances, each with its follow-up."""
    assert codes_of(KEYS, TABLE).tolist() == [
        16294208416658607535,
        7259628554680249319,
        10451216379200822465,
        8581286081765471666,
        10905525725756348110,
        1988111358474182198,
        2092789425003139053,
        16753576447339095367,
        7073546760851343290,
        7470977676162736564,
        15813741629475281129,
        208553149277589360,
    ]
    assert instance_code("spring") == int.from_bytes(hashlib.sha256(b"spring").digest()[:8], "big")


def test_choices_never_change() -> None:
    """Pinned: what one contact's emails are placed by."""
    mine = np.uint64(seed("anna@example.com"))
    assert int(mine) == 17858263610038792568
    assert choice(mine, codes_of(KEYS, TABLE), event_of(KEYS)).tolist() == [
        11699249103187342100,
        16324406247482311035,
        10754325830377099066,
        3555523144326337042,
        7967496312793079092,
        11408947900027922060,
        17713145636470436816,
        16637067546779097579,
        11173818727664588546,
        7650506340989509817,
        16490234999087192391,
        12274368067643267385,
    ]


def test_seeds_come_from_the_identity() -> None:
    """The address ignoring case, or the external id as it is."""
    assert identity("Anna@Example.com", None) == "anna@example.com"
    assert identity("Anna@Example.com", "X1") == "X1"
    assert seeds(["anna@example.com", "X1"]).tolist() == [seed("anna@example.com"), seed("X1")]


def test_keys_never_change() -> None:
    """Pinned: they are row ids. And what goes in comes out."""
    assert KEYS.tolist()[:2] == [15032405536, 16106147360]
    assert contact_of(KEYS).tolist() == [7] * 12
    assert kind_of(KEYS).tolist() == [kind for kind in KINDS for _ in range(2)]
    assert event_of(KEYS).tolist() == [20000] * 12
    assert is_followup(KEYS).tolist() == [False, True] * 6
    largest = pack(np.array([2**32 - 1]), 16382, np.array([65535]))
    assert (contact_of(largest)[0], kind_of(largest)[0], event_of(largest)[0]) == (2**32 - 1, 16382, 65535)
    assert largest[0] > 0
