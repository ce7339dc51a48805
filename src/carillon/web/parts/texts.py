"""Small signs: words, links, icons, badges, moments, remarks. Everything said here is text, never HTML."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from nicegui import ui
from nicegui.element import Element

from carillon.web.parts.deeds import visit
from carillon.web.visit import Visit

TONES = {"good": "check_circle", "warn": "warning", "bad": "error", "info": "info"}
"""What a thing looks like, and its icon: a colour alone says nothing to many."""


def text(tag: str, words: str, classes: str = "") -> ui.label:
    """Text in any element."""
    made = ui.label(words).classes(classes)
    made.tag = tag
    return made


def icon(name: str, label: str = "") -> ui.icon:
    """An icon of Material Symbols; without a label it is an ornament that is not read out."""
    made = ui.icon(f"sym_o_{name}")
    if label:
        made.props["role"], made.props["aria-label"] = "img", label
    else:
        made.props["aria-hidden"] = "true"
    return made


def link(words: str, path: str, classes: str = "", current: bool = False) -> Element:
    """A link to a page; without words it is filled by whoever makes it."""
    made = ui.element("a").classes(classes)
    made.props["href"] = path
    if current:
        made.props["aria-current"] = "page"
    if words:
        with made:
            text("span", words)
    return made


def badge(words: str, tone: str = "") -> Element:
    """A word that stands for a state; `tone`: one of TONES."""
    return text("span", words, f"c-badge {f'c-is-{tone}' if tone else ''}")


def dot(tone: str = "") -> Element:
    """A dot beside words that say the same."""
    made = ui.element("span").classes(f"c-dot {f'c-is-{tone}' if tone else ''}")
    made.props["aria-hidden"] = "true"
    return made


def note(words: str, tone: str = "info") -> Element:
    """A remark in a box of its own."""
    with ui.element("div").classes(f"c-note-box c-is-{tone}") as made:
        made.props["role"] = "alert" if tone in ("bad", "warn") else "note"
        icon(TONES[tone])
        text("div", words)
    return made


def facts(pairs: dict[str, object]) -> Element:
    """Names and values under each other; a value that is None is a dash."""
    with ui.element("dl").classes("c-facts-list") as made:
        for name, value in pairs.items():
            text("dt", name)
            text("dd", "–" if value is None else number(value) if isinstance(value, int) else str(value))
    return made


def number(value: object) -> str:
    """Digits in groups of three; yes and no for what is one of them."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else f"{share:.{digits}%}"


def day_words(day: date) -> str:
    """Such as Mon 4 May 2026."""
    return f"{day:%a} {day.day} {day:%b %Y}"


def when_words(
    moment: datetime | None,
    contact_zone: str | None = None,
    *,
    seconds: bool = False,
    who: Visit | None = None,
) -> str:
    """A moment in the reader's zone, with the contact's beside it where that is another.

    `who`: the reader, where it is not this page's: in a thread, which does not know the page.
    """
    if moment is None:
        return "–"
    zone = (who or visit()).zone
    mine = moment.astimezone(zone)
    found = f"{mine.day} {mine:%b %Y, %H:%M:%S}" if seconds else f"{mine.day} {mine:%b %Y, %H:%M}"
    there = _there(moment, contact_zone, zone)
    return f"{found} ({there})" if there else found


def when(moment: datetime | None, contact_zone: str | None = None) -> Element:
    """The same as an element; a hint says the zones and UTC."""
    made = ui.element("time").classes("c-when")
    if moment is None:
        with made:
            text("span", "–")
        return made
    mine = moment.astimezone(visit().zone)
    made.props["datetime"] = moment.isoformat()
    made.props["title"] = f"{mine:%Y-%m-%d %H:%M:%S} {mine.tzname()} · {moment:%Y-%m-%d %H:%M:%S} UTC"
    with made:
        text("span", when_words(moment))
        if there := _there(moment, contact_zone, visit().zone):
            text("span", f" · {there}", "c-there")
    return made


def ago(moment: datetime | None, who: Visit | None = None) -> str:
    """How long ago, or in how long, in the words people use; `who`: as of `when_words`."""
    if moment is None:
        return "never"
    seconds = int(((who or visit()).workspace.clock.now() - moment).total_seconds())
    far = abs(seconds)
    if far < 45:
        return "just now"
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if far >= size or name == "minute":
            n = max(round(far / size), 1)
            words = f"{n} {name}{'' if n == 1 else 's'}"
            break
    return f"in {words}" if seconds < 0 else f"{words} ago"


def _there(moment: datetime, contact_zone: str | None, reader: ZoneInfo) -> str:
    try:
        zone = ZoneInfo(contact_zone) if contact_zone else None
    except (ValueError, OSError):
        return ""
    if zone is None:
        return ""
    mine, theirs = moment.astimezone(reader), moment.astimezone(zone)
    if mine.utcoffset() == theirs.utcoffset():
        return ""
    day = "" if mine.date() == theirs.date() else f"{theirs.day} {theirs:%b}, "
    return f"{day}{theirs:%H:%M} {theirs.tzname()}"
