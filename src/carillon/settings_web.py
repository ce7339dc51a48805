"""The sections of the configuration that are about the server. See `settings_sections`.

Import from `carillon.settings`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from carillon import settings_checks as checks
from carillon.settings_checks import whole
from carillon.settings_sections import Name, Section, Text

PROVIDERS = ("sendgrid", "twilio")
"""Names of webhooks that have a signature of their own."""


def variable(value: object) -> str:
    """The name of an environment variable."""
    name = checks.text(value)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(
            f"{checks.shown(value)} is not the name of an environment variable; write one like "
            "SENDGRID_WEBHOOK_KEY, and put the secret into it where Carillon runs"
        )
    return name


def no_provider(value: Mapping[str, str]) -> Mapping[str, str]:
    """Names that are free for senders without a signature of their own."""
    for name in PROVIDERS:
        if name in value:
            raise ValueError(f'"{name}" has a key of its own above; use another name')
    return value


# Named apart from the keys: pydantic reads annotations among the names of the class.
Variable = Annotated[str, BeforeValidator(variable)]
Secrets = Annotated[Mapping[Name, Variable], AfterValidator(no_provider)]


class Web(Section):
    """Where the server listens."""

    host: Text = "127.0.0.1"
    """The address it listens on."""
    port: Annotated[int, whole(1, 65535)] = 8323
    """The port it listens on."""
    api_calls_per_minute: Annotated[int, whole(1, 1_000_000)] = 600
    """Calls of the API that each key, and each person, may make a minute."""


class Webhooks(Section):
    """Which environment variables hold the secrets that providers sign their events with."""

    sendgrid_key_env: Variable | None = None
    """SendGrid's public verification key; None: its webhook is closed."""
    twilio_token_env: Variable | None = None
    """Twilio's auth token; None: its webhook is closed."""
    hmac_secret_env: Secrets = Field(default_factory=dict)
    """Name of another sender -> the variable with its secret."""
