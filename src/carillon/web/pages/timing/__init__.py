"""Timing: at which hour emails are answered, what choosing it gains, and what days of mailboxes are like."""

from __future__ import annotations

from datetime import date

from nicegui import ui

from carillon.web.pages.timing import days, report, rules, warmup
from carillon.web.parts import link
from carillon.web.shell import page

TABS = {
    "report": "Answers by hour",
    "rules": "Rules in force",
    "days": "Days of mailboxes",
    "warmup": "Warm-up",
}


@page("/timing", "Timing", "When emails leave, when they are answered, and how new mailboxes grow.")
async def timing(
    tab: str = "report",
    campaign: str = "",
    sequence: str = "",
    account: str = "",
    day: date | None = None,
) -> None:
    """One of four views; what is chosen in each stands in the address."""
    tab = tab if tab in TABS else "report"
    with ui.element("nav").classes("p-tabs").props('aria-label="Views"'):
        for key, label in TABS.items():
            link(label, f"/timing?tab={key}", "", key == tab)
    match tab:
        case "report":
            await report.draw(campaign, sequence)
        case "rules":
            await rules.draw(account, campaign, sequence)
        case "days":
            await days.draw(account, day)
        case _:
            await warmup.draw(account)
