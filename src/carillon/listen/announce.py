"""What happened, told to the programs that subscribed (05-listen §6), after the transaction that stored it.

At least once: a delivery is somebody's for a minute, and tried again until a server has taken it. Who
receives it tells repetitions by `id`. Beside `run` this file opens the store.
"""

from __future__ import annotations

import json
import os
import secrets
from collections import Counter
from datetime import datetime, timedelta
from functools import partial

from carillon import outgoing
from carillon.clock import monotonic
from carillon.outgoing import PAUSES
from carillon.store import webhooks as store
from carillon.store.clean import cleaned
from carillon.store.engine import Connection
from carillon.store.webhooks import Due, Subscription
from carillon.vault import SecretText, Vault
from carillon.workspace import Workspace

LONGEST_PASS = 40.0
"""Seconds after which a pass leaves the rest to the next."""
AT_A_TIME = 5
"""Deliveries one worker takes: they have to be through before they are anybody's again."""
LEASE = timedelta(minutes=1)


def new_webhook(workspace: Workspace, url: str, event_types: list[str], by: str) -> tuple[Subscription, str]:
    """Let a server be told. The secret beside it, which signs what is posted, is shown this once.

    Raises InputError where it cannot be.
    """
    secret = f"whsec_{secrets.token_urlsafe(32)}"
    stored = Vault(workspace.folder, os.environ).encrypt(SecretText(secret))
    now = workspace.clock.now()

    def work(connection: Connection) -> Subscription:
        return store.subscribe(connection, url, event_types, stored, now, by)

    return workspace.database.write(work), secret


def announce(workspace: Workspace) -> Counter[str]:
    """Make the deliveries that are due. Returns how many were `done`, put off (`later`) or `failed`."""
    found: Counter[str] = Counter()
    begun, clock, write = monotonic(), workspace.clock, workspace.database.write
    private = workspace.settings.safety.allow_private_webhooks
    vault = Vault(workspace.folder, os.environ)
    while monotonic() - begun < LONGEST_PASS:
        now = clock.now()
        some = write(partial(store.claim, now=now, again=now + LEASE, limit=AT_A_TIME))
        if not some:
            break
        for due in some:
            secret = vault.decrypt(due.secret).reveal().encode()
            done = outgoing.post(due.url, body_of(due), secret, clock.now(), private, _headers(due))
            now = clock.now()
            again = _again(due, now) if done.error else None
            write(partial(store.end, due=due, now=now, status=done.status, error=done.error, again=again))
            found["done" if done.error is None else "later" if again else "failed"] += 1
    return found


def body_of(due: Due) -> bytes:
    """What is posted."""
    event = due.event
    document = {
        "id": due.id,
        "type": event.type,
        "event": {
            "id": event.id,
            "at": None if event.at is None else event.at.isoformat(),
            "source": event.source,
            "schedule_id": event.schedule,
            "data": cleaned(event.data),
        },
        "contact": {"id": event.contact_id, "email": due.email, "external_id": due.external_id},
    }
    return json.dumps(document, ensure_ascii=False).encode()


def _headers(due: Due) -> dict[str, str]:
    return {"Idempotency-Key": f"delivery-{due.id}", "User-Agent": "Carillon"}


def _again(due: Due, now: datetime) -> datetime | None:
    return now + PAUSES[due.attempts - 1] if due.attempts <= len(PAUSES) else None
