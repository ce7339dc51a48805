"""`carillon sequence`: sequences made, edited, written out, listed and shown. Run: `sequence_runs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.output import Screen, count, number, plain_word
from carillon.cli.session import session
from carillon.errors import InputError
from carillon.user import user_name

if TYPE_CHECKING:
    from carillon.sequences import Step
    from carillon.store.sequence_edits import Applied

NAME = typer.Argument(..., metavar="NAME", help="The sequence's name.")
JSON = typer.Option(False, "--json", help="Print one JSON document.")


def new(
    context: typer.Context,
    name: str = NAME,
    steps: bool = typer.Option(False, "--steps", help="With all its steps written out, not in short."),
    out: Path = typer.Option(None, "--out", metavar="FILE", help="Where to (default: NAME.yaml here)."),
) -> None:
    """Write a file to begin a sequence with: change it as you like, then `sequence apply` it."""
    from carillon.advance.written import read, sample

    text = sample(name, steps)
    word = "".join(letter if letter.isalnum() else "_" for letter in name.lower())
    file = out or Path(f"{word}.yaml")
    read(text, file.name)
    try:
        with file.open("x", encoding="utf-8", newline="") as opened:
            opened.write(text)
    except FileExistsError:
        raise InputError(f"{file} exists already and is left as it is; name another with --out.") from None
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror or error}") from None
    screen = session(context).screen
    screen.say(f"Wrote [bold]{escape(str(file))}[/].")
    screen.say(f"\nNext: [bold]carillon sequence apply {escape(quoted(str(file)))}[/]")


def apply(
    context: typer.Context,
    file: str = typer.Argument(..., metavar="FILE|-", help="A YAML file; - reads it from a pipe."),
    as_json: bool = JSON,
) -> None:
    """Make the sequence of a file, or edit the one of its name.

    An edit holds for contacts that have not reached the changed step. Who waits at a step that is gone goes
    on to the one behind it. Nobody is written to before `sequence start`.
    """
    text, name = _text(file)
    here = session(context)
    with here.workspace() as workspace:
        from carillon.advance.written import read
        from carillon.jobs import sequences as jobs

        done = jobs.apply(workspace, read(text, name), user_name())
        missing = jobs.checked(workspace, done.sequence).missing
    if as_json:
        here.screen.json(
            {
                "name": done.sequence.name,
                "version": done.sequence.version,
                "status": done.sequence.status,
                "made": done.made,
                "changed": list(done.changed),
                "moved": done.moved,
                "steps": len(done.sequence.steps),
                "missing_templates": missing,
            }
        )
        return
    _tell_applied(here.screen, done)
    if missing:
        here.screen.warn(
            f"no version of {', '.join(missing)} is in force: make it with `carillon template new` and "
            "`template activate` before the sequence is started."
        )


def export(
    context: typer.Context,
    name: str = NAME,
    out: Path = typer.Option(None, "--out", metavar="FILE", help="Where to (default: the screen)."),
) -> None:
    """Write a sequence as the file it was applied from or, if it was made otherwise, as one like that."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.advance.written import write
        from carillon.store import sequences as store

        with workspace.database.snapshot() as connection:
            text = write(store.find(connection, name))
    if out is None:
        here.screen.out.file.write(text)
        return
    try:
        out.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror or error}") from None
    here.screen.say(f"Wrote [bold]{escape(str(out))}[/].")


def sequences(context: typer.Context, as_json: bool = JSON) -> None:
    """List the sequences with how far they have come."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import sequence_status
        from carillon.store import sequences as store

        with workspace.database.snapshot() as connection:
            found = store.sequences(connection)
            counts = sequence_status.counts(connection)
    if as_json:
        here.screen.json(
            [
                {
                    "name": one.name,
                    "status": one.status,
                    "campaign": one.campaign,
                    "steps": len(one.steps),
                    "scheduled_start_at": one.scheduled_start_at,
                    **counts[one.id].as_json(),
                }
                for one in found.values()
            ]
        )
        return
    if not found:
        here.screen.say("There are no sequences yet: `carillon sequence new NAME` begins one.")
        return
    here.screen.table(
        ["sequence", "status", "campaign", "steps", "contacts", "sent", "replies"],
        [
            (
                one.name,
                one.status,
                one.campaign or "",
                number(len(one.steps)),
                number(counts[one.id].total),
                number(counts[one.id].sent),
                number(counts[one.id].replies),
            )
            for one in found.values()
        ],
        right="steps contacts sent replies",
        whole="sequence",
    )


def show(context: typer.Context, name: str = NAME, as_json: bool = JSON) -> None:
    """Show a sequence: its steps, where each leads, and its settings."""
    from carillon.sequences import plain_settings

    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import sequences as store

        with workspace.database.snapshot() as connection:
            found = store.find(connection, name)
    if as_json:
        here.screen.json(
            {
                "name": found.name,
                "status": found.status,
                "campaign": found.campaign,
                "version": found.version,
                "scheduled_start_at": found.scheduled_start_at,
                "settings": found.settings.model_dump(mode="json"),
                "steps": [
                    {
                        "key": step.key,
                        "type": step.type,
                        "settings": plain_settings(step.settings),
                        "next": step.next,
                        "otherwise": step.otherwise,
                    }
                    for step in found.steps
                ],
            }
        )
        return
    screen = here.screen
    screen.say(f"[bold]{escape(name)}[/]  {found.status}, version {found.version}")
    own = {"campaign": found.campaign} if found.campaign is not None else {}
    own |= plain_settings(found.settings)
    screen.facts([(plain_word(key), _words(value), "") for key, value in own.items()])
    screen.table(
        ["step", "type", "does", "then"],
        [(step.key, step.type.value, _does(step), _then(step, screen.glyphs.arrow)) for step in found.steps],
        whole="step type",
    )


def _tell_applied(screen: Screen, done: Applied) -> None:
    name = escape(done.sequence.name)
    if done.made:
        screen.say(f"Made the sequence [bold]{name}[/] with {count(len(done.sequence.steps), 'step')}.")
    elif done.changed:
        screen.say(
            f"Changed [bold]{name}[/] (version {done.sequence.version}): {escape(', '.join(done.changed))}."
        )
    else:
        screen.say(f"[bold]{name}[/] does the same as before.")
    if done.moved:
        screen.say(f"{count(done.moved, 'contact')} waited at a step that is gone and went on.")
    if done.made:
        screen.say(f"\nNext: [bold]carillon enroll {quoted(name)} --file CSV[/]")


def quoted(name: str) -> str:
    """A name as it is typed on a command line."""
    return f'"{name}"' if " " in name else name


def _text(file: str) -> tuple[str, str]:
    """The text of a file, its line ends as they are, and what to call it."""
    name = "standard input" if file == "-" else Path(file).name
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8-sig"), name
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{file} is not UTF-8; save it as that") from None


def _does(step: Step) -> str:
    from carillon.sequences import plain_settings

    return ", ".join(f"{key}: {_words(value)}" for key, value in plain_settings(step.settings).items())


def _then(step: Step, arrow: str) -> str:
    from carillon.sequences import ConditionSettings, ExitSettings

    if isinstance(step.settings, ExitSettings):
        return ""
    if isinstance(step.settings, ConditionSettings):
        return f"yes {arrow} {step.next or 'end'}, no {arrow} {step.otherwise or 'end'}"
    return f"{arrow} {step.next or 'end'}"


def _words(value: object) -> str:
    from carillon.settings_values import words

    return words(value)
