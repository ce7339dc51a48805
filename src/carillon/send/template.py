"""Templates: read once per version, rendered for each contact.

What belongs here: the parts of a template and what becomes of them. What does not: the language
(`sandbox`), the variables (`variables`), faults found before anything is sent (`lint`). HTML is completed
with footer and preview text, and its CSS inlined, when the template is read; a missing text part is made
of it.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Template
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context

from carillon.errors import TemplateFault
from carillon.send import footer
from carillon.send.headers import one_line
from carillon.send.inline import inline, styled
from carillon.send.plaintext import text_of, text_source, tidy
from carillon.send.sandbox import (
    BUDGET,
    GLOBALS,
    HTML,
    LONGEST_TEXT,
    TEXT,
    Budget,
    Sandbox,
    guarded,
    has_loops,
    read,
    variables,
)
from carillon.templates import Source

LONGEST_SOURCE = 500_000
"""Characters of one part."""
LONGEST_SUBJECT = 900
"""Characters; a header line may have 998."""
_TOO_LONG = f"it becomes longer than {LONGEST_TEXT:,} characters"


@dataclass(frozen=True)
class Rendered:
    """A template with the values of one contact."""

    subject: str
    text: str
    html: str | None
    from_name: str | None
    sms: str | None


class _Part:
    """One compiled part."""

    def __init__(self, sandbox: Sandbox, source: str, what: str) -> None:
        tree, problems = read(sandbox, source)
        if tree is None or problems:
            first = problems[0]
            raise TemplateFault(f"{what}, line {first.line}: {first.text}")
        self.loops = has_loops(tree)
        self.names = variables(tree)
        self.template: Template = sandbox.from_string(guarded(sandbox, tree))

    def render(self, values: dict[str, Any]) -> str:
        # Template.new_context would look through the environment's globals each time: they are in `values`.
        context = Context(self.template.environment, values, self.template.name, self.template.blocks)
        if not self.loops:
            text = "".join(self.template.root_render_func(context))
            if len(text) > LONGEST_TEXT:
                raise SecurityError(_TOO_LONG)
            return text
        context.vars[BUDGET] = Budget()
        pieces, length = [], 0
        for piece in self.template.root_render_func(context):
            length += len(piece)
            if length > LONGEST_TEXT:
                raise SecurityError(_TOO_LONG)
            pieces.append(piece)
        return "".join(pieces)


def _has(part: _Part, text: str, postal_address: str | None) -> tuple[bool, bool]:
    """Whether a part has a link to unsubscribe, and the sender's address."""
    written = postal_address is not None and postal_address.split("\n")[0] in text
    return "unsubscribe_url" in part.names, written or not part.names.isdisjoint(footer.ADDRESS)


class Compiled:
    """A template ready to be rendered."""

    def __init__(self, source: Source, postal_address: str | None = None) -> None:
        """`postal_address`: the workspace's; where a part has it written out, no footer repeats it.

        Raises TemplateFault, with part and line, for what cannot be read.
        """
        self.source, self._what = source, f"template {source.name} version {source.version}"
        # Read as written first: lines in errors are then those of the author.
        parts = {part: self._part(part, text) for part, text in source.parts().items()}
        parts.pop("preheader", None)  # a part of the HTML from here on
        html, text = source.html or None, source.text or None
        self._inline = self._tidy = self._read_html = False
        if text is not None:
            text = footer.of_text(text, *_has(parts["text"], text, postal_address))
        if html is not None:
            html = footer.of_html(html, *_has(parts["html"], html, postal_address))
            if text is None:
                text = text_source(TEXT, html)
                self._tidy, self._read_html = text is not None and "{%" in text, text is None
            inlined = inline(HTML, footer.with_preheader(html, source.preheader))
            self._inline = inlined.at_rendering
            parts["html"] = self._part("html", inlined.source)
        if text is not None:
            parts["text"] = self._part("text", text)
        self._parts = parts
        self.names = frozenset().union(*(part.names for part in parts.values()))
        """Variables it needs."""
        self._blanks = dict.fromkeys(self.names, "")

    def _part(self, part: str, text: str) -> _Part:
        if len(text) > LONGEST_SOURCE:
            raise TemplateFault(f"{self._what}, {part}: longer than {LONGEST_SOURCE:,} characters")
        return _Part(HTML if part == "html" else TEXT, text, f"{self._what}, {part}")

    def render(self, values: Mapping[str, Any]) -> Rendered:
        """The parts with these values; variables that are not among them are empty.

        Raises TemplateFault, with part and line, where a part cannot be rendered.
        """
        known = {**self._blanks, **values, **GLOBALS}
        done: dict[str, str] = {}
        for name, part in self._parts.items():
            try:
                done[name] = part.render(known)
            except Exception as error:
                raise self._fault(name, known, error) from None
        html, text = done.get("html"), done.get("text", "")
        if html is not None:
            if self._read_html:
                text = text_of(html)
            if self._inline:
                html = styled(html)
            elif self._tidy:
                text = tidy(text)
            html = _sound(html)
        return Rendered(
            one_line(_sound(done.get("subject", "")))[:LONGEST_SUBJECT],
            _sound(text),
            html,
            one_line(_sound(done["from_name"])) if "from_name" in done else None,
            _sound(done["sms"]).strip() if "sms" in done else None,
        )

    def _fault(self, part: str, values: dict[str, Any], error: Exception) -> TemplateFault:
        """What went wrong, at the line of the part as its author wrote it."""
        line, source = None, getattr(self.source, part)
        try:
            if source and str(error) != _TOO_LONG:
                self._part(part, source).template.render(values | {BUDGET: Budget()})
        except Exception as again:
            frames = traceback.extract_tb(again.__traceback__)
            line = next((f.lineno for f in reversed(frames) if f.filename == "<template>"), None)
        place = f", line {line}" if line else ""
        return TemplateFault(f"{self._what}, {part}{place}: {error or type(error).__name__}")


def _sound(text: str) -> str:
    """A text that can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
