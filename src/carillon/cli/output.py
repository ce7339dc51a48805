"""What a command shows: Rich on a terminal, plain text when piped, one JSON document with `--json`.

What belongs here: how things look. Results go to standard output; progress, notes and errors go to
standard error, so that a pipe gets the result and nothing else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 1000
"""Columns when there is no terminal: wide enough that nothing is wrapped or cut."""
CHART_WIDTH = 80
"""Columns of a chart when there is no terminal."""

Progress = Callable[[str, int, int], None]
"""Told of the stage in words, what is done of it and how much there is (0: not known)."""


@dataclass(frozen=True)
class Glyphs:
    """Characters that not every terminal has."""

    eighths: str
    """Bars of one eighth to eight eighths of a cell, lying."""
    steps: str
    """The same, standing."""
    cap: str
    line: str
    arrow: str
    dot: str
    dash: str
    corner: str


UNICODE = Glyphs("▏▎▍▌▋▊▉█", "▁▂▃▄▅▆▇█", "│", "╌", "→", "·", "–", "└")
ASCII = Glyphs("#", "#", "|", "-", "->", ",", "-", "+")


class Screen:
    """The two streams of one command."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self.out, self.err = _console(out), _console(err)
        self.glyphs = UNICODE if _speaks_unicode(out) else ASCII

    @property
    def width(self) -> int:
        """Columns a chart may take."""
        return self.out.width if self.out.is_terminal else CHART_WIDTH

    def say(self, markup: str = "") -> None:
        """A line (or some) of the result, with Rich markup."""
        self.out.print(markup, highlight=False)

    def indented(self, markup: str) -> None:
        """As `say`, two blanks in, also where the line has to be wrapped."""
        self.show(Padding.indent(Text.from_markup(markup), 2))

    def show(self, text: Text | Table | Padding) -> None:
        if self.out.is_terminal:
            self.out.print(text, highlight=False)
            return
        with self.out.capture() as captured:
            self.out.print(text, highlight=False)
        # Rich fills cells with blanks.
        self.out.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))

    def note(self, markup: str) -> None:
        """Something worth knowing that is not the result."""
        self.err.print(markup, style="dim", highlight=False)

    def warn(self, text: str) -> None:
        """Something the reader should act on; plain text."""
        self.err.print(f"[yellow]Warning:[/] {escape(text)}", highlight=False)

    def json(self, document: object) -> None:
        """The one document of a `--json` command."""
        self.out.file.write(json.dumps(document, indent=2, ensure_ascii=False, default=_plain) + "\n")

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str | Text]],
        right: str = "",
        whole: str = "",
    ) -> None:
        """Aligned columns. Those named in `right` are aligned to the right, those in `whole` never wrap."""
        table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
        for column in columns:
            table.add_column(
                column,
                justify="right" if column in right.split() else "left",
                no_wrap=column in f"{right} {whole}".split(),
            )
        for row in rows:
            table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
        self.show(table)

    def facts(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Name, number and a word on it (with markup), aligned."""
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column()
        for name, number, words in rows:
            table.add_row(f"  {name}", f"[bold]{escape(number)}[/]", words)
        self.show(table)

    @contextmanager
    def progress(self, first: str) -> Iterator[Progress]:
        """A progress bar on a terminal, nothing elsewhere. `first`: the stage it begins with."""
        if not self.err.is_terminal:
            yield lambda _stage, _done, _total: None
            return
        from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn
        from rich.progress import Progress as Bar

        spinner = "dots" if _speaks_unicode(self.err.file) else "line"
        columns = (
            SpinnerColumn(spinner),
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
        )
        with Bar(*columns, console=self.err, transient=True) as bar:
            bar.add_task(first, total=None)

            def tell(stage: str, done: int, total: int) -> None:
                (task,) = bar.tasks
                if task.description != stage:
                    # A total once known cannot be made unknown again.
                    bar.remove_task(task.id)
                    bar.add_task(stage, completed=done, total=total or None)
                else:
                    bar.update(task.id, completed=done, total=total or None)

            yield tell


_WORDS = {
    "aep": "AEP",
    "effective_date": "effective-date",
    "effective_date_window": "effective-date window",
    "followup": "follow-up",
    "followup_1_cold": "follow-up (cold)",
    "followup_2_clicked_no_hq": "follow-up (clicked)",
    "followup_3_hq_no_yes": "follow-up (healthy)",
    "followup_4_hq_with_yes": "follow-up (conditions)",
    "invalid_zip": "invalid ZIP",
    "missing_zip": "missing ZIP",
    "post_window": "post-window",
    "year_round_exclusion": "year-round exclusion",
}
"""Codes whose words are not just themselves with blanks."""


def number(n: int) -> str:
    """With thousands separators."""
    return f"{n:,}"


def cap_words(cap: int) -> str:
    """A daily cap; with load balancing off there is none."""
    from carillon.limits import NO_CAP

    return "none" if cap >= NO_CAP else number(cap)


def count(n: int, one: str, many: str | None = None) -> str:
    """A number and its noun: 1 contact, 2 contacts."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def day(value: date) -> str:
    """ISO with the weekday."""
    return f"{value.isoformat()} {value:%a}"


def listed(counts: dict[str, int], dot: str) -> str:
    """Counts by word, the largest first."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return f" {dot} ".join(f"{plain_word(word)} {number(n)}" for word, n in ranked)


def plain_word(code: str) -> str:
    """A code of the database as people say it."""
    return _WORDS.get(code, code.replace("_", " "))


def _console(stream: TextIO) -> Console:
    console = Console(file=stream, soft_wrap=False)
    return console if console.is_terminal else Console(file=stream, width=PIPED_WIDTH)


def _speaks_unicode(stream: object) -> bool:
    return (getattr(stream, "encoding", None) or "").lower().replace("-", "") in ("utf8", "utf16")


def forgiving(stream: TextIO) -> TextIO:
    """The stream, never failing on a character its encoding does not have."""
    if not _speaks_unicode(stream) and hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")
    return stream


def screen() -> Screen:
    """The screen on this process' streams."""
    return Screen(forgiving(sys.stdout), forgiving(sys.stderr))


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def title(screen: Screen, text: str) -> None:
    """A heading between the parts of a long answer."""
    screen.say()
    if screen.out.is_terminal:
        screen.out.print(Rule(escape(text), align="left", style="dim", characters=screen.glyphs.line))
    else:
        screen.say(escape(text))
