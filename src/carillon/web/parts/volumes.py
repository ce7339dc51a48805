"""How much mail goes on which day, as bars: one look wherever it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from carillon.plan.forecast import Forecast
from carillon.web.parts.charts import ink


def type_words(email_type: str) -> str:
    """The name of a type as people read it."""
    return email_type.replace("_", " ")


def bars(found: Forecast, days: Sequence[date]) -> dict[str, Any]:
    """Options of a chart of these days, stacked by type, with the cap as a line. `found` is by day."""
    rows = {row.name: row.by_type for row in found.periods}
    kinds = sorted(found.by_type, key=lambda kind: -found.by_type[kind])
    series: list[dict[str, Any]] = [
        {
            "type": "bar",
            "stack": "emails",
            "name": type_words(kind),
            "data": [rows.get(day.isoformat(), {}).get(kind, 0) for day in days],
            "barMaxWidth": 26,
        }
        for kind in kinds
    ]
    if series and found.cap:
        series[0]["markLine"] = {
            "symbol": "none",
            "silent": True,
            "lineStyle": {"type": "dashed", "width": 1.5},
            "label": {
                "formatter": f"cap {found.cap:,}",
                "position": "insideEndTop",
                "fontSize": 11.5,
                "textBorderColor": "transparent",
                "color": ink()["text"],
            },
            "data": [{"yAxis": found.cap}],
        }
    return {
        "legend": {},
        "xAxis": {"type": "category", "data": [f"{day.day} {day:%b}" for day in days]},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": series,
    }
