"""Writes docs/reference/cli.md from the `--help` of every command; `--check` only compares."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from carillon.cli.app import app

TARGET = Path(__file__).parent / "reference" / "cli.md"
HEAD = """# Command line

Generated from `carillon --help` by `docs/generate.py`; do not edit. Every command leaves with 0 (ok),
1 (failed) or 2 (wrong usage). Results go to standard output, progress and notes to standard error.
"""


def pages(command: Any, path: str) -> Iterator[str]:
    """The help of a command and of all below it, as Markdown."""
    context = command.make_context(path, [], resilient_parsing=True, max_content_width=90)
    context.terminal_width = 90
    yield f"## `{path}`\n\n```\n{command.get_help(context)}\n```\n"
    for name, below in getattr(command, "commands", {}).items():
        yield from pages(below, f"{path} {name}")


def main() -> None:
    text = "\n".join([HEAD, *pages(get_command(app), "carillon")])
    if "--check" in sys.argv:
        if not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
            sys.exit(f"{TARGET} is not up to date: run `python docs/generate.py`")
        return
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
