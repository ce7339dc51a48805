"""Health: everything that `carillon health` measures, what is wrong, and what to do about it."""

from __future__ import annotations

import re

from nicegui import ui

from carillon.watch.health import Health, HealthReport, check
from carillon.web.parts import (
    Column,
    Drawn,
    ago,
    button,
    card,
    column,
    every,
    facts,
    grid,
    icon,
    number,
    percent,
    simple,
    split,
    stat,
    text,
    way,
    when_words,
    work_long,
)
from carillon.web.shell import actions, page

_TONES = {Health.HEALTHY: "good", Health.DEGRADED: "warn", Health.UNHEALTHY: "bad"}
_WORDS = {
    Health.HEALTHY: ("Healthy", "Everything that is measured is as it should be."),
    Health.DEGRADED: ("Needs looking after", "Mail goes on, and what follows wants somebody's eyes."),
    Health.UNHEALTHY: ("Unhealthy", "The database cannot be used: nothing works until it can."),
}
_REMEDIES = (
    ("doubt", "/issues", "Settle doubts"),
    ("mailbox", "/accounts", "Look at accounts"),
    ("account", "/accounts", "Look at accounts"),
    ("template", "/templates", "Look at templates"),
    ("released", "/templates", "Look at templates"),
    ("plan", "/", "Run everything due"),
    ("aep_config", "/settings", "Open settings"),
    ("failed", "/logs", "Read the logs"),
)
"""Where to go, by the first word that an issue has."""
_CODE = re.compile(r"`([^`]+)`")


@page("/health", "Health", "Every figure here is measured at this moment.")
async def health() -> None:
    """The report, kept as things are."""

    async def measure() -> None:
        found = await work_long(lambda workspace: check(workspace.folder, workspace.clock))
        issues.show(found.status, found.issues)
        figures.show(found)

    with actions():
        button("Measure again", "refresh", measure)
    with ui.element("div").classes("c-col").style("gap: 18px"):
        issues = Drawn(column().style("gap: 18px"), _issues)
        figures = Drawn(column().style("gap: 18px"), _figures)
    await measure()
    every(measure)


def _issues(status: Health, issues: tuple[str, ...]) -> None:
    title, words = _WORDS[status]
    tone = _TONES[status]
    with ui.element("div").classes(f"c-note-box c-is-{tone}").props('role="status"'):
        icon({"good": "check_circle", "warn": "warning", "bad": "error"}[tone])
        with ui.element("div"):
            text("div", title, "c-strong")
            text("div", words)
    if not issues:
        return
    with card("What to look at", flush=True), ui.element("div").classes("c-list"):
        for issue in issues:
            with ui.element("div"):
                icon("priority_high").classes("c-warn").style("font-size: 19px")
                with ui.element("div").classes("c-grow"):
                    _with_commands(issue[:1].upper() + issue[1:])
                if (remedy := _remedy(issue)) is not None:
                    way(remedy[1], remedy[0], "plain")


def _figures(found: HealthReport) -> None:
    if not found.database_connected:
        return
    with grid(150):
        stat("Last good plan", ago(found.last_successful_run), when_words(found.last_successful_run))
        stat("Planned emails", number(found.pending_schedules or 0), "not released yet")
        late = found.overdue_schedules or 0
        stat("Overdue", number(late), "their day has passed", tone="warn" if late else "")
        rate = found.error_rate_24h
        stat(
            "Failed, last 24 hours",
            percent(rate),
            "of what was sent" if rate is not None else "nothing was sent",
        )
    with split():
        _jobs(found)
        with card("The workspace"):
            facts(
                {
                    "Contacts": found.contacts or 0,
                    "Free disk space": f"{(found.disk_free_bytes or 0) / 1e9:,.1f} GB",
                    "Database": "connected",
                    "Measured": when_words(found.timestamp, seconds=True),
                }
            )


def _remedy(issue: str) -> tuple[str, str] | None:
    places = [(issue.find(word), path, label) for word, path, label in _REMEDIES if word in issue]
    return None if not places else min(places)[1:]


def _with_commands(words: str) -> None:
    """Text whose commands stand out."""
    with ui.element("div"):
        for place, part in enumerate(_CODE.split(words)):
            if part:
                text("code" if place % 2 else "span", part)


def _jobs(found: HealthReport) -> None:
    with card("What runs by itself", "Jobs of carillon run, and when each last ended well", flush=True):
        if not found.jobs:
            text("p", "Nothing has run by itself yet: start it with carillon run.", "c-muted").style(
                "padding: 0 18px 16px"
            )
            return
        rows = [
            {"name": name.replace("_", " "), "age": "never" if hours is None else _hours(hours)}
            for name, hours in found.jobs.items()
        ]
        simple([Column("name", "Job"), Column("age", "Last ended well")], rows, "Jobs")


def _hours(hours: float) -> str:
    if hours < 1:
        minutes = round(hours * 60)
        return f"{minutes} minute{'' if minutes == 1 else 's'} ago" if minutes else "just now"
    return f"{hours:.0f} hours ago" if hours < 48 else f"{hours / 24:.0f} days ago"
