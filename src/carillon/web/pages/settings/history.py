"""What the settings were before, what each change was, and the way back."""

from __future__ import annotations

from nicegui import ui

from carillon.jobs.settings import going_back, noted, text_of
from carillon.settings_values import Changed, changes
from carillon.store import versions
from carillon.store.versions import Version
from carillon.web.pages.settings.saving import differences, write
from carillon.web.parts import answer, badge, button, card, dialog, leave, note, read, text, toast, when, work
from carillon.words import Role

LISTED = 100
LEFT_OUT = "What the environment gave is not written, nor is the database's address."


async def history() -> None:
    """The versions, the newest first."""
    await work(noted)
    found = await read(versions.every)
    before: list[Version | None] = [None, *found[:-1]]
    with card("Versions", "carillon.yaml is what holds; each change of it is a version", flush=True):
        for old, one in reversed([*zip(before, found, strict=True)][-LISTED:]):
            _version(one, [] if old is None else changes(old.values, one.values), one is found[-1])
    if len(found) > LISTED:
        text(
            "p", f"These are the last {LISTED} of {len(found):,}; carillon config history has all.", "c-muted"
        )


def _version(one: Version, changed: list[Changed], in_force: bool) -> None:
    with ui.element("div").classes("s-version"):
        with ui.element("div").classes("c-row"):
            text("span", f"Version {one.number}", "c-strong")
            if in_force:
                badge("in force", "good")
            when(one.valid_from)
            text("span", one.created_by, "c-muted c-small c-grow")
            if not in_force:

                async def back() -> None:
                    await _go_back(one)

                button("Go back to this", "history", back, role=Role.ADMIN)
        if changed:
            differences(changed)
        else:
            text("div", f"The first one: {len(one.values)} settings.", "c-muted c-small")


async def _go_back(version: Version) -> None:
    before = await work(text_of)
    rewrite = await work(lambda workspace: going_back(workspace, version))
    if not rewrite.changes:
        toast("carillon.yaml has these values already.")
        return
    made, place = dialog(f"Go back to version {version.number}?", wide=True)
    with place:
        text(
            "p",
            "These values are written into carillon.yaml; its comments stay. This is a version too.",
        )
        differences(rewrite.changes)
        text("p", LEFT_OUT, "c-muted c-small")
        note("The next plan is made by these rules.", "warn")
        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Go back", "history", lambda: made.submit(True), role=Role.ADMIN, look="primary")
    if await answer(made):
        await write(rewrite, f"rollback to version {version.number}", before)
        leave(f"The settings are those of version {version.number} again.")
