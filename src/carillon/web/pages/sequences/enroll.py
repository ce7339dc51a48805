"""People put into a sequence: found by their address or name, listed in a file, or known by a tag."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from nicegui import ui
from nicegui.events import UploadEventArguments

from carillon.errors import InputError
from carillon.files.enroll_run import EnrollReport, enroll_file, why
from carillon.jobs import sequences as jobs
from carillon.store import contact_lookup, contact_search, meant, sequences
from carillon.store.contact_search import Found, Wanted
from carillon.store.engine import Connection
from carillon.store.enrolling import Enrolled
from carillon.web.parts import (
    act,
    answer,
    busy,
    button,
    confirm,
    dialog,
    field,
    note,
    number,
    read,
    tabs,
    text,
    toast,
    upload,
    visit,
    write,
)
from carillon.words import Role, SequenceStatus
from carillon.workspace import Workspace

SHOWN = 12
"""Of those found, at a time."""
REFUSED_SHOWN = 200
LARGEST = 100_000_000
"""Bytes of a list."""
KINDS = (".csv", ".xlsx", ".parquet", ".txt", ".tsv")
Refusals = list[tuple[str, str]]
"""Who was not enrolled, and why."""


async def enroll(number_of: int, name: str, refresh: Callable[[], Awaitable[None]]) -> None:
    """Ask who, enroll them, and say who could not be."""
    status = await read(lambda c: sequences.sequences(c, [number_of])[number_of].status)
    made, place = dialog(f"Enroll in {name}", wide=True)
    chosen: dict[int, str] = {}

    async def some() -> None:
        if not chosen:
            toast("Choose somebody first.")
            return
        await _people(name, status, list(chosen), made)

    with place:
        if status is SequenceStatus.ACTIVE:
            note("It is running: whoever is enrolled begins at once, as far as its drip lets them.", "warn")
        names = {"search": "Search", "file": "From a file", "tag": "By tag"}
        with tabs(names) as panels:
            with panels["search"]:
                _search(chosen)
                with ui.element("div").classes("c-actions"):
                    button("Cancel", do=made.close)
                    button("Enroll them", "person_add", some, role=Role.EDITOR, look="primary")
            with panels["file"]:
                _file(name, status, made)
            with panels["tag"]:
                _tag(name, status, made)
    found = await answer(made)
    if found is None:
        return
    n, refused = found
    await refresh()
    words = f"Enrolled {number(n)} {'person' if n == 1 else 'people'} in {name}."
    if not refused:
        toast(words)
        return
    await _tell(words, refused)


def _search(chosen: dict[int, str]) -> None:
    async def look(event: Any) -> None:
        words = str(event.value or "").strip()
        found = await read(lambda c: _find(c, words)) if words else []
        results.clear()
        with results:
            for one in found:
                _candidate(one, chosen, said)
            if words and not found:
                text("p", "Nobody's address or last name begins so.", "c-muted")

    made = ui.input(
        placeholder="How the address or the last name begins", on_change=act(look, role=Role.VIEWER)
    )
    made.props('outlined dense clearable debounce=250 type=search autofocus aria-label="Find people"')
    made.classes("w-full")
    results = ui.element("div").classes("c-list c-flow-found")
    said = text("p", "Nobody chosen yet.", "c-muted c-small").props('role="status"')


def _candidate(one: Found, chosen: dict[int, str], said: ui.label) -> None:
    label = one.texts["email"] or f"contact {one.id}"
    name = " ".join(filter(None, (one.texts["first_name"], one.texts["last_name"])))

    def turn(event: Any) -> None:
        if event.value:
            chosen[one.id] = label
        else:
            chosen.pop(one.id, None)
        said.set_text(f"Chosen: {', '.join(list(chosen.values())[:8])}" if chosen else "Nobody chosen yet.")
        if len(chosen) > 8:
            said.set_text(f"{said.text} and {len(chosen) - 8} more")

    with ui.element("div"):
        ui.checkbox(label, value=one.id in chosen, on_change=turn).classes("c-grow")
        text("span", name, "c-muted c-small")
        if one.status != "active":
            text("span", one.status.replace("_", " "), "c-badge c-is-warn")


def _find(connection: Connection, words: str) -> Sequence[Found]:
    by_email = contact_search.search(connection, Wanted(email=words), None, SHOWN).items
    by_name = contact_search.search(connection, Wanted(last_name=words), None, SHOWN).items
    return list({one.id: one for one in (*by_email, *by_name)}.values())[:SHOWN]


async def _people(name: str, status: SequenceStatus, people: list[int], made: ui.dialog) -> None:
    n = f"{number(len(people))} {'person' if len(people) == 1 else 'people'}"
    if status is SequenceStatus.ACTIVE and not await confirm(
        f"Enroll {n}?", f"{name} is running: the first emails to them may leave at once.", "Enroll and begin"
    ):
        return
    rows = meant.rows_of((one, None, None) for one in people)
    who = visit()

    def work(connection: Connection) -> tuple[Enrolled, Refusals]:
        done, _ = jobs.enroll(connection, who.workspace, name, rows, who.name)
        refused = [(int(row["line"]), row["reason"]) for row in done.refused.iter_rows(named=True)]
        some = contact_lookup.addresses_of(connection, [people[line] for line, _ in refused[:REFUSED_SHOWN]])
        told = [
            (some.get(people[line]) or f"contact {people[line]}", why(reason))
            for line, reason in refused[:REFUSED_SHOWN]
        ]
        more = len(refused) - len(told)
        return done, told + ([(f"{number(more)} more", "for reasons like these")] if more else [])

    done, refused = await write(work)
    made.submit((done.enrolled, refused))


def _file(name: str, status: SequenceStatus, made: ui.dialog) -> None:
    async def take(event: UploadEventArguments) -> None:
        suffix = Path(event.file.name).suffix.lower()
        event.sender.reset()  # type: ignore[attr-defined]
        if suffix not in KINDS:
            raise InputError(f"{event.file.name[:80]} is no list: use CSV, XLSX or Parquet.")
        words = (
            "Whoever it names begins at once." if status is SequenceStatus.ACTIVE else "Nothing is sent yet."
        )
        if not await confirm(f"Enroll the people of {event.file.name[:80]}?", words, "Enroll"):
            return
        by = visit().name
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / f"list{suffix}"
            await event.file.save(place)

            def work(workspace: Workspace, tell: Callable[..., None]) -> EnrollReport:
                return enroll_file(
                    workspace, name, place, lambda done, total: tell("Reading the file", done, total), by
                )

            report = await busy("Enrolling", work)
        refused = [(f"line {one.line}: {one.value or ''}".strip(), one.reason) for _, one in report.problems]
        more = sum(report.refused.values()) + report.rejected - len(refused)
        if more > 0:
            refused.append((f"{number(more)} more", f"all of them stand in {report.report}"))
        made.submit((report.enrolled, refused))

    text(
        "p",
        "A list with a column email, external_id or contact_id. It is taken whole or not at all.",
        "c-muted",
    )
    upload(
        "Drop a list here: CSV, Excel or Parquet", take, (".csv", ".xlsx", ".parquet", ".txt", ".tsv"),
        LARGEST, refused=f"One list of at most {LARGEST // 1_000_000} MB: CSV, Excel or Parquet.",
    )  # fmt: skip


def _tag(name: str, status: SequenceStatus, made: ui.dialog) -> None:
    async def take() -> None:
        tag = str(wanted.value or "").strip()
        if not tag:
            wanted.error = "is needed"
            return
        people = await read(lambda c: contact_search.numbers(c, Wanted(tag=tag)))
        if not people:
            wanted.error = "nobody has this tag"
            return
        if status is not SequenceStatus.ACTIVE and not await confirm(
            f"Enroll {number(len(people))} people?",
            f"All who have the tag {tag}. Nothing is sent yet.",
            "Enroll",
        ):
            return
        await _people(name, status, people, made)

    wanted = field("Tag", hint="Everybody who has it now")
    with ui.element("div").classes("c-actions"):
        button("Enroll them", "label", take, role=Role.EDITOR, look="primary")


async def _tell(words: str, refused: Refusals) -> None:
    made, place = dialog("Enrolled", wide=True)
    with place:
        text("p", words)
        text("h3", f"Not enrolled: {number(len(refused))}")
        with ui.element("div").classes("c-list c-flow-found"):
            for who, reason in refused:
                with ui.element("div"):
                    text("span", who, "c-strong c-cut c-grow")
                    text("span", reason, "c-muted")
        with ui.element("div").classes("c-actions"):
            button("Close", do=made.close, look="primary")
    await answer(made)
