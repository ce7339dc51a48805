"""What a received email says: its text, or its HTML as text in which quotations are marked.

What belongs here: parts, charsets, HTML. What does not: where a quotation ends (`quote`). Nothing of a
received page survives but its words: no tags, no links, no pictures. The standard library's reader of HTML
is not used: what some senders write keeps it busy for minutes.
"""

from __future__ import annotations

import re
from email.message import Message
from html import unescape

from carillon.listen.headers import in_some_charset

LONGEST = 100_000
"""Characters of a body that are read."""
MOST_PARTS = 100
_DEEPEST = 500
"""Elements within each other that are told apart."""
QUOTED = "> "
REST = "\x01"
"""A line of this says that all below it is quoted: some programs mark only where that begins."""
_BLOCKS = {"address", "article", "blockquote", "center", "div", "dl", "dd", "dt", "footer", "form", "h1",
           "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "ol", "p", "pre", "section", "table",
           "tr", "ul"}  # fmt: skip
_SPACED = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table"}
"""An empty line before and after."""
_SILENT = {"head", "template", "noscript", "object"}
_HIDDEN = re.compile(r"display:\s*none|mso-hide:\s*all", re.IGNORECASE)
_REST_IDS = {"divrplyfwdmsg", "appendonsend", "olk_src_body_section", "replysplit",
             "mail-editor-reference-message-container", "ms-outlook-mobile-body-separator-line"}  # fmt: skip
_REST_CLASSES = {"yahoo_quoted", "protonmail_quote", "zmail_extra", "ms-outlook-ios-reference-expand"}
_RULED = re.compile(r"border:\s*none;\s*border-top:\s*solid\s+#?\w+\s+1", re.IGNORECASE)
"""How Outlook for Windows draws the line above the headers of what it answers."""
_RAW = {"script", "style", "title", "textarea"}
"""Elements in which nothing is a tag."""
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_TAG = re.compile(
    r"<(?:(?P<end>/)?(?P<name>[A-Za-z][\w:-]{0,40})"
    r"(?P<attributes>(?:[^<>\"']|\"[^\"<]{0,5000}\"|'[^'<]{0,5000}')*+)|[!?/][^<>]{0,2000}+)>"
)
_ATTRIBUTE = re.compile(r"([\w:-]{1,40})\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")


def text_of(message: Message) -> str:
    """The text of an email; attachments and enclosed emails are left out."""
    plain, pages = [], []
    for part in _inline(message):
        kind = part.get_content_type()
        # A multipart without parts is what is left of a message that was cut up badly.
        if kind == "text/plain" or part.get_content_maintype() == "multipart":
            plain.append(content(part))
        elif kind == "text/html":
            pages.append(content(part))
    text = "\n".join(plain)
    if not text.strip():
        text = "\n".join(text_of_page(page) for page in pages)
    return text.replace("\r\n", "\n").replace("\r", "\n")[:LONGEST]


def content(part: Message) -> str:
    """The text of one part, whatever charset it claims."""
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    charset = part.get_param("charset")
    name = charset if isinstance(charset, str) else None
    return in_some_charset(raw[: 4 * LONGEST], name)[:LONGEST]


def parts(message: Message) -> list[Message]:
    """All parts, itself first."""
    found = []
    for part in message.walk():
        found.append(part)
        if len(found) == MOST_PARTS:
            break
    return found


def _inline(message: Message) -> list[Message]:
    found: list[Message] = []
    waiting = [message]
    while waiting and len(found) < MOST_PARTS:
        part = waiting.pop()
        inside = part.get_payload() if part.is_multipart() else None
        if part.get_content_maintype() == "message":
            continue
        if isinstance(inside, list):
            waiting += [one for one in reversed(inside) if isinstance(one, Message)]
        elif part.get_content_disposition() != "attachment":
            found.append(part)
    return found


def text_of_page(page: str) -> str:
    """What an HTML page says. Quotations come out marked, as people mark them by hand."""
    reader = _Reader()
    page = page[:LONGEST]
    place = 0
    while place < len(page):
        begin = page.find("<", place)
        begin = len(page) if begin < 0 else begin
        reader.words(page[place:begin])
        if page.startswith("<!--", begin):
            end = page.find("-->", begin)
            place = len(page) if end < 0 else end + 3
        elif found := _TAG.match(page, begin):
            place = found.end()
            name = (found["name"] or "").lower()
            if found["end"]:
                reader.end(name)
            elif name in _RAW:
                closed = page.lower().find(f"</{name}", place) if name not in reader.unclosed else -1
                if closed < 0:
                    reader.unclosed.add(name)
                place = len(page) if closed < 0 else closed
            elif name:
                reader.begin(name, found["attributes"])
        else:
            reader.words(page[begin : begin + 1])
            place = begin + 1
    return reader.text()


class _Reader:
    """The lines of a page, made of what is met in it. Reading takes time in proportion to the page."""

    def __init__(self) -> None:
        self.unclosed: set[str] = set()
        """Elements that are known not to end."""
        self._lines: list[str] = []
        self._line: list[str] = []
        self._depth = 0
        """Quotations that are open."""
        self._silent: list[str] = []
        """Elements that are open inside one that is not shown, that one first."""

    def text(self) -> str:
        self._end_line()
        return "\n".join(self._lines)

    def words(self, source: str) -> None:
        if not self._silent and source:
            said = re.sub(r"[\s\xa0]+", " ", unescape(source))
            if not self._line or self._line[-1].endswith(" "):
                said = said.lstrip()
            if said:
                self._line.append(said)

    def begin(self, tag: str, source: str) -> None:
        given = {
            name.lower(): unescape(double or single or bare)
            for name, double, single, bare in _ATTRIBUTE.findall(source)
        }
        if self._silent or tag in _SILENT or _HIDDEN.search(given.get("style", "")):
            if tag not in _VOID and not source.endswith("/") and len(self._silent) < _DEEPEST:
                self._silent.append(tag)
            return
        if tag == "br":
            self._lines.append((self._quoted() + "".join(self._line)).rstrip())
            self._line = []
            return
        if tag in _BLOCKS:
            self._end_line(tag in _SPACED)
        names = set(given.get("class", "").lower().split())
        is_rest = given.get("id", "").lower() in _REST_IDS or names & _REST_CLASSES
        if is_rest or _RULED.search(given.get("style", "")):
            self._end_line()
            self._lines.append(REST)
        if tag == "blockquote":
            self._depth += 1
        elif tag == "li":
            self._line = ["- "]

    def end(self, tag: str) -> None:
        if self._silent:
            if tag in self._silent:
                while self._silent.pop() != tag:
                    pass
            return
        if tag in _BLOCKS:
            self._end_line(tag in _SPACED)
        if tag == "blockquote" and self._depth:
            self._depth -= 1

    def _quoted(self) -> str:
        return QUOTED * min(self._depth, 9)

    def _end_line(self, spaced: bool = False) -> None:
        line = "".join(self._line).rstrip()
        if line:
            self._lines.append(self._quoted() + line)
        self._line = []
        if spaced and self._lines and self._lines[-1].strip(" >"):
            self._lines.append(self._quoted().rstrip())
