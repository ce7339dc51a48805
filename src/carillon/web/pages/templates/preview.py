"""What stands beside the editor: what is wrong with a draft, and how it looks to somebody real.

An email is shown in a frame that runs no scripts and loads nothing: neither from elsewhere nor from here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nicegui import ui
from nicegui.element import Element

from carillon.errors import CarillonError
from carillon.send import preview as previews
from carillon.send.lint import Finding
from carillon.send.preview import Preview
from carillon.store import contact_search
from carillon.store.contact_search import Wanted
from carillon.templates import Source
from carillon.web.parts import badge, button, card, field, icon, note, number, read, row, text
from carillon.workspace import Workspace

SUGGESTIONS = 8
PHONE, DESKTOP = 375, 680
"""Pixels."""
SMS_CHARACTERS = 160
"""Of one part of an SMS in plain letters."""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_FRAME = (
    f'<!doctype html><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    "<style>a{{pointer-events:none}}html{{color-scheme:{light}}}</style>"
)


@dataclass(frozen=True)
class Seen:
    """A draft as it was checked and rendered."""

    findings: list[Finding]
    made: Preview | None
    fault: str
    """Why nothing is shown."""


def look(workspace: Workspace, source: Source, contact: str | None) -> Seen:
    """Check a draft and render it for a contact (address or id; None: the first). Nothing is sent."""
    with workspace.database.snapshot() as connection:
        found = previews.findings(workspace, connection, source)
    if not source.parts():
        return Seen([], None, "Write something, and this is where it is seen.")
    try:
        return Seen(found, previews.preview(workspace, source, contact, None, tracked=False), "")
    except CarillonError as error:
        return Seen(found, None, str(error))


class PreviewCard:
    """The card with the email in it."""

    def __init__(self, contact: str, changed: Callable[[], object]) -> None:
        self._seen: Seen | None = None
        self._width, self._dark, self._part = DESKTOP, False, "email"
        with card("As it arrives") as place:
            with place:
                self._phone = self._way("smartphone", "Phone width", lambda: self._show_as(PHONE))
                self._desktop = self._way("desktop_windows", "Desktop width", lambda: self._show_as(DESKTOP))
                self._light = self._way("dark_mode", "As a dark mail program shows it", self._turn)
            self.contact = field(
                "As this contact gets it", contact, hint="An address or id; empty: the first."
            )
            self.contact.props("clearable debounce=300")
            self.contact.on_value_change(self._suggest)
            self.contact.on_value_change(changed)
            with row() as self._parts:
                self._buttons = {
                    part: button(label, do=lambda part=part: self._choose(part), look="quiet")
                    for part, label in (
                        ("email", "Email"),
                        ("text", "Text"),
                        ("head", "Headers"),
                        ("sms", "SMS"),
                    )
                }
            self._place = ui.element("div").classes("t-place")
        self._marks()

    @property
    def wanted(self) -> str | None:
        return str(self.contact.value or "").strip() or None

    def show(self, seen: Seen) -> None:
        """Draw what was found."""
        self._seen = seen
        made = seen.made
        there = {
            "email": made is not None and made.mail is not None,
            "text": made is not None and made.mail is not None,
            "head": made is not None and made.mail is not None,
            "sms": made is not None and bool(made.sms),
        }
        for part, one in self._buttons.items():
            one.set_visibility(there[part])
        self._parts.set_visibility(sum(there.values()) > 1)
        if not there[self._part]:
            self._part = next((part for part, is_there in there.items() if is_there), "email")
        self._draw()

    def _draw(self) -> None:
        self._place.clear()
        self._marks()
        seen = self._seen
        if seen is None:
            return
        with self._place:
            if seen.made is None:
                note(seen.fault, "info" if not seen.findings else "warn")
                return
            made, mail = seen.made, seen.made.mail
            text("p", f"For {made.email or 'a contact without an address'}", "c-muted c-small")
            if mail is None or self._part == "sms":
                _sms(made.sms or "")
            elif self._part == "email":
                with ui.element("div").classes("t-subject"):
                    text("div", mail.subject or "(no subject)", "c-strong")
                    text("div", f"{mail.from_name} <{mail.from_address}>", "c-muted c-small")
                if mail.html is None:
                    text("pre", mail.text, "t-text")
                else:
                    _frame(mail.html, self._width, self._dark)
            elif self._part == "text":
                text("pre", mail.text, "t-text").props('tabindex="0"')
            else:
                head = made.data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
                text("pre", head.replace("\r\n", "\n"), "t-text").props('tabindex="0"')

    def _choose(self, part: str) -> None:
        self._part = part
        self._draw()

    def _show_as(self, width: int) -> None:
        self._width, self._part = width, "email" if self._buttons["email"].visible else self._part
        self._draw()

    def _turn(self) -> None:
        self._dark = not self._dark
        self._draw()

    def _marks(self) -> None:
        for part, one in self._buttons.items():
            one.props["aria-pressed"] = "true" if part == self._part else "false"
        for one, on in (
            (self._phone, self._width == PHONE),
            (self._desktop, self._width == DESKTOP),
            (self._light, self._dark),
        ):
            one.props["aria-pressed"] = "true" if on else "false"

    def _way(self, symbol: str, label: str, do: Callable[[], None]) -> ui.button:
        made = button("", symbol, do, look="quiet")
        made.props["aria-label"] = made.props["title"] = label
        return made

    async def _suggest(self) -> None:
        begins = self.wanted
        if begins is None or len(begins) < 2:
            return
        wanted = Wanted(email=begins)
        found = await read(lambda connection: contact_search.search(connection, wanted, None, SUGGESTIONS))
        if isinstance(self.contact, ui.input):
            self.contact.set_autocomplete([one.texts["email"] or "" for one in found.items])


def lint_list(place: Element, findings: Sequence[Finding], jump: Callable[[Finding], None]) -> None:
    """What is wrong, a line each; one with a line of the template leads there."""
    place.clear()
    with place:
        if not findings:
            with row():
                icon("check_circle").classes("c-good").style("font-size: 18px")
                text("span", "Nothing is wrong with it.", "c-muted")
            return
        for one in findings:
            with ui.element("div").classes("t-finding"):
                badge("error" if one.is_error else "warning", "bad" if one.is_error else "warn")
                if one.line:
                    spot = button(f"{one.part}, line {one.line}", do=lambda one=one: jump(one), look="quiet")
                    spot.classes("t-spot")
                elif one.part:
                    text("span", one.part, "c-muted c-small")
                text("span", one.text, "c-grow")


def _frame(html: str, width: int, dark: bool) -> None:
    light = "dark" if dark else "light"
    frame = ui.element("iframe").classes("t-frame").style(f"max-width: {width}px; color-scheme: {light}")
    frame.props["sandbox"] = ""
    frame.props["title"] = "The email"
    frame.props["referrerpolicy"] = "no-referrer"
    frame.props["srcdoc"] = _FRAME.format(light=light) + html


def _sms(words: str) -> None:
    with ui.element("div").classes("t-sms"):
        text("div", words)
    parts = -(-len(words) // SMS_CHARACTERS)
    said = f"{number(len(words))} characters" + (f", sent as about {parts} parts" if parts > 1 else "")
    text("p", said, "c-muted c-small")
