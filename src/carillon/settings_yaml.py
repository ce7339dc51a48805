"""A YAML file as plain data, with the line of every key and every problem with its line.

What belongs here: syntax. All scalars stay the text that was written (08:30 is not a number of minutes,
0.07 not a float, NO not a truth value); what a text means is decided by the key it belongs to. What does
not belong here: any key or value of the configuration.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import yaml

from carillon.settings_checks import shown

MOST_NODES = 100_000
"""Values a file may have, aliases written out."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where it stands, which key, what to do."""

    where: str
    """`carillon.yaml:12`, or the name of an environment variable."""
    key: str
    """`section.key`, or nothing."""
    text: str
    line: int = 0
    """For sorting; 0 where there is none."""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, self.text) if part)


@dataclass
class Document:
    """What a file says. Paths have keys as text and positions in lists as numbers."""

    name: str
    data: dict[str, object] = field(default_factory=dict)
    lines: dict[tuple[str | int, ...], int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def complain(self, line: int, key: str, text: str, column: int | None = None) -> None:
        place = f"{self.name}:{line}" + ("" if column is None else f":{column}")
        self.problems.append(Problem(place, key, text, line))


class _Loader(yaml.SafeLoader):
    """Composes nodes; of the plain scalars only null is more than text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own way)


_NULL = "tag:yaml.org,2002:null"
_Loader.add_implicit_resolver(_NULL, re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])

# PyYAML's words -> ours. The first that occurs in the problem counts.
_PLAIN = (
    (r"found character '\\t'", "a tab stands where only spaces may; indent with spaces"),
    (r"found character '(.)' that cannot", r"a value cannot begin with \1; put the text in quotes"),
    ("mapping values are not allowed", 'a colon stands where none is possible; check the indentation, and put'
     ' a text with ": " in it in quotes'),
    ("expected <block end>", "the indentation does not fit the lines above; give the keys of one section the"
     " same number of spaces"),
    ("could not find expected ':'", 'a ":" is missing after a key, here or on the line before'),
    ("unexpected end of stream", "a quotation mark is opened here and not closed"),
    ("expected ',' or", "a comma or the closing bracket is missing after the bracket that opens here"),
    ("undefined alias", "a value that begins with * refers to another, which is not there; put a text "
     "in quotes"),
    ("another document", 'a second document begins here; keep one and remove the line "---"'),
    ("sequence entries are not allowed", 'a "-" is not possible here; begin the list on a line of its own'),
    ("duplicate anchor", "two values have the same &name; rename one"),
)  # fmt: skip


def read_yaml(path: Path) -> Document:
    """What the file says; an absent file says nothing. Problems are collected, never raised."""
    document = Document(path.name)
    text = _text(path, document)
    return _parse(text, document) if text else document


def parse_yaml(text: str, name: str) -> Document:
    """What a text says that is or will be the file of this name."""
    return _parse(text, Document(name))


def compose(text: str) -> yaml.Node | None:
    """The tree of a text that can be read, with the place of every part; none if it says nothing."""
    node = _tree(text)
    return None if isinstance(node, yaml.ScalarNode) and node.tag == _NULL else node


@lru_cache(maxsize=8)
def _tree(text: str) -> yaml.Node | None:
    # The same file is read many times by a process, and reading it takes far longer than all that follows.
    loader = _Loader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()


def _parse(text: str, document: Document) -> Document:
    try:
        root = _tree(text)
        if root is not None:
            _take_root(root, document)
    except yaml.MarkedYAMLError as error:
        words = f"{error.problem or ''} {error.context or ''}".strip()
        # What is never closed is best seen where it opens.
        unclosed = "while scanning a quoted" in words or "while parsing a flow" in words
        marks = (error.context_mark, error.problem_mark)
        mark = next(filter(None, marks if unclosed else reversed(marks)), None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        document.complain(line, "", _plain(words), column)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        column = error.position - (before.rfind("\n") + 1) + 1
        document.complain(before.count("\n") + 1, "", "an unprintable character; remove it", column)
    except RecursionError:
        document.complain(1, "", "values are nested too deeply, or a value contains itself; write them out")
    return document


def _text(path: Path, document: Document) -> str:
    """The file's text without a byte order mark; nothing, and a problem noted, if it cannot be had."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        if path.is_symlink():
            document.problems.append(Problem(document.name, "", "is a link to a file that does not exist"))
        return ""
    except OSError as error:
        why = {
            PermissionError: "you have no permission to read it; change its owner or mode",
            IsADirectoryError: "it is a folder; put a file there, or remove it to use the defaults",
            NotADirectoryError: f"{path.parent} is not a folder",
        }.get(type(error), error.strerror or "unknown reason")
        document.problems.append(Problem(document.name, "", f"cannot be read: {why}"))
        return ""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Positions count from after a byte order mark where there is one.
        before = error.object[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        document.complain(before.count(b"\n") + 1, "", "the file is not UTF-8; save it as that", column)
        return ""


def _plain(words: str) -> str:
    for pattern, plain in _PLAIN:
        if found := re.search(pattern, words):
            return found.expand(plain)
    return f"this is not valid YAML ({words}); check the indentation, colons and quotation marks"


def _take_root(root: yaml.Node, document: Document) -> None:
    if isinstance(root, yaml.ScalarNode) and root.tag == _NULL:
        return
    if not isinstance(root, yaml.MappingNode):
        what = "a list" if isinstance(root, yaml.SequenceNode) else shown(root.value)
        line = root.start_mark.line + 1
        document.complain(line, "", f'{what} stands where sections are meant; write them like "workspace:"')
        return
    value = _Taking(document).take(root, ())
    if isinstance(value, dict):
        document.data = value


class _Taking:
    """Turns nodes into data and notes lines on the way."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = 0

    def take(self, node: yaml.Node, path: tuple[str | int, ...]) -> object:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise RecursionError
        if not node.tag.startswith("tag:yaml.org,2002:") or "python" in node.tag:
            self.complain(node, path, f"the tag {node.tag[:40]} is not used here; remove it")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.item(child, (*path, index)) for index, child in enumerate(node.value)]
        return None if node.tag == _NULL else str(node.value)

    def item(self, node: yaml.Node, path: tuple[str | int, ...]) -> object:
        self.document.lines[path] = node.start_mark.line + 1
        return self.take(node, path)

    def mapping(self, node: yaml.MappingNode, path: tuple[str | int, ...]) -> dict[str, object]:
        values: dict[str, object] = {}
        first: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.complain(key, path, 'a key must be a single word; write it like "key: value"')
                continue
            name = str(key.value)
            here = (*path, name)
            line = key.start_mark.line + 1
            if earlier := first.get(same_word(name)):
                self.complain(key, here, f"given twice, first on line {earlier}; remove one of the two")
                continue
            first[same_word(name)] = line
            self.document.lines[here] = line
            values[name] = self.take(value, here)
        return values

    def complain(self, node: yaml.Node, path: tuple[str | int, ...], text: str) -> None:
        self.document.complain(node.start_mark.line + 1, dotted(path), text)


def same_word(key: str) -> str:
    """Keys that differ only in capitals are one key: a state may be written `ca`."""
    return key.strip().casefold()


def dotted(path: tuple[str | int, ...]) -> str:
    """The path as people write it; a position in a list is told by its line."""
    return ".".join(part if part.isprintable() else "?" for part in path if isinstance(part, str))
