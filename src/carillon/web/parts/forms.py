"""Fields of forms, and what is wrong with them told at the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nicegui import ui

Check = Callable[[Any], str | None]
"""What is wrong with a value, in words; None or empty: nothing."""


def field(
    label: str,
    value: str = "",
    *,
    hint: str = "",
    check: Check | None = None,
    password: bool = False,
    lines: bool = False,
) -> ui.input | ui.textarea:
    """A field for text. `check` is asked when the field is left and when the form is sent."""
    made: ui.input | ui.textarea
    if lines:
        made = ui.textarea(label, value=value, validation=check)
    else:
        made = ui.input(label, value=value, validation=check, password=password)
    made.props("outlined dense").classes("w-full").without_auto_validation()
    made.props["hint"] = hint or None
    made.on("blur", lambda: made.validate() if made.value or made.error else None)
    return made


def number_field(
    label: str,
    value: float | None = None,
    *,
    hint: str = "",
    least: float | None = None,
    most: float | None = None,
    whole: bool = True,
) -> ui.number:
    """A field for a number within bounds."""

    def check(given: Any) -> str | None:
        if given is None:
            return None
        if whole and given != int(given):
            return "a whole number"
        if (least is not None and given < least) or (most is not None and given > most):
            return f"from {least:g} to {most:g}" if None not in (least, most) else "out of bounds"
        return None

    made = ui.number(
        label, value=value, min=least, max=most, precision=0 if whole else None, validation=check
    )
    made.props("outlined dense").classes("w-full")
    made.props["hint"] = hint or None
    return made


def choice(
    label: str, options: Mapping[Any, str] | Sequence[Any], value: Any = None, *, hint: str = "", **more: Any
) -> ui.select:
    """A field to choose from a list; options may be long: `with_input=True` finds in them."""
    given = dict(options) if isinstance(options, Mapping) else list(options)
    made = ui.select(given, label=label, value=value, **more).props("outlined dense options-dense")
    made.props["hint"] = hint or None
    return made.classes("w-full")


def needed(value: Any) -> str | None:
    """A check: something has to be there."""
    return None if str(value or "").strip() else "is needed"


def all_right(*fields: Any) -> bool:
    """Check the fields; the first that is wrong gets the focus."""
    wrong = [one for one in fields if not one.validate()]
    if wrong:
        wrong[0].run_method("focus")
    return not wrong


def wrong(at: Any, words: str) -> None:
    """Tell at a field what is wrong with it, as somebody else found out: an InputError, say."""
    at.error = words
    at.run_method("focus")
