"""Options that several commands have, written down once.

Typer reads the options of a command off its signature. A command that takes `**values` gets these put in the
place of them, and their values in `values`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., None])
Options = Mapping[str, tuple[Any, Any]]
"""Parameter -> its type and its `typer.Option`."""


def with_options(*shared: Options) -> Callable[[F], F]:
    """Give a command more options, in their order, after its own."""

    def give(command: F) -> F:
        more = {name: pair for options in shared for name, pair in options.items()}
        signature = inspect.signature(command)
        own = [one for one in signature.parameters.values() if one.kind != inspect.Parameter.VAR_KEYWORD]
        others = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=kind)
            for name, (kind, option) in more.items()
        ]
        command.__signature__ = signature.replace(parameters=[*own, *others])  # type: ignore[attr-defined]
        # Typer resolves annotations by these.
        command.__annotations__.update({name: kind for name, (kind, _) in more.items()})
        return command

    return give
