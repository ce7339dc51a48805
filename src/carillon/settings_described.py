"""What every key of the configuration is for, and what may stand in it: for forms.

The words are the comments of `data/carillon.yaml`, which has every key; the kinds are read off the models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from functools import cache
from importlib import resources
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from carillon.settings import Settings
from carillon.settings_load import FILE_NAME, innermost
from carillon.settings_sections import Weekday
from carillon.settings_values import plain
from carillon.settings_yaml import parse_yaml

_HEADING = re.compile(r"# ---- (.+?) ----")
_KEY = re.compile(r"( *)([a-z0-9_]+):")


class Kind(StrEnum):
    """How a value is asked for."""

    FLAG = "flag"
    CHOICE = "choice"
    WEEKDAYS = "weekdays"
    TIME = "time"
    NUMBER = "number"
    LIST = "list"
    MAP = "map"
    TEXT = "text"


@dataclass(frozen=True)
class Described:
    """One key."""

    path: str
    """As "section.key"."""
    words: str
    """What it is for and what may stand in it."""
    kind: Kind
    options: tuple[str, ...]
    """Of a choice."""
    may_be_empty: bool
    """Whether nothing at all is a value: null."""
    default: object
    """In the one spelling of `settings_values.plain`."""

    def read(self, given: object) -> object:
        """What somebody gave, in the one spelling. Raises ValueError with the words for why it cannot be.

        Lists may be given as text with commas, maps as text with a `key: value` on each line.
        """
        if self.may_be_empty and (given is None or (isinstance(given, str) and not given.strip())):
            return None
        if isinstance(given, str) and self.kind is Kind.LIST:
            given = parse_yaml(f"a: [{given.strip().removeprefix('[').removesuffix(']')}]", "").data["a"]
        elif isinstance(given, str) and self.kind is Kind.MAP:
            given = parse_yaml(given, "").data if given.strip() else {}
        elif isinstance(given, float):
            given = f"{given:g}"
        try:
            return plain(_adapter(self.path).validate_python(given))
        except ValidationError as error:
            raise ValueError("; ".join(_words_of(dict(one)) for one in error.errors()[:3])) from None


@cache
def sections() -> Mapping[str, str]:
    """Every section with its heading."""
    return _comments()[1]


@cache
def described() -> Mapping[str, Described]:
    """Every key, by its path, in the order of the file."""
    comments = _comments()[0]
    defaults = Settings()
    found = {}
    for path in Settings.paths():
        above = path
        while above not in comments and "." in above:
            above = above.rpartition(".")[0]
        field, inner = _field(path), innermost(_field(path).annotation)
        value: object = defaults
        for part in path.split("."):
            value = getattr(value, part)
        options = get_args(inner) if get_origin(inner) is Literal else ()
        found[path] = Described(
            path,
            comments.get(above, ""),
            _kind(inner),
            tuple(str(one) for one in options),
            NoneType in get_args(field.annotation),
            plain(value),
        )
    return found


def _kind(inner: Any) -> Kind:
    origin = get_origin(inner)
    if origin is Literal:
        return Kind.CHOICE
    if origin is tuple:
        return Kind.WEEKDAYS if get_args(inner)[0] is Weekday else Kind.LIST
    if origin is not None and issubclass(origin, Mapping):
        return Kind.MAP
    if inner is bool:
        return Kind.FLAG
    if inner is time:
        return Kind.TIME
    return Kind.TEXT if inner is str else Kind.NUMBER if not _is_model(inner) else Kind.TEXT


def _is_model(inner: Any) -> bool:
    return isinstance(inner, type) and issubclass(inner, BaseModel)


def _field(path: str) -> Any:
    *above, last = path.split(".")
    model: Any = Settings
    for part in above:
        model = innermost(model.model_fields[part].annotation)
    return model.model_fields[last]


@cache
def _adapter(path: str) -> TypeAdapter[Any]:
    field = _field(path)
    annotation = field.annotation
    for one in field.metadata:
        annotation = Annotated[annotation, one]
    return TypeAdapter(annotation)


def _words_of(detail: Mapping[str, Any]) -> str:
    """What pydantic found, in the words of our own check where that spoke."""
    error = detail.get("ctx", {}).get("error")
    place = ".".join(str(part) for part in detail["loc"] if part != "[key]")
    words = str(error) if isinstance(error, ValueError) else str(detail["msg"])
    return f"{place}: {words}" if place and not place.isdecimal() else words


def _comments() -> tuple[dict[str, str], dict[str, str]]:
    """The comments of keys by their paths, and the headings of sections."""
    text = resources.files("carillon").joinpath("data", FILE_NAME).read_text(encoding="utf-8")
    keys: dict[str, str] = {}
    headings: dict[str, str] = {}
    section, heading, said = "", "", list[str]()
    for line in text.splitlines():
        if found := _HEADING.match(line):
            heading, said = found[1], []
        elif line.lstrip().startswith("#"):
            said.append(line.strip().removeprefix("#").strip())
        elif found := _KEY.match(line):
            indent, name = len(found[1]), found[2]
            if not indent:
                section, headings[name] = name, heading
                keys[name] = " ".join(said)
            elif indent == 2:
                keys[f"{section}.{name}"] = " ".join(said)
            said = []
        elif not line.strip():
            said = []
    return keys, headings
