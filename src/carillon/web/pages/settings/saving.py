"""A change of the settings tried out on the plan, and saved."""

from __future__ import annotations

from nicegui import ui

from carillon.jobs.settings import make, tried
from carillon.plan.report import PlanReport
from carillon.plan.run import Request, run
from carillon.settings_rewrite import Rewrite
from carillon.settings_values import Changed, from_environment, side_by_side
from carillon.store import contact_lookup
from carillon.web.pages.settings.places import NAMES
from carillon.web.parts import (
    Column,
    answer,
    busy,
    button,
    day_words,
    dialog,
    grid,
    leave,
    note,
    number,
    read,
    simple,
    stat,
    text,
    visit,
    work,
)
from carillon.web.parts.dialogs import Tell
from carillon.web.planning import plan_now
from carillon.words import Role
from carillon.workspace import Workspace

CHANGES = {"moved": "moves", "newly_skipped": "is skipped", "newly_planned": "is planned again"}
LATER, NOW = "later", "now"


async def try_out(rewrite: Rewrite, name: str, before: str) -> None:
    """Show what the plan would be with a change; nothing is written until somebody says so."""

    def do(workspace: Workspace, tell: Tell) -> PlanReport:
        return run(
            tried(workspace, rewrite),
            Request(workspace.today(), dry_run=True),
            lambda stage, done, total: tell(stage.replace("_", " ").capitalize(), done, total),
            lambda words: tell(words.capitalize()),
        )

    report = await busy("Planning with these settings", do)
    people = {one.contact_id for one in report.examples}
    emails = await read(lambda connection: contact_lookup.addresses(connection, people))
    made, place = dialog("What this would move", wide=True)
    with place:
        text("p", "This was worked out on the whole plan. Nothing has been changed yet.", "c-muted")
        differences(rewrite.changes)
        with grid(120):
            stat("Move to another day", number(report.moved))
            stat("Newly skipped", number(report.newly_skipped), tone="warn" if report.newly_skipped else "")
            stat("Planned again", number(report.newly_planned))
            stat("Added, removed", f"{report.added:,}, {report.removed:,}")
        if report.examples:
            _examples(report, emails)
        else:
            note("No planned email would move or be skipped.", "good")
        _warnings(rewrite)
        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Save, plan later", do=lambda: made.submit(LATER), role=Role.ADMIN)
            button("Apply and plan now", "check", lambda: made.submit(NOW), role=Role.ADMIN, look="primary")
    await _made(await answer(made), rewrite, name, before)


async def save(rewrite: Rewrite, name: str, before: str) -> None:
    """Show what is different and write it."""
    made, place = dialog("Save these settings?")
    with place:
        differences(rewrite.changes)
        if rewrite.settings.planning_fingerprint() != visit().workspace.settings.planning_fingerprint():
            note("The next plan is made by these rules: emails may move or be skipped.", "warn")
        _warnings(rewrite)
        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Save", "save", lambda: made.submit(LATER), role=Role.ADMIN, look="primary")
    await _made(await answer(made), rewrite, name, before)


async def write(rewrite: Rewrite, what: str, before: str) -> None:
    """Write a change in the name of who is here."""
    who = visit()

    def do(workspace: Workspace) -> None:
        who.require(Role.ADMIN)
        make(workspace, rewrite, what, who.name, before)

    await work(do)


def differences(changes: list[Changed]) -> None:
    """Each key with its value before and after."""
    with ui.element("dl").classes("s-changes"):
        for key, old, new in side_by_side(changes):
            text("dt", key.replace("_", " "))
            with ui.element("dd"):
                text("span", old, "s-old")
                text("span", "→", "c-muted").props('aria-label="becomes"')
                text("span", new, "s-new")


async def _made(decided: str | None, rewrite: Rewrite, name: str, before: str) -> None:
    if decided is None:
        return
    await write(rewrite, f"{NAMES[name].lower()} changed", before)
    if decided == NOW:
        report = await plan_now()
        counts = f"{report.moved:,} moved, {report.newly_skipped:,} newly skipped"
        words = f"Saved, and the plan is made anew: {counts}."
    else:
        words = "Saved. The version before it is in the history."
    leave(words, f"/settings/{name}")


def _warnings(rewrite: Rewrite) -> None:
    variables = from_environment(rewrite.settings)
    for one in rewrite.changes:
        if one.key in variables:
            note(f"{variables[one.key]} is set and wins over {one.key} in carillon.yaml.", "warn")


def _examples(report: PlanReport, emails: dict[int, str]) -> None:
    rows = [
        {
            "who": emails.get(one.contact_id) or f"contact {one.contact_id}",
            "path": f"/contacts/{one.contact_id}",
            "type": one.email_type.replace("_", " "),
            "change": CHANGES[one.change],
            "tone": "warn" if one.change == "newly_skipped" else "info",
            "before": day_words(one.before),
            "after": (one.reason or "").replace("_", " ")
            if one.change == "newly_skipped"
            else day_words(one.after),
        }
        for one in report.examples
    ]
    text("h3", "Some of them")
    with ui.element("div").classes("s-examples"):
        columns = [
            Column("who", "Contact", link="path"),
            Column("type", "Email"),
            Column("change", "It", badge="tone"),
            Column("before", "Was on"),
            Column("after", "Would be"),
        ]
        simple(columns, rows, "Examples")
