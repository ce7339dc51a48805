"""What webhook steps post to other people's servers, after the transaction that wrote it down.

At least once: a call is somebody's for a minute, and tried again until a server has taken it. Who receives
it tells repetitions by the header `Idempotency-Key`, which names the enrollment and the visit. Signed as
Carillon's own generic webhook wants it (`listen.hooks.signed`): HMAC-SHA256, in hex, of `TIMESTAMP.BODY`.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from hmac import digest as hmac
from ipaddress import ip_address
from pathlib import Path

import httpx

from carillon.clock import monotonic
from carillon.errors import WorkspaceError
from carillon.keyfile import make_once
from carillon.store import advance_deeds as store
from carillon.store.advance_deeds import Call
from carillon.workspace import Workspace

SECRET_FILE = "webhook.key"
SECRET_VARIABLE = "CARILLON_WEBHOOK_SECRET"
TIMEOUT = 10.0
LONGEST_PASS = 30.0
"""Seconds after which a pass leaves the rest to the next."""
AT_A_TIME = 5
"""Calls one worker takes: they have to be through before they are anybody's again."""
LEASE = timedelta(minutes=1)
PAUSES = tuple(timedelta(minutes=n) for n in (1, 5, 30, 120, 720))
"""Before each further try; after the last one the call has failed."""


def deliver(workspace: Workspace) -> Counter[str]:
    """Make the calls that are due. Returns how many were `done`, put off (`later`) or `failed`."""
    found: Counter[str] = Counter()
    begun, clock, write = monotonic(), workspace.clock, workspace.database.write
    private = workspace.settings.safety.allow_private_webhooks
    while monotonic() - begun < LONGEST_PASS:
        now = clock.now()
        calls = write(partial(store.claim_calls, now=now, again=now + LEASE, limit=AT_A_TIME))
        if not calls:
            break
        secret = secret_of(workspace.folder, os.environ)
        for call in calls:
            error = post(call, secret, clock.now(), private)
            now = clock.now()
            again = now + PAUSES[call.attempts - 1] if error and call.attempts <= len(PAUSES) else None
            write(partial(store.end_call, call=call, now=now, error=error, again=again))
            found["done" if error is None else "later" if again else "failed"] += 1
    return found


def post(call: Call, secret: bytes, now: datetime, private: bool) -> str | None:
    """Make one call. Returns why it was not taken; None: it was.

    `private`: also to addresses that are not on the internet.
    """
    stamp, body = str(int(now.timestamp())), call.body.encode()
    try:
        url = httpx.URL(call.url)
        # The address that was looked at is the one that is called: a name may change its mind in between.
        address = _address(url, private)
        headers = {
            "Host": url.netloc.decode(),
            "Content-Type": "application/json",
            "Idempotency-Key": f"{call.enrollment}-{call.visit}",
            "X-Webhook-Timestamp": stamp,
            "X-Webhook-Signature": hmac(secret, f"{stamp}.".encode() + body, "sha256").hex(),
        }
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
            answer = client.post(
                url.copy_with(host=address),
                content=body,
                headers=headers,
                extensions={"sni_hostname": url.host},
            )
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"[:300]
    return None if answer.is_success else f"the server answered {answer.status_code}"


def secret_of(folder: Path, environ: Mapping[str, str]) -> bytes:
    """What calls are signed with: from the environment, else a file that is made at first use.

    Raises WorkspaceError where it cannot be read or made.
    """
    if given := environ.get(SECRET_VARIABLE):
        return given.encode()
    file = folder / SECRET_FILE
    try:
        if not file.exists():
            make_once(file, f"{secrets.token_hex(32)}\n")
        return file.read_bytes().strip()
    except OSError as error:
        raise WorkspaceError(f"the secret of webhooks in {file} cannot be read or made: {error}") from None


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
