"""Draws docs/images/demo.svg: what `carillon demo` prints, as a picture. Run it after the output changed."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

TARGET = Path(__file__).parent / "images" / "demo.svg"
WIDTH = 104
_BLANK = "&#160;"
_TEXT = re.compile(
    r'(<text class="[^"]*" x=")([\d.]+)(" y="[\d.]+" textLength=")([\d.]+)("[^>]*>)([^<]*)</text>'
)
FROM, UNTIL = "4. The plan", "Where to look next"


def main() -> None:
    """Run the demo in an empty folder and draw its middle part."""
    environ = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH)}
    order = [sys.executable, "-m", "carillon", "--now", "2026-11-22T08:00", "demo", "demo"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(order, cwd=folder, env=environ, capture_output=True, text=True, check=True)
    # Progress bars overwrite themselves: what stays of a line is what follows the last erasure.
    lines = [line.split("\x1b[2K")[-1] for line in done.stdout.split("\n") if "\x1b[?25l" not in line]
    plain = [Text.from_ansi(line).plain for line in lines]
    begin = next(n for n, line in enumerate(plain) if FROM in line)
    end = next(n for n, line in enumerate(plain) if UNTIL in line)
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115, PTH123
    for line in lines[begin:end]:
        console.print(Text.from_ansi(line), soft_wrap=True)
    drawn = console.export_svg(title="carillon demo")
    # A picture in a repository loads nothing from elsewhere: the reader's own monospace font will do.
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    TARGET.write_text(_TEXT.sub(_trimmed, drawn.replace("Fira Code", "monospace")), encoding="utf-8")


def _trimmed(match: re.Match[str]) -> str:
    """A text without blanks at its ends, in the same place: some viewers drop them and shift the rest."""
    head, x, middle, length, tail, text = match.groups()
    characters = text.replace(_BLANK, " ")
    width = float(length) / len(html.unescape(characters))
    left = len(characters) - len(characters.lstrip())
    right = len(characters) - len(characters.rstrip())
    kept = text[left * len(_BLANK) : len(text) - right * len(_BLANK)]
    if not kept:
        return ""
    place = f"{float(x) + left * width:.1f}"
    return f"{head}{place}{middle}{float(length) - (left + right) * width:.1f}{tail}{kept}</text>"


if __name__ == "__main__":
    main()
