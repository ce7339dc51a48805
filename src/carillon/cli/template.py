"""`carillon template`: versions made, put in force, and listed. How they look for a contact: `previews`."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape

from carillon.cli.output import Screen, count
from carillon.cli.session import session
from carillon.errors import InputError, UsageError
from carillon.user import user_name

if TYPE_CHECKING:
    from carillon.send.lint import Finding
    from carillon.store.templates import Version
    from carillon.templates import Source
    from carillon.workspace import Workspace

NAME = typer.Argument(..., metavar="NAME", help="The template.")
VERSION = typer.Option(None, "--version", metavar="N", help="The version (default: the newest).")
JSON = typer.Option(False, "--json", help="Print one JSON document.")
HTML = typer.Option(None, "--html", metavar="FILE", help="The HTML of the email.")
SUBJECT = typer.Option(None, "--subject", metavar="S", help="The subject.")
TEXT = typer.Option(None, "--text", metavar="FILE", help="The text of the email (default: from the HTML).")
SMS = typer.Option(None, "--sms", metavar="FILE", help="The text of an SMS.")
PREHEADER = typer.Option(None, "--preheader", metavar="S", help="What is shown beside the subject.")
FROM_NAME = typer.Option(None, "--from-name", metavar="S", help="Another name of the sender.")
ATTACH = typer.Option(None, "--attach", metavar="FILE", help="A file to go with it; may be given again.")
_LARGEST = 10_000_000
"""Bytes of all files that go with an email."""


def templates(context: typer.Context, as_json: bool = JSON) -> None:
    """List the templates with their versions."""
    here = session(context)
    with here.workspace() as workspace:
        ensure_defaults(workspace)
        found = _versions(workspace, None)
    if as_json:
        here.screen.json([_document(one) for one in found])
        return
    by_name: dict[str, list[Version]] = {}
    for one in found:
        by_name.setdefault(one.source.name, []).append(one)
    rows = []
    for name, several in by_name.items():
        active = next((one for one in several if one.active), None)
        shown = active or several[-1]
        kind = "email" if shown.source.is_email else "SMS"
        force = str(active.source.version) if active else "none"
        rows.append((name, kind, force, str(several[-1].source.version), shown.source.subject or ""))
    here.screen.table(
        ["template", "kind", "in force", "newest", "subject"], rows, right="newest", whole="template"
    )


def show(context: typer.Context, name: str = NAME, version: int = VERSION, as_json: bool = JSON) -> None:
    """Show a template: its versions, and all parts of the one in force."""
    here = session(context)
    with here.workspace() as workspace:
        ensure_defaults(workspace)
        with workspace.database.snapshot() as connection:
            from carillon.store import templates as store

            shown = store.find(connection, name, version)
            several = store.versions(connection, name)
    if as_json:
        here.screen.json(
            _document(shown) | shown.source.parts() | {"versions": [_document(one) for one in several]}
        )
        return
    screen = here.screen
    screen.say(f"[bold]{escape(name)}[/]  version {shown.source.version}")
    screen.table(
        ["version", "in force", "made", "by"],
        [
            (
                str(one.source.version),
                "yes" if one.active else "",
                f"{one.created:%Y-%m-%d %H:%M}" if one.created else "",
                one.by,
            )
            for one in several
        ],
    )
    for part, text in shown.source.parts().items():
        screen.say(f"\n[dim]{part}[/]")
        screen.say(escape(text.rstrip()))
    for file in shown.source.attachments:
        screen.say(f"\n[dim]attached[/] {escape(file.name)} ({len(file.data):,} bytes)")


def new(
    context: typer.Context,
    name: str = NAME,
    html: Path = HTML,
    subject: str = SUBJECT,
    text: Path = TEXT,
    sms: Path = SMS,
    preheader: str = PREHEADER,
    from_name: str = FROM_NAME,
    attach: list[Path] = ATTACH,
) -> None:
    """Make a template, or a new version of one. It is in force only after `template activate`."""
    from carillon.templates import Source

    if not (html or text or sms):
        raise UsageError("a template needs --html, --text or --sms with a file.")
    source = Source(
        name,
        0,
        subject,
        html=_read(html) if html else None,
        text=_read(text) if text else None,
        sms=_read(sms) if sms else None,
        from_name=from_name,
        preheader=preheader,
        attachments=_files(attach or []),
    )
    _add(context, source)


def edit(
    context: typer.Context,
    name: str = NAME,
    html: Path = HTML,
    subject: str = SUBJECT,
    text: Path = TEXT,
    sms: Path = SMS,
    preheader: str = PREHEADER,
    from_name: str = FROM_NAME,
    attach: list[Path] = ATTACH,
) -> None:
    """Make a new version from the newest: what is given is changed, the rest stays ("" takes it out).

    Without an option the HTML (or text, or SMS) is opened in your editor.
    """
    from dataclasses import replace

    here = session(context)
    with here.workspace() as workspace:
        ensure_defaults(workspace)
        newest = _versions(workspace, name)[-1:]
    if not newest:
        raise InputError(f"there is no template {name!r}; `carillon template new` makes one.")
    files = {"html": html, "text": text, "sms": sms}
    texts = {"subject": subject, "preheader": preheader, "from_name": from_name}
    changed: dict[str, Any] = {part: _read(file) for part, file in files.items() if file is not None}
    changed |= {part: value or None for part, value in texts.items() if value is not None}
    if attach:
        changed["attachments"] = _files(attach)
    old = newest[0].source
    if not changed:
        changed = _edited(old)
    if all(getattr(old, part) == value for part, value in changed.items()):
        here.screen.say("Nothing was changed.")
        return
    _add(context, replace(old, **changed))


def activate(context: typer.Context, name: str = NAME, version: int = VERSION) -> None:
    """Check a version, and let emails take it from now on."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.send.preview import put_in_force
        from carillon.store import templates as store

        ensure_defaults(workspace)
        several = _versions(workspace, name)
        with workspace.database.snapshot() as connection:
            newest = several[-1].source.version if several else None
            wanted = store.find(connection, name, version or newest)
        source = wanted.source
        if check(workspace, here.screen, source):
            raise InputError(
                f"version {source.version} of {name} was not activated: correct it with "
                f"`carillon template edit {name}`, or look at it with `carillon template preview`."
            )
        changed = put_in_force(workspace, name, source.version, user_name())
    done = "Activated" if changed else "Already in force:"
    here.screen.say(f"{done} version {source.version} of [bold]{escape(name)}[/].")


def check(workspace: Workspace, screen: Screen, source: Source) -> bool:
    """Say what is wrong with a version. Returns whether it must not be sent."""
    from carillon.send.preview import findings

    with workspace.database.snapshot() as connection:
        found = findings(workspace, connection, source)
    tell(screen, source, found)
    return any(one.is_error for one in found)


def tell(screen: Screen, source: Source, found: list[Finding]) -> None:
    """The findings, one a line: errors with the template's name, then warnings."""
    for one in found:
        said = f"{source.name} version {source.version}, {one}"
        if one.is_error:
            screen.err.print(f"[bold red]Error:[/] {escape(said)}", highlight=False)
        else:
            screen.warn(said)


def ensure_defaults(workspace: Workspace) -> None:
    """Make the templates that come with Carillon, where they are missing."""
    from carillon.store import templates as store

    store.complete(workspace.database, workspace.clock.now())


def _add(context: typer.Context, source: Source) -> None:
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import templates as store

        ensure_defaults(workspace)
        now = workspace.clock.now()
        made = workspace.database.write(lambda c: store.add(c, source, now, user_name()))
        name = escape(made.name)
        here.screen.say(f"Made version {made.version} of [bold]{name}[/].")
        if not check(workspace, here.screen, made):
            here.screen.note(
                f"Next: carillon template preview {name} --version {made.version} --contact EMAIL, then "
                f"carillon template activate {name}."
            )


def _versions(workspace: Workspace, name: str | None) -> list[Version]:
    from carillon.store import templates as store

    with workspace.database.snapshot() as connection:
        return store.versions(connection, name)


def _document(one: Version) -> dict[str, object]:
    return {
        "name": one.source.name,
        "version": one.source.version,
        "active": one.active,
        "kind": "email" if one.source.is_email else "sms",
        "subject": one.source.subject,
        "created_at": one.created.isoformat() if one.created else None,
        "created_by": one.by,
        "attachments": [file.name for file in one.source.attachments],
    }


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{file} is not UTF-8; save it as that") from None


def _files(paths: list[Path]) -> tuple[Any, ...]:
    import mimetypes

    from carillon.templates import Attachment

    found = []
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        # What is itself a message would be changed by being attached as one.
        binary = "application/octet-stream" if kind.split("/")[0] in ("message", "multipart") else kind
        found.append(Attachment(path.name, binary, data))
    if (size := sum(len(one.data) for one in found)) > _LARGEST:
        raise InputError(f"the files have {count(size, 'byte')} together; an email takes {_LARGEST:,}")
    return tuple(found)


def _edited(source: Source) -> dict[str, str]:
    """The main part of a version after its author has been at it in the editor."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise UsageError("say what to change, like --html FILE; or set EDITOR to edit it here.")
    part = next(one for one in ("html", "text", "sms") if getattr(source, one))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{source.name}.{'html' if part == 'html' else 'txt'}"
        file.write_text(getattr(source, part), encoding="utf-8")
        subprocess.run([*shlex.split(editor), str(file)], check=True)
        return {part: _read(file)}
