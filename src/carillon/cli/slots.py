"""`carillon slots`: one day of a mailbox, before it happens, while it happens and after."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.text import Text

from carillon.cli.account_options import NAME
from carillon.cli.output import Screen, count, day, listed, plain_word
from carillon.cli.session import day_option, session
from carillon.words import Activity, SlotStatus

if TYPE_CHECKING:
    from carillon.pace.days import DayView
    from carillon.store.slots import StoredSlot

WIDEST = 120
"""Columns of the strip at most."""
_HOUR = 60
_LOOKS = {
    SlotStatus.PENDING: ("cyan", "○", "o"),
    SlotStatus.SENT: ("green", "●", "*"),
    SlotStatus.FAILED: ("red", "×", "x"),
    SlotStatus.SKIPPED: ("yellow", "–", "-"),
}
"""Colour and mark of a slot, with and without Unicode."""
_SHADES = {Activity.PEAK: ("█", "#"), Activity.NORMAL: ("▒", "="), Activity.LOW: ("░", ".")}


def slots(
    context: typer.Context,
    name: str = NAME,
    date: str = typer.Option(
        None, "--date", metavar="D", help="The day, where the account is (default: today)."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Show a mailbox's day: when its emails go. A day ahead is shown as it will be."""
    here = session(context)
    wanted = day_option(date, "--date")
    with here.workspace() as workspace:
        from carillon.pace.days import look

        view = look(workspace, name, wanted)
    if as_json:
        here.screen.json(_document(view))
        return
    _show(here.screen, view)


def _show(screen: Screen, view: DayView) -> None:
    dot = screen.glyphs.dot
    screen.say(
        f"[bold]{escape(view.account.name)}[/]  {day(view.day)}  [dim]{escape(view.timezone)} {dot}"
        f" {escape(view.account.status)}[/]"
    )
    if view.off:
        screen.say(f"Nothing is sent on this day: {escape(view.off)}.")
        return
    if not view.slots:
        kept = "Of this day nothing is kept any more." if view.day < view.today else "It has no slots."
        screen.say(kept)
        return
    statuses = dict(Counter(plain_word(one.status) for one in view.slots))
    warmup = "" if view.warmup_day is None else f" (day {view.warmup_day} of its warm-up)"
    screen.say(
        f"{count(view.limit, 'email')} at most{warmup} {dot} {count(len(view.slots), 'slot')}:"
        f" {listed(statuses, dot)}"
    )
    screen.say()
    for line in strip(view, min(screen.width, WIDEST), screen):
        screen.show(line)
    screen.say()
    zone = ZoneInfo(view.timezone)
    known = any(one.to or one.last_error or one.retry_count for one in view.slots)
    screen.table(
        ["time", "period", "status", *(["email to", " "] if known else [])],
        [
            (
                f"{one.at.astimezone(zone):%H:%M:%S}",
                one.activity,
                Text(one.status, _looks(one)[0]),
                *((one.to or "", _remark(one, zone)) if known else ()),
            )
            for one in view.slots
        ],
        whole="time period status",
    )
    if view.made_at is None:
        screen.note(f"\n{_not_made(view)}")


def strip(view: DayView, width: int, screen: Screen) -> list[Text]:
    """The day as a few lines: hours, a mark for each slot, periods, and what the marks mean."""
    zone, ascii_only = ZoneInfo(view.timezone), screen.glyphs.dot == ","
    minutes = [_minute(one.at, zone) for one in view.slots]
    begin = min([view.pattern.hours.begin, *minutes]) // _HOUR
    end = -(-max([view.pattern.hours.end, *(minute + 1 for minute in minutes)]) // _HOUR)
    each = max(2, (width - 6) // (end - begin))
    cells = each * (end - begin)

    def place(minute: int) -> int:
        return min(cells - 1, (minute - begin * _HOUR) * each // _HOUR)

    ruler = [" "] * (cells + 3)
    step = 1 if each >= 3 else 2
    for hour in range(begin, end + 1, step):
        ruler[(hour - begin) * each : (hour - begin) * each + 2] = f"{hour:02}"
    rows: list[list[tuple[str, str]]] = []
    for one, minute in zip(view.slots, minutes, strict=True):
        colour, *marks = _looks(one)
        at = place(minute)
        row = next((row for row in rows if row[at][0] == " "), None)
        if row is None:
            row = [(" ", "")] * cells
            rows.append(row)
        row[at] = marks[ascii_only], colour
    shade = [" "] * cells
    for activity, part in view.pattern.parts:
        first, last = place(part.begin), (part.end - begin * _HOUR) * each // _HOUR
        shade[first:last] = _SHADES[activity][ascii_only] * (last - first)
    lines = [Text("  " + "".join(ruler).rstrip(), "dim")]
    lines += [Text.assemble("  ", *row) for row in reversed(rows)]
    lines += [Text("  " + "".join(shade).rstrip(), "blue dim"), Text()]
    legend = Text("  ")
    for status in dict.fromkeys(one.status for one in view.slots):
        colour, *signs = _LOOKS.get(SlotStatus(status), _LOOKS[SlotStatus.PENDING])
        legend.append(signs[ascii_only], colour).append(f" {status}   ", "dim")
    for activity in dict.fromkeys(activity for activity, _ in view.pattern.parts):
        legend.append(_SHADES[activity][ascii_only], "blue dim").append(f" {activity}   ", "dim")
    legend.rstrip()
    return [*lines, legend]


def _looks(one: StoredSlot) -> tuple[str, str, str]:
    return _LOOKS.get(SlotStatus(one.status), _LOOKS[SlotStatus.PENDING])


def _minute(at: datetime, zone: ZoneInfo) -> int:
    local = at.astimezone(zone)
    return local.hour * _HOUR + local.minute


def _remark(one: StoredSlot, zone: ZoneInfo) -> str:
    tried = f"tried {count(one.retry_count, 'time')} more" if one.retry_count else ""
    sent = f"{one.sent_at.astimezone(zone):%H:%M:%S}" if one.sent_at else ""
    return ", ".join(part for part in (sent, tried, one.last_error or "") if part)


def _not_made(view: DayView) -> str:
    if view.warmup_day is None or view.day <= view.today:
        return "This day is not made yet. It will be like this unless settings are changed."
    return "This day is not made yet. It will be like this unless settings or the warm-up change its number."


def _document(view: DayView) -> dict[str, object]:
    zone = ZoneInfo(view.timezone)
    return {
        "account": view.account.name,
        "date": view.day.isoformat(),
        "timezone": view.timezone,
        "made_at": view.made_at,
        "limit": view.limit,
        "warmup_day": view.warmup_day,
        "day_off": view.off or None,
        "business_hours": view.pattern.business_hours,
        "periods": [f"{activity} {part}" for activity, part in view.pattern.parts],
        "counts": {status.value: sum(one.status == status for one in view.slots) for status in SlotStatus},
        "slots": [
            {
                "at": one.at.isoformat(),
                "local": one.at.astimezone(zone).isoformat(),
                "period": one.activity,
                "status": one.status,
                "sent_at": None if one.sent_at is None else one.sent_at.isoformat(),
                "schedule_id": one.schedule_id,
                "to": one.to,
                "retry_count": one.retry_count,
                "last_error": one.last_error,
            }
            for one in view.slots
        ],
    }
