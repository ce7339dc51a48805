"""More rows than fit into memory, in order.

Runs are sorted and written to disk; then, cut by cut of the first column, what all runs have of it is
brought together and sorted. The order is that of UTF-8 bytes, with null first: the same everywhere.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

RUN_ROWS = 500_000
PIECE_ROWS = 200_000


def sorted_frames(
    frames: Iterable[pl.DataFrame], by: Sequence[str], folder: Path, run_rows: int = RUN_ROWS
) -> Iterator[pl.DataFrame]:
    """The rows of `frames`, which have one schema, sorted by the text columns `by`.

    `folder` holds the runs meanwhile, as large as all rows together. At least one frame comes out.
    """
    with tempfile.TemporaryDirectory(prefix=".carillon-", dir=folder) as place:
        runs: list[Path] = []
        waiting: list[pl.DataFrame] = []
        for frame in frames:
            waiting.append(frame)
            if sum(each.height for each in waiting) >= run_rows:
                runs.append(_write(waiting, by, Path(place), len(runs)))
                waiting = []
        if not runs:
            yield pl.concat(waiting).sort(by, nulls_last=False)
            return
        if waiting:
            runs.append(_write(waiting, by, Path(place), len(runs)))
        yield from _merged([pl.read_ipc(run) for run in runs], by)


def _write(frames: list[pl.DataFrame], by: Sequence[str], folder: Path, number: int) -> Path:
    path = folder / f"{number:06d}.arrow"
    pl.concat(frames).sort(by, nulls_last=False).write_ipc(path)
    return path


def _merged(runs: list[pl.DataFrame], by: Sequence[str]) -> Iterator[pl.DataFrame]:
    first = [run[by[0]].fill_null("") for run in runs]
    rows = sum(run.height for run in runs)
    pieces = -(-rows // PIECE_ROWS)
    sample = pl.concat(
        [column.gather_every(max(1, column.len() // (20 * pieces))) for column in first]
    ).sort()
    cuts = [sample[sample.len() * i // pieces] for i in range(1, pieces)]
    begins = [0] * len(runs)
    for cut in [*cuts, None]:
        ends = [len(c) if cut is None else int(c.search_sorted(cut, side="right")) for c in first]
        piece = pl.concat(
            [run.slice(begin, end - begin) for run, begin, end in zip(runs, begins, ends, strict=True)]
        )
        yield piece.sort(by, nulls_last=False)
        begins = ends
