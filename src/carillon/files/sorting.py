"""More rows than fit into memory, in order.

They wait on disk; when all are there, a sample of the first column cuts them into pieces small enough to
be sorted one by one. The order is that of UTF-8 bytes, with null first: the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from carillon.files.spool import Spool

PIECE_ROWS = 100_000
_SAMPLES = 50
"""For each piece: enough that none becomes much larger than the others."""


def sorted_frames(
    frames: Iterable[pl.DataFrame], by: Sequence[str], folder: Path, piece_rows: int = PIECE_ROWS
) -> Iterator[pl.DataFrame]:
    """The rows of `frames`, which have one schema, sorted by the text columns `by`.

    `folder` holds them meanwhile. At least one frame comes out, as long as one came in.
    """
    with Spool(folder) as spool:
        rows, samples = 0, []
        for frame in frames:
            spool.put("unsorted", frame)
            rows += frame.height
            samples.append(frame[by[0]].fill_null("").gather_every(max(1, piece_rows // _SAMPLES)))
        pieces = max(1, -(-rows // piece_rows))
        sample = pl.concat(samples).sort()
        cuts = sample[[sample.len() * i // pieces for i in range(1, pieces)]].unique().sort()
        for frame in spool.drain("unsorted"):
            number = cuts.search_sorted(frame[by[0]].fill_null(""), side="right")
            for (piece,), part in frame.group_by(pl.Series("piece", number), maintain_order=True):
                spool.put(f"piece{piece}", part.drop("piece", strict=False))
        empty = frame.clear()
        for piece in range(len(cuts) + 1):
            parts = list(spool.drain(f"piece{piece}"))
            if parts:
                yield pl.concat(parts).sort(by, nulls_last=False)
        if rows == 0:
            yield empty
