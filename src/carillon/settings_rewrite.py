"""Changes values in a workspace's `carillon.yaml`: all of them or none, comments kept.

What belongs here: what differs, the check that the new text says exactly what is wanted, and writing it.
How a text is edited is `settings_edit`'s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from carillon.errors import InputError, SettingsError
from carillon.settings import Settings, load_settings, settings_of
from carillon.settings_edit import edited, written
from carillon.settings_load import FILE_NAME
from carillon.settings_values import Changed, changes, values_of

MARK = "\ufeff"
"""What some editors put at the beginning of a UTF-8 file."""


@dataclass(frozen=True)
class Rewrite:
    """A change that is ready to be made."""

    file: Path
    text: str
    changes: list[Changed]
    settings: Settings
    """What holds afterwards, in this environment."""

    def write(self) -> None:
        """Put the new text in the file's place, in one step."""
        file = self.file.resolve()  # where it is a link, that stays one
        new = file.with_name(f".{file.name}.new")
        try:
            new.write_text(self.text, encoding="utf-8", newline="")
            new.chmod(file.stat().st_mode)
            new.replace(file)
        except OSError as error:
            with suppress(OSError):
                new.unlink()
            raise InputError(
                f"{self.file} cannot be written: {error.strerror or error}; nothing was changed"
            ) from None


def prepare(folder: Path, wanted: Mapping[str, object], environ: Mapping[str, str]) -> Rewrite:
    """The change that gives the folder's file these values (by "section.key", spelt as by `values_of`).

    Raises SettingsError where the values do not fit each other, InputError where the file is written in a
    way that cannot be changed piece by piece.
    """
    file = folder / FILE_NAME
    before = values_of(load_settings(folder, {}))
    differing = changes(before, {**before, **wanted})
    if not differing:
        return Rewrite(file, "", [], load_settings(folder, environ))
    text = file.read_bytes().decode("utf-8")
    mark, text = (MARK, text[1:]) if text.startswith(MARK) else ("", text)
    try:
        new = edited(text, {one.key: one.new for one in differing})
        settings = settings_of(new, environ)
        outcome = values_of(settings_of(new, {}))
        expected = values_of(settings_of(json.dumps(tree_of({**before, **wanted})), {}))
    except SettingsError as error:
        raise SettingsError(
            f"with these values {FILE_NAME} would be wrong; nothing was changed:\n{error}", error.problems
        ) from None
    except (yaml.YAMLError, ValueError):
        settings, outcome, expected = Settings(), {}, before
    if outcome != expected:
        lines = "\n".join(f"  {one.key}: {written(one.new)}" for one in differing)
        raise InputError(
            f"{file} is written in a way that cannot be changed piece by piece (such as a value that refers "
            f"to another by *name); nothing was changed. Write these values into it yourself:\n{lines}"
        )
    return Rewrite(file, mark + new, differing, settings)


def tree_of(values: Mapping[str, object]) -> dict[str, object]:
    """Values by "section.key" as sections with keys."""
    root: dict[str, object] = {}
    for path, value in values.items():
        *above, last = path.split(".")
        level: dict[str, Any] = root
        for part in above:
            level = level.setdefault(part, {})
        level[last] = value
    return root
