"""What is wrong with a template, before anything is sent: at preview and at activation.

Errors keep a template from being activated; warnings tell what will be done about something missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from jinja2 import nodes

from carillon.send import sandbox
from carillon.send.footer import ADDRESS
from carillon.send.inline import inline
from carillon.send.template import LONGEST_SOURCE
from carillon.send.variables import KNOWN, WITH_PARTS
from carillon.settings_checks import did_you_mean
from carillon.templates import Source

FREE = ("campaign", "attributes", "loop")
"""Variables with parts of any name."""


@dataclass(frozen=True)
class Finding:
    """One fault. `part` and `line` are empty where it is about the template as a whole."""

    text: str
    part: str = ""
    line: int | None = None
    is_error: bool = True

    def __str__(self) -> str:
        place = ", ".join(one for one in (self.part, f"line {self.line}" if self.line else "") if one)
        return f"{place}: {self.text}" if place else self.text


def lint(source: Source, attributes: Collection[str], postal_address: str | None) -> list[Finding]:
    """Everything that is wrong, errors first, in the order of parts and lines.

    `attributes`: names of contacts' attributes. `postal_address`: the workspace's.
    """
    found = list(_whole(source))
    names: set[str] = set()
    for part, text in source.parts().items():
        if len(text) > LONGEST_SOURCE:
            found.append(Finding(f"longer than {LONGEST_SOURCE:,} characters", part))
            continue
        environment = sandbox.HTML if part == "html" else sandbox.TEXT
        tree, problems = sandbox.read(environment, text)
        found += [Finding(one.text, part, one.line) for one in problems]
        if tree is not None:
            known = {*KNOWN, *attributes}
            found += _unknown(part, tree, known, attributes)
            names |= sandbox.variables(tree)
    if source.is_email and not any(one.is_error for one in found):
        found += _duties(source, names, postal_address)
    parts = list(source.parts())
    return sorted(
        found,
        key=lambda one: (not one.is_error, parts.index(one.part) if one.part in parts else -1, one.line or 0),
    )


def needed(source: Source) -> set[str]:
    """Variables a template names that are not ours: attributes of contacts, or mistakes."""
    names: set[str] = set()
    for part, text in source.parts().items():
        environment = sandbox.HTML if part == "html" else sandbox.TEXT
        tree, _ = sandbox.read(environment, text)
        if tree is not None:
            names |= sandbox.variables(tree)
    return names - set(KNOWN)


def _whole(source: Source) -> Iterator[Finding]:
    if not source.is_email and not source.sms:
        yield Finding("it has neither HTML nor text nor SMS")
    if source.is_email and not source.subject:
        yield Finding("it has no subject")


def _unknown(
    part: str, tree: nodes.Template, known: set[str], attributes: Collection[str]
) -> Iterator[Finding]:
    unknown = sandbox.variables(tree) - known
    for name in sorted(unknown):
        lines = (
            node.lineno for node in tree.find_all(nodes.Name) if node.name == name and node.ctx == "load"
        )
        hint = did_you_mean(name, known)
        yield Finding(f'there is no variable "{name}"{hint}', part, min(lines, default=None))
    for node in tree.find_all(nodes.Getattr):
        if not isinstance(node.node, nodes.Name) or node.node.name in (*FREE, *attributes):
            continue
        of, name = node.node.name, node.attr
        if of in WITH_PARTS and name not in sandbox.DATE_PARTS:
            hint = did_you_mean(name, sandbox.DATE_PARTS)
            yield Finding(f'"{of}" has no part "{name}"{hint}', part, node.lineno)
        elif of in known and of not in WITH_PARTS:
            yield Finding(f'"{of}" has no parts like "{name}"', part, node.lineno)


def _duties(source: Source, names: set[str], postal_address: str | None) -> Iterator[Finding]:
    if "unsubscribe_url" not in names:
        text = "no link to unsubscribe: a footer with one is added"
        yield Finding(text, is_error=False)
    if postal_address is None:
        text = "no physical address: set sending.postal_address; without it no server is given marketing mail"
        yield Finding(text, is_error=False)
    elif names.isdisjoint(ADDRESS) and postal_address.split("\n")[0] not in (
        source.html or source.text or ""
    ):
        yield Finding("no physical address: a footer with yours is added", is_error=False)
    if source.html and inline(sandbox.HTML, source.html).at_rendering:
        text = (
            "its styles depend on what its tags become, so they are put into each email on its own: slower; "
            "classes without tags in them, and no sibling or :nth-child rules, avoid that"
        )
        yield Finding(text, "html", is_error=False)
