"""Jinja tags taken out of a source and put back, so that what reads HTML does not trip over them.

A tag is replaced by a word that means nothing to HTML or CSS. A statement between elements becomes a comment
instead: parsers move text out of tables, and leave comments where they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from jinja2 import Environment

WORD = re.compile(r"zq(\d+)qz")
ANY = re.compile(r"<!--zq\d+qz-->|zq\d+qz")
_OPENS = {"variable_begin": "variable_end", "block_begin": "block_end", "comment_begin": "comment_end",
          "raw_begin": "raw_end"}  # fmt: skip


@dataclass
class Marked:
    """A source with words in place of its tags."""

    source: str = ""
    tags: list[str] = field(default_factory=list)
    has_statements: bool = False

    def back(self, text: str) -> str:
        """A text with the tags where their words stand."""
        return ANY.sub(lambda found: self.tags[int(found[0].strip("<!->zq"))], text)


def mark(environment: Environment, source: str, comments: bool = True) -> Marked:
    """Take the tags out. `comments`: let statements between elements become comments."""
    if WORD.search(source):
        raise ValueError("the source has a word in it that stands for a tag")
    marked, out, inside = Marked(), [], False
    for kind, text in _pieces(environment, source):
        if kind == "data":
            out.append(text)
            inside = text.rfind("<") > text.rfind(">") if "<" in text or ">" in text else inside
            continue
        marked.has_statements |= kind == "block_begin"
        word = f"zq{len(marked.tags)}qz"
        out.append(f"<!--{word}-->" if comments and kind != "variable_begin" and not inside else word)
        marked.tags.append(text)
    marked.source = "".join(out)
    return marked


def _pieces(environment: Environment, source: str) -> list[tuple[str, str]]:
    """(kind, text): data, or a whole tag by the name of its beginning."""
    found: list[tuple[str, str]] = []
    until, opened, held = "", "", ""
    for _, kind, text in environment.lex(source):
        if until:
            held += text
            if kind == until:
                found.append((opened, held))
                until = ""
        elif kind in _OPENS:
            until, opened, held = _OPENS[kind], kind, text
        else:
            found.append(("data", text))
    return found
