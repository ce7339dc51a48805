"""A day: what goes on it, by type and status, and to whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import ui

from carillon.days import day_number
from carillon.errors import InputError
from carillon.store import campaigns, mail_days, schedules
from carillon.store.engine import Connection
from carillon.store.left_days import FOLLOWUP
from carillon.store.mail_days import Cell
from carillon.web.pages.calendar.ways import Wish, bearings, path_of, volume
from carillon.web.parts import (
    Column,
    Query,
    Rows,
    Table,
    card,
    choice,
    day_words,
    empty,
    grid,
    number,
    percent,
    read,
    simple,
    split,
    stat,
    visit,
    way,
)
from carillon.web.parts.volumes import type_words
from carillon.words import Status

TONES = {
    Status.PRE_SCHEDULED.value: "info",
    Status.SCHEDULED.value: "info",
    Status.SENT.value: "good",
    Status.DELIVERED.value: "good",
    Status.SKIPPED.value: "warn",
    Status.IN_DOUBT.value: "warn",
    Status.BOUNCED.value: "bad",
    Status.FAILED.value: "bad",
}
_NAMES = {Status.PRE_SCHEDULED.value: "planned"}


def status_words(status: str) -> str:
    """A status as people read it."""
    return _NAMES.get(status, status.replace("_", " "))


async def show_day(wish: Wish) -> None:
    """The day of the address."""
    cells = await read(lambda c: mail_days.on_day(c, day_number(wish.at)))
    found = await volume(wish.at, wish.at)
    one = timedelta(days=1)
    bearings(wish, day_words(wish.at), wish.at - one, wish.at + one)
    _figures(wish, cells, found.total, found.cap, bool(found.above))
    if not cells:
        with (
            card(),
            empty(
                "event_available",
                "Nothing on this day",
                "No email is planned for it, and none was sent on it.",
            ) as more,
            more,
        ):
            way("The month", path_of(wish, view="month"), "plain")
        return
    with split():
        with card("Emails", "To whom they go; an email leads to its contact.", flush=True):
            await _emails(wish, cells)
        _counts(cells)


def _figures(wish: Wish, cells: Sequence[Cell], counted: int, cap: int, overfull: bool) -> None:
    skipped = sum(one.n for one in cells if one.status == Status.SKIPPED)
    sent = sum(one.n for one in cells if one.status in (Status.SENT, Status.DELIVERED))
    share = percent(counted / cap if cap else None, 0)
    with grid(165):
        words = f"{share} of the cap of {number(cap)}"
        tone = "bad" if overfull else ""
        stat(
            "Counted against the cap",
            number(counted),
            f"{words}{', overfull' if overfull else ''}",
            tone=tone,
        )
        planned = sum(one.n for one in cells if one.status == Status.PRE_SCHEDULED)
        stat("Planned", number(planned), "still to be released")
        stat("Sent", number(sent), "by all accounts")
        path = path_of(wish, status=Status.SKIPPED.value, type="") if skipped else ""
        stat("Skipped", number(skipped), "by a rule; the reason stands with each", href=path)


def _counts(cells: Sequence[Cell]) -> None:
    """By type and status, and why emails are skipped."""
    kinds: Counter[tuple[str, str]] = Counter()
    reasons: Counter[str] = Counter()
    for one in cells:
        kinds[(one.campaign or type_words(one.email_type), one.status)] += one.n
        if one.status == Status.SKIPPED:
            reasons[one.reason or "no reason kept"] += one.n
    with ui.element("div").classes("c-col"):
        with card("By type and status", flush=True):
            simple(
                [
                    Column("kind", "Type or campaign"),
                    Column("status", "Status", badge="tone"),
                    Column("n", "Emails", number=True),
                ],
                [
                    {"kind": kind, "status": status_words(status), "tone": TONES.get(status, ""),
                     "n": number(n)}
                    for (kind, status), n in kinds.most_common(60)
                ],
                "Emails by type and status",
            )  # fmt: skip
        if reasons:
            with card("Why emails are skipped", flush=True):
                simple(
                    [Column("reason", "Reason"), Column("n", "Emails", number=True)],
                    [{"reason": type_words(one), "n": number(n)} for one, n in reasons.most_common()],
                    "Skipped emails by reason",
                )


async def _emails(wish: Wish, cells: Sequence[Cell]) -> None:
    total = sum(one.n for one in cells) if not (wish.email_type or wish.status or wish.campaign) else None
    zone = visit().zone
    table = Table(
        [
            Column("email", "Email", link="href"),
            Column("type", "Type"),
            Column("status", "Status", badge="tone"),
            Column("why", "Why skipped", wide=True),
            Column("at", "Leaves", wide=True),
        ],
        lambda connection, query: _page(connection, query, wish, total, zone),
        nothing="No email is like this on this day.",
        label="Emails of the day",
        limit=25,
    )
    table.tools.set_visibility(True)
    known = sorted({one.email_type for one in cells if one.email_type not in (FOLLOWUP, "sequence")})
    statuses = sorted({one.status for one in cells} | ({wish.status} if wish.status else set()))
    named = sorted(
        {one.campaign for one in cells if one.campaign} | ({wish.campaign} if wish.campaign else set())
    )
    with table.tools:
        _filter(wish, "type", "Type", "All types", {one: type_words(one) for one in known}, wish.email_type)
        _filter(
            wish, "status", "Status", "Any status", {one: status_words(one) for one in statuses}, wish.status
        )
        if named:
            _filter(wish, "campaign", "Campaign", "All campaigns", {one: one for one in named}, wish.campaign)
    await table.show()


def _filter(wish: Wish, name: str, label: str, all_: str, options: dict[str, str], value: str) -> None:
    shown = {"": all_} | options | ({value: value[:60]} if value and value not in options else {})
    choice(
        label, shown, value, on_change=lambda e: ui.navigate.to(path_of(wish, **{name: e.value or ""}))
    ).style("width: 165px")


def _page(connection: Connection, query: Query, wish: Wish, total: int | None, zone: ZoneInfo) -> Rows:
    day = day_number(wish.at)
    which = schedules.Which(
        first=day,
        last=day,
        status=wish.status or None,
        email_type=wish.email_type or None,
        campaign=_campaign(connection, wish.campaign),
    )
    found = schedules.page(connection, which, query.cursor, query.limit)
    people = mail_days.receivers(connection, [one.contact_id for one in found.items])
    return Rows([_row(one, people, zone) for one in found.items], found.last, total)


def _campaign(connection: Connection, name: str) -> int | None:
    if not name:
        return None
    try:
        return campaigns.find(connection, name).id
    except InputError:
        return -1


def _row(one: schedules.Schedule, people: dict[int, mail_days.Receiver], zone: ZoneInfo) -> dict[str, Any]:
    person = people.get(one.contact_id)
    return {
        "id": one.id,
        "email": (person and person.email) or f"contact {one.contact_id}",
        "href": f"/contacts/{one.contact_id}",
        "type": type_words(one.email_type or ""),
        "status": status_words(one.status),
        "tone": TONES.get(one.status, ""),
        "why": (one.skip_reason or "").replace("_", " "),
        "at": _leaves(one, person.timezone if person else None, zone),
    }


def _leaves(one: schedules.Schedule, theirs: str | None, zone: ZoneInfo) -> str:
    """The hour in the reader's zone with the contact's beside it; of what is only planned its send time."""
    moment = one.sent_at or one.send_at
    if moment is None:
        return (one.time or "")[:5]
    mine = moment.astimezone(zone)
    try:
        there = moment.astimezone(ZoneInfo(theirs)) if theirs else mine
    except (ValueError, OSError):
        there = mine
    other = "" if there.utcoffset() == mine.utcoffset() else f" ({there:%H:%M} {there.tzname()})"
    return f"{mine:%H:%M}{other}"
