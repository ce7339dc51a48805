"""Whom a campaign goes to: all, some found by a search, those of a list, or those alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from nicegui import ui

from carillon.campaigns import Campaign, usual_trigger
from carillon.errors import InputError
from carillon.states import STATES
from carillon.store import campaign_targets, contact_search, targeting
from carillon.store.campaign_targets import Outcome
from carillon.store.contact_search import Wanted
from carillon.store.engine import Connection
from carillon.web.pages.campaigns.deeds import change, make_plan
from carillon.web.pages.campaigns.forms import day_field, day_in
from carillon.web.pages.campaigns.lists import upload_list
from carillon.web.parts import (
    Column,
    Query,
    Rows,
    Table,
    all_right,
    answer,
    button,
    card,
    choice,
    confirm,
    day_words,
    dialog,
    empty,
    field,
    leave,
    note,
    number,
    row,
    text,
    visit,
    work,
)
from carillon.words import ContactStatus, Role

_TONES = {"sent": "good", "scheduled": "info", "skipped": "warn"}
_OUTLOOKS = {
    "inactive": "outside the campaign's dates: these are skipped",
    "missed": "too long past to catch up: these are missed",
    "never": "on a day no email can be planned for",
}


async def show_targets(one: Campaign, targets: dict[str, int]) -> None:
    """The tab."""
    with row():
        button("Find contacts", "person_search", lambda: _pick(one), role=Role.EDITOR, look="primary")
        button("Upload a list", "upload", lambda: upload_list(one), role=Role.EDITOR)
        button("By state or tag", "filter_alt", lambda: _alike(one), role=Role.EDITOR)
        if one.target_all_contacts:
            button("No longer all contacts", "group_off", lambda: _everybody(one, False), role=Role.EDITOR)
        else:
            button("All contacts", "groups", lambda: _everybody(one, True), role=Role.EDITOR)
    if one.target_all_contacts:
        note("It goes to all contacts who may be written to, also to those who are added later.", "good")
    named = sum(targets.values())
    if not named:
        if not one.target_all_contacts:
            with (
                card(),
                empty(
                    "person_add",
                    "Nobody yet",
                    "Find contacts one by one, upload a list of addresses, or take all of a state. The same "
                    "contact may be a target on several dates.",
                ),
            ):
                pass
        return
    words = ", ".join(f"{n:,} {status}" for status, n in targets.items())
    with card("Targets by name", words, flush=True) as place:
        table = Table(
            [
                Column("email", "Contact", link="href"),
                Column("trigger", "About the day"),
                Column("status", "Status", badge="tone"),
            ],
            lambda connection, query: _page(connection, query, one.instance.id, named),
            select=visit().may(Role.EDITOR),
            label="Targets",
            limit=25,
        )
        with place:
            button("Take away the chosen", "person_remove", lambda: _remove(one, table), role=Role.EDITOR)
        await table.show()


def _page(connection: Connection, query: Query, instance: int, total: int) -> Rows:
    found = campaign_targets.page(connection, instance, query.cursor, query.limit)
    rows = [
        {
            "id": f"{one.contact_id}/{one.trigger_date}",
            "contact": one.contact_id,
            "date": one.trigger_date,
            "email": one.email or f"contact {one.contact_id}",
            "href": f"/contacts/{one.contact_id}",
            "trigger": _day(one.trigger_date),
            "status": one.status,
            "tone": _TONES.get(one.status, ""),
        }
        for one in found.items
    ]
    return Rows(rows, found.last, total)


def _day(stored: str) -> str:
    try:
        return day_words(date.fromisoformat(stored))
    except ValueError:
        return stored[:40]


async def _remove(one: Campaign, table: Table) -> None:
    chosen = [(int(each["contact"]), None, None, _stored_day(each["date"])) for each in table.selected]
    if not chosen:
        raise InputError("choose targets with the boxes at their left first.")
    if await confirm(
        "Take targets away?",
        f"{len(chosen):,} of them no longer get the email of {one.instance.name[:80]}, unless it was sent.",
        "Take away",
        danger=True,
    ):
        rows = targeting.rows_of(chosen)
        done = await change(lambda c: targeting.remove_some(c, one, rows, None))
        await _done(f"{done.changed:,} taken away.")


def _stored_day(stored: str) -> date | None:
    try:
        return date.fromisoformat(stored)
    except ValueError:
        return None


async def _everybody(one: Campaign, wanted: bool) -> None:
    name = one.instance.name[:80]
    asked = (
        (
            "All contacts?",
            f"{name} goes to everyone, also to those to come.",
            "All contacts",
        )
        if wanted
        else (
            "No longer all?",
            f"{name} goes to nobody then; named targets go as well.",
            "To nobody",
        )
    )
    if await confirm(*asked, danger=not wanted):
        now, by = visit().workspace.clock.now(), visit().name
        await change(lambda c: targeting.go_to_everybody(c, one, wanted, now, by))
        await _done("It goes to all contacts now." if wanted else "It goes to nobody now.")


async def _pick(one: Campaign) -> None:
    """Find contacts by address or name and tick them."""
    made, place = dialog("Find contacts", wide=True)
    with place:
        day = await _date(one)
        with ui.element("div").classes("c-scroll"):
            table = Table(
                [Column("email", "Email"), Column("name", "Name"), Column("state", "State", wide=True)],
                _contacts,
                search="How the address or the last name begins",
                select=True,
                nothing="No contact begins like this.",
                label="Contacts",
                limit=20,
            )
        await table.show()

        async def add() -> None:
            if not all_right(day):
                return
            ids = [int(each["id"]) for each in table.selected]
            if not ids:
                raise InputError("choose contacts with the boxes at their left first.")
            made.submit(await _add(one, ids, day_in(day)))

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Add the chosen", do=add, role=Role.EDITOR, look="primary")
    await _tell(one, await answer(made), await _today())


def _contacts(connection: Connection, query: Query) -> Rows:
    """A page of contacts; by address first, by last name where no address begins so."""
    words = query.search
    if not words:
        found = contact_search.page(connection, Wanted(), query.cursor[0] if query.cursor else 0, query.limit)
        return Rows([_person(each) for each in found.items], found.last)
    which, after = query.cursor or ("email", None)
    page = contact_search.search(connection, _begins(which, words), after, query.limit)
    if not page.items and which == "email" and after is None:
        which = "last_name"
        page = contact_search.search(connection, _begins(which, words), None, query.limit)
    return Rows([_person(each) for each in page.items], page.last and (which, page.last))


def _begins(which: str, words: str) -> Wanted:
    return Wanted(email=words) if which == "email" else Wanted(last_name=words)


def _person(one: contact_search.Found) -> dict[str, Any]:
    name = " ".join(each for each in (one.texts["first_name"], one.texts["last_name"]) if each)
    return {
        "id": one.id,
        "email": one.texts["email"] or f"contact {one.id}, no address",
        "name": name,
        "state": one.texts["state"] or "",
    }


async def _alike(one: Campaign) -> None:
    """All contacts of a state or with a tag."""
    made, place = dialog("Contacts by state or tag")
    with place:
        state = choice("State", {"": "any"} | dict(STATES), "", with_input=True)
        tag = field("Tag", hint="Exactly as contacts have it; empty: any")
        day = await _date(one)
        told = text("p", "", "c-muted").props('role="status"')

        def wanted() -> Wanted:
            if not state.value and not tag.value:
                raise InputError("choose a state or a tag; All contacts takes everybody.")
            return Wanted(
                state=state.value or None,
                tag=str(tag.value).strip() or None,
                status=ContactStatus.ACTIVE.value,
            )

        async def look() -> None:
            wish = wanted()
            ids = await work(lambda workspace: _numbers(workspace.database.snapshot, wish))
            told.set_text(f"{len(ids):,} active contacts are like this.")

        async def add() -> None:
            if not all_right(day):
                return
            wish = wanted()
            ids = await work(lambda workspace: _numbers(workspace.database.snapshot, wish))
            if not ids:
                raise InputError("no active contact is like this.")
            made.submit(await _add(one, ids, day_in(day)))

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Count", do=look)
            button("Add all of them", do=add, role=Role.EDITOR, look="primary")
    await _tell(one, await answer(made), await _today())


def _numbers(snapshot: Callable[[], Any], wish: Wanted) -> list[int]:
    with snapshot() as connection:
        return contact_search.numbers(connection, wish)


async def _add(one: Campaign, ids: list[int], day: date | None) -> Outcome:
    now, today = visit().workspace.clock.now(), await _today()
    rows = await work(lambda _workspace: targeting.rows_of((each, None, None, None) for each in ids))
    return await change(lambda c: targeting.add_some(c, one, rows, day, today, now))


async def _date(one: Campaign) -> ui.input | ui.textarea:
    usual = usual_trigger(one, await _today())
    return day_field(
        "The day it is about",
        usual,
        f"The email leaves {abs(one.days_before_event)} days "
        f"{'before' if one.days_before_event >= 0 else 'after'} it"
        if one.days_before_event
        else "The email leaves on it",
    )


async def _today() -> date:
    return await work(lambda workspace: workspace.today())


async def _tell(one: Campaign, done: Outcome | None, today: date) -> None:
    """Say what became of it, and show the targets anew."""
    if done is None:
        return
    shift = visit().workspace.settings.load_balancing.max_shift_days
    late = targeting.outlooks(one, done.by_date, today, shift)
    said = [f"{number(done.changed)} added"]
    if done.unchanged:
        said.append(f"{number(done.unchanged)} were there already")
    said += [f"{number(n)} {_OUTLOOKS[word]}" for word, n in late.items() if word in _OUTLOOKS]
    await _done("; ".join(said) + ".")


async def _done(words: str) -> None:
    """Say it, and offer the plan: before it nothing moves."""
    more = "The next plan takes it into account: it is made every night, or now."
    if await confirm(words, more, "Make the plan now", no="Later"):
        await make_plan()
    else:
        leave(words)
