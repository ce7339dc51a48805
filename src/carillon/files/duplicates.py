"""Remembers three million identities in 48 MB, to tell which come twice.

An identity is remembered as its 64-bit seed and its line. Two different identities with one seed would
be taken for one; with three million contacts the chance of a single such pair is 1 in 4 million.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Seeds = npt.NDArray[np.uint64]
Lines = npt.NDArray[np.int64]


class Seen:
    """Sorted runs of (seed, line). Runs of like size are merged, so there are only a few to search."""

    def __init__(self) -> None:
        self._runs: list[tuple[Seeds, Lines]] = []

    def first_lines(self, seeds: Seeds, lines: Lines) -> Lines:
        """For each seed the line it was first seen on, its own where it is new. Remembers the new ones."""
        first = lines.copy()
        for known, known_lines in self._runs:
            place = np.searchsorted(known, seeds)
            place[place == len(known)] = 0
            hit = known[place] == seeds
            first[hit] = known_lines[place[hit]]
        fresh = np.flatnonzero(first == lines)
        distinct, where, back = np.unique(seeds[fresh], return_index=True, return_inverse=True)
        first[fresh] = lines[fresh][where][back]
        if len(distinct):
            self._add(distinct, lines[fresh][where])
        return first

    def _add(self, seeds: Seeds, lines: Lines) -> None:
        while self._runs and len(self._runs[-1][0]) <= 2 * len(seeds):
            more, more_lines = self._runs.pop()
            seeds, lines = np.concatenate((more, seeds)), np.concatenate((more_lines, lines))
            order = np.argsort(seeds, kind="stable")
            seeds, lines = seeds[order], lines[order]
        self._runs.append((seeds, lines))
