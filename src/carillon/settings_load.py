"""File and environment put together, and what pydantic finds wrong in plain words.

What belongs here: merging, places, and the wording of problems with keys. What does not: the keys
themselves; the model is handed in.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from carillon.errors import SettingsError
from carillon.settings_checks import Misfits, did_you_mean, nearest, shown
from carillon.settings_yaml import Document, Problem, dotted, same_word

FILE_NAME = "carillon.yaml"
PREFIX = "CARILLON_"
M = TypeVar("M", bound=BaseModel)
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Origin:
    """Where a value came from: `carillon.yaml:14`, the name of a variable, or nowhere."""

    kind: Literal["default", "file", "environment"]
    where: str | None = None


def read_settings(
    model: type[M], document: Document, environ: Mapping[str, str]
) -> tuple[M, dict[tuple[str, ...], Origin]]:
    """The model filled from a file and the environment, and the origin of what they gave.

    Keys of the origins are casefolded. Raises one `SettingsError` with a line per problem.
    """
    problems = document.problems
    places = {path: Origin("file", f"{document.name}:{line}") for path, line in document.lines.items()}
    tree = document.data
    problems += _overlay(model, tree, places, environ)
    _drop_empty_sections(model, tree)
    settings: M | None = None
    try:
        settings = model.model_validate(tree)
    except ValidationError as error:
        folded = {_fold(path): place for path, place in places.items()}
        for detail in error.errors(include_url=False):
            problems += _in_words(model, detail, folded, document.name)
    if problems or settings is None:
        ordered = sorted(set(problems), key=lambda one: (one.line == 0, one.line, str(one)))
        raise SettingsError("\n".join(map(str, ordered)), tuple((one.key, one.text) for one in ordered))
    origins = {
        tuple(str(part) for part in _fold(path)): place
        for path, place in places.items()
        if all(isinstance(part, str) for part in path)
    }
    return settings, origins


def problems_of(
    model: type[BaseModel], error: ValidationError, document: Document, above: KeyPath = ()
) -> list[Problem]:
    """What is wrong with a part of a document that was checked against a model; `above`: where it stands."""
    places = {_fold(path): Origin("file", f"{document.name}:{line}") for path, line in document.lines.items()}
    found = error.errors(include_url=False)
    return [one for detail in found for one in _in_words(model, detail, places, document.name, above)]


def template_for(purpose: str, template: str) -> str:
    """The template as it is for insurance; for anything else without the rules of the states."""
    if purpose == "insurance":
        return template
    note = f"  # No rules are filled in: this workspace is for {purpose}. Add those your law asks for.\n"
    template = re.sub(r"(?m)^(state_rules:\n)", rf"\g<1>{note}", template)
    template = re.sub(r"(?m)^(  year_round_exclusion:) .*$", r"\1 []", template)
    return re.sub(r"(?m)^(  (?:birthday|effective_date)_windows:)\n(?:    .*\n)+", r"\1 {}\n", template)


# ---- the model's shape ----


def leaves(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every key that is not itself a group of keys."""
    for name, field in model.model_fields.items():
        inner = innermost(field.annotation)
        if _is_model(inner):
            yield from leaves(inner, (*above, name))
        else:
            yield (*above, name)


def innermost(annotation: Any) -> Any:
    """The annotation without `Annotated` and without `None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
        else:
            return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _at(model: type[BaseModel], path: KeyPath) -> Any:
    """What the model has at a path: a model, a list, a map, a type; None if there is nothing."""
    current: Any = model
    for part in path:
        if _is_model(current):
            field = current.model_fields.get(part)
            current = innermost(field.annotation) if field else None
        elif args := get_args(current):
            current = innermost(args[1] if issubclass(get_origin(current), Mapping) else args[0])
        else:
            return None
    return current


def _drop_empty_sections(model: type[BaseModel], tree: dict[str, object]) -> None:
    """A section whose keys are all commented out has its defaults."""
    for name, field in model.model_fields.items():
        inner = innermost(field.annotation)
        if name in tree and _is_model(inner):
            below = tree[name]
            if below is None:
                del tree[name]
            elif isinstance(below, dict):
                _drop_empty_sections(inner, below)


# ---- the environment ----


def _overlay(
    model: type[BaseModel], tree: dict[str, object], places: dict[KeyPath, Origin], environ: Mapping[str, str]
) -> list[Problem]:
    """Lay the variables over the tree; what cannot be laid is a problem."""
    known = {PREFIX + "__".join(path).upper(): path for path in leaves(model)}
    problems: list[Problem] = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or ("__" not in name and name not in known):
            continue
        path = known.get(name)
        if path is None:
            problems.append(Problem(name, "", _unknown_variable(name, known)))
            continue
        try:
            value = _value(_at(model, path), environ[name])
        except ValueError as error:
            problems.append(Problem(name, ".".join(path), str(error)))
            continue
        if value == "" and _takes_none(model, path):
            value = None
        level = tree
        for part in path[:-1]:
            below = level.setdefault(part, {})
            if below is None:
                below = level[part] = {}
            if not isinstance(below, dict):
                break  # the file has something else here; that is told on its own
            level = below
        else:
            level[path[-1]] = value
            for other in [other for other in places if other[: len(path)] == path]:
                del places[other]
            places[path] = Origin("environment", name)
    return problems


def _takes_none(model: type[BaseModel], path: tuple[str, ...]) -> bool:
    owner = _at(model, path[:-1])
    return type(None) in get_args(owner.model_fields[path[-1]].annotation)


def _unknown_variable(name: str, known: Mapping[str, tuple[str, ...]]) -> str:
    for right, path in known.items():
        if name.upper().startswith(right + "__"):
            return f"a map is given as a whole; use {right} with JSON for {'.'.join(path)}"
    return f"no setting has this variable{did_you_mean(name, known)}"


def _value(annotation: Any, text: str) -> object:
    """A variable's value: JSON for lists and maps, else the text as it is."""
    if get_origin(annotation) is None or get_origin(annotation) is Literal:
        return text
    wanted: type = dict if issubclass(get_origin(annotation), Mapping) else list
    example = '{"CA": ...}' if wanted is dict else '["...", "..."]'
    what = f"a {'map' if wanted is dict else 'list'} is given as JSON, like {example}"
    try:
        # Numbers stay as written, as in the file.
        value = json.loads(
            text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_once_each
        )
    except (json.JSONDecodeError, RecursionError):
        raise ValueError(f"{shown(text)} is not JSON; {what}") from None
    if not isinstance(value, wanted):
        raise ValueError(f"{shown(text)} is not a {'map' if wanted is dict else 'list'}; {what}")
    return value


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values: dict[str, object] = {}
    seen: set[str] = set()
    for key, value in pairs:
        if (word := same_word(key)) in seen:
            raise ValueError(f"{shown(key)} is given twice; remove one of the two")
        seen.add(word)
        values[key] = value
    return values


# ---- problems in words ----


def _fold(path: KeyPath) -> KeyPath:
    return tuple(part.casefold() if isinstance(part, str) else part for part in path)


def _in_words(
    model: type[BaseModel],
    detail: ErrorDetails,
    places: Mapping[KeyPath, Origin],
    file: str,
    above: KeyPath = (),
) -> list[Problem]:
    """One finding of pydantic as problems people can read.

    `file`: where to point if nothing is nearer; `above`: where what was checked stands in the file.
    """
    loc = tuple(part for part in detail["loc"] if part != "[key]")
    is_key = loc != detail["loc"]
    error = detail.get("ctx", {}).get("error")
    if isinstance(error, Misfits):
        return [_placed((*above, *loc, *one.path), one.text, places, file, one.cause) for one in error.found]
    if isinstance(error, ValueError) and detail["input"] is not None:
        # A key stands before its problem already.
        text = str(error).removeprefix(f"{shown(detail['input'])} is ") if is_key else str(error)
        return [_placed((*above, *loc), text, places, file)]
    return [_placed((*above, *loc), _words_for(model, loc, detail), places, file)]


def _words_for(model: type[BaseModel], loc: KeyPath, detail: ErrorDetails) -> str:
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        return _unknown_key(model, loc)
    if kind == "missing":
        return f'is missing; add "{loc[-1]}: ..."'
    wanted = _at(model, loc)
    shape = get_origin(wanted)
    if _is_model(wanted) or (isinstance(shape, type) and issubclass(shape, Mapping)):
        meant, empty = 'a map like "key: value"', "{}"
    elif shape is tuple:
        meant, empty = 'a list like "[one, two]"', "[]"
    elif value is None:
        return "there is no value; write one, or remove the key to use the default"
    else:
        return f"{shown(value)} cannot be used here; {detail['msg']}"
    if value is None:
        return f"there is no value; write {empty} for none, or remove the key to use the default"
    return f"{shown(value)} stands where {meant} is meant"


def _unknown_key(model: type[BaseModel], loc: KeyPath) -> str:
    owner, word = _at(model, loc[:-1]), str(loc[-1])
    here = list(owner.model_fields) if _is_model(owner) else []
    if near := nearest(word, here):
        return f'unknown key; did you mean "{near}"?'
    homes = sorted({".".join(path[:-1]) for path in leaves(model) if path[-1] == word.lower()})
    if homes:
        return f"unknown key here; it belongs under {' or '.join(homes)}"
    return f"unknown {'key' if loc[1:] else 'section'}; remove it, or use one of: {', '.join(here)}"


def _placed(
    path: KeyPath, text: str, places: Mapping[KeyPath, Origin], file: str, cause: KeyPath = ()
) -> Problem:
    """The problem at the closest known place: the key's own, its cause's, or that of what holds it."""
    tries = [path, *([cause] if cause else []), *(path[:end] for end in range(len(path) - 1, 0, -1))]
    place = next((places[_fold(one)] for one in tries if _fold(one) in places), None)
    where = place.where if place and place.where else file
    line = int(where.rpartition(":")[2]) if place and place.kind == "file" else 0
    return Problem(where, dotted(path), text, line)
