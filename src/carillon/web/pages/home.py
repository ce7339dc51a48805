"""Home: how it goes at a glance, and what people do most often."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from nicegui import ui

from carillon.days import day_number
from carillon.jobs.together import Sending, once
from carillon.plan import inquire
from carillon.plan.forecast import Forecast
from carillon.sequences import Sequence
from carillon.store import outreach, overview, sequence_status, sequences
from carillon.store.overview import Happened
from carillon.store.sequence_status import Counts
from carillon.web.parts import (
    Drawn,
    ago,
    badge,
    busy,
    button,
    card,
    chart,
    choice,
    confirm,
    day_words,
    empty,
    every,
    grid,
    icon,
    link,
    note,
    number,
    percent,
    show,
    split,
    stat,
    text,
    toast,
    visit,
    way,
    when,
    work,
)
from carillon.web.parts.dialogs import Tell
from carillon.web.parts.volumes import bars
from carillon.web.remembered import Remembered
from carillon.web.shell import actions, page
from carillon.words import By, Role, SequenceStatus
from carillon.workspace import Workspace

AHEAD, BACK = 30, timedelta(days=30)
NEWS = 12
ROUGHLY, SOON = 60.0, 10.0
"""Seconds that figures of everything, and those of sequences, may be old."""
_WORDS = {
    "sent": ("sent to", "outgoing_mail", ""),
    "replied": ("reply from", "reply", "good"),
    "opted_out": ("opt-out by", "block", "warn"),
    "unsubscribed": ("unsubscribed:", "unsubscribe", "warn"),
    "bounced": ("bounced:", "report", "bad"),
    "complained": ("complaint by", "report", "bad"),
    "clicked": ("click by", "ads_click", ""),
    "opened": ("opened by", "drafts", ""),
    "auto_replied": ("automatic reply from", "beach_access", ""),
}
_TONES = {SequenceStatus.ACTIVE: "good", SequenceStatus.PAUSED: "warn"}
_RUNNING = (SequenceStatus.ACTIVE, SequenceStatus.SCHEDULED, SequenceStatus.PAUSED)


@dataclass(frozen=True)
class Glance:
    """All that the page shows."""

    campaigns: list[str]
    sequences: list[Sequence]
    counts: dict[int, Counts]
    contacts: int
    replies: int
    forecast: Forecast
    news: list[Happened]

    def within(self, campaign: str) -> list[Sequence]:
        """The sequences of a campaign; empty: all."""
        return [one for one in self.sequences if campaign in ("", one.campaign)]


def look(workspace: Workspace, kept: Remembered) -> Glance:
    """Read it; what is the same for all who look is kept for a while."""
    now, today = workspace.clock.now(), workspace.today()
    until = today + timedelta(days=AHEAD - 1)
    with workspace.database.snapshot() as connection:
        return Glance(
            [one.name for one in outreach.campaigns(connection)],
            list(sequences.sequences(connection).values()),
            kept.get("counts", SOON, lambda: sequence_status.counts(connection)),
            kept.get("contacts", ROUGHLY, lambda: overview.contacts(connection)),
            overview.replies(connection, now - BACK),
            kept.get("forecast", SOON, lambda: inquire.forecast(workspace, today, until, By.DAY)),
            overview.news(connection, day_number(today), NEWS),
        )


@page("/", "Home", "What goes out, what comes back, and what to do next.")
async def home() -> None:
    """The first page."""
    who = visit()
    kept = who.site.remembered
    glance = await work(lambda workspace: look(workspace, kept))
    chosen = str(who.preferences.get("campaign") or "")
    state: dict[str, str] = {"campaign": chosen if chosen in glance.campaigns else ""}

    async def choose(event: Any) -> None:
        state["campaign"] = str(event.value or "")
        await asyncio.to_thread(who.prefer, campaign=state["campaign"])
        await again()

    async def again() -> None:
        found = await work(lambda workspace: look(workspace, kept))
        show(volume, _bars(found.forecast))
        draw(found)

    with actions():
        if glance.campaigns:
            options = {"": "All campaigns"} | {name: name for name in glance.campaigns}
            choice("Campaign", options, state["campaign"], on_change=choose).style("width: 190px")
        way("Campaign report", "/campaigns", "plain", "bar_chart").classes("c-wide")
        button("Run everything due", "play_circle", lambda: _run_due(again), role=Role.EDITOR)
        if who.may(Role.EDITOR):
            way("New sequence", "/sequences/new", "primary", "add")

    def draw(found: Glance) -> None:
        figures.show(found, state["campaign"])
        running.show(found, state["campaign"])
        news.show([(one, ago(one.at)) for one in found.news])

    figures = Drawn(ui.element("div"), _figures)
    with card("The next 30 days", "Emails planned and sent each day, by type") as place:
        with place:
            way("Calendar", "/calendar", "quiet")
        if glance.forecast.planned_for is None:
            note("No plan has been made yet: it is made every night, or now with Run everything due.", "info")
        volume = chart(_bars(glance.forecast), f"Emails a day: {glance.forecast.total:,} in 30 days")
    with split():
        running, news = (Drawn(ui.element("div").style("display: grid"), part) for part in (_active, _news))
    draw(glance)
    every(again)


def _figures(found: Glance, campaign: str) -> None:
    within = found.within(campaign)
    counts = sequence_status.total(found.counts[one.id] for one in within if one.id in found.counts)
    running = sum(one.status is SequenceStatus.ACTIVE for one in within)
    with grid(165):
        stat("Sequences", number(len(within)), f"{running} active", href="/sequences")
        if campaign:
            stat("Contacts", number(counts.total), "in this campaign", href="/contacts")
            stat("Replies", number(counts.replies), "to this campaign", href="/issues")
        else:
            stat("Contacts", number(found.contacts), "in all", href="/contacts")
            stat("Replies", number(found.replies), "in the last 30 days", href="/issues")
        written = f"of {number(counts.written)} written to by sequences"
        stat("Reply rate", percent(counts.reply_rate), written, href="/timing")


def _bars(found: Forecast) -> dict[str, Any]:
    return bars(found, [found.first + timedelta(days=n) for n in range(AHEAD)])


def _active(found: Glance, campaign: str) -> None:
    running = [one for one in found.within(campaign) if one.status in _RUNNING]
    with card("Active sequences", flush=True):
        if not running:
            with empty(
                "account_tree",
                "No sequence is running",
                "A sequence writes to people step by step, and stops for whoever replies.",
                "New sequence",
                "/sequences/new",
            ):
                way("All sequences", "/sequences", "plain")
            return
        with ui.element("div").classes("c-list"):
            for one in running[:10]:
                counts = found.counts.get(one.id, Counts())
                with link("", f"/sequences/{one.id}", "c-item"):
                    with ui.element("div").classes("c-grow"):
                        text("div", one.name, "c-strong c-cut")
                        replied = f"{counts.replies:,} replied ({percent(counts.reply_rate)})"
                        words = f"{counts.total:,} contacts · {counts.sent:,} sent · {replied}"
                        text("div", words, "c-muted c-small")
                    tone = {SequenceStatus.ACTIVE: "good", SequenceStatus.PAUSED: "warn"}.get(
                        one.status, "info"
                    )
                    badge(one.status.value, tone)
                    if one.scheduled_start_at is not None and one.status is SequenceStatus.SCHEDULED:
                        when(one.scheduled_start_at)


def _news(found: list[tuple[Happened, str]]) -> None:
    with card("Live activity", flush=True):
        if not found:
            with empty("notifications", "Nothing yet", "What is sent and what comes back appears here."):
                pass
            return
        with ui.element("div").classes("c-list"):
            for one, ago_words in found:
                words, symbol, tone = _WORDS.get(one.kind, (one.kind, "info", ""))
                with link("", f"/contacts/{one.contact}", "c-item"):
                    icon(symbol).classes(f"c-{tone}" if tone else "c-muted").style("font-size: 19px")
                    with ui.element("div").classes("c-grow"):
                        text("div", f"{words} {one.email or f'contact {one.contact}'}", "c-cut")
                    text("span", ago_words, "c-muted c-small")


async def _run_due(again: Any) -> None:
    """Listen, advance, release and send what is due, after asking."""
    today = await work(lambda workspace: workspace.today())
    if not await confirm(
        "Run everything due?",
        f"Mailboxes are read, sequences move on, and what is due on {day_words(today)} is sent now.",
        "Run and send",
    ):
        return
    local_only = visit().site.local_only

    def run(workspace: Workspace, tell: Tell) -> list[str]:
        tell("Reading mailboxes")
        done = once(
            workspace,
            Sending(local_only, unasked=True),
            asyncio.Event,
            lambda one: tell(f"{one.name.replace('_', ' ')} is done"),
        )
        return [f"{one.name}: {one.error}" for one in done if one.error is not None]

    troubles = await busy("Running everything due", run)
    if troubles:
        toast("; ".join(troubles), "bad")
    else:
        toast("Everything due is done.")
    await again()
