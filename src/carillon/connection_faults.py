"""What keeps a connection to another machine from being made, in words, and the certificates it is made with.

What belongs here: faults of the network, of names and of encryption, the same whatever is spoken on the
connection. What does not: what a server says in its own protocol.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from carillon.errors import SettingsError

_ERRNO = re.compile(r"\[Errno (\d+)\]")


def certificates(ca_file: Path | None) -> ssl.SSLContext:
    """The system's certificates and those in a file. It takes tens of milliseconds: make it once.

    Raises SettingsError where the file cannot be used.
    """
    context = ssl.create_default_context()
    try:
        if ca_file is not None:
            context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"the certificates in {ca_file} (ca_file) cannot be used: {error.strerror or error}."
        ) from None
    return context


def chain_of(error: BaseException) -> list[BaseException]:
    """The error and what caused it, the last cause at the end."""
    found = [error]
    while (cause := found[-1].__cause__ or found[-1].__context__) is not None and cause not in found:
        found.append(cause)
    return found


def was_closed(chain: list[BaseException]) -> bool:
    """Whether the other side left."""
    return any(isinstance(one, ConnectionError) for one in chain)


@dataclass(frozen=True)
class Remedies:
    """Which options a person should look at."""

    encryption: str
    """A sentence."""
    trust: str
    """What names a certificate to trust."""
    host: str


def about_name_or_encryption(
    chain: list[BaseException], where: str, host: str, remedies: Remedies
) -> str | None:
    """What is wrong with the host's name, the certificate or the encryption; None: something else is.

    `where`: the server, for people.
    """
    for one in chain:
        if isinstance(one, ssl.SSLCertVerificationError):
            return (
                f"the certificate of {where} cannot be trusted: {one.verify_message}. Use the host "
                f"name that stands in it, or name its issuer's certificate with {remedies.trust}."
            )
        if isinstance(one, ssl.SSLError):
            return (
                f"no encryption could be agreed on with {where} ({one.reason or one}). {remedies.encryption}"
            )
        if isinstance(one, socket.gaierror | UnicodeError):
            return f"there is no host {host} (no address was found). Check {remedies.host}."
    return None


def reason_not_connected(chain: list[BaseException]) -> str:
    """Why no connection came about, in the operating system's words."""
    number = next((found for one in chain if (found := _errno(one))), None)
    return os.strerror(number) if number else "the connection was closed"


def _errno(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno:
        return error.errno
    # With several addresses for one host, asyncio tells the reasons in words only.
    found = _ERRNO.search(str(error))
    return int(found[1]) if found else None
