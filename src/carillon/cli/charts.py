"""Charts made of characters: lying bars for days and weeks, standing ones for a year at a glance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from carillon.cli.output import Glyphs, number

FAR_ABOVE = 4
"""A cap that is more than so many times the highest column is left out, or one would see nothing else."""
_HEAT = ("white on grey23", "white on dark_green", "black on green3", "black on chartreuse2")
"""From the lowest rate to the highest."""
CALM, WARM, HOT = "cyan", "yellow", "red"
"""Up to the cap; above it, but within what is tolerated; above that."""


@dataclass(frozen=True)
class Bar:
    """One line of a chart: its label, its value and the cap that holds for it."""

    label: str
    n: int
    cap: float | None = None
    note: str = ""


def lying(bars: Sequence[Bar], overage: float, width: int, glyphs: Glyphs) -> list[Text]:
    """A line for each bar: label, number, bar. The cap is a mark behind the bars."""
    names = max((len(bar.label) for bar in bars), default=0)
    numbers = max((len(number(bar.n)) for bar in bars), default=0)
    notes = max((len(bar.note) for bar in bars), default=0)
    room = max(8, width - names - numbers - notes - (8 if notes else 6))
    top = max((max(bar.n, bar.cap or 0) for bar in bars), default=0)
    lines = []
    for bar in bars:
        line = Text("  ")
        line.append(f"{bar.label:<{names}}  ")
        line.append(f"{number(bar.n):>{numbers}}  ", "bold" if bar.n else "dim")
        line.append_text(_bar(bar, top, room, overage, glyphs))
        if bar.note:
            line.append(f"  {bar.note}", "dim")
        line.rstrip()
        lines.append(line)
    return lines


def _bar(bar: Bar, top: float, room: int, overage: float, glyphs: Glyphs) -> Text:
    filled = _filled(bar.n, top, room, glyphs)
    colour = _colour(bar.n, bar.cap, overage)
    cells = list(filled.ljust(room))
    text = Text()
    mark = -1 if bar.cap is None else min(room - 1, round(bar.cap / top * room) if top else 0)
    for at, cell in enumerate(cells):
        if at == mark and (cell == " " or at == len(filled) - 1):
            text.append(glyphs.cap, "dim")
        else:
            text.append(cell, colour)
    return text


def _filled(n: float, top: float, room: int, glyphs: Glyphs) -> str:
    if not n or not top:
        return ""
    parts = len(glyphs.eighths)
    steps = max(1, round(n / top * room * parts))
    whole, rest = divmod(steps, parts)
    return glyphs.eighths[-1] * whole + (glyphs.eighths[rest - 1] if rest else "")


def _colour(n: float, cap: float | None, overage: float) -> str:
    if cap is None or n <= cap:
        return CALM
    return WARM if n <= cap * overage else HOT


def standing(
    values: Sequence[int],
    ticks: dict[int, str],
    cap: int,
    overage: float,
    height: int,
    glyphs: Glyphs,
) -> list[Text]:
    """A column for each value, the cap as a line, `ticks` (column to word) below."""
    highest = max([*values, 1])
    top = highest if cap > FAR_ABOVE * highest else max(highest, cap)
    labels = {height - 1: number(top), 0: "0"}
    cap_row = math.ceil(cap / top * height) - 1
    if cap_row < height:
        labels[cap_row] = f"{number(cap)} cap"
    gutter = max(map(len, labels.values()))
    lines = []
    for row in reversed(range(height)):
        line = Text(f"  {labels.get(row, ''):>{gutter}} ", "dim")
        for value in values:
            cell = _cell(value, top, row, height, glyphs)
            if cell == " " and row == cap_row:
                line.append(glyphs.line, "dim")
            else:
                line.append(cell, _colour(value, cap, overage))
        lines.append(line)
    axis = [" "] * (len(values) + 8)
    free = 0
    for at, word in sorted(ticks.items()):
        if at >= free:
            axis[at : at + len(word)] = word
            free = at + len(word) + 1
    lines.append(Text("  " + " " * (gutter + 1) + "".join(axis).rstrip(), "dim"))
    return lines


def heat(
    cells: Mapping[tuple[int, int], tuple[int, float | None]], rows: Sequence[str], glyphs: Glyphs
) -> list[Text]:
    """A map of rates by row and hour, each with the number of emails behind it below; a dot: too few.

    `cells`: by row and hour of the day, emails and the rate or None.
    """
    hours = range(min(hour for _, hour in cells), max(hour for _, hour in cells) + 1)
    rates = [rate for _, rate in cells.values() if rate is not None]
    low, high = min(rates, default=0.0), max(rates, default=0.0)
    wide = max(5, *(len(number(emails)) for emails, _ in cells.values()))
    names = max(map(len, rows))
    lines = [Text("  " + " " * names + "".join(f" {hour:>{wide}}" for hour in hours), "dim")]
    for row, name in enumerate(rows):
        if not any((row, hour) in cells for hour in hours):
            continue
        above, below = Text(f"  {name:<{names}}"), Text("  " + " " * names, "dim")
        for hour in hours:
            emails, rate = cells.get((row, hour), (0, None))
            above.append(" ")
            if rate is None:
                above.append(f"{glyphs.dot if emails else '':>{wide}}", "dim")
            else:
                place = (rate - low) / (high - low) if high > low else 0.5
                above.append(f"{100 * rate:>{wide}.1f}", _HEAT[min(len(_HEAT) - 1, int(place * len(_HEAT)))])
            below.append(f" {number(emails) if emails else '':>{wide}}")
        below.rstrip()
        lines += [above, below]
    return lines


def _cell(value: float, top: float, row: int, height: int, glyphs: Glyphs) -> str:
    parts = len(glyphs.steps)
    steps = max(1 if value else 0, round(value / top * height * parts)) - row * parts
    if steps <= 0:
        return " "
    return glyphs.steps[min(steps, parts) - 1]
