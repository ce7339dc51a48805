"""Typed columns as text, the way the other side of a CSV file would see them.

Numbers that are whole lose their decimals: a ZIP or phone number stored as 7302.0 is a spreadsheet's doing.
"""

from __future__ import annotations

import json

import polars as pl


def as_text(column: pl.Series) -> pl.Series:
    """A column of any type as text, the way a person would write it in a CSV file."""
    kind = column.dtype
    if kind.is_float():
        finite = column.set(~column.is_finite(), None)
        whole = (finite == finite.round()) & (finite.abs() < 2**63)
        return finite.cast(pl.Int64, strict=False).cast(pl.String).zip_with(whole, finite.cast(pl.String))
    if isinstance(kind, pl.Datetime):
        text = column.dt.to_string("%Y-%m-%dT%H:%M:%S%:z" if kind.time_zone else "%Y-%m-%dT%H:%M:%S")
        return text.str.replace(r"T00:00:00(?:[+-]\d\d:\d\d)?$", "")
    if isinstance(kind, pl.List) and not kind.inner.is_nested():
        return column.cast(pl.List(pl.String)).list.join(",")
    if kind.is_nested():
        texts = [None if v is None else json.dumps(v, default=str) for v in column.to_list()]
        return pl.Series(column.name, texts, dtype=pl.String)
    if kind == pl.Binary:
        return column.cast(pl.String, strict=False)
    return column.cast(pl.String)
