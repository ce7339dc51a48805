"""Warm-up: the ramp as it is planned, and what left on each of its days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from carillon.accounts import Account
from carillon.ramp import allowance, number_a_day, ramp
from carillon.settings import Settings
from carillon.store import accounts as store
from carillon.store import warmup_course
from carillon.store.warmup_course import WarmDay
from carillon.web.pages.timing.ways import chooser, path
from carillon.web.parts import badge, card, chart, empty, grid, number, palette, row, text, visit, work
from carillon.words import Role
from carillon.workspace import Workspace

BACK = timedelta(days=90)
MOST = 8
"""Curves on the page at once."""
BEYOND = 3
"""Days shown after the ramp has reached its top."""
LONGEST = 60
VERDICTS = {
    "advance": ("goes on", "good"),
    "hold": ("held", "warn"),
    "pause": ("paused", "bad"),
    "idle": ("no mail", ""),
}


async def draw(account: str) -> None:
    """The curves of one account, or of all that warm up."""
    found = await work(_read)
    warming = [one for one, days in found if one.warmup_enabled or days]
    if not warming:
        with (
            card(),
            empty(
                "trending_up",
                "Nothing warms up",
                "A new mailbox that sends hundreds of emails at once looks like a stolen one. Warm-up begins"
                " with a few and sends more with every good day; switch it on at an account.",
                "Go to the accounts",
                "/accounts",
                role=Role.VIEWER,
            ),
        ):
            pass
        return
    with row().classes("p-filters"):
        chooser("Account", [one.name for one in warming], account, "all that warm up",
                lambda name: path("warmup", account=name))  # fmt: skip
    settings = visit().workspace.settings
    shown = [(one, days) for one, days in found if one in warming and account in ("", one.name)][:MOST]
    with grid(430):
        for one, days in shown:
            _curve(one, days, settings)


def _read(workspace: Workspace) -> list[tuple[Account, list[WarmDay]]]:
    with workspace.database.snapshot() as connection:
        known = store.accounts(connection)
        since: date = workspace.today() - BACK
        days = warmup_course.course(connection, [one.id for one in known], since)
    return [(one, days.get(one.id, [])) for one in known]


def curve(
    one: Account, days: list[WarmDay], settings: Settings
) -> tuple[list[int], list[int], list[int | None]]:
    """Days of the ramp, what is planned for each, and what left (of a day that came twice, the last)."""
    own = ramp(one, settings)
    top = own.most if one.daily_limit is None else one.daily_limit
    last = max([one.warmup_day, *(day.warmup_day for day in days)])
    until = last + BEYOND
    while until < LONGEST and allowance(own, until - BEYOND, one.daily_limit) < top:
        until += 1
    sent = {day.warmup_day: day.sent for day in days}
    numbers = list(range(1, until + 1))
    return numbers, [allowance(own, n, one.daily_limit) for n in numbers], [sent.get(n) for n in numbers]


def _curve(one: Account, days: list[WarmDay], settings: Settings) -> None:
    numbers, planned, sent = curve(one, days, settings)
    today = number_a_day(one, settings, one.warmup_day)
    state = (
        f"day {number(one.warmup_day)}, {number(today)} emails today" if one.warmup_enabled else "it is warm"
    )
    with card(one.name, f"{one.address}: {state}") as place:
        with place:
            if days:
                words, tone = VERDICTS.get(days[-1].verdict, (days[-1].verdict, ""))
                badge(f"last day: {words}", tone).props["title"] = days[-1].why
        chart(_options(numbers, planned, sent), f"Warm-up of {one.name}: planned and sent by day", height=230)
        for day in [one for one in days if one.verdict in ("hold", "pause")][-2:]:
            with row():
                text("span", f"{day.day.day} {day.day:%b}", "c-muted c-small")
                text("span", day.why, "c-small")


def _options(numbers: list[int], planned: list[int], sent: list[int | None]) -> dict[str, Any]:
    first, second = palette()[:2]
    return {
        "tooltip": {"trigger": "axis"},
        "legend": {"data": ["planned", "left"], "top": 0, "right": 0},
        "grid": {"left": 40, "right": 12, "top": 34, "bottom": 38},
        "xAxis": {"type": "category", "data": numbers, "name": "day of warm-up", "nameLocation": "middle",
                  "nameGap": 24},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": [
            {"name": "planned", "type": "line", "step": "middle", "data": planned, "symbol": "none",
             "lineStyle": {"color": first, "width": 2}, "itemStyle": {"color": first}},
            {"name": "left", "type": "bar", "data": sent, "itemStyle": {"color": second}, "barMaxWidth": 14},
        ],
    }  # fmt: skip
