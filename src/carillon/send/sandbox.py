"""The Jinja that templates are written in: what they may do, and no more.

What belongs here: the language. Which variables there are is `variables`; parts of a template are
`template`. A template is text of people who may make mistakes or mean harm: nothing of Python can be reached
(only listed kinds of nodes, filters and attributes), and nothing can grow without end (loops are counted
and timed, texts made out of texts have a limit).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, meta, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from carillon.clock import Stopwatch
from carillon.settings_checks import did_you_mean

MOST_TURNS = 10_000
"""Turns of all loops of one part together."""
MOST_SECONDS = 2.0
LONGEST_TEXT = 1_000_000
"""Characters of a rendered part, and of any text on the way there."""
LONGEST_RANGE = 1_000
BUDGET = "_budget"
"""The name under which a context has its `Budget`; no template can say it."""
_FORMS = {"long": "%B %-d, %Y", "short": "%b %-d", "weekday": "%A, %B %-d", "iso": "%Y-%m-%d"}
DATE_PARTS = ("year", "month", "day")


@dataclass(frozen=True)
class Problem:
    """What is wrong in one line of a part."""

    line: int
    text: str


class Budget:
    """What the loops of one rendering may still do."""

    def __init__(self) -> None:
        self._turns, self._watch = MOST_TURNS, Stopwatch()

    def spend(self) -> None:
        self._turns -= 1
        if self._turns < 0:
            raise SecurityError(f"its loops take more than {MOST_TURNS:,} turns; make them shorter")
        if self._watch.seconds() > MOST_SECONDS:
            raise SecurityError(f"it takes longer than {MOST_SECONDS:.0f} seconds; make its loops shorter")


def default(value: object, other: object = "", boolean: bool = False) -> object:
    """`other` where there is no value or an empty one; with `boolean` also for false and 0."""
    if value is None or value == "" or isinstance(value, Undefined) or (boolean and not value):
        return other
    return value


def date_text(value: object, form: str = "long") -> str:
    """A date in words: `long` (June 18, 2026), `short` (Jun 18), `weekday` (Thursday, June 18), `iso`, or
    one's own like "%B %d, %Y". What is no date stays as it is."""
    day = value
    if isinstance(value, str):
        try:
            day = date.fromisoformat(value[:10])
        except ValueError:
            return value
    if not isinstance(day, date):
        return str(value)
    return _in_words(day, form[:200])


@lru_cache(maxsize=1024)
def _in_words(day: date, form: str) -> str:
    form = _FORMS.get(form, form)
    # Not every system knows %-d, and a width in a form could ask for gigabytes.
    return re.sub(r"%(-?)([a-zA-Z%])", lambda m: _piece(day, m[2], bool(m[1])), form)


def _piece(value: date, letter: str, bare: bool) -> str:
    text = value.strftime(f"%{letter}")
    return (text.lstrip("0") or "0") if bare else text


def replace(value: object, old: object, new: object) -> str:
    """A text with another in place of a third."""
    text, gone, put = str(value), str(old), str(new)
    _short(len(text) + text.count(gone) * len(put))
    # Each on its own escapes what it is given where the text is HTML already.
    return value.replace(gone, put) if isinstance(value, Markup) else text.replace(gone, put)


def join(values: Iterable[object], between: object = "") -> str:
    """The members of a list as one text."""
    parts = [str(value) for value in values]
    _short(sum(map(len, parts)) + len(str(between)) * len(parts))
    return str(between).join(parts)


def _whole(value: Any) -> Any:
    """What was just put together, if it is not too long."""
    _short(len(value))
    return value


def _short(characters: int) -> None:
    if characters > LONGEST_TEXT:
        raise SecurityError(f"it makes a text of more than {LONGEST_TEXT:,} characters")


@pass_context
def _counted(context: Context, values: Iterable[Any]) -> Iterator[Any]:
    """What a loop goes over, each turn paid for."""
    budget = context.get(BUDGET)
    for value in values:
        budget.spend()
        yield value


def _range(*arguments: int) -> range:
    found = range(*arguments)
    if len(found) > LONGEST_RANGE:
        raise SecurityError(f"range() makes at most {LONGEST_RANGE:,} numbers")
    return found


GLOBALS = {"range": _range}
_BUILT_IN = (
    "abs", "capitalize", "count", "e", "escape", "first", "float", "int", "last", "length", "list", "lower",
    "max", "min", "reverse", "round", "sort", "string", "striptags", "title", "trim", "truncate", "unique",
    "upper", "urlencode", "wordcount",
)  # fmt: skip
_OWN: dict[str, Callable[..., Any]] = {
    "d": default,
    "date": date_text,
    "default": default,
    "join": join,
    "replace": replace,
}
FILTERS = tuple(sorted((*_BUILT_IN, *_OWN)))
TESTS = ("defined", "undefined", "none", "even", "odd", "divisibleby", "in", "number", "string", "true",
         "false", "eq", "equalto", "==", "ne", "!=", "gt", "greaterthan", ">", "ge", ">=", "lt", "lessthan",
         "<", "le", "<=")  # fmt: skip
_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Tuple, nodes.List,
    nodes.Dict, nodes.Pair, nodes.Keyword, nodes.CondExpr, nodes.Filter, nodes.Test, nodes.Getattr,
    nodes.Getitem, nodes.Slice, nodes.Concat, nodes.Compare, nodes.Operand, nodes.Add, nodes.Sub, nodes.Mul,
    nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Not, nodes.Neg, nodes.Pos, nodes.And, nodes.Or, nodes.If,
    nodes.For, nodes.Assign, nodes.Call,
)  # fmt: skip
_JINJAS = ("self", "super", "caller", "varargs", "kwargs")
_LOOP_CALLS = ("cycle",)


class Sandbox(SandboxedEnvironment):
    """The environment of templates. `name`s of its templates are those of parts."""

    intercepted_binops = frozenset("+*%")

    def __init__(self, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, undefined=StrictUndefined, keep_trailing_newline=True)
        self.filters = {name: self.filters[name] for name in _BUILT_IN} | _OWN
        self.filters |= {"_counted": _counted, "_whole": _whole}
        self.tests = {name: self.tests[name] for name in TESTS}
        self.globals = dict(GLOBALS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping):
            value = obj.get(attribute)
            return "" if value is None else value
        if isinstance(obj, LoopContext) or (isinstance(obj, date) and attribute in DATE_PARTS):
            return super().getattr(obj, attribute)
        return ""

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(argument, str):
            return self.getattr(obj, argument)
        if isinstance(obj, str | list | tuple) and isinstance(argument, int | slice):
            try:
                return obj[argument]
            except IndexError:
                return ""
        return ""

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            _short(len(left) + len(right))
        elif operator == "*" and isinstance(left, int) and isinstance(right, int):
            _short(left.bit_length() + right.bit_length())
        elif isinstance(left, str | list | tuple) or isinstance(right, str | list | tuple):
            raise SecurityError(f"{operator} is for numbers; texts are put together with ~")
        return super().call_binop(context, operator, left, right)


HTML, TEXT = Sandbox(autoescape=True), Sandbox(autoescape=False)


def read(sandbox: Sandbox, source: str) -> tuple[nodes.Template | None, list[Problem]]:
    """A part's tree with what is wrong in it; no tree where it cannot be read at all."""
    try:
        tree = sandbox.parse(source)
    except TemplateSyntaxError as error:
        return None, [Problem(error.lineno, _plain(error.message or "it cannot be read"))]
    return tree, list(_problems(tree))


def guarded(sandbox: Sandbox, tree: nodes.Template) -> nodes.Template:
    """The tree with its loops counted and its texts measured; it is changed in place."""
    for loop in list(tree.find_all(nodes.For)):
        loop.iter = nodes.Filter(loop.iter, "_counted", [], [], None, None, lineno=loop.lineno)
    _measure(tree)
    tree.set_environment(sandbox)
    return tree


def variables(tree: nodes.Template) -> set[str]:
    """Variables a part needs to be given; also of a tree with problems, which Jinja's own way cannot read."""
    try:
        found = meta.find_undeclared_variables(tree)
    except TemplateSyntaxError:
        names = list(tree.find_all(nodes.Name))
        found = {one.name for one in names if one.ctx == "load"} - {
            one.name for one in names if one.ctx != "load"
        }
    return found - {*GLOBALS, "loop"}


def has_loops(tree: nodes.Template) -> bool:
    return tree.find(nodes.For) is not None


def _measure(node: nodes.Node) -> None:
    for name, value in node.iter_fields():
        if isinstance(value, list):
            value[:] = [_measured(one) for one in value]
        elif isinstance(value, nodes.Node):
            setattr(node, name, _measured(value))


def _measured(value: Any) -> Any:
    if not isinstance(value, nodes.Node):
        return value
    _measure(value)
    if isinstance(value, nodes.Concat):
        return nodes.Filter(value, "_whole", [], [], None, None, lineno=value.lineno)
    return value


def _problems(tree: nodes.Template) -> Iterator[Problem]:
    for node in _all(tree):
        if not isinstance(node, _ALLOWED) or (isinstance(node, nodes.For) and node.recursive):
            yield Problem(node.lineno, f"{_word(node)} cannot be used in templates")
        elif isinstance(node, nodes.Filter) and node.name not in FILTERS:
            yield Problem(node.lineno, f'there is no filter "{node.name}"{did_you_mean(node.name, FILTERS)}')
        elif isinstance(node, nodes.Test) and node.name not in TESTS:
            yield Problem(node.lineno, f'there is no test "{node.name}"{did_you_mean(node.name, TESTS)}')
        elif isinstance(node, nodes.Call) and not _callable(node.node):
            yield Problem(
                node.lineno, f"{_called(node.node)} cannot be called: use a filter, like name | upper"
            )
        elif isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
            yield Problem(node.lineno, f'".{node.attr}" is not a name that can be used')
        elif isinstance(node, nodes.Name) and (node.name.startswith("_") or node.name in _JINJAS):
            yield Problem(node.lineno, f'"{node.name}" is not a name that can be used')


def _all(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _all(child)


def _callable(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Getattr):
        return isinstance(node.node, nodes.Name) and node.node.name == "loop" and node.attr in _LOOP_CALLS
    return isinstance(node, nodes.Name) and node.name == "range"


def _called(node: nodes.Node) -> str:
    if isinstance(node, nodes.Getattr):
        return f".{node.attr}()"
    return f"{node.name}()" if isinstance(node, nodes.Name) else "this"


def _word(node: nodes.Node) -> str:
    return {
        "Extends": "{% extends %}",
        "Include": "{% include %}",
        "Import": "{% import %}",
        "FromImport": "{% from %}",
        "Block": "{% block %}",
        "Macro": "{% macro %}",
        "CallBlock": "{% call %}",
        "FilterBlock": "{% filter %}",
        "AssignBlock": "{% set %} with {% endset %}",
        "ScopedEvalContextModifier": "{% autoescape %}",
        "With": "{% with %}",
        "Pow": "**",
        "For": "a recursive loop",
    }.get(type(node).__name__, f"{type(node).__name__.lower()}")


def _plain(message: str) -> str:
    """Jinja's words, without the capital and the full stop."""
    message = message.rstrip(".")
    return message[:1].lower() + message[1:]
