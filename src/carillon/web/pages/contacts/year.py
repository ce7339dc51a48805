"""A contact's year: its months, closed days shaded, each email on its day; and why, of every email."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date, timedelta

from nicegui import ui

from carillon.plan.explain import Email, Explanation
from carillon.web.pages.contacts.words import plain
from carillon.web.parts import badge, card, day_words, link, note, text
from carillon.words import Status

MONTHS = 12
_TONES = {
    Status.PRE_SCHEDULED: "good",
    Status.SCHEDULED: "good",
    Status.PROCESSING: "good",
    Status.SENT: "info",
    Status.DELIVERED: "info",
    Status.SKIPPED: "warn",
    Status.CANCELLED: "warn",
    Status.BOUNCED: "bad",
    Status.FAILED: "bad",
    Status.IN_DOUBT: "bad",
}
_WORDS = {
    Status.PRE_SCHEDULED.value: "planned",
    "not_planned_yet": "not planned yet",
    "not_considered": "not considered",
    Status.IN_DOUBT.value: "in doubt",
}
_WEIGHT = ("bad", "info", "good", "warn", "")
"""Of several emails on a day: whose colour it has."""


def year(found: Explanation, today: date) -> None:
    """The months, then every email with its explanation."""
    numbered = list(enumerate([*found.past, *found.emails]))
    with card("The year", "Shaded days are closed: nothing may go then"):
        _months(found, numbered, today)
        _legend()
    ahead = numbered[len(found.past) :]
    with card("The next year, and why", flush=True):
        if found.windows:
            with ui.element("div").classes("c-windows"):
                for span in found.windows:
                    last = f" to {day_words(span.last)}" if span.last and span.last != span.first else ""
                    with ui.element("div"):
                        badge("no mail", "warn")
                        text("span", f"{day_words(span.first)}{last if span.last else ', and ever after'}")
                        text("span", span.words, "c-muted")
        if ahead:
            _emails(ahead)
        else:
            text("p", "Nothing is planned for this contact.", "c-muted px-4 py-4")
    if found.past:
        with card("The last 90 days", flush=True):
            _emails(numbered[: len(found.past)][::-1])


def _months(found: Explanation, numbered: list[tuple[int, Email]], today: date) -> None:
    by_day: dict[date, list[tuple[int, Email]]] = defaultdict(list)
    for at, email in numbered:
        if (day := email.day or email.ideal) is not None:
            by_day[day].append((at, email))
    closed: dict[date, str] = {}
    end = today + timedelta(days=366)
    for span in found.windows:
        day = span.first
        while day <= min(span.last or end, end):
            closed.setdefault(day, span.words)
            day += timedelta(days=1)
    month = today.replace(day=1)
    with ui.element("div").classes("c-year"):
        for _ in range(MONTHS):
            after = (month + timedelta(days=31)).replace(day=1)
            with ui.element("div").classes("c-month"):
                text("h3", f"{month:%B}" if month.year == today.year else f"{month:%B %Y}")
                with ui.element("div").classes("c-days"):
                    for n in range((after - month).days):
                        _day(month + timedelta(days=n), by_day, closed, today)
            month = after


def _day(
    day: date, by_day: dict[date, list[tuple[int, Email]]], closed: dict[date, str], today: date
) -> None:
    emails, why = by_day.get(day, []), closed.get(day, "")
    classes = ["c-day"]
    classes += ["c-shut"] if why else []
    classes += ["c-gone"] if day < today else []
    classes += ["c-today"] if day == today else []
    if emails:
        tones = [_tone(email) for _, email in emails]
        classes += ["c-mail", f"c-is-{min(tones, key=_WEIGHT.index) or 'none'}"]
        made = link(str(day.day), f"#email-{emails[0][0]}", " ".join(classes))
        words = "; ".join(f"{plain(email.email_type)}: {email.words}" for _, email in emails)
        made.props["aria-label"] = f"{day_words(day)}: {words}"
    else:
        words = f"no mail: {why}" if why else ""
        made = text("span", str(day.day), " ".join(classes))
    if words:
        made.props["title"] = f"{day_words(day)} · {words}"
    if day.day == 1:
        made.style(f"grid-column-start: {day.weekday() + 1}")


def _legend() -> None:
    with ui.element("div").classes("c-legend"):
        for classes, words in (
            ("c-mail c-is-good", "planned"),
            ("c-mail c-is-info", "sent"),
            ("c-mail c-is-warn", "skipped"),
            ("c-mail c-is-bad", "failed"),
            ("c-shut", "no mail by law or rule"),
        ):
            with ui.element("span"):
                ui.element("span").classes(f"c-day {classes}")
                text("span", words)


def _emails(numbered: list[tuple[int, Email]]) -> None:
    with ui.element("div").classes("c-list"):
        for at, email in numbered:
            with ui.element("div").classes("c-item c-email").props(f'id="email-{at}"'):
                with ui.element("div").classes("c-at"):
                    day = email.day or email.ideal
                    text("div", day_words(day) if day else "no day", "c-strong" if email.day else "c-muted")
                    badge(_WORDS.get(email.status, plain(email.status)), _tone(email))
                with ui.element("div").classes("c-grow"):
                    text("div", plain(email.email_type).capitalize(), "c-strong")
                    text("div", _sentence(email.words))
                    if about := _about(email):
                        text("div", about, "c-muted c-small")
                    if email.next_run:
                        note(email.next_run, "warn")


def _tone(email: Email) -> str:
    return _TONES.get(Status(email.status), "") if email.status in list(Status) else ""


def _about(email: Email) -> str:
    """The campaign an email belongs to, unless its words say it, and the template it takes."""
    told = email.campaign is None or f'"{email.campaign}"' in email.words
    parts = [] if told else [f'campaign "{email.campaign}"']
    if email.template:
        parts.append(f"template {email.template}{f' ({email.variant})' if email.variant else ''}")
    return ", ".join(parts)


def _sentence(words: str) -> str:
    return re.sub(r"^[a-z]", lambda found: found[0].upper(), words)
