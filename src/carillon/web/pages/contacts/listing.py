"""`/contacts`: everybody, found at once however many there are. What is looked for stands in the address."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from carillon.days import day_number
from carillon.files.run import export_contacts
from carillon.store import contact_marks, contact_search, overview, people
from carillon.store.contact_search import ANY, Found, Wanted
from carillon.store.engine import Connection
from carillon.store.paging import Slice
from carillon.web.pages.contacts.forms import add
from carillon.web.pages.contacts.words import ISSUES, STATUSES, standing
from carillon.web.parts import (
    Column,
    Query,
    Rows,
    Table,
    answer,
    busy,
    button,
    card,
    choice,
    day_words,
    dialog,
    empty,
    note,
    read,
    text,
    toast,
    visit,
    way,
)
from carillon.web.parts.dialogs import Tell
from carillon.web.shell import actions, page
from carillon.words import ContactStatus, Role
from carillon.workspace import Workspace
from carillon.zips import STATES

FRESH = 60.0
"""Seconds that the number of all contacts may be old."""
_SUPPRESSED = "suppressed"
_COLUMNS = (
    Column("email", "Email", link="href"),
    Column("name", "Name"),
    Column("state", "State", wide=True),
    Column("status", "Status", badge="tone"),
    Column("next", "Next email", wide=True),
    Column("company", "Company", wide=True),
    Column("tags", "Tags", wide=True),
)


@dataclass(frozen=True)
class _Around:
    """What the page knows besides its rows."""

    any: bool
    domains: int


@page("/contacts", "Contacts", "Everybody you may write to, and what comes next for each.")
async def contacts(q: str = "", state: str = "", status: str = "", issue: str = "", tag: str = "") -> None:
    """The list."""
    around = await read(lambda c: _Around(people.has_contacts(c), contact_marks.domains(c)))
    may_edit = visit().may(Role.EDITOR)
    with actions():
        if around.any:
            button("Export", "download", _export, role=Role.EDITOR)
        if may_edit:
            way("Import", "/contacts/import", "plain", "upload")
        button("Add contact", "person_add", add, role=Role.EDITOR, look="primary")
    if not around.any:
        with (
            card(),
            empty(
                "group",
                "Nobody here yet",
                "Bring a list: CSV, Excel or Parquet. You see what each column is taken for, and every row "
                "that cannot be used, before anything is stored.",
            ),
        ):
            if may_edit:
                way("Import contacts", "/contacts/import", "primary", "upload")
        return
    given = {"q": q[:200], "state": state, "status": status, "issue": issue, "tag": tag[:100]}
    await _table(given, around)


async def _table(given: dict[str, str], around: _Around) -> None:
    who = visit()
    kept, workspace = who.site.remembered, who.workspace
    today = workspace.today()

    def fetch(connection: Connection, query: Query) -> Rows:
        found = rows_of(connection, query, today)
        if query.filters:
            return found
        return replace(found, total=kept.get("contacts", FRESH, lambda: overview.contacts(connection)))

    async def narrow(name: str, value: Any) -> None:
        given[name] = str(value or "").strip()
        chosen = {key: one for key, one in given.items() if one}
        ui.navigate.history.replace(f"/contacts?{urlencode(chosen)}" if chosen else "/contacts")
        note_domains.set_visibility(bool(around.domains) and given["status"] == _SUPPRESSED)
        await table.filter(**{name: given[name] or None})

    with card(flush=True):
        table = Table(
            _COLUMNS,
            fetch,
            filters={name: value for name, value in given.items() if value},
            nothing="Nobody is like that. Take a filter away, or look for the beginning of a name.",
            label="Contacts",
        )
        table.tools.set_visibility(True)
        with table.tools:
            _search(given["q"], partial(narrow, "q"))
            _filter("State", {one: one for one in STATES}, given["state"], partial(narrow, "state"), 110)
            statuses = {**STATUSES, _SUPPRESSED: "suppressed"}
            _filter("Status", statuses, given["status"], partial(narrow, "status"), 140)
            _filter("Issue", {ANY: "any", **ISSUES}, given["issue"], partial(narrow, "issue"), 190)
            ui.input("Tag", value=given["tag"], on_change=lambda e: narrow("tag", e.value)).props(
                "outlined dense clearable debounce=400"
            ).style("width: 130px")
        words = f"{around.domains:,} domains are suppressed as a whole: who is there is not listed here."
        note_domains = note(words)
        note_domains.classes("mx-4 mb-3")
        note_domains.set_visibility(bool(around.domains) and given["status"] == _SUPPRESSED)
        await table.show()


def rows_of(connection: Connection, query: Query, today: date) -> Rows:
    """The page of the list that is asked for."""
    found = _found(connection, {name: str(value) for name, value in query.filters.items()}, query)
    days = contact_marks.next_days(connection, [one.id for one in found.items], day_number(today))
    out = contact_marks.suppressed(connection, {one.id: one.texts["email"] for one in found.items})
    rows = []
    for one in found.items:
        words, tone = standing(one.status, one.id in out)
        rows.append(
            {
                "id": one.id,
                "href": f"/contacts/{one.id}",
                "email": one.texts["email"] or f"contact {one.id}, no address",
                "name": " ".join(n for n in (one.texts["first_name"], one.texts["last_name"]) if n),
                "state": one.texts["state"] or "",
                "status": words,
                "tone": tone,
                "next": day_words(days[one.id]) if one.id in days else "–",
                "company": one.texts["company"] or "",
                "tags": ", ".join(str(tag) for tag in one.tags),
            }
        )
    return Rows(rows, found.last)


def _search(value: str, look: Any) -> None:
    hint = "Find by email, last name or id"
    ui.input(placeholder=hint, value=value, on_change=lambda e: look(e.value)).props(
        f'outlined dense clearable debounce=250 type=search aria-label="{hint}"'
    ).classes("c-search")


def _filter(label: str, options: dict[str, str], value: str, look: Any, width: int) -> None:
    choice(
        label,
        {"": "all", **options},
        value if value in options else "",
        on_change=lambda e: look(e.value),
        with_input=len(options) > 12,
    ).style(f"width: {width}px")


def _found(connection: Connection, given: dict[str, str], query: Query) -> Slice[Found]:
    """The page that is asked for. Cursors say which part of a search they belong to."""
    words, status = " ".join(given.get("q", "").split()), given.get("status", "")
    wanted = Wanted(
        state=given.get("state"),
        status=status if status in list(ContactStatus) else None,
        tag=given.get("tag"),
        issue=given.get("issue"),
        suppressed=status == _SUPPRESSED,
    )
    if words:
        return _searched(connection, words, wanted, query)
    if wanted.suppressed:
        return contact_search.suppressed(connection, wanted, query.cursor, query.limit)
    return contact_search.page(connection, wanted, query.cursor[0] if query.cursor else 0, query.limit)


def _searched(connection: Connection, words: str, wanted: Wanted, query: Query) -> Slice[Found]:
    """By id or external id; else by address; and when those are through, by last name, or both names."""
    part, *key = query.cursor or ("email",)
    after = (str(key[0]), int(key[1])) if key else None
    first, _, last = words.rpartition(" ")
    if words.isdecimal():
        found = [contact_search.find(connection, one.id) for one in people.find(connection, words)]
        return Slice([one for one in found if one is not None], None)
    if part == "name" or first:
        return _by_name(connection, last, first, wanted, after, query.limit)
    mailed = contact_search.search(connection, replace(wanted, email=words), after, query.limit)
    if mailed.last is not None or "@" in words:
        return Slice(mailed.items, None if mailed.last is None else ("email", *mailed.last))
    room = query.limit - len(mailed.items)
    if not room:
        return Slice(mailed.items, ("name",))
    named = _by_name(connection, words, "", wanted, None, room)
    return Slice([*mailed.items, *named.items], named.last)


def _by_name(
    connection: Connection,
    last: str,
    first: str,
    wanted: Wanted,
    after: tuple[str, int] | None,
    limit: int,
) -> Slice[Found]:
    """Whoever was found by address already is not told again."""
    named = replace(wanted, last_name=last, first_name=first or None)
    found = contact_search.search(connection, named, after, limit)
    again = last.lower() if not first else None
    items = [
        one
        for one in found.items
        if again is None or not (one.texts["email"] or "").lower().startswith(again)
    ]
    return Slice(items, None if found.last is None else ("name", *found.last))


async def _export() -> None:
    """Everybody as a file; it is there until the page is closed."""
    made, place = dialog("Export contacts")
    with place:
        kind = choice("Format", {".csv": "CSV", ".xlsx": "Excel", ".parquet": "Parquet"}, ".csv")
        text("p", "All contacts with all columns. The file can be imported again.", "c-muted")
        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Export", do=lambda: made.submit(kind.value), look="primary")
    if not (ending := await answer(made)):
        return
    folder = Path(tempfile.mkdtemp(prefix="carillon-"))
    ui.context.client.on_delete(lambda: rmtree(folder, ignore_errors=True))
    file = folder / f"contacts{ending}"

    def write(workspace: Workspace, tell: Tell) -> int:
        return export_contacts(workspace, file, lambda done, total: tell("Writing", done, total))

    n = await busy("Writing contacts", write)
    ui.download.file(file)
    toast(f"Wrote {n:,} contacts.")
