"""Writes docs/reference/cli.md from the `--help` of every command, and api.md from the API's own description;
`--check` only compares."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from carillon.cli.app import app
from carillon.web.api import PATH, document

REFERENCE = Path(__file__).parent / "reference"
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


API_HEAD = f"""# API

Generated from the API's own description (`{PATH}/openapi.json`) by `docs/generate.py`; do not edit.
How to begin: [Let other programs work with Carillon](../howto/api.md).
"""


def calls() -> Iterator[str]:
    """What can be called, by what it is about."""
    found = document()
    by_tag: dict[str, list[str]] = {}
    for path, methods in found["paths"].items():
        for method, one in methods.items():
            query = ", ".join(f"`{p['name']}`" for p in one.get("parameters", []) if p["in"] == "query")
            said = " ".join(one["description"].split())
            (scope,) = next(iter(one["security"][0].values()))
            row = f"| `{method.upper()} {path}` | {said} | {query} | {scope} |"
            by_tag.setdefault(one["tags"][0], []).append(row)
    for tag, rows in by_tag.items():
        head = [f"## {tag.capitalize()}\n", "| call | what it does | query | scope |", "|---|---|---|---|"]
        yield "\n".join([*head, *rows, ""])


def main() -> None:
    texts = {
        "cli.md": "\n".join([HEAD, *pages(get_command(app), "carillon")]),
        "api.md": "\n".join([API_HEAD, *calls()]),
    }
    REFERENCE.mkdir(exist_ok=True)
    for name, text in texts.items():
        target = REFERENCE / name
        if "--check" not in sys.argv:
            target.write_text(text, encoding="utf-8")
        elif not target.exists() or target.read_text(encoding="utf-8") != text:
            sys.exit(f"{target} is not up to date: run `python docs/generate.py`")


if __name__ == "__main__":
    main()
