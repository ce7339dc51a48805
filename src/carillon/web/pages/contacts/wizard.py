"""`/contacts/import`: a list looked at, its columns said, checked, and stored: nothing before it was seen."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any, cast

from nicegui import ui

from carillon.errors import CarillonError, InputError
from carillon.files.dates import DateOrder
from carillon.files.look import Glimpse, check, look
from carillon.files.mapping import ATTRIBUTE, TARGETS
from carillon.files.run import ImportReport, import_contacts
from carillon.web.pages.contacts.words import plain
from carillon.web.parts import (
    Column,
    busy,
    button,
    card,
    choice,
    confirm,
    grid,
    note,
    number,
    simple,
    stat,
    text,
    toast,
    upload,
    way,
    work,
)
from carillon.web.parts.dialogs import Tell
from carillon.web.planning import plan_now
from carillon.web.shell import page
from carillon.words import Role
from carillon.workspace import Workspace

LARGEST = 1 << 30
"""Bytes of a file that is uploaded; a longer list is imported where it lies, with the command line."""
_KINDS = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".parquet")
_ORDERS = {"mdy": "3/4/2026 is 4 March", "dmy": "3/4/2026 is 3 April"}
_OWN, _IGNORED = "attribute", ""


@dataclass
class _List:
    """What is being imported."""

    name: str
    path: Path
    glimpse: Glimpse
    mapping: dict[str, str] = field(default_factory=dict)
    order: str = "mdy"


@page(
    "/contacts/import",
    "Import contacts",
    "Nothing is stored before you have seen what would happen.",
    role=Role.EDITOR,
)
async def wizard() -> None:
    """The steps, one after the other; a step is drawn anew when the one before it changes."""
    folder = Path(tempfile.mkdtemp(prefix="carillon-"))
    ui.context.client.on_delete(lambda: rmtree(folder, ignore_errors=True))

    async def received(event: Any) -> None:
        name = str(event.file.name)[-200:]
        if event.file.size() > LARGEST:
            raise InputError(
                f"{name} is larger than {LARGEST >> 30} GB. `carillon import contacts` takes it."
            )
        stem, suffix = re.sub(r"[^\w.-]+", "-", Path(name).stem)[:80], Path(name).suffix.lower()
        path = folder / f"{stem.strip('.-') or 'list'}{suffix if suffix in _KINDS else ''}"
        await event.file.save(path)
        with _told(path, name):
            glimpse = await work(lambda _workspace: look(path))
        columns.refresh(_List(name, path, glimpse, dict(glimpse.columns)))
        outcome.refresh(None, None)

    with card("1. The file", "CSV, Excel (.xlsx) or Parquet, up to 1 GB, with names above its columns"):
        upload(
            "Drop a list here", received, _KINDS, LARGEST,
            refused="One file of at most 1 GB: CSV, Excel or Parquet.",
        )  # fmt: skip
        text(
            "p",
            "Known contacts are found by their external id, else by their address, and updated. What the "
            "list leaves empty erases nothing.",
            "c-muted c-small",
        )

    @ui.refreshable
    def columns(given: _List | None) -> None:
        if given is not None:
            _columns(given, lambda report: outcome.refresh(given, report))

    @ui.refreshable
    def outcome(given: _List | None, report: ImportReport | None) -> None:
        if given is not None and report is not None:
            _outcome(given, report, lambda done: outcome.refresh(given, done))

    columns(None)
    outcome(None, None)


@contextmanager
def _told(path: Path, name: str) -> Iterator[None]:
    """What is wrong with a file, under the name it has where it comes from."""
    try:
        yield
    except CarillonError as error:
        raise InputError(str(error).replace(str(path), name)) from error


def _columns(given: _List, seen: Callable[[ImportReport | None], object]) -> None:
    """What each column is taken for, to be changed."""

    async def dry_run() -> None:
        seen(None)
        with _told(given.path, "the file"):
            await work(lambda _workspace: check(given.glimpse, given.mapping))
        seen(await _run(given, dry_run=True))

    def choose(column: str, target: str) -> None:
        given.mapping[column] = f"{ATTRIBUTE}{column}" if target == _OWN else target

    options = {
        _IGNORED: "(not taken)",
        _OWN: "attribute of its own",
        **{one: plain(one).capitalize() for one in TARGETS},
    }
    with card("2. The columns", given.name, flush=True):
        for words in given.glimpse.notes:
            note(words).classes("mx-4 mb-2")
        with ui.element("div").classes("c-list"):
            for column, target in given.glimpse.columns.items():
                with ui.element("div").classes("c-item c-mapping"):
                    with ui.element("div").classes("c-grow"):
                        text("div", column, "c-strong c-cut")
                        text(
                            "div",
                            " · ".join(given.glimpse.samples[column]) or "empty",
                            "c-muted c-small c-cut",
                        )
                    choice(
                        f"Take {column[:60]} for",
                        options,
                        _OWN if target.startswith(ATTRIBUTE) else target,
                        with_input=True,
                        on_change=lambda e, column=column: choose(column, str(e.value or "")),
                    ).classes("c-target")
        with ui.element("div").classes("c-foot"):
            choice(
                "Dates", _ORDERS, given.order, on_change=lambda e: setattr(given, "order", str(e.value))
            ).style("width: 200px")
            ui.element("span").classes("c-grow")
            button("Check the list", "fact_check", dry_run, role=Role.EDITOR, look="primary")


async def _run(given: _List, *, dry_run: bool) -> ImportReport:
    title = "Checking the list" if dry_run else "Storing the contacts"

    def do(workspace: Workspace, tell: Tell) -> ImportReport:
        return import_contacts(
            workspace,
            given.path,
            mapping=given.mapping,
            date_order=cast(DateOrder, given.order),
            dry_run=dry_run,
            progress=lambda done, total: tell("Per cent done", 100 * done // max(total, 1), 100),
            report_to=given.path.with_name("problems.csv") if dry_run else None,
        )

    with _told(given.path, given.name):
        return await busy(title, do)


def _outcome(given: _List, report: ImportReport, done: Callable[[ImportReport], object]) -> None:
    """What would happen, or what did; then the next step."""
    taken = report.read - report.rejected
    title = "3. What would happen" if report.dry_run else "Done"
    with card(title, f"{given.name}: {report.read:,} rows"):
        with grid(130):
            stat("New", number(report.created))
            stat("Updated", number(report.updated))
            stat("Unchanged", number(report.unchanged))
            stat("Rejected", number(report.rejected), "rows not taken", tone="bad" if report.rejected else "")
            stat(
                "Warnings", number(report.warnings), "values not used", tone="warn" if report.warnings else ""
            )
        for words in report.notes:
            note(words)
        if report.dry_run:
            _next(given, report, taken, done)
        else:
            _stored(taken)
    if report.problems:
        _problems(given, report)


def _next(given: _List, report: ImportReport, taken: int, done: Callable[[ImportReport], object]) -> None:
    if not taken:
        note("No row of this list can be taken. Is each column what it should be?", "bad")
        return

    async def store() -> None:
        words = f"{_contacts(report.created)} added, {report.updated:,} updated. Nothing is sent by it."
        if await confirm("Import the list?", words, f"Import {taken:,}"):
            found = await _run(given, dry_run=False)
            toast(f"Took {_contacts(found.read - found.rejected)}.")
            done(found)

    with ui.element("div").classes("c-actions mt-4"):
        button(f"Import {_contacts(taken)}", "upload", store, role=Role.EDITOR, look="primary")


def _stored(taken: int) -> None:
    is_in = f"{_contacts(taken)} {'is' if taken == 1 else 'are'} in."
    note(
        f"{is_in} The plan does not know of them yet: it is made every night, or now.",
        "good",
    )

    async def plan() -> None:
        made = await plan_now()
        toast(f"Planned {made.planned:,} emails; {made.added:,} of them are new.")
        ui.navigate.to("/contacts")

    with ui.element("div").classes("c-actions mt-4"):
        way("See the contacts", "/contacts", "plain", "group")
        button("Plan now", "event_repeat", plan, role=Role.EDITOR, look="primary")


def _contacts(many: int) -> str:
    return f"{many:,} contact{'' if many == 1 else 's'}"


def _problems(given: _List, report: ImportReport) -> None:
    total = report.rejected + report.warnings
    lead = f"The first {len(report.problems):,}" if total > len(report.problems) else "All of them"
    with card("Problems", lead, flush=True) as place:
        if report.report is not None:
            file = report.report
            with place:
                button(
                    "Download all",
                    "download",
                    lambda: ui.download.file(file, f"{Path(given.name).stem}-problems.csv"),
                    role=Role.EDITOR,
                )
        simple(
            [
                Column("line", "Line", number=True),
                Column("kind", "What", badge="tone"),
                Column("column", "Column"),
                Column("value", "Value", wide=True),
                Column("reason", "Why"),
            ],
            [
                {
                    "line": f"{one.line:,}",
                    "kind": kind,
                    "tone": "bad" if kind == "rejected" else "warn",
                    "column": one.column,
                    "value": one.value,
                    "reason": one.reason,
                }
                for kind, one in report.problems
            ],
            "Problems",
        )
