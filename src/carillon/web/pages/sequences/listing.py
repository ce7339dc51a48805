"""All sequences with how they stand."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from nicegui import ui

from carillon.sequences import Sequence
from carillon.store import sequence_status, sequences
from carillon.store.engine import Connection
from carillon.store.sequence_status import Counts
from carillon.web.pages.sequences.words import TONES
from carillon.web.parts import (
    Column,
    Drawn,
    Query,
    Rows,
    Table,
    ago,
    card,
    choice,
    empty,
    every,
    grid,
    number,
    percent,
    read,
    stat,
    visit,
    way,
    when_words,
)
from carillon.web.shell import actions, page
from carillon.web.visit import Visit
from carillon.words import Role, SequenceStatus

COLUMNS = (
    Column("name", "Sequence", link="path"),
    Column("status", "Status", badge="tone"),
    Column("campaign", "Campaign", wide=True),
    Column("contacts", "Contacts", number=True, wide=True),
    Column("sent", "Emails sent", number=True, wide=True),
    Column("replies", "Replies", number=True),
    Column("rate", "Reply rate", number=True, wide=True),
    Column("activity", "Last activity", wide=True),
)
_RUNNING = (SequenceStatus.ACTIVE, SequenceStatus.SCHEDULED, SequenceStatus.PAUSED)


@page("/sequences", "Sequences", "Emails that follow each other until somebody replies.")
async def listing(status: str = "", q: str = "") -> None:
    """The list; `status` and `q` (part of a name) narrow it down."""
    with actions():
        if visit().may(Role.EDITOR):
            way("New sequence", "/sequences/new", "primary", "add")
    found, counts = await read(_look)
    if not found:
        with (
            card(),
            empty(
                "account_tree",
                "No sequence yet",
                "A sequence writes to people step by step: an email, a wait, a question whether they "
                "answered, a follow-up. It stops for whoever replies.",
                *(("New sequence", "/sequences/new") if visit().may(Role.EDITOR) else ()),
            ),
        ):
            pass
        return
    totals = Drawn(ui.element("div"), _totals)

    async def address() -> None:
        asked = {"status": state["status"], "q": state["q"]}
        query = "&".join(f"{key}={_quoted(value)}" for key, value in asked.items() if value)
        ui.run_javascript(f"history.replaceState(null, '', '/sequences{'?' if query else ''}{query}')")
        await table.filter(status=state["status"] or None, q=state["q"] or None)

    async def of_status(event: Any) -> None:
        state["status"] = str(event.value or "")
        await address()

    async def of_name(event: Any) -> None:
        state["q"] = str(event.value or "").strip()
        await address()

    async def again() -> None:
        totals.show(*await read(_look))
        await table.show()

    known = {one.value for one in SequenceStatus}
    state = {"status": status if status in known else "", "q": q[:200]}
    totals.show(found, counts)
    with card(flush=True):
        table = Table(
            COLUMNS,
            partial(_page, visit()),
            filters={key: value for key, value in state.items() if value},
            nothing="No sequence like that.",
            label="Sequences",
        )
        table.tools.set_visibility(True)
        with table.tools:
            ui.input(placeholder="Find by name", value=state["q"], on_change=of_name).props(
                'outlined dense clearable debounce=250 type=search aria-label="Find by name"'
            ).classes("c-search")
            options = {"": "All"} | {one.value: one.value.capitalize() for one in SequenceStatus}
            choice("Status", options, state["status"], on_change=of_status).style("width: 160px")
        await table.show()
    every(again)


def _totals(found: list[Sequence], counts: dict[int, Counts]) -> None:
    every_one = sequence_status.total(counts.values())
    active = sum(one.status is SequenceStatus.ACTIVE for one in found)
    with grid(165):
        stat("Active", number(active), f"of {number(len(found))} sequences")
        stat("Contacts", number(every_one.total), "enrolled so far")
        stat("Emails sent", number(every_one.sent), f"to {number(every_one.written)} people")
        stat("Reply rate", percent(every_one.reply_rate), f"{number(every_one.replies)} replied")


def _look(connection: Connection) -> tuple[list[Sequence], dict[int, Counts]]:
    found = list(sequences.sequences(connection).values())
    return found, sequence_status.counts(connection)


def _page(who: Visit, connection: Connection, query: Query) -> Rows:
    """The latest made first; those that are over behind the others."""
    every_one = sequences.sequences(connection)
    wanted, words = query.filters.get("status"), str(query.filters.get("q") or "").lower()
    found = [
        one
        for one in every_one.values()
        if wanted in (None, one.status) and words in f"{one.name} {one.campaign or ''}".lower()
    ]
    found.sort(key=lambda one: (one.status in (SequenceStatus.ARCHIVED, SequenceStatus.COMPLETED), -one.id))
    start = int(query.cursor or 0)
    some = found[start : start + query.limit]
    counts = sequence_status.counts(connection, [one.id for one in some])
    rest = start + query.limit
    return Rows(
        [_row(one, counts.get(one.id, Counts()), who) for one in some],
        rest if rest < len(found) else None,
        len(found),
    )


def _row(one: Sequence, counts: Counts, who: Visit) -> dict[str, object]:
    words = one.status.value
    if one.status is SequenceStatus.SCHEDULED:
        words = f"begins {when_words(one.scheduled_start_at, who=who)}"
    return {
        "id": one.id,
        "name": one.name,
        "path": f"/sequences/{one.id}",
        "status": words,
        "tone": TONES.get(one.status, ""),
        "campaign": one.campaign or "",
        "contacts": number(counts.total),
        "sent": number(counts.sent),
        "replies": number(counts.replies),
        "rate": percent(counts.reply_rate),
        "activity": ago(counts.last_activity, who) if counts.last_activity else "–",
    }


def _quoted(words: str) -> str:
    return quote(words, safe="").replace("'", "%27")
