"""SendGrid's signed event webhook.

ECDSA over SHA-256 of timestamp and body, with the public "verification key" of its settings (base64 of a
DER SubjectPublicKeyInfo). Source: twilio.com/docs/sendgrid/for-developers/tracking-events, "Getting Started
with the Event Webhook Security Features" and "Event Webhook Reference".
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from carillon.errors import SettingsError
from carillon.events import Event
from carillon.listen.hooks import Call, Found, Misfit, is_recent, items_of, moment, schedule_of, told, words
from carillon.tokens import LinkKeys
from carillon.vault import SecretText
from carillon.words import Bounce, EventKind

SOURCE = "sendgrid"
SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"
_KINDS = {
    "delivered": EventKind.DELIVERED,
    "deferred": EventKind.DELAYED,
    "bounce": EventKind.BOUNCED,
    "dropped": EventKind.BOUNCED,
    "open": EventKind.OPENED,
    "click": EventKind.CLICKED,
    "spamreport": EventKind.COMPLAINED,
    "unsubscribe": EventKind.UNSUBSCRIBED,
    "group_unsubscribe": EventKind.UNSUBSCRIBED,
}
_DEAD_BY_DROP = ("bounced address", "invalid")
"""Reasons of `dropped` that are about the address; the others are SendGrid's own lists and rules."""
_FULL = "5.2.2"
_SHOWN = {"status": "code", "reason": "text", "response": "text", "url": "url", "ip": "ip",
          "useragent": "user_agent", "event": "said"}  # fmt: skip


class SendGrid:
    """The webhook."""

    media_types: tuple[str, ...] = ("application/json",)
    answer = ("", "")

    def __init__(self, key: SecretText) -> None:
        """Raises SettingsError for what is no such key."""
        text = "".join(line for line in key.reveal().split() if line)
        for frame in ("-----BEGINPUBLICKEY-----", "-----ENDPUBLICKEY-----"):
            text = text.replace(frame, "")
        try:
            found = load_der_public_key(b64decode(text, validate=True))
        except (ValueError, NotBase64, UnsupportedAlgorithm):
            found = None
        if not isinstance(found, EllipticCurvePublicKey):
            raise SettingsError(
                "webhooks.sendgrid_key_env: what its variable holds is no verification key; copy the one "
                "SendGrid shows under Mail Settings, Event Webhook, Signature Verification."
            )
        self._key = found

    def is_genuine(self, call: Call) -> bool:
        stamp = call.header(TIMESTAMP)
        if not is_recent(stamp, call.now):
            return False
        try:
            signature = b64decode(call.header(SIGNATURE), validate=True)
            self._key.verify(signature, stamp.encode() + call.body, ECDSA(SHA256()))
        except (ValueError, NotBase64, InvalidSignature):
            return False
        return True

    def read(self, call: Call, keys: LinkKeys) -> Found:
        found = Found()
        for place, item in enumerate(items_of(call.body)):
            if not isinstance(item, dict):
                found.misfits.append(Misfit(place, "not an object"))
            elif not words(item, "sg_event_id"):
                found.misfits.append(Misfit(place, "sg_event_id is missing"))
            elif not words(item, "event"):
                found.misfits.append(Misfit(place, "event is missing"))
            elif not words(item, "email"):
                found.misfits.append(Misfit(place, "email is missing"))
            else:
                found.events.append(_event(item, call, keys))
        return found


def _event(item: Mapping[str, object], call: Call, keys: LinkKeys) -> Event:
    kind = _KINDS.get(words(item, "event"), EventKind.UNKNOWN)
    return Event(
        kind,
        SOURCE,
        words(item, "sg_event_id"),
        moment(item.get("timestamp"), call.now),
        schedule=schedule_of(item.get("smtp-id"), keys),
        address=words(item, "email"),
        bounce=_bounce(item) if kind == EventKind.BOUNCED else None,
        automatic=item.get("sg_machine_open") is True,
        data=told(item, _SHOWN),
        raw=call.body,
    )


def _bounce(item: Mapping[str, object]) -> Bounce:
    """Why it came back: a block is temporary, and about the sender; a drop never left SendGrid."""
    if words(item, "event") == "dropped":
        dead = words(item, "reason").strip().lower() in _DEAD_BY_DROP
        return Bounce.HARD if dead else Bounce.BLOCKED
    if words(item, "type") == "blocked":
        return Bounce.BLOCKED
    status = words(item, "status")
    return Bounce.SOFT if status.startswith("4") or status == _FULL else Bounce.HARD
