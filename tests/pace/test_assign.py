"""Who sends what: capacity, proportion, spacing, and the account a contact knows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from carillon.dealing import NO_ROOM, Room, deal
from carillon.pace.assign import times

ROOMS = st.lists(
    st.builds(
        Room,
        left=st.none() | st.integers(0, 40),
        interval=st.sampled_from([0, 0, 1, 7, 1000]),
        domain_interval=st.sampled_from([0, 0, 50]),
        span=st.sampled_from([100, 5_000, 10**9]),
    ),
    max_size=5,
)


@given(ROOMS, st.integers(0, 80), st.randoms(use_true_random=False))
def test_nobody_gets_more_than_it_can_take_and_nothing_is_left_while_there_is_room(
    rooms: list[Room],
    n: int,
    chance,  # type: ignore[no-untyped-def]
) -> None:
    kept = np.array([chance.randrange(-1, len(rooms)) for _ in range(n)], np.int64)
    chosen = deal(kept, rooms)
    counts = [int((chosen == account).sum()) for account in range(len(rooms))]
    for count, room in zip(counts, rooms, strict=True):
        assert count <= room.capacity(n)
    capacity = sum(room.capacity(n) for room in rooms)
    assert sum(counts) == min(n, capacity)
    for account, room in enumerate(rooms):
        # Of what there is room for; what comes last goes without, whoever wrote to it.
        known = np.flatnonzero(kept[:capacity] == account)
        assert (chosen[known[: room.capacity(n)]] == account).all()


@given(ROOMS, st.integers(0, 80), st.randoms(use_true_random=False))
def test_times_keep_their_distance_and_end_with_the_day(rooms, n, chance) -> None:  # type: ignore[no-untyped-def]
    chosen = deal(np.full(n, NO_ROOM), rooms)
    domain = np.array([chance.randrange(3) for _ in range(n)], np.int64)
    at = times(chosen, domain, rooms)
    for account, room in enumerate(rooms):
        mine = np.flatnonzero((chosen == account) & (at != NO_ROOM))
        assert (at[mine] <= room.span).all()
        moments = sorted(at[mine].tolist())
        assert all(later - earlier >= room.interval for earlier, later in pairwise(moments))
        for one in range(3):
            own = at[mine[domain[mine] == one]].tolist()
            assert all(later - earlier >= room.domain_interval for earlier, later in pairwise(own))
    assert (at[chosen == NO_ROOM] == NO_ROOM).all()


def test_work_is_shared_in_proportion_and_takes_turns() -> None:
    rooms = [Room(10, 0, 0, 10**9), Room(30, 0, 0, 10**9)]
    chosen = deal(np.full(20, NO_ROOM), rooms)
    assert np.bincount(chosen).tolist() == [5, 15]
    assert np.bincount(chosen[:8]).tolist() == [2, 6]
