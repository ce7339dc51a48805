"""When someone consented: a moment in UTC, whatever the file said it in.

A moment without an offset is local time of the workspace; a date, or one with a time that cannot be read,
is the beginning of that day there.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import polars as pl

_MOMENT = (
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:\.[0-9]+)?"
    r" ?(?:([Zz])|([+-][0-9]{2}):?([0-9]{2}))?$"
)


def in_utc(texts: pl.Series, zone: ZoneInfo) -> pl.Series:
    """Texts that begin with an ISO date, as `YYYY-MM-DDTHH:MM:SSZ`; null stays null."""
    parts = pl.col("text").str.extract_groups(_MOMENT).struct
    clock = parts.field("1") + "T" + parts.field("2") + parts.field("3").fill_null(":00")
    moment = clock.str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False)
    hours, minutes = (parts.field(name).cast(pl.Int64, strict=False) for name in ("5", "6"))
    behind = pl.when(parts.field("5").str.starts_with("-")).then(-minutes).otherwise(minutes)
    offset = pl.duration(hours=hours.fill_null(0), minutes=behind.fill_null(0))
    day = pl.col("text").str.slice(0, 10).str.to_datetime("%Y-%m-%d", strict=False)
    utc = pl.coalesce(
        pl.when(parts.field("4").is_not_null() | hours.is_not_null()).then(_from(moment - offset, "UTC")),
        _from(moment, zone.key),
        _from(day, zone.key),
        _from(day, "UTC"),
    )
    return (
        texts.alias("text")
        .to_frame()
        .select(utc.dt.to_string("%Y-%m-%dT%H:%M:%SZ").alias(texts.name))
        .to_series()
    )


def _from(moment: pl.Expr, zone: str) -> pl.Expr:
    local = moment.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC")
