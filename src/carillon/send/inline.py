"""CSS put into the elements it is meant for, once per template version where that is right.

Mail programs drop style sheets, so rules move into `style` attributes; media queries stay. Inlining every
rendered email would cost ten times its rendering, so it is done on the source, with the tags of Jinja marked.
That is right where the parser leaves the source's structure alone and no rule depends on what the tags
will become; otherwise `at_rendering` says that each rendered email is to be inlined.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser

import css_inline
from jinja2 import Environment

from carillon.send.marks import WORD, mark

_STRUCTURAL = re.compile(r"[+~]|:(?!hover|link|visited|active|focus)[a-z-]+\(?", re.IGNORECASE)
_ADDED = {"html", "head", "body", "style", "link"}
"""Elements the parser adds around everything, or that inlining takes out."""
_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.IGNORECASE | re.DOTALL)
_AT_RULE = re.compile(r"@[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")


@dataclass(frozen=True)
class Inlined:
    """An HTML source as it is to be compiled."""

    source: str
    at_rendering: bool = False


def inline(environment: Environment, source: str) -> Inlined:
    """Inline the style sheets of a template, as far as that can be done before rendering."""
    if not _STYLE.search(source):
        return Inlined(source)
    try:
        marked = mark(environment, source)
    except ValueError:
        return Inlined(source, at_rendering=True)
    sheets = " ".join(_STYLE.findall(marked.source))
    if WORD.search(sheets) or (marked.has_statements and _STRUCTURAL.search(_selectors(sheets))):
        return Inlined(source, at_rendering=True)
    done = styled(marked.source)
    before, after = _Structure.of(marked.source), _Structure.of(done)
    if before.styled_by_tags or before.words != after.words:
        return Inlined(source, at_rendering=True)
    if marked.has_statements and before.elements != after.elements:
        return Inlined(source, at_rendering=True)
    return Inlined(marked.back(done))


def styled(html: str) -> str:
    """A page with its style sheets inlined; nothing is loaded from elsewhere."""
    return _inliner().inline(html)


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def _selectors(sheets: str) -> str:
    """The sheets without media queries, which stay as they are, and without declarations."""
    return re.sub(r"\{[^}]*\}", "{}", _AT_RULE.sub("", re.sub(r"/\*.*?\*/", "", sheets, flags=re.DOTALL)))


class _Structure(HTMLParser):
    """Elements in their order, and the marks between and in them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.elements: list[str] = []
        self.words: list[str] = []
        self.styled_by_tags = False

    @classmethod
    def of(cls, html: str) -> _Structure:
        found = cls()
        found.feed(html)
        found.close()
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            self._note(value or "")
            # Where a tag decides which attributes there are, or what rules match, nobody knows yet.
            if WORD.search(name) or (name in ("class", "id", "style") and WORD.search(value or "")):
                self.styled_by_tags = True
        if WORD.search(tag):
            self.styled_by_tags = True
        if tag not in _ADDED:
            self.elements.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _ADDED:
            self.elements.append(f"/{tag}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        self._note(data)

    def handle_comment(self, data: str) -> None:
        self._note(data)

    def _note(self, text: str) -> None:
        found = WORD.findall(text)
        self.words += found
        self.elements += [f"#{one}" for one in found]
