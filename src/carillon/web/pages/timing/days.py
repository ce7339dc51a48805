"""One day of a mailbox: its slots and periods, before it happens, while it does and after."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from nicegui import ui

from carillon.pace import days as pace
from carillon.pace.days import DayView
from carillon.web.pages.timing.ways import chooser, names, path
from carillon.web.parts import (
    Column,
    Drawn,
    badge,
    card,
    day_strip,
    day_words,
    empty,
    every,
    link,
    note,
    number,
    read,
    row,
    simple,
    strip_time,
    text,
    work,
)
from carillon.web.parts.daystrip import WORDS
from carillon.words import AccountKind, AccountStatus, Role
from carillon.workspace import Workspace

MOST = 12
"""Mailboxes of which a day is shown at once."""
DAY = timedelta(days=1)


async def draw(account: str, day: date | None) -> None:
    """A day (None: today, wherever each mailbox is) of one mailbox, or of all."""
    known = await read(names)
    mailboxes = [one.name for one in known.accounts if one.kind == AccountKind.MAILBOX]
    if not mailboxes:
        with (
            card(),
            empty(
                "view_timeline",
                "No mailbox yet",
                "A mailbox is an account that sends like a person: in slots over its business hours, never"
                " two at once. Make an account one under Limits and days.",
                "Go to the accounts",
                "/accounts",
                role=Role.VIEWER,
            ),
        ):
            pass
        return
    chosen = [account] if account in mailboxes else mailboxes[:MOST]

    def look(workspace: Workspace) -> list[DayView]:
        return [pace.look(workspace, name, day) for name in chosen]

    def strips(views: list[DayView]) -> None:
        for view in views:
            _day(view, whole=len(chosen) == 1)

    async def again() -> None:
        shown.show(await work(look), also=strip_time())

    first = await work(look)
    with row().classes("p-filters"):
        chooser(
            "Mailbox", mailboxes, account, "all mailboxes", lambda name: path("days", account=name, day=day)
        )
        _switch(account, day, first[0])
    if len(mailboxes) > len(chosen) > 1:
        note(f"The first {MOST} of {number(len(mailboxes))} mailboxes are shown: choose another.")
    shown = Drawn(ui.element("div").classes("c-col").style("gap: 16px"), strips)
    shown.show(first, also=strip_time())
    every(again)


def _switch(account: str, day: date | None, first: DayView) -> None:
    wanted, today = day or first.today, first.today
    with ui.element("nav").classes("p-days").props('aria-label="Days"'):
        link("‹", path("days", account=account, day=wanted - DAY)).props('aria-label="The day before"')
        for at, label in ((today - DAY, "Yesterday"), (today, "Today"), (today + DAY, "Tomorrow")):
            link(label, path("days", account=account, day=None if at == today else at), "", wanted == at)
        link("›", path("days", account=account, day=wanted + DAY)).props('aria-label="The day after"')
    text("span", day_words(wanted), "c-strong")


def _day(view: DayView, whole: bool) -> None:
    warm = "" if view.warmup_day is None else f", day {number(view.warmup_day)} of its warm-up"
    lead = f"{view.timezone}, {number(view.limit)} emails at most{warm}"
    with card(view.account.name, lead) as place:
        with place:
            if view.account.status != AccountStatus.ACTIVE:
                badge(view.account.status, "warn")
            if view.made_at is None and view.slots:
                badge("not made yet", "info").props["title"] = (
                    "So it will be, unless settings or the warm-up change."
                )
            if not whole:
                link(
                    "Slots",
                    path("days", account=view.account.name, day=view.day if view.day != view.today else None),
                )
        day_strip(view)
    if whole and view.slots:
        _slots(view)


def _slots(view: DayView) -> None:
    zone = ZoneInfo(view.timezone)
    columns = [
        Column("time", "Time"),
        Column("period", "Period"),
        Column("status", "Status", badge="tone"),
        Column("to", "Email to"),
        Column("remark", "", wide=True),
    ]
    rows = []
    for one in view.slots:
        words, tone = next(
            (found for status, found in WORDS.items() if status == one.status), (one.status, "")
        )
        tried = f"tried {one.retry_count} times more" if one.retry_count else ""
        sent = f"sent {one.sent_at.astimezone(zone):%H:%M:%S}" if one.sent_at else ""
        rows.append(
            {
                "time": f"{one.at.astimezone(zone):%H:%M:%S}",
                "period": one.activity,
                "status": words,
                "tone": tone,
                "to": one.to or "",
                "remark": ", ".join(part for part in (sent, tried, one.last_error or "") if part),
            }
        )
    with card("Slots", f"By the mailbox's clock, {view.timezone}", flush=True):
        simple(columns, rows, "Slots")
