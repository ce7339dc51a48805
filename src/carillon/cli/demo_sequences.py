"""The part of `carillon demo` that makes sequences, each in another state of affairs, and their templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

from carillon.cli.demo_campaigns import BY

if TYPE_CHECKING:
    from carillon.store.engine import Connection
    from carillon.templates import Source
    from carillon.workspace import Workspace

LATER_DAYS = 9
"""After so many days second versions of templates come into force, and one sequence is held up."""


def said(name: str) -> list[Any]:
    """The documents of one of the demo's files."""
    from yaml import safe_load_all

    file = resources.files("carillon").joinpath("data", "demo", name)
    return list(safe_load_all(file.read_text(encoding="utf-8")))


def make(workspace: Workspace, partners: Mapping[str, Sequence[str]], customers: Sequence[int]) -> None:
    """Make them, enroll people and let them begin. `partners`: addresses by tag."""
    from yaml import safe_dump

    from carillon.advance.written import read
    from carillon.jobs import sequences as jobs
    from carillon.store import templates

    now = workspace.clock.now()

    def first_versions(connection: Connection) -> None:
        for source in _templates(first=True):
            stored = templates.add(connection, source, now, BY)
            templates.activate(connection, source.name, stored.version, now, BY)

    workspace.database.write(first_versions)
    for one in said("sequences.yaml"):
        jobs.apply(workspace, read(safe_dump(one, sort_keys=False), f"{one['name']}.yaml"), BY)
    enroll(workspace, "Partners", partners["partners"])
    enroll(workspace, "Trade fair", partners["trade fair"])
    enroll(workspace, "Webinar", partners["webinar"])
    enroll(workspace, "Welcome", customers[:60])
    enroll(workspace, "Win back", customers[60:100])
    for name in ("Partners", "Trade fair", "Webinar", "Welcome", "Win back"):
        jobs.start(workspace, name, BY)


def change(workspace: Workspace) -> None:
    """What somebody changes on the way: new versions of templates, and a sequence that is held up."""
    from carillon.store import sequences, templates

    now = workspace.clock.now()

    def work(connection: Connection) -> None:
        for source in _templates(first=False):
            stored = templates.add(connection, source, now, "felix")
            templates.activate(connection, source.name, stored.version, now, "felix")
        sequences.pause(connection, "Win back", now, "felix")

    workspace.database.write(work)


def announce(workspace: Workspace, people: Mapping[str, Sequence[str | int]]) -> None:
    """A sequence that begins on a working morning to come, and a draft with people in it."""
    from carillon.jobs import sequences as jobs

    zone = workspace.settings.workspace.zone
    day = workspace.today() + timedelta(days=2)
    while day.weekday() > 4:
        day += timedelta(days=1)
    for name, some in people.items():
        enroll(workspace, name, some)
    jobs.start(workspace, "Year's end", BY, datetime.combine(day, time(9), zone))


def enroll(workspace: Workspace, name: str, people: Iterable[str | int]) -> None:
    """Enroll people by their addresses or ids."""
    from carillon.jobs import sequences as jobs
    from carillon.store import meant

    rows = meant.rows_of((one, None, None) if isinstance(one, int) else (None, None, one) for one in people)
    workspace.database.write(lambda connection: jobs.enroll(connection, workspace, name, rows, BY))


def _templates(*, first: bool) -> list[Source]:
    """The first versions of all templates, or the second ones of those that have one."""
    from carillon.templates import Source

    layout = resources.files("carillon").joinpath("data", "templates", "layout.html")
    frame = layout.read_text(encoding="utf-8")
    found: dict[str, list[Source]] = {}
    for one in said("templates.yaml")[0]:
        body = "\n".join(f"<p>{escape(text, quote=False)}</p>" for text in one["text"])
        if "button" in one:
            label, address = one["button"]
            body += f'\n<p class="ask"><a href="{address}">{label}</a></p>'
        hello = "<p>Hello{% if first_name %} {{ first_name }}{% endif %},</p>\n"
        html = frame.replace("<!-- BODY -->\n", f'{hello}{body}\n<p class="sign">{{{{ sender_name }}}}</p>\n')
        source = Source(one["name"], 0, subject=one["subject"], html=html, preheader=one.get("preheader"))
        found.setdefault(source.name, []).append(source)
    return [versions[0] if first else versions[1] for versions in found.values() if first or versions[1:]]
