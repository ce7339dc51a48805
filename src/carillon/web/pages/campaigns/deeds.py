"""What can be done with a campaign, and what the pages about campaigns read in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from carillon.campaigns import Campaign, Instance
from carillon.store import campaigns, results
from carillon.store.campaign_log import Change
from carillon.store.engine import Connection
from carillon.store.results import Result
from carillon.web.parts import confirm, leave, number, visit, write
from carillon.web.planning import plan_now
from carillon.web.remembered import Remembered
from carillon.words import InstanceStatus

T = TypeVar("T")
RESULTS, FRESH = "results", 10.0
"""Seconds that the results of campaigns may be old: they are counted over all mail."""
TONES = {InstanceStatus.ACTIVE.value: "good", InstanceStatus.PAUSED.value: "warn"}


async def change(work: Callable[[Connection], T]) -> T:
    """`work` in one transaction, with the types of carillon.yaml stored as they are there."""
    workspace = visit().workspace

    def both(connection: Connection) -> T:
        campaigns.sync_types(connection, workspace.settings.campaign_types, workspace.clock.now())
        return work(connection)

    return await write(both)


async def edit(name: str, wish: Callable[[Instance], Instance]) -> list[Change]:
    """Change a campaign in the name of who is looking. Returns what is different."""
    now, by = visit().workspace.clock.now(), visit().name
    _, changes = await change(lambda c: campaigns.change(c, name, wish, now, by))
    return changes


def told(kept: Remembered, connection: Connection) -> dict[int, Result]:
    """What became of all campaigns' emails; kept for a while for all who look. From any thread."""
    return kept.get(RESULTS, FRESH, lambda: results.results(connection))


def status_of(campaign: Campaign) -> tuple[str, str]:
    """Its status in words, and how that looks."""
    status = campaign.instance.status
    if status == InstanceStatus.ACTIVE and not campaign.active:
        return "type inactive", "warn"
    return status, TONES.get(status, "")


async def pause(campaign: Campaign) -> None:
    """Hold it up, after asking."""
    name = campaign.instance.name
    if await confirm(
        "Pause the campaign?",
        f"The planned emails of {name[:80]} are skipped with the next plan, until it is resumed. "
        "What is being sent just now still goes.",
        "Pause",
    ):
        await to(name, InstanceStatus.PAUSED, "Paused")


async def archive(campaign: Campaign) -> None:
    """Put it away, after asking."""
    name = campaign.instance.name
    if await confirm(
        "Archive the campaign?",
        f"The planned emails of {name[:80]} go with the next plan; what was sent stays known. It can be "
        "resumed later.",
        "Archive",
        danger=True,
    ):
        await to(name, InstanceStatus.ARCHIVED, "Archived")


async def to(name: str, status: InstanceStatus, done: str) -> None:
    """Give it a status, say so, and show the page anew."""
    await edit(name, lambda old: replace(old, status=status.value))
    leave(f"{done}. The next plan takes it into account.")


async def make_plan() -> None:
    """Plan now, with progress, and show the page anew."""
    report = await plan_now()
    visit().site.remembered.forget(RESULTS)
    leave(f"The plan is made: {number(report.planned)} emails planned, {number(report.skipped)} skipped.")
