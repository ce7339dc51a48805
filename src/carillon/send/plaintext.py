"""A text part out of HTML, for templates that bring none.

Made of the template's source where its tags allow that, so that it costs no more than any other part.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from jinja2 import Environment, TemplateSyntaxError

from carillon.send.marks import ANY, mark

_BLOCKS = {
    "address", "article", "blockquote", "center", "div", "dl", "fieldset", "figure", "footer", "form", "h1",
    "h2", "h3", "h4", "h5", "h6", "header", "hr", "main", "ol", "p", "pre", "section", "table", "ul",
}  # fmt: skip
"""An empty line before and after."""
_LINES = {"br", "dd", "dt", "li", "tr"}
"""Each begins a line."""
_SILENT = {"head", "style", "script", "title", "template"}
_HIDDEN = re.compile(r"display:\s*none", re.IGNORECASE)
_EDGES, _GAPS = re.compile(r"[ \t]+\n[ \t]*|\n[ \t]+"), re.compile(r"\n{3,}")
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


def text_source(environment: Environment, html: str) -> str | None:
    """The source of a text part for the source of an HTML part; None if each email has to be read."""
    try:
        marked = mark(environment, html)
        text = text_of(marked.source)
        if re.search(r"\{[{%#]|[}%#]\}", ANY.sub("", text)):
            return None
        source = marked.back(text)
        environment.parse(source)
    except (ValueError, TemplateSyntaxError):
        return None
    return source


def text_of(html: str) -> str:
    """What a page says: paragraphs apart, links with their addresses; comments of `marks` stay."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return tidy("".join(reader.pieces))


def tidy(text: str) -> str:
    """No blanks at the ends of lines, at most one empty line in a row, one line break at the end."""
    return _GAPS.sub("\n\n", _EDGES.sub("\n", text)).strip("\n ") + "\n"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent: list[str] = []
        """Elements open inside one that is not shown, that one first."""
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if self._silent or tag in _SILENT or _HIDDEN.search(given.get("style", "")):
            if tag not in _VOID:
                self._silent.append(tag)
            return
        if tag == "a":
            self._links.append((given.get("href", ""), len(self.pieces)))
        elif tag == "img":
            self.pieces.append(given.get("alt", ""))
        elif tag == "li":
            self.pieces.append("\n- ")
        elif tag in ("td", "th"):
            self.pieces.append(" ")
        elif tag == "hr":
            self.pieces.append("\n\n----\n\n")
        else:
            self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag in self._silent:
                del self._silent[self._silent.index(tag) if tag == self._silent[0] else -1 :]
            return
        if tag == "a" and self._links:
            self._end_link(*self._links.pop())
        elif tag not in _LINES:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        words = re.sub(r"\s+", " ", data)
        if words.startswith(" ") and (not self.pieces or self.pieces[-1][-1:] in ("\n", " ")):
            words = words[1:]
        self.pieces.append(words)

    def handle_comment(self, data: str) -> None:
        comment = f"<!--{data}-->"
        if ANY.fullmatch(comment) and not self._silent:
            self.pieces.append(comment)

    def _break(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.pieces.append("\n\n")
        elif tag in _LINES:
            self.pieces.append("\n")

    def _end_link(self, target: str, begin: int) -> None:
        said = "".join(self.pieces[begin:]).strip()
        bare = target.removeprefix("mailto:")
        if target and not target.startswith("#") and said not in (target, bare):
            self.pieces.append(f" ({target})" if said else target)
