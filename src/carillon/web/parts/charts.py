"""Charts, readable in both lights."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from carillon.web import theme
from carillon.web.parts.deeds import visit


def chart(options: dict[str, Any], label: str, *, height: int = 280) -> ui.echart:
    """An ECharts chart in our colours. `label`: what it shows, for those who do not see it."""
    made = ui.echart(coloured(options)).style(f"height: {height}px")
    made.props["role"], made.props["aria-label"] = "img", label
    return made


def show(on: ui.echart, options: dict[str, Any]) -> None:
    """Show something else on a chart."""
    on.options.clear()
    on.options.update(coloured(options))
    on.update()


def coloured(options: dict[str, Any]) -> dict[str, Any]:
    """Options with the colours of the light in which the page is seen."""
    return theme.charted(options, visit().is_dark)


def ink() -> dict[str, str]:
    """Colours for what is drawn by hand: text, line, card, strong, warn."""
    return theme.ink(visit().is_dark)


def palette() -> tuple[str, ...]:
    """Colours of series, in their order."""
    return theme.DARK if visit().is_dark else theme.LIGHT
