"""`carillon init --adopt`: take over the database of an older scheduler, and say what became of it."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from carillon.cli.output import Screen, count, listed, number
from carillon.cli.session import Session

if TYPE_CHECKING:
    from carillon.cli.init import For
    from carillon.files.adopt.run import Adoption
    from carillon.settings import Purpose

_CODES_SHOWN = 20


def take_over(
    here: Session, folder: Path, file: Path, purpose: For | None, dry_run: bool, as_json: bool
) -> None:
    """Adopt `file` as the database of the workspace in `folder`, which is made around it if need be.

    The settings are written last: whatever fails before leaves no half a workspace.
    """
    from carillon.cli.init import make_folder
    from carillon.files.adopt.place import settings_for, use_database
    from carillon.files.adopt.run import adopt
    from carillon.store.adopt import check_file

    screen = here.screen
    kind: Purpose = purpose.value if purpose is not None else "insurance"
    check_file(file)
    settings = settings_for(folder, file, os.environ)
    if not dry_run:
        make_folder(folder)
    with screen.progress("Looking at the old database") as tell:
        told = adopt(file, settings, folder, here.clock(folder).now(), dry_run=dry_run, progress=tell)
    written = None
    if not dry_run:
        written = use_database(folder, file, kind)
        _take_note(here, folder)
    if as_json:
        screen.json(asdict(told))
        return
    show(screen, told)
    if written is not None:
        screen.say(f"\nIts settings: {escape(str(written))}")
    if not dry_run:
        name = f" -w {escape(str(folder))}" if folder.resolve() != Path.cwd() else ""
        screen.say(f"Next: [bold]carillon{name} issues[/], then [bold]carillon{name} plan --dry-run[/].")


def _take_note(here: Session, folder: Path) -> None:
    """Store the settings it begins with."""
    from carillon.workspace import at

    workspace = at(folder, os.environ, here.clock(folder))
    try:
        workspace.database.require_current()
        workspace.database.write(lambda connection: workspace.note_version(connection, "carillon init"))
    finally:
        workspace.close()


def show(screen: Screen, told: Adoption) -> None:
    """The report."""
    if told.already:
        screen.say(f"{escape(told.file)} is a Carillon database already: nothing to adopt.")
        return
    dot = screen.glyphs.dot
    emails = sum(told.history.values())
    verb = "Would adopt" if told.dry_run else "Adopted"
    screen.say(
        f"[bold]{verb} {count(told.contacts, 'contact')} and {count(emails, 'email')}[/] that were sent."
    )
    known = sum(told.events.get(how, 0) for how in ("as stored", "the nearest"))
    screen.facts(
        [
            (name, number(n), words)
            for name, n, words in (
                ("not written to", sum(told.not_active.values()), listed(told.not_active, dot)),
                ("shared addresses", told.shared_addresses, "given an external id: adopted-ID"),
                ("unreadable dates", sum(told.unreadable.values()), listed(told.unreadable, dot)),
                ("emails by type", emails, listed(told.history, dot)),
                ("events known", known, listed(told.events, dot)),
                ("sent twice", told.repeated, "for one event; the first stands for it"),
                ("unknown types", sum(told.unknown_types.values()), "count for frequency only"),
                ("campaigns", told.campaigns, ""),
                ("targets", told.targets, ""),
                ("clicks", told.clicks, ""),
                ("answers", told.answers, ""),
                ("suppressions", told.suppressions, ""),
            )
            if n
        ]
    )
    _words(screen, "Types that mean nothing to Carillon", told.unknown_types)
    _words(screen, "Email statuses not known, taken for in doubt", told.unknown_statuses)
    _words(screen, "Contact statuses taken for active", told.statuses)
    _words(screen, "Left aside", told.aside)
    for old, new in told.renamed.items():
        screen.say(f"  [dim]Kept as[/] {escape(new)} [dim](was {escape(old)})[/]")
    stays = [*told.untouched, *(f"contacts.{name}" for name in told.extra_columns)]
    if stays:
        screen.say(f"  [dim]Not Carillon's, untouched:[/] {escape(', '.join(stays))}")
    if told.backup is not None:
        screen.say(f"\nBackup of the file as it was: {escape(str(told.backup))}")


def _words(screen: Screen, title: str, counts: dict[str, int]) -> None:
    if not counts:
        return
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{escape(word or 'none')} {number(n)}" for word, n in ranked[:_CODES_SHOWN])
    more = f" and {number(len(ranked) - _CODES_SHOWN)} more" if len(ranked) > _CODES_SHOWN else ""
    screen.say(f"  [dim]{title}:[/] {shown}{more}")
