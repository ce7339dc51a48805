"""Targets out of a list that is uploaded: tried first, taken when its problems were seen."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from shutil import rmtree
from typing import Any

from nicegui import ui

from carillon.campaigns import Campaign
from carillon.errors import CarillonError, InputError
from carillon.files.dates import DateOrder
from carillon.files.target_run import TargetReport, import_targets
from carillon.web.pages.campaigns.forms import day_field, day_in
from carillon.web.parts import (
    Column,
    act,
    all_right,
    answer,
    busy,
    button,
    choice,
    dialog,
    grid,
    note,
    number,
    simple,
    stat,
    text,
    upload,
)
from carillon.web.parts.dialogs import Tell
from carillon.words import Role
from carillon.workspace import Workspace

LARGEST = 1 << 30
"""Bytes of a file that is uploaded."""
_KINDS = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".parquet")
_ORDERS: dict[DateOrder, str] = {"mdy": "3/4/2026 is 4 March", "dmy": "3/4/2026 is 3 April"}


async def upload_list(one: Campaign) -> None:
    """Choose a list, see what would happen, and take it."""
    folder = Path(tempfile.mkdtemp(prefix="carillon-"))
    given: dict[str, Any] = {}
    made, place = dialog("Upload a list", wide=True)

    async def received(event: Any) -> None:
        name = str(event.file.name)[-200:]
        stem, suffix = re.sub(r"[^\w.-]+", "-", Path(name).stem)[:80], Path(name).suffix.lower()
        path = folder / f"{stem.strip('.-') or 'list'}{suffix if suffix in _KINDS else ''}"
        await event.file.save(path)
        given.update(path=path, name=name)
        await tried()

    async def tried() -> None:
        if "path" in given and all_right(day):
            outcome.refresh(await run(dry_run=True), given["name"])

    async def run(dry_run: bool) -> TargetReport:
        path, trigger, date_order = given["path"], day_in(day), order.value

        def do(workspace: Workspace, tell: Tell) -> TargetReport:
            return import_targets(
                workspace,
                one.instance.name,
                path,
                trigger=trigger,
                date_order=date_order,
                dry_run=dry_run,
                progress=lambda n, total: tell("Reading the list", n, total),
            )

        try:
            return await busy("Reading the list", do)
        except CarillonError as error:
            raise InputError(str(error).replace(str(path), given["name"])) from error

    async def take() -> None:
        made.submit(await run(dry_run=False))

    @ui.refreshable
    def outcome(report: TargetReport | None, name: str) -> None:
        if report is None:
            return
        text("h3", f"{name[:80]}: {report.read:,} rows")
        _figures(report, "Would be added")
        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            take_it = button(f"Add {report.changed:,} targets", do=take, role=Role.EDITOR, look="primary")
            take_it.set_enabled(report.changed > 0)

    with place:
        text(
            "p",
            "CSV, Excel or Parquet with a column email, external_id or contact_id and, if wanted, "
            "trigger_date. Nothing is stored before you have seen what would happen.",
            "c-muted",
        )
        with grid(200).classes("c-form"):
            day = day_field("Day where a row has none", None, "Empty: it leaves on the first day, else today")
            order = choice("Dates in the list", _ORDERS, "mdy", on_change=act(tried, role=Role.EDITOR))
        upload(
            "Drop a list here", received, _KINDS, LARGEST,
            refused="One file of at most 1 GB: CSV, Excel or Parquet.",
        )  # fmt: skip
        outcome(None, "")
    try:
        report = await answer(made)
    finally:
        rmtree(folder, ignore_errors=True)
    if report is not None:
        await _result(report)


async def _result(report: TargetReport) -> None:
    """What became of it, with the report of every problem."""
    made, place = dialog(f"{number(report.changed)} targets added", wide=True)
    with place:
        _figures(report, "Added")
        with ui.element("div").classes("c-actions"):
            if (file := report.report) is not None:
                button("All problems as a file", "download", lambda: ui.download.file(file, file.name))
            button("Close", do=made.close, look="primary")
    await answer(made)
    ui.navigate.reload()


def _figures(report: TargetReport, added: str) -> None:
    with grid(110):
        stat(added, number(report.changed))
        stat("There already", number(report.unchanged))
        stat("Rejected", number(report.rejected), "rows", tone="bad" if report.rejected else "")
    for words in report.notes:
        note(words)
    if report.problems:
        with ui.element("div").classes("c-scroll"):
            simple(
                [
                    Column("line", "Line", number=True),
                    Column("column", "Column"),
                    Column("value", "Value"),
                    Column("reason", "Why not"),
                ],
                [
                    {"line": one.line, "column": one.column, "value": one.value, "reason": one.reason}
                    for _kind, one in report.problems
                ],
                "Problems of the list",
            )
