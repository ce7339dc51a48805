"""All templates: which version is in force, and who takes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from urllib.parse import quote

from nicegui import ui

from carillon.campaigns import is_template
from carillon.settings import Settings
from carillon.store import template_uses
from carillon.store import templates as store
from carillon.store.engine import Connection
from carillon.store.templates import Version
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
    dialog,
    field,
    read,
    visit,
    work,
    wrong,
)
from carillon.web.shell import actions, page
from carillon.words import Role

KINDS = {"": "Emails and SMS", "email": "Emails", "sms": "SMS"}
MOST_NAMED = 2
"""Of those who take a template, in its row."""
_COLUMNS = (
    Column("name", "Template", link="href"),
    Column("state", "In force", badge="tone"),
    Column("kind", "Kind", wide=True),
    Column("subject", "Subject or text", wide=True),
    Column("uses", "Taken by", wide=True),
    Column("changed", "Newest version", wide=True),
)
Say = Callable[[datetime | None], str]


@page("/templates", "Templates", "What emails and SMS say. A version never changes: an edit makes a new one.")
async def templates(kind: str = "") -> None:
    """The list; `kind`: email or sms."""
    await work(lambda workspace: store.complete(workspace.database, workspace.clock.now()))
    settings, zone = visit().workspace.settings, visit().zone
    kind = kind if kind in KINDS else ""

    def day(moment: datetime | None) -> str:
        return "–" if moment is None else f"{moment.astimezone(zone):%-d %b %Y}"

    with actions():
        button("New template", "add", _new, role=Role.EDITOR, look="primary")
    with card(flush=True):
        table = Table(
            _COLUMNS,
            lambda connection, query: _page(connection, settings, query, day),
            search="Find by name or subject",
            filters={"kind": kind} if kind else {},
            label="Templates",
            nothing="No template has such a name or subject.",
        )
        with table.tools:
            chosen = choice("Kind", KINDS, kind).style("width: 170px")

        async def choose() -> None:
            path = f"/templates?kind={chosen.value}" if chosen.value else "/templates"
            ui.run_javascript(f"history.replaceState(null, '', '{path}')")
            await table.filter(kind=chosen.value or None)

        chosen.on_value_change(choose)
        await table.show()


def uses_of(settings: Settings, connection: Connection) -> dict[str, list[str]]:
    """By template, who takes it: types of the yearly plan by the settings, then campaigns and sequences."""
    found: dict[str, list[str]] = {}
    for kind, names in settings.email_templates:
        for name in (names.email, names.sms):
            if name:
                found.setdefault(name, []).append(str(kind).replace("_", " "))
    for name, others in template_uses.uses(connection).items():
        found.setdefault(name, []).extend(others)
    return found


def _page(connection: Connection, settings: Settings, query: Query, day: Say) -> Rows:
    by_name: dict[str, list[Version]] = {}
    for one in store.versions(connection):
        by_name.setdefault(one.source.name, []).append(one)
    uses, words, kind = uses_of(settings, connection), query.search.lower(), query.filters.get("kind")
    found = []
    for name, several in by_name.items():
        active = next((one for one in several if one.active), None)
        shown, newest = active or several[-1], several[-1]
        source = shown.source
        if kind and (kind == "email") is not source.is_email:
            continue
        if words not in f"{name} {source.subject or ''}".lower():
            continue
        state, tone = _state(active, newest)
        found.append(
            {
                "id": name,
                "name": name,
                "href": f"/templates/{quote(name, safe='')}",
                "state": state,
                "tone": tone,
                "kind": "Email" if source.is_email else "SMS",
                "subject": source.subject or source.sms or "",
                "uses": _few(uses.get(name, ())),
                "changed": day(newest.created),
            }
        )
    begin = int(query.cursor or 0)
    end = begin + query.limit
    return Rows(found[begin:end], end if end < len(found) else None, len(found))


def _state(active: Version | None, newest: Version) -> tuple[str, str]:
    if active is None:
        return "none yet", "warn"
    number = active.source.version
    if newest.source.version > number:
        return f"version {number}, {newest.source.version} waits", "info"
    return f"version {number}", "good"


def _few(names: Iterable[str]) -> str:
    known = list(names)
    more = len(known) - MOST_NAMED
    return ", ".join(known[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


async def _new() -> None:
    made, place = dialog("New template")
    with place:
        name = field(
            "Name", hint="Such as spring_offer_v1; campaigns and sequences name it.", check=_name_fault
        )
        kind = choice("Kind", {"email": "Email", "sms": "SMS"}, "email")

        async def go() -> None:
            if not all_right(name):
                return
            wanted = str(name.value).strip()
            if await read(lambda connection: store.versions(connection, wanted)):
                wrong(name, "there is a template of this name already")
                return
            made.submit(f"/templates/{quote(wanted, safe='')}?new={kind.value}")

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Write it", do=go, role=Role.EDITOR, look="primary")
    if path := await answer(made):
        ui.navigate.to(path)


def _name_fault(value: object) -> str | None:
    if not is_template(str(value or "").strip()):
        return "letters, digits, dots, dashes and underscores, at most 100"
    return None
