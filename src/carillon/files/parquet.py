"""Parquet files, as text.

What belongs here: reading batches and numbering their rows. What typed columns look like as text is
said in `texts`, so that cleaning is written once for all formats.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from carillon.errors import InputError
from carillon.files.sources import RawBatch, header
from carillon.files.texts import as_text


class ParquetSource:
    """A Parquet file. `total` and `position` count rows; a row's line is its number, from 1."""

    def __init__(self, raw: BinaryIO, place: str) -> None:
        self._raw = raw
        self._place = place
        self.notes: list[str] = []
        self.position = 0
        try:
            self._file = pq.ParquetFile(raw)
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error
        self.columns = header(self._file.schema_arrow.names, place)
        self.total: int = self._file.metadata.num_rows

    def batches(self, rows: int) -> Iterator[RawBatch]:
        batches = self._file.iter_batches(batch_size=rows)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise self._damaged(error) from error
            if batch is None:
                return
            frame = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))
            frame = pl.DataFrame([as_text(s).alias(n) for s, n in zip(frame, self.columns, strict=True)])
            lines = np.arange(self.position + 1, self.position + frame.height + 1, dtype=np.int64)
            self.position += frame.height
            yield RawBatch(lines, frame)

    def _damaged(self, error: Exception) -> InputError:
        return InputError(
            f"{self._place}: the Parquet file is damaged or cut off ({error}). Download or export it again."
        )

    def close(self) -> None:
        self._raw.close()
