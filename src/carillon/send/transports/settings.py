"""What the settings of all transports have in common, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from carillon import connection_settings
from carillon.connection_settings import ConnectionSettings

S = TypeVar("S", bound="TransportSettings")


class TransportSettings(ConnectionSettings):
    """Settings of one account's transport."""


def read_settings(model: type[S], transport: str, values: Mapping[str, Any]) -> S:
    """The settings, checked. Raises InputError that names every key that is wrong."""
    return connection_settings.read_settings(model, f"the transport {transport}", values)
