"""`/campaigns/{id}`: one campaign, whom it goes to, who is skipped and why, what was changed."""

from __future__ import annotations

from dataclasses import replace

from nicegui import ui

from carillon.campaign_hindrances import hindrances
from carillon.campaigns import Campaign
from carillon.errors import InputError
from carillon.store import campaigns as store
from carillon.store import mail_days, templates
from carillon.store.engine import Connection
from carillon.store.results import Result
from carillon.web.pages.campaigns.changes import show_changes
from carillon.web.pages.campaigns.deeds import (
    archive,
    edit,
    make_plan,
    pause,
    status_of,
    to,
    told,
)
from carillon.web.pages.campaigns.forms import CampaignForm, Known
from carillon.web.pages.campaigns.overview import Seen, figures, show_overview
from carillon.web.pages.campaigns.skipped import show_skipped
from carillon.web.pages.campaigns.targets import show_targets
from carillon.web.parts import answer, badge, button, dialog, leave, link, note, read, toast, visit, work
from carillon.web.shell import actions, page, retitle
from carillon.words import InstanceStatus, Role
from carillon.workspace import Workspace

TABS = {
    "overview": "Overview",
    "targets": "Whom it goes to",
    "skipped": "Who is skipped, and why",
    "changes": "Changes",
}


@page("/campaigns/{id}", "Campaign", " ")
async def campaign(id: int, tab: str = "overview", reason: str = "", who: int = 0) -> None:
    """One campaign."""
    kept, workspace = visit().site.remembered, visit().workspace
    seen = await read(lambda c: _look(c, workspace, id, told(kept, c)))
    one = seen.campaign
    today = await work(lambda here: here.today())
    retitle(one.instance.name[:100], f"A campaign of the type {one.type.name.replace('_', ' ')}")
    _buttons(one)
    for words in hindrances(workspace.settings, one, today):
        note(words, "warn")
    if one.is_open and not seen.targets and not one.target_all_contacts:
        note("It goes to nobody yet: say whom it goes to, then make the plan.", "info")
    figures(seen)
    with ui.element("nav").classes("c-ways").props('aria-label="Parts of this campaign"'):
        for key, words in TABS.items():
            link(words, f"/campaigns/{id}?tab={key}", "", key == tab)
    if tab == "targets":
        await show_targets(one, seen.targets)
    elif tab == "skipped":
        await show_skipped(one, seen.skips, reason, who)
    elif tab == "changes":
        await show_changes(id)
    else:
        await show_overview(seen, today)


def _look(connection: Connection, workspace: Workspace, number: int, results: dict[int, Result]) -> Seen:
    """All that its page begins with. Raises InputError where there is no such campaign."""
    name = store.name_of(connection, number) if 0 < number < 1 << 63 else None
    if name is None:
        raise InputError(f"there is no campaign {number} in this workspace.")
    instance = store.find(connection, name)
    known = store.types(connection, workspace.settings.campaign_types)
    return Seen(
        store.with_type(known, instance),
        store.targets_of(connection, number),
        results.get(number, Result()),
        mail_days.skips_of(connection, number),
    )


def _buttons(one: Campaign) -> None:
    status, tone = status_of(one)
    with actions():
        badge(status, tone)
        button("Make the plan", "event_repeat", make_plan, role=Role.EDITOR)
        if one.instance.status == InstanceStatus.ACTIVE:
            button("Pause", "pause", lambda: pause(one), role=Role.EDITOR)
        else:
            button("Resume", "play_arrow", lambda: to(one.instance.name, InstanceStatus.ACTIVE, "Resumed"),
                   role=Role.EDITOR)  # fmt: skip
        if not one.is_archived:
            button("Archive", "archive", lambda: archive(one), role=Role.EDITOR)
        button("Edit", "edit", lambda: _edit(one), role=Role.EDITOR, look="primary")


async def _edit(one: Campaign) -> None:
    """Change its templates, dates and metadata."""
    known = await read(
        lambda c: Known(
            {one.type.name: one.type}, sorted({each.source.name for each in templates.versions(c)})
        )
    )
    name = one.instance.name
    made, place = dialog(f"Edit {name[:60]}", wide=True)

    async def save() -> None:
        if (wanted := form.read()) is not None:
            made.submit(await edit(name, lambda old: replace(wanted, status=old.status)))

    with place:
        form = CampaignForm(known, one.instance)
        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Save", do=save, role=Role.EDITOR, look="primary")
    changes = await answer(made)
    if changes is None:
        return
    if not changes:
        toast("It is like this already; nothing was changed.")
        return
    again = any(each.reschedules for each in changes)
    leave("Saved. Make the plan to see what it moves." if again else "Saved.")
