"""One day of a mailbox as a strip: its hours, its periods, and a mark for each slot."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

from nicegui import ui
from nicegui.element import Element

from carillon.pace.days import DayView
from carillon.store.slots import StoredSlot
from carillon.web.parts.deeds import visit
from carillon.web.parts.texts import number, text
from carillon.words import SlotStatus

HOUR = 60
STRIP_MINUTES = 5
"""In which the line of now moves by less than one sees."""
WORDS = {
    SlotStatus.SENT: ("sent", "good"),
    SlotStatus.PENDING: ("to come", "info"),
    SlotStatus.FAILED: ("failed", "bad"),
    SlotStatus.SKIPPED: ("passed unused", "warn"),
}
"""How a status of a slot is called, and its tone."""


def strip_time() -> datetime:
    """The time, as exactly as a strip shows it: where one is looked at for long, it is drawn anew by that."""
    now = visit().workspace.clock.now()
    return now.replace(minute=now.minute // STRIP_MINUTES * STRIP_MINUTES, second=0, microsecond=0)


def day_strip(view: DayView) -> Element:
    """The strip, with what its marks mean; on a day without slots why there are none."""
    with ui.element("div").classes("c-strip") as made:
        if not view.slots:
            why = f"Nothing is sent on this day: {view.off}." if view.off else "Nothing is kept of this day."
            text("p", why, "c-muted")
            return made
        zone = ZoneInfo(view.timezone)
        minutes = [_minute(one.at, zone) for one in view.slots]
        begin = min([view.pattern.hours.begin, *minutes]) // HOUR
        end = max(-(-max([view.pattern.hours.end, *(minute + 1 for minute in minutes)]) // HOUR), begin + 1)
        length = (end - begin) * HOUR

        def left(minute: float) -> str:
            return f"left: {100 * (minute - begin * HOUR) / length:.3f}%"

        counts = Counter(one.status for one in view.slots)
        said = ", ".join(f"{number(counts[status])} {words}" for status, (words, _) in WORDS.items())
        with ui.element("div").classes("c-strip-day").props("role=img") as day:
            day.props["aria-label"] = f"{view.day.isoformat()}: {said}"
            for activity, part in view.pattern.parts:
                width = 100 * (part.end - part.begin) / length
                shade = ui.element("span").classes(f"c-strip-part c-{activity.value}")
                shade.style(f"{left(part.begin)}; width: {width:.3f}%")
                shade.props["title"] = f"{activity.value}, {part}"
            for one, minute in zip(view.slots, minutes, strict=True):
                mark = ui.element("span").classes(f"c-strip-mark c-is-{_tone(one)}").style(left(minute))
                mark.props["title"] = _says(one, zone)
            now = visit().workspace.clock.now().astimezone(zone)
            if now.date() == view.day and begin <= now.hour < end:
                line = ui.element("span").classes("c-strip-now").style(left(now.hour * HOUR + now.minute))
                line.props["title"] = f"now, {now:%H:%M}"
        with ui.element("div").classes("c-strip-hours").props("aria-hidden=true"):
            for hour in range(begin, end + 1):
                text("span", f"{hour:02}").style(left(hour * HOUR))
        with ui.element("div").classes("c-row c-small c-muted"):
            for status, (words, tone) in WORDS.items():
                if counts[status]:
                    with ui.element("span").classes("c-strip-key"):
                        ui.element("span").classes(f"c-strip-mark c-is-{tone}")
                        text("span", f"{number(counts[status])} {words}")
            for kind in dict.fromkeys(activity.value for activity, _ in view.pattern.parts):
                with ui.element("span").classes("c-strip-key"):
                    ui.element("span").classes(f"c-strip-part c-{kind}")
                    text("span", f"{kind} hours")
    return made


def slot_bar(counts: dict[str, int]) -> Element:
    """How many slots of a day have which status, as one bar."""
    total = sum(counts.values())
    said = ", ".join(
        f"{number(counts[status])} {words}" for status, (words, _) in WORDS.items() if counts.get(status)
    )
    with ui.element("div").classes("c-slotbar").props("role=img") as made:
        made.props["aria-label"] = made.props["title"] = said or "no slots today"
        for status, (_, tone) in WORDS.items():
            if n := counts.get(status, 0):
                ui.element("span").classes(f"c-is-{tone}").style(f"width: {100 * n / total:.2f}%")
    return made


def _tone(one: StoredSlot) -> str:
    return next((tone for status, (_, tone) in WORDS.items() if status == one.status), "info")


def _says(one: StoredSlot, zone: ZoneInfo) -> str:
    words = next((words for status, (words, _) in WORDS.items() if status == one.status), one.status)
    to = f" to {one.to}" if one.to else ""
    error = f": {one.last_error}" if one.last_error else ""
    return f"{one.at.astimezone(zone):%H:%M:%S}, {one.activity}, {words}{to}{error}"


def _minute(at: datetime, zone: ZoneInfo) -> int:
    local = at.astimezone(zone)
    return local.hour * HOUR + local.minute
