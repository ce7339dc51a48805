"""What the settings of all transports have in common, and how they are read.

What belongs here: the base model and the words for what is wrong. What does not: the keys of a transport,
which stand in its own file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from carillon.errors import InputError
from carillon.settings_checks import did_you_mean, shown

S = TypeVar("S", bound="TransportSettings")


def _variable(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        # What stands here may be the password itself: it is not repeated.
        raise ValueError("this is not the name of an environment variable; write it like SMTP_PASSWORD")
    return value


Variable = Annotated[str, BeforeValidator(_variable)]


class TransportSettings(BaseModel):
    """Settings of one account's transport: never a secret, at most the name of a variable that holds one."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @property
    def secret_variable(self) -> str | None:
        """The environment variable that holds the secret; None: it is stored, or there is none."""
        return None

    @property
    def needs_secret(self) -> bool:
        """Whether there has to be a secret."""
        return False

    @property
    def place(self) -> str:
        """Where mail goes, for people."""
        return ""


def read_settings(model: type[S], transport: str, values: Mapping[str, Any]) -> S:
    """The settings, checked. Raises InputError that names every key that is wrong."""
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        known = list(model.model_fields)
        found = []
        for detail in error.errors(include_url=False, include_input=False):
            key = ".".join(map(str, detail["loc"]))
            if detail["type"] == "extra_forbidden":
                found.append(
                    f"there is no setting {shown(key)} ({', '.join(known)}){did_you_mean(key, known)}"
                )
            elif detail["type"] == "missing":
                found.append(f"{key} is missing")
            else:
                said = detail["msg"].removeprefix("Value error, ")
                found.append(f"{key}: {said}" if key else said)
        raise InputError(
            f"the transport {transport} cannot be set up like this: {'; '.join(found)}."
        ) from None
