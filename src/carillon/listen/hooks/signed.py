"""A webhook for any sender that can sign: HMAC-SHA256, in hex, of `TIMESTAMP.BODY`.

Two headers: `X-Webhook-Timestamp` (seconds since 1970) and `X-Webhook-Signature`. The body is an event or a
list of them, in JSON: `event` and `email` or `message_id`; `id`, `timestamp`, `url`, `code` and `reason`
where there are any. What providers like Mailgun call their events is understood.
"""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
from hmac import digest as hmac

from carillon.events import Event
from carillon.listen.hooks import (
    Call,
    Found,
    Misfit,
    fingerprint,
    is_recent,
    items_of,
    moment,
    schedule_of,
    told,
    words,
)
from carillon.tokens import LinkKeys
from carillon.vault import SecretText
from carillon.words import Bounce, EventKind

SIGNATURE, TIMESTAMP = "x-webhook-signature", "x-webhook-timestamp"
_KINDS = {
    "delivered": EventKind.DELIVERED,
    "delayed": EventKind.DELAYED,
    "deferred": EventKind.DELAYED,
    "opened": EventKind.OPENED,
    "clicked": EventKind.CLICKED,
    "bounced": EventKind.BOUNCED,
    "failed": EventKind.BOUNCED,
    "complained": EventKind.COMPLAINED,
    "unsubscribed": EventKind.UNSUBSCRIBED,
}
_BOUNCES = {
    "permanent": Bounce.HARD,
    "hard": Bounce.HARD,
    "temporary": Bounce.SOFT,
    "soft": Bounce.SOFT,
    "blocked": Bounce.BLOCKED,
}
"""By `severity` or `bounce`."""
_SHOWN = {"code": "code", "reason": "text", "url": "url", "ip": "ip", "user_agent": "user_agent",
          "event": "said"}  # fmt: skip


class Signed:
    """The webhook of one sender."""

    media_types: tuple[str, ...] = ("application/json",)
    answer = ("", "")

    def __init__(self, name: str, secret: SecretText) -> None:
        self._name, self._secret = name, secret

    def is_genuine(self, call: Call) -> bool:
        stamp = call.header(TIMESTAMP)
        given = call.header(SIGNATURE).lower().encode()
        proof = hmac(self._secret.reveal().encode(), stamp.encode() + b"." + call.body, "sha256")
        return compare_digest(proof.hex().encode(), given) and is_recent(stamp, call.now)

    def read(self, call: Call, keys: LinkKeys) -> Found:
        found = Found()
        for place, item in enumerate(items_of(call.body)):
            if not isinstance(item, dict):
                found.misfits.append(Misfit(place, "not an object"))
                continue
            event = self._event(item, place, call, keys)
            if not words(item, "event"):
                found.misfits.append(Misfit(place, "event is missing"))
            elif event.schedule is None and not event.address:
                found.misfits.append(Misfit(place, "email is missing, and message_id is none of ours"))
            else:
                found.events.append(event)
        return found

    def _event(self, item: Mapping[str, object], place: int, call: Call, keys: LinkKeys) -> Event:
        kind = _KINDS.get(words(item, "event"), EventKind.UNKNOWN)
        severity = (words(item, "severity") or words(item, "bounce")).lower()
        return Event(
            kind,
            self._name,
            words(item, "id") or fingerprint(call.body, place),
            moment(item.get("timestamp"), call.now),
            schedule=schedule_of(item.get("message_id"), keys),
            address=words(item, "email") or None,
            bounce=_BOUNCES.get(severity, Bounce.SOFT) if kind == EventKind.BOUNCED else None,
            data=told(item, _SHOWN),
            raw=call.body,
        )
