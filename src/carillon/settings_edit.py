"""Puts values into the text of a `carillon.yaml` and leaves all the rest of it as it is.

What belongs here: where in the text a value stands, and how one is written. What does not: which values
(`settings_rewrite`, which also makes sure that the outcome says what is wanted: YAML has more ways to write
a value than this module knows).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from carillon.settings_yaml import compose, same_word

INDENT = 2
_BARE = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]*(?:[./-][A-Za-z0-9_]+)*|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}"
)
_OTHER_THAN_TEXT = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
"""Words that YAML takes for something else if they stand without quotes."""


def edited(text: str, values: Mapping[str, object]) -> str:
    """The text with these values (by "section.key", spelt as by `settings_values`) in their places."""
    for path, value in values.items():
        text = _with(text, path.split("."), value)
    return text


def written(value: object) -> str:
    """A value on one line."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict():
            return "{" + ", ".join(f"{written(key)}: {written(below)}" for key, below in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(written, value)) + "]"
        case str() if not _BARE.fullmatch(value) or value.lower() in _OTHER_THAN_TEXT:
            return json.dumps(value, ensure_ascii=False)
    return str(value)


@dataclass(frozen=True)
class _Place:
    """How far a path exists: its last known key and value, and which parts are missing below."""

    node: yaml.Node | None
    """The value at the end of what exists; the whole document at first."""
    key: yaml.Node | None
    missing: Sequence[str]
    in_braces: bool
    """Whether it stands within {...}, where no line structure is possible."""


def _find(text: str, path: Sequence[str]) -> _Place:
    node, key, in_braces = compose(text), None, False
    for at, part in enumerate(path):
        in_braces |= isinstance(node, yaml.MappingNode) and bool(node.flow_style)
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = next((pair for pair in pairs if same_word(str(pair[0].value)) == same_word(part)), None)
        if found is None:
            return _Place(node, key, path[at:], in_braces)
        key, node = found
    return _Place(node, key, (), in_braces)


def _with(text: str, path: Sequence[str], value: object) -> str:
    place = _find(text, path)
    if place.missing:
        return _added(text, place, value)
    node = place.node
    if isinstance(value, dict) and value and isinstance(node, yaml.MappingNode) and not node.flow_style:
        return _entries(text, path, node, value)
    return _replaced(text, place, value)


def _entries(text: str, path: Sequence[str], node: yaml.MappingNode, wanted: Mapping[str, object]) -> str:
    """A map whose entries have lines of their own: only those that differ are touched."""
    there = {str(key.value): _said(below) for key, below in node.value}
    known = {same_word(name) for name in wanted}
    for name, value in wanted.items():
        if next((said for old, said in there.items() if same_word(old) == same_word(name)), None) != _text_of(
            value
        ):
            text = _with(text, [*path, name], value)
    for name in there:
        if same_word(name) not in known:
            text = _without(text, [*path, name])
    return text


def _replaced(text: str, place: _Place, value: object) -> str:
    assert place.key is not None
    assert place.node is not None
    begin, end = place.node.start_mark.index, _end(text, place.node)
    indent = place.key.start_mark.column
    if isinstance(place.node, yaml.CollectionNode) and not place.node.flow_style:
        begin = text.index(":", place.key.end_mark.index) + 1
    new = written(value) if place.in_braces else _below(value, indent, _line_break(text))
    if new.startswith(("\n", "\r")):
        # Lines below the key: no blank is left behind it.
        begin = text.index(":", place.key.end_mark.index) + 1
    elif text[begin - 1] == ":":
        new = f" {new}"
    return text[:begin] + new + text[end:]


def _added(text: str, place: _Place, value: object) -> str:
    """The missing keys below what there is."""
    node, line_break = place.node, _line_break(text)
    if isinstance(node, yaml.MappingNode) and (place.in_braces or node.flow_style):
        nested = value
        for part in reversed(place.missing[1:]):
            nested = {part: nested}
        at = node.end_mark.index - 1
        before = text[:at].rstrip()
        comma = ", " if node.value and not before.endswith(",") else " " if node.value else ""
        return f"{before}{comma}{place.missing[0]}: {written(nested)}{text[at:]}"
    if isinstance(node, yaml.MappingNode) and node.value:
        indent = node.value[0][0].start_mark.column
        at = _line_end(text, _end(text, node))
    elif place.key is not None:
        indent = place.key.start_mark.column + INDENT
        at = _line_end(text, place.key.end_mark.index)
    else:
        indent, at = 0, len(text.rstrip())
    lines = ""
    for depth, part in enumerate(place.missing):
        lines += f"{line_break}{' ' * (indent + INDENT * depth)}{part}:"
    tail = _below(value, indent + INDENT * (len(place.missing) - 1), line_break)
    lines += tail if tail.startswith(line_break) else f" {tail}"
    if place.key is None:
        at = len(text.rstrip())
        return (
            text[:at] + (line_break if at else "") + lines.removeprefix("" if at else line_break) + line_break
        )
    return text[:at] + lines + text[at:]


def _without(text: str, path: Sequence[str]) -> str:
    """Without the lines of an entry that has lines of its own."""
    place = _find(text, path)
    assert place.key is not None
    assert place.node is not None
    begin = place.key.start_mark.index - place.key.start_mark.column
    end = _line_end(text, max(_end(text, place.node), place.key.end_mark.index))
    return text[:begin] + text[end:].removeprefix("\r").removeprefix("\n")


def _below(value: object, indent: int, line_break: str) -> str:
    """What follows a key's colon: a map of maps on lines of its own, all else on the same line."""
    if isinstance(value, dict) and value and all(isinstance(one, dict) for one in value.values()):
        margin = line_break + " " * (indent + INDENT)
        return "".join(f"{margin}{written(key)}: {written(below)}" for key, below in value.items())
    return written(value)


def _said(node: yaml.Node) -> object:
    """What a node says, all of it as text."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _said(below) for key, below in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_said(one) for one in node.value]
    return str(node.value)


def _text_of(value: object) -> object:
    """The same of a value."""
    if isinstance(value, dict):
        return {str(key): _text_of(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_text_of(one) for one in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def _end(text: str, node: yaml.Node) -> int:
    """Where a node's own text ends: what has lines of its own ends for YAML only where the next begins."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    begin = node.start_mark.index
    return begin + len(text[begin : node.end_mark.index].rstrip())


def _line_end(text: str, at: int) -> int:
    found = re.compile(r"\r?\n").search(text, at)
    return found.start() if found else len(text)


def _line_break(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
