"""What webhook steps post to other people's servers, after the transaction that wrote it down.

At least once: a call is somebody's for a minute, and tried again until a server has taken it. Who receives
it tells repetitions by the header `Idempotency-Key`, which names the enrollment and the visit. How it is
signed, and which addresses may be called: `outgoing`.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from carillon import outgoing
from carillon.clock import monotonic
from carillon.errors import WorkspaceError
from carillon.keyfile import make_once
from carillon.outgoing import PAUSES
from carillon.store import advance_deeds as store
from carillon.store.advance_deeds import Call
from carillon.workspace import Workspace

SECRET_FILE = "webhook.key"
SECRET_VARIABLE = "CARILLON_WEBHOOK_SECRET"
LONGEST_PASS = 30.0
"""Seconds after which a pass leaves the rest to the next."""
AT_A_TIME = 5
"""Calls one worker takes: they have to be through before they are anybody's again."""
LEASE = timedelta(minutes=1)


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
    headers = {"Idempotency-Key": f"{call.enrollment}-{call.visit}"}
    return outgoing.post(call.url, call.body.encode(), secret, now, private, headers).error


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
