"""`/contacts/{id}`: one contact: who it is, what it gets and why, what happened, and what can be done."""

from __future__ import annotations

from dataclasses import dataclass

from nicegui import ui

from carillon.plan.explain import Explanation
from carillon.plan.inquire import explain
from carillon.store import contact_search, enrollments, issues, suppressions
from carillon.store.contact_search import Found
from carillon.store.enrollments import Way
from carillon.store.issues import ContactIssue
from carillon.store.suppressions import Suppression
from carillon.web.pages.contacts import deeds, forms
from carillon.web.pages.contacts.story import story
from carillon.web.pages.contacts.words import plain, shortened, standing
from carillon.web.pages.contacts.year import year
from carillon.web.parts import (
    act,
    badge,
    button,
    card,
    column,
    empty,
    facts,
    link,
    note,
    split,
    text,
    visit,
    when_words,
    work,
)
from carillon.web.shell import actions, page, retitle
from carillon.words import ISSUE_MEANINGS, ContactStatus, IssueCode, Role
from carillon.workspace import Workspace


@dataclass(frozen=True)
class _Person:
    """All that the page shows but the timeline."""

    found: Found
    year: Explanation | None
    issues: list[ContactIssue]
    suppressions: list[Suppression]
    ways: list[Way]

    @property
    def name(self) -> str:
        texts = self.found.texts
        name = " ".join(part for part in (texts["first_name"], texts["last_name"]) if part)
        return shortened(name or texts["email"] or f"Contact {self.found.id}")


def _look(workspace: Workspace, number: int) -> _Person | None:
    with workspace.database.snapshot() as connection:
        found = contact_search.find(connection, number)
        if found is None:
            return None
        wrong = issues.of(connection, number)
        silenced = suppressions.of(connection, found.texts["email"] or "")
        ways = enrollments.of_contact(connection, number)
    told = next((one for one in explain(workspace, str(number)) if one.contact.id == number), None)
    return _Person(found, told, wrong, silenced, ways)


@page("/contacts/{id}", "Contact")
async def contact(id: int) -> None:
    """One contact."""
    shown = await work(lambda workspace: _look(workspace, id) if 0 < id < 1 << 31 else None)
    if shown is None:
        with card(), empty("person_off", "There is no such contact", "It may never have been imported.",
                           "All contacts", "/contacts"):  # fmt: skip
            pass
        return
    person = shown

    async def again() -> None:
        nonlocal person
        found = await work(lambda workspace: _look(workspace, id))
        if found is not None:
            person = found
            await content.refresh()

    async def edit() -> None:
        if await forms.edit(person.found) is not None:
            await again()

    if person.found.status != ContactStatus.DELETED:
        with actions():
            button("Enroll", "account_tree", lambda: deeds.enroll(person.found, again), role=Role.EDITOR)
            if person.found.texts["email"]:
                button(
                    "Suppress", "block", lambda: deeds.suppress(person.found, again),
                    role=Role.EDITOR, look="danger-plain",
                )  # fmt: skip
            with button("", "more_vert", look="plain").props('aria-label="More"') as more, ui.menu():
                ui.menu_item(
                    "Export what is known", act(lambda: deeds.hand_out(person.found), role=Role.EDITOR)
                )
                if visit().may(Role.ADMIN):
                    ui.menu_item("Forget for good", act(lambda: deeds.forget(person.found), role=Role.ADMIN))
            more.set_visibility(visit().may(Role.EDITOR) and bool(person.found.texts["email"]))
            button("Edit", "edit", edit, role=Role.EDITOR, look="primary")

    @ui.refreshable
    async def content() -> None:
        _head(person)
        _warnings(person)
        with split():
            with column():
                if person.year is not None:
                    year(person.year, visit().workspace.today())
                await story(id, person.found.texts["timezone"])
            with column():
                _profile(person)
                _issues(person)
                _silenced(person, again)
                _ways(person, again)

    await content()


def _head(person: _Person) -> None:
    texts = person.found.texts
    place = " ".join(part for part in (texts["state"], texts["zip_code"]) if part)
    email = shortened(texts["email"] or "")
    parts = (email if person.name != email else None, f"contact {person.found.id}", place)
    retitle(person.name, " · ".join(part for part in parts if part))


def _warnings(person: _Person) -> None:
    told = person.year
    if told is None:
        return
    if not told.eligible:
        note(f"Cannot be written to: {'; '.join(told.why_not)}.", "bad")
    elif told.why_not:
        note(f"Can be written to, but {'; '.join(told.why_not)}.", "warn")
    for words in told.notes:
        note(words)


def _profile(person: _Person) -> None:
    one = person.found
    words, tone = standing(one.status, bool(person.suppressions))
    with card("Profile") as place:
        with place:
            badge(words, tone)
        texts = one.texts
        facts(
            {
                "Email": texts["email"],
                "Phone": texts["phone_number"],
                "State": " ".join(part for part in (texts["state"], texts["zip_code"]) if part) or None,
                "Birth date": texts["birth_date"],
                "Effective date": texts["effective_date"],
                "Company": ", ".join(part for part in (texts["title"], texts["company"]) if part) or None,
                "Industry": texts["industry"],
                "Time zone": texts["timezone"],
                "External id": texts["external_id"],
                "Tags": ", ".join(str(tag) for tag in one.tags) or None,
                "SMS consent": when_words(one.sms_consent_at),
                "Added": when_words(one.created),
                "Changed": when_words(one.updated),
                **{f"{name}": str(value) for name, value in one.attributes.items()},
            }
        )


def _issues(person: _Person) -> None:
    if not person.issues:
        return
    with (
        card("Issues", "As the last plan or import found them", flush=True),
        ui.element("div").classes("c-list"),
    ):
        for one in person.issues:
            with ui.element("div").classes("c-item"):
                badge(plain(one.code), "warn")
                meaning = ISSUE_MEANINGS[IssueCode(one.code)] if one.code in list(IssueCode) else ""
                text("div", meaning, "c-grow c-small")
                if one.detail:
                    text("div", one.detail, "c-muted c-small c-break")


def _silenced(person: _Person, again: deeds.Again) -> None:
    if not person.suppressions:
        return
    with card("Suppressed", flush=True), ui.element("div").classes("c-list"):
        for one in person.suppressions:
            with ui.element("div").classes("c-item"):
                with ui.element("div").classes("c-grow"):
                    text("div", one.words.capitalize(), "c-break")
                    text("div", f"since {when_words(one.created)}", "c-muted c-small")
                button("Lift", do=lambda one=one: deeds.lift(one, again), role=Role.EDITOR)


def _ways(person: _Person, again: deeds.Again) -> None:
    with card("Sequences", flush=True):
        if not person.ways:
            text("p", "In no sequence.", "c-muted px-4 pb-4")
            return
        with ui.element("div").classes("c-list"):
            for one in person.ways:
                with ui.element("div").classes("c-item"):
                    with ui.element("div").classes("c-grow"):
                        link(one.sequence, f"/sequences/{one.sequence_id}", "c-strong")
                        words = f"next {when_words(one.next_action_at)}" if one.next_action_at else ""
                        if one.exit_reason:
                            words = plain(one.exit_reason)
                        text("div", " · ".join(w for w in (one.current_step, words) if w), "c-muted c-small")
                    badge(one.status.value, "good" if one.is_open else "")
                    if one.is_open:
                        name = one.sequence
                        button(
                            "Take out", do=lambda name=name: deeds.take_out(person.found, name, again),
                            role=Role.EDITOR, look="quiet",
                        )  # fmt: skip
