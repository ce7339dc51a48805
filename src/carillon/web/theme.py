"""The look: one style sheet, the colours of charts, and light or dark as a person wants it.

The style sheet is `data/web.css`. Colours in it are named by what they are for; charts, which are drawn on a
canvas and know no CSS, get theirs here, in both lights.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

_DATA = resources.files("carillon") / "data"
STYLE = (_DATA / "web.css").read_bytes()
ICON = (_DATA / "icon.svg").read_text(encoding="utf-8")
_MARK = hashlib.sha256(STYLE + ICON.encode()).hexdigest()[:12]
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
STYLE_PATH, ICON_PATH = f"/_carillon/{_MARK}/web.css", f"/_carillon/{_MARK}/icon.svg"

LIGHT = ("#1d6b58", "#d08a2e", "#3f6ea8", "#b3495a", "#7d63a8", "#6f8a2c", "#2f93a3", "#8a6a4f")
DARK = ("#69c3a6", "#e6b559", "#7fb0e6", "#ec8f99", "#b79fe3", "#b3cf6a", "#6cc9d8", "#cfa987")
"""Of the series of a chart, told apart also by those who do not see red and green."""

ZONE_COOKIE, LIGHT_COOKIE = "carillon_zone", "carillon_light"
"""What the browser tells of itself."""

router = APIRouter()


@router.get(STYLE_PATH)
def style() -> Response:
    return Response(STYLE, media_type="text/css", headers=_FOREVER)


@router.get(ICON_PATH)
def icon() -> Response:
    return Response(ICON, media_type="image/svg+xml", headers=_FOREVER)


def head(theme: str, browser_is_dark: bool, nonce: str) -> str:
    """What goes into the head of a page: the style, the ground before anything is drawn, and two questions.

    Its time zone and its light are left in cookies. A page that was made for another light is loaded again,
    which happens once: charts are drawn in colours that are chosen here. `nonce`: see `policy`.
    """
    return (
        f'<link rel="stylesheet" href="{STYLE_PATH}">'
        f'<script nonce="{nonce}">'
        f"document.documentElement.dataset.theme={theme!r};(()=>{{"
        'const keep=(n,v)=>{document.cookie=n+"="+v+";path=/;max-age=31536000;samesite=lax"};'
        f'keep("{ZONE_COOKIE}",Intl.DateTimeFormat().resolvedOptions().timeZone);'
        'const dark=matchMedia("(prefers-color-scheme: dark)").matches;'
        f'keep("{LIGHT_COOKIE}",dark?"dark":"light");'
        f"if({theme!r}==='system'&&dark!=={str(browser_is_dark).lower()}&&document.cookie.includes"
        f'("{LIGHT_COOKIE}="))location.reload();}})()</script>'
    )


def is_dark(theme: str) -> bool | None:
    """As NiceGUI wants it: None is whatever the system says."""
    return {"light": False, "dark": True}.get(theme)


def ink(dark: bool) -> dict[str, str]:
    """Colours of what stands around the series of a chart."""
    if dark:
        return {
            "text": "#a9b5b0",
            "line": "#2a3330",
            "card": "#202725",
            "strong": "#e6ebe8",
            "warn": "#e6b559",
        }
    return {"text": "#56615d", "line": "#e3e0d8", "card": "#ffffff", "strong": "#1c2523", "warn": "#8a5a00"}


def charted(options: dict[str, Any], dark: bool) -> dict[str, Any]:
    """The options of an ECharts chart with our colours; what they say themselves stays."""
    colours = ink(dark)
    axis = {
        "axisLine": {"lineStyle": {"color": colours["line"]}},
        "axisTick": {"show": False},
        "axisLabel": {"color": colours["text"], "fontSize": 11.5, "hideOverlap": True},
        "splitLine": {"lineStyle": {"color": colours["line"]}},
        "nameTextStyle": {"color": colours["text"]},
    }
    base: dict[str, Any] = {
        "color": list(DARK if dark else LIGHT),
        "backgroundColor": "transparent",
        "textStyle": {"fontFamily": "system-ui, sans-serif", "color": colours["text"]},
        "grid": {"left": 8, "right": 12, "top": 30, "bottom": 4, "containLabel": True},
        "animationDuration": 250,
        "tooltip": {
            "trigger": "axis",
            "backgroundColor": colours["card"],
            "borderColor": colours["line"],
            "textStyle": {"color": colours["strong"], "fontSize": 12.5},
            "confine": True,
        },
    }
    if "legend" in options:
        base["legend"] = {
            "textStyle": {"color": colours["text"]}, "itemWidth": 10, "itemHeight": 10, "icon": "circle",
            "left": 0, "top": 0, "type": "scroll",
        }  # fmt: skip
    for name in ("xAxis", "yAxis"):
        if name in options:
            base[name] = axis | ({"splitLine": {"show": False}} if name == "xAxis" else {})
    return _merged(base, options)


def _merged(base: Any, over: Any) -> Any:
    """`over` on top of `base`, object by object; a list of axes gets `base` under each."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{name: _merged(base.get(name), value) for name, value in over.items()}}
    if isinstance(base, dict) and isinstance(over, list):
        return [_merged(base, one) for one in over]
    return over
