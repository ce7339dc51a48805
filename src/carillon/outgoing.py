"""Calls to other people's servers: signed, and only to where they may go.

Signed as Carillon's own generic webhook wants it (`listen.hooks.signed`): HMAC-SHA256, in hex, of
`TIMESTAMP.BODY`.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import digest as hmac
from ipaddress import ip_address

import httpx

TIMEOUT = 10.0
PAUSES = tuple(timedelta(minutes=n) for n in (1, 5, 30, 120, 720))
"""Before each further try; after the last one the call has failed."""


@dataclass(frozen=True)
class Posted:
    """What became of a call."""

    status: int | None
    """As HTTP says it; None: there was no answer."""
    error: str | None
    """Why it was not taken; None: it was."""


def post(
    url: str, body: bytes, secret: bytes, now: datetime, private: bool, headers: Mapping[str, str]
) -> Posted:
    """Make one call with a body of JSON. `private`: also to addresses that are not on the internet."""
    stamp = str(int(now.timestamp()))
    try:
        place = httpx.URL(url)
        # The address that was looked at is the one that is called: a name may change its mind in between.
        address = _address(place, private)
        signed = {
            "Host": place.netloc.decode(),
            "Content-Type": "application/json",
            "X-Webhook-Timestamp": stamp,
            "X-Webhook-Signature": hmac(secret, f"{stamp}.".encode() + body, "sha256").hex(),
        }
        with (
            httpx.Client(timeout=TIMEOUT, trust_env=False) as client,
            client.stream(
                "POST",
                place.copy_with(host=address),
                content=body,
                headers={**headers, **signed},
                extensions={"sni_hostname": place.host},
            ) as answer,
        ):
            # Whatever a server says beside its status, however much of it, is not read.
            status, taken = answer.status_code, answer.is_success
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return Posted(None, f"{type(error).__name__}: {error}"[:300])
    return Posted(status, None if taken else f"the server answered {status}")


def _address(url: httpx.URL, private: bool) -> str:
    """An address of the server. Raises ValueError where it is not on the internet and has to be."""
    port = url.port or (443 if url.scheme == "https" else 80)
    found = [entry[4][0] for entry in socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)]
    for one in found:
        if private or _is_public(str(one)):
            return str(one)
    raise ValueError(
        f"{url.host} is not on the internet; safety.allow_private_webhooks in carillon.yaml allows it"
    )


def _is_public(address: str) -> bool:
    one = ip_address(address.partition("%")[0])
    mapped = getattr(one, "ipv4_mapped", None)
    one = mapped or one
    return one.is_global and not one.is_multicast
