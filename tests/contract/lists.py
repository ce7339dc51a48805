"""Small help for tests about contact lists: a CSV file in, rows of a table out."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from carillon.files.run import ImportReport, import_contacts
from carillon.workspace import Workspace

Row = dict[str, Any]


def write_list(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    """A CSV file with all columns that any row has."""
    rows = list(rows)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def bring_in(workspace: Workspace, *rows: Mapping[str, object], **options: Any) -> ImportReport:
    """Import rows, the first of which stands on line 2."""
    path = write_list(workspace.folder / "list.csv", rows)
    report = import_contacts(workspace, path, **({"mapping": {}} | options))
    assert report.read == report.created + report.updated + report.unchanged + report.rejected
    return report


def outcome(report: ImportReport) -> tuple[int, int, int, int]:
    """Created, updated, unchanged, rejected."""
    return report.created, report.updated, report.unchanged, report.rejected


def query(workspace: Workspace, statement: str, **values: object) -> list[Row]:
    """Rows of a query. JSON and moments look the same on both databases."""
    with workspace.database.snapshot() as connection:
        rows = connection.execute(text(statement), values).mappings().all()
    return [{name: _plain(name, value) for name, value in row.items()} for row in rows]


def execute(workspace: Workspace, statement: str, **values: object) -> None:
    """One statement in its own transaction."""
    workspace.database.write(lambda connection: connection.execute(text(statement), values))


def people(workspace: Workspace) -> list[Row]:
    """All contacts, by id, without the columns that are empty."""
    rows = query(workspace, "select * from contacts order by id")
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def person(workspace: Workspace) -> Row:
    """The only contact."""
    (only,) = people(workspace)
    return only


def issues(workspace: Workspace) -> set[tuple[int, str, str]]:
    rows = query(workspace, "select contact_id, code, detail from contact_issues")
    return {(row["contact_id"], row["code"], row["detail"]) for row in rows}


def changes(workspace: Workspace) -> list[int]:
    """Noted contact ids, in order."""
    return [row["contact_id"] for row in query(workspace, "select contact_id from changes order by seq")]


def forget_changes(workspace: Workspace) -> None:
    """As a run of the planner does."""
    execute(workspace, "delete from changes")


def _plain(name: str, value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if name in ("attributes", "tags", "metadata") and isinstance(value, str):
        return json.loads(value)
    return value
