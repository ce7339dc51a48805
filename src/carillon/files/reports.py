"""What was wrong with a file, written down: the frames and the place of a report of problems."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Literal

import polars as pl

from carillon.errors import WorkspaceError
from carillon.files.sources import Problem
from carillon.workspace import Workspace

REJECTED, WARNING = "rejected", "warning"
SHOWN = 20
"""Problems an outcome carries itself."""

Found = tuple[str, Problem]
"""REJECTED or WARNING, and what it is."""


def problem_frame(problems: Sequence[Found]) -> pl.DataFrame:
    """The rows of a report."""
    rows = [(kind, *each) for kind, each in problems]
    names = ("kind", "line", "column", "value", "reason")
    schema = {name: pl.Int64 if name == "line" else pl.String for name in names}
    return pl.DataFrame(rows, schema=schema, orient="row")


def report_place(workspace: Workspace, path: Path | Literal["-"]) -> Path:
    """A new name in `imports/` of the workspace, which is made if need be."""
    folder = workspace.folder / "imports"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise WorkspaceError(
            f"{folder} cannot be made ({error.strerror}). Import reports go there; give yourself write "
            "permission, or name another place for the report."
        ) from error
    moment = workspace.clock.now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = "stdin" if path == "-" else re.sub(r"[^\w.-]+", "-", path.stem)
    place, number = folder / f"{moment}-{name}-problems.csv", 2
    while place.exists():
        place, number = folder / f"{moment}-{name}-problems-{number}.csv", number + 1
    return place
