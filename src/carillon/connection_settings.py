"""What the settings of all connections to other machines have in common, and how they are read.

What belongs here: the base model, the kinds of values that transports and sources share, and the words for
what is wrong. What does not: the keys of one of them, which stand in its own file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from carillon.errors import InputError
from carillon.settings_checks import did_you_mean, shown, text

S = TypeVar("S", bound="ConnectionSettings")


def _variable(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        # What stands here may be the password itself: it is not repeated.
        raise ValueError("this is not the name of an environment variable; write it like SMTP_PASSWORD")
    return value


def _host(value: object) -> str:
    word = text(value)
    if not re.fullmatch(r"[A-Za-z0-9._:\[\]-]+", word):
        raise ValueError(f"{shown(word)} is not a host name; write it like mail.example.com")
    return word


Variable = Annotated[str, BeforeValidator(_variable)]
Host = Annotated[str, BeforeValidator(_host)]


def place_of(path: Path, folder: Path) -> str:
    """A path as stored: from the workspace's folder if it is in there, so that both can be moved."""
    full, home = path.expanduser().resolve(), folder.resolve()
    return str(full.relative_to(home)) if full.is_relative_to(home) else str(full)


def is_this_machine(host: str) -> bool:
    """Whether what is sent there never leaves this computer."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def with_usual_security(values: Mapping[str, Any], ports: Mapping[str, int], usual: str) -> dict[str, Any]:
    """The values with port and security, where not given, each as the other suggests.

    `ports`: by none, starttls and tls; `usual`: where the port suggests nothing. To this machine: none.
    """
    port, security = values.get("port"), values.get("security")
    if security is None:
        by_port = next((one for one in ("tls", "starttls") if str(ports[one]) == str(port)), None)
        local = is_this_machine(str(values.get("host", "")))
        security = "none" if local and by_port != "tls" else by_port or usual
    return {
        **values,
        "security": security,
        "port": ports.get(str(security), ports[usual]) if port is None else port,
    }


def keep_the_password(host: str, username: str | None, security: str) -> None:
    """Raise ValueError where a login would go over an unencrypted connection to another machine."""
    if username is not None and security == "none" and not is_this_machine(host):
        raise ValueError("without encryption the password could be read on its way; use starttls or tls")


class ConnectionSettings(BaseModel):
    """Settings of one account's way out or in: never a secret, at most the variable that holds one."""

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
        """Where mail goes to or comes from, for people."""
        return ""


def read_settings(model: type[S], what: str, values: Mapping[str, Any]) -> S:
    """The settings, checked. Raises InputError that names `what` they are of and every key that is wrong."""
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
        raise InputError(f"{what} cannot be set up like this: {'; '.join(found)}.") from None
